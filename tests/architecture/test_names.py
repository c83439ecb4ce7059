"""The laws of shape and names that no linter knows, each shown to bite on a seeded offence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("warehouse", "api", "assets", "orchestration", "dashboards")
FILE_LINES_MAX, FUNCTION_LINES_MAX = 400, 50
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "processor", "service", "services"}
VAGUE |= {"data", "info", "constants", "types", "platform"}  # platform shadows the standard library
VAGUE_CLASS = re.compile(r"^(Base|Abstract)[A-Z]|^I[A-Z][a-z]|(Manager|Helper|Utils?|Processor|Service|Factory|Impl)$")
UNFINISHED = re.compile(r"#.*\b(TODO|FIXME|XXX|HACK)\b")


def sources(*rooms: str, suffix: str = ".py") -> list[Path]:
    return sorted(path for room in rooms for path in (ROOT / room).rglob(f"*{suffix}"))


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


# --- the laws: each yields its offenders in one file ---


def vague_names(path: Path, text: str) -> Iterator[str]:
    if path.stem in VAGUE or (path.name == "__init__.py" and path.parent.name in VAGUE):
        yield f"{shown(path)}: say what it is"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef) and VAGUE_CLASS.search(node.name):
            yield f"{shown(path)}:{node.lineno} class {node.name}: name what it is"


def long_pieces(path: Path, text: str) -> Iterator[str]:
    if (lines := len(text.splitlines())) > FILE_LINES_MAX:
        yield f"{shown(path)}: {lines} lines, a file stops at {FILE_LINES_MAX}"
    for node in ast.walk(ast.parse(text)) if path.suffix == ".py" else ():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                stop = f"{lines} lines, a function stops at {FUNCTION_LINES_MAX}"
                yield f"{shown(path)}:{node.lineno} {node.name}: {stop}"


def silent_modules(path: Path, text: str) -> Iterator[str]:
    opening = ast.get_docstring(ast.parse(text)) or ""
    sentence = opening.split("\n\n")[0]
    if not sentence or sentence[-1] not in ".?!:":
        yield f"{shown(path)}: begin with one sentence that says what it is in the house"


def busy_inits(path: Path, text: str) -> Iterator[str]:
    if path.name == "__init__.py" and len(ast.parse(text).body) > 1:
        yield f"{shown(path)}: __init__ holds a docstring at most, nothing is re-exported"


def careless_copies(path: Path, text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        is_copy = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "model_copy"
        if is_copy and any(keyword.arg == "update" for keyword in node.keywords):
            yield f"{shown(path)}:{node.lineno} model_copy(update=…) checks nothing; use dataclasses.replace"


def unfinished(path: Path, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        if UNFINISHED.search(line):
            yield f"{shown(path)}:{number} do it, or file an issue"


LAWS = [vague_names, long_pieces, silent_modules, busy_inits, careless_copies, unfinished]
SEEDS = {
    vague_names: [("utils.py", ""), ("platform/__init__.py", ""), ("orders.py", "class OrderManager: ...")],
    long_pieces: [
        ("a.py", "x = 1\n" * 401),
        ("a.py", "def f():\n" + "    x = 1\n" * 50),
        ("a.sql", "select 1\n" * 401),
    ],
    silent_modules: [("a.py", "x = 1"), ("a.py", '"""no full stop"""')],
    busy_inits: [("__init__.py", '"""The room."""\nfrom api.handle import handle')],
    careless_copies: [("a.py", "b = a.model_copy(update={'x': 1})")],
    unfinished: [("a.py", "x = 1  # TODO later")],
}


@pytest.mark.parametrize("law", LAWS)
def test_the_house_keeps_the_law(law):
    offenders = [offence for path in sources(*ROOMS) for offence in law(path, path.read_text())]
    assert offenders == []


@pytest.mark.parametrize(("law", "name", "text"), [(law, *seed) for law, seeds in SEEDS.items() for seed in seeds])
def test_a_seeded_offence_breaks_the_law(law, name: str, text: str):
    assert list(law(Path(name), text))


def test_every_law_has_a_seed():
    assert set(SEEDS) == set(LAWS)


def test_a_sql_file_stops_where_a_python_file_does():
    assert [
        offence for path in sources("assets", suffix=".sql") for offence in long_pieces(path, path.read_text())
    ] == []


def test_tests_are_no_package_and_say_what_they_test():
    assert sorted((ROOT / "tests").rglob("__init__.py")) == []  # a dependency installs a package called tests
    offenders = [
        offence
        for path in sources("tests")
        for law in (silent_modules, unfinished)
        for offence in law(path, path.read_text())
    ]
    assert [offence for offence in offenders if "test_names.py" not in offence] == []


def test_no_module_of_ours_shadows_the_standard_library():
    import sys

    top = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert top & set(sys.stdlib_module_names) == set()

"""Reads the files of this room: one table, macro or check each, what it means, and what it is made from.

The head of a file is notes: `-- about:` the grain in a sentence, `-- column: name | meaning, unit` for every column,
`-- expect:` a boolean that holds in every row. `-- macro: name(parameters)` makes it a table macro, `-- checks: table`
and the ending `.check.sql` a query for rows that should not exist, `-- when: nightly` keeps it out of the hot run.
Where SQL is the wrong tool, a Python file bears the notes in its docstring, after the first sentence; its function of
the file's name returns the table, and `input: name | select …` says what each of its arguments is.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from warehouse.lake.statement import NotASelect, Statement, parse

_KINDS = ("about", "column", "expect", "macro", "checks", "when", "input")
_NOTE = re.compile(rf"({'|'.join(_KINDS)}):\s*(.+)")
TODAY = "today"  # the company's calendar date: a table that asks for it is made anew when the day begins
AS_OF = "as_of"  # the instant of the run: a table that asks for it is made anew with every run that changes anything


RETURNED = "returned"  # the view through which SQL reads what a function returned


class Unreadable(Exception):
    """A file does not say what a file of this room says; the message names file and cause."""


@dataclass(frozen=True, slots=True)
class Derived:
    """A table or, with `macro`, a table macro. `reads` are tables and macros as `schema.name`.

    With `inputs` a function makes it: they are the SELECTs of its arguments, and `sql` reads what it returned.
    A nightly one is made when it is asked for, missing or written anew, and not by every event that touches it.
    """

    name: str
    about: str
    columns: Mapping[str, str]
    expectations: tuple[str, ...]
    macro: str | None
    sql: str
    reads: frozenset[str]
    variables: frozenset[str]
    inputs: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    is_nightly: bool = False

    @property
    def schema(self) -> str:
        return self.name.partition(".")[0]

    @property
    def moves_with_the_day(self) -> bool:
        return TODAY in self.variables and not self.is_nightly

    @property
    def asks_the_time(self) -> bool:
        return AS_OF in self.variables and not self.is_nightly

    def digest(self, values: Mapping[str, str]) -> str:
        """A fingerprint of what the lake keeps of it: the file, and the values of the settings it asks for."""
        asked = {name: values[name] for name in sorted(self.variables - {TODAY, AS_OF})}
        meant = (self.name, self.about, [*self.columns.items()], self.expectations)
        said = (*meant, self.macro, self.sql, [*self.inputs.items()], self.source, asked)
        return hashlib.blake2b(repr(said).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Check:
    """A query that returns the rows that should not exist."""

    name: str
    table: str
    about: str
    sql: str
    reads: frozenset[str]
    is_nightly: bool


@dataclass(frozen=True, slots=True)
class Graph:
    """Everything derived, each after what it reads."""

    derived: tuple[Derived, ...]
    checks: tuple[Check, ...]
    _by_name: dict[str, Derived] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {one.name: one for one in self.derived})

    @property
    def tables(self) -> tuple[Derived, ...]:
        return tuple(one for one in self.derived if one.macro is None)

    def __getitem__(self, name: str) -> Derived:
        return self._by_name[name]

    def downstream(self, touched: frozenset[str]) -> tuple[Derived, ...]:
        """What has to be made anew when these tables and macros change, in order, they themselves included.

        A change does not pass through a nightly table that is not among them.
        """
        stale = set(touched)
        for one in self.derived:
            if one.reads & stale and not one.is_nightly:
                stale.add(one.name)
        return tuple(one for one in self.derived if one.name in stale)

    def tables_read(self, one: Derived) -> frozenset[str]:
        """The tables it reads, seen through the macros between: what Dagster draws as its arrows."""
        read: set[str] = set()
        for name in one.reads:
            through = self._by_name.get(name)
            read |= self.tables_read(through) if through is not None and through.macro else {name}
        return frozenset(read)


def read_graph(folder: Path) -> Graph:
    """Every table, macro and check below `<folder>/<schema>/`.

    Raises Unreadable for a wrong file, an unknown table or a circle.
    """
    files, frames = sorted(folder.glob("*/*.sql")), filter(_is_frame, sorted(folder.glob("*/*.py")))
    read = [*(read_derived(path) for path in files if not _is_check(path)), *map(read_frame, frames)]
    derived = {one.name: one for one in read}
    checks = tuple(read_check(path) for path in files if _is_check(path))
    reading = {name: one.reads for name, one in derived.items()} | {check.name: check.reads for check in checks}
    for reader, reads in reading.items():
        for name in reads:
            if name not in derived and not name.startswith("facts."):
                raise Unreadable(f"{reader} reads {name}, and no file makes it.")
    try:
        order = TopologicalSorter({name: one.reads & derived.keys() for name, one in derived.items()}).static_order()
        return Graph(tuple(derived[name] for name in order), checks)
    except CycleError as error:
        raise Unreadable(f"These read one another in a circle: {' -> '.join(error.args[1])}.") from error


def read_derived(path: Path) -> Derived:
    """The table or macro of one file; its name is its folder and file name."""
    notes, sql = _split(path)
    statement = _parsed(path, sql)
    if not notes["about"]:
        raise Unreadable(f"{path}: say in '-- about:' what one row is.")
    return Derived(
        name=_name(path),
        about=" ".join(notes["about"]),
        columns=dict(_pairs(path, notes["column"])),
        expectations=tuple(notes["expect"]),
        macro=_macro(path, notes["macro"]),
        sql=sql,
        reads=statement.reads,
        variables=statement.variables,
        is_nightly="nightly" in notes["when"],
    )


def read_frame(path: Path) -> Derived:
    """The table that a function of a Python file makes; nothing of it is imported yet."""
    tree = ast.parse(path.read_text())
    notes = _noted(path, filter(None, _head(tree)))
    inputs, columns = dict(_pairs(path, notes["input"])), dict(_pairs(path, notes["column"]))
    if not (notes["about"] and inputs):
        raise Unreadable(f"{path}: say in 'about:' what one row is, and in 'input:' what it is made from.")
    functions = {node.name: node.args.args for node in tree.body if isinstance(node, ast.FunctionDef)}
    if [argument.arg for argument in functions.get(path.stem, ())] != [*inputs]:
        raise Unreadable(f"{path}: {path.stem}() takes its inputs, in their order: {', '.join(inputs)}.")
    statements = [_parsed(path, sql) for sql in inputs.values()]
    return Derived(
        name=_name(path),
        about=" ".join(notes["about"]),
        columns=columns,
        expectations=tuple(notes["expect"]),
        macro=None,
        sql=f"select {', '.join(map(_returned, columns))} from {RETURNED}",
        reads=frozenset[str]().union(*(statement.reads for statement in statements)),
        variables=frozenset[str]().union(*(statement.variables for statement in statements)),
        inputs=inputs,
        source="\n".join(beside.read_text() for beside in sorted(path.parent.glob("*.py"))),
        is_nightly="nightly" in notes["when"],
    )


def read_check(path: Path) -> Check:
    """The check of one `<what>.check.sql`."""
    notes, sql = _split(path)
    if len(notes["checks"]) != 1 or not notes["about"]:
        raise Unreadable(f"{path}: a check needs '-- about:' and one '-- checks: schema.table'.")
    table = notes["checks"][0]
    return Check(
        name=path.name.removesuffix(".check.sql"),
        table=table,
        about=" ".join(notes["about"]),
        sql=sql,
        reads=_parsed(path, sql).reads | {table},
        is_nightly="nightly" in notes["when"],
    )


def _split(path: Path) -> tuple[dict[str, list[str]], str]:
    """The notes at the head of the file by kind, and the SQL below them."""
    lines = path.read_text().splitlines()
    head = next((number for number, line in enumerate(lines) if not line.startswith("--")), len(lines))
    notes = _noted(path, [line.removeprefix("--") for line in lines[:head]])
    return notes, "\n".join(lines[head:]).strip().rstrip(";")


def _noted(path: Path, lines: Iterable[str]) -> dict[str, list[str]]:
    """Notes by kind, each kind present; raises Unreadable for a line that is none."""
    notes: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    for line in lines:
        match = _NOTE.fullmatch(line.strip())
        if match is None:
            raise Unreadable(f"{path}: a note is {', '.join(_KINDS[:-1])} or {_KINDS[-1]}, not {line!r}.")
        notes[match[1]].append(match[2].strip())
    return notes


def _pairs(path: Path, notes: list[str]) -> Iterator[tuple[str, str]]:
    """Notes of the form `name | words`."""
    for note in notes:
        name, bar, meaning = (part.strip() for part in note.partition("|"))
        if not (bar and meaning):
            raise Unreadable(f"{path}: '{note}' wants 'name | meaning'.")
        yield name, meaning


def _macro(path: Path, notes: list[str]) -> str | None:
    """The macro's parameters in parentheses; its name is the file's."""
    if not notes:
        return None
    match = re.fullmatch(rf"{path.stem}(\([\w, ]*\))", notes[0])
    if match is None:
        raise Unreadable(f"{path}: '-- macro: {notes[0]}' wants '{path.stem}(parameters)'.")
    return match[1]


def _parsed(path: Path, sql: str) -> Statement:
    try:
        return parse(sql)
    except NotASelect as error:
        raise Unreadable(f"{path}: {error}") from error


def _name(path: Path) -> str:
    return f"{path.parent.name}.{path.name.partition('.')[0]}"


def _head(tree: ast.Module) -> list[str]:
    """The lines of a docstring after its first sentence."""
    return (ast.get_docstring(tree) or "").partition("\n\n")[2].splitlines()


def _is_frame(path: Path) -> bool:
    """Whether a Python file says what its rows are; others are what tables use."""
    return any(line.startswith("about:") for line in _head(ast.parse(path.read_text())))


def _returned(column: str) -> str:
    """A returned column in SQL: ids travel as text, and are ids again in the lake."""
    return f'"{column}"::uuid as "{column}"' if column == "id" or column.endswith("_id") else f'"{column}"'


def _is_check(path: Path) -> bool:
    return path.name.endswith(".check.sql")

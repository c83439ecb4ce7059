"""docs/guarantees.md names the test of every promise: each of them is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
ROW = re.compile(r"^\| (?!what|promise|---)(.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


def functions(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_is_named_is_there():
    missing = [f"{file}::{name}" for file, name in NAMED if name not in functions(ROOT / file)]
    assert missing == []
    assert len(NAMED) > 20


def test_every_promise_names_its_test():
    promises = PAGE.split("## The proofs are able to fail")[0].split("<!-- roles: begin -->")
    before, after = promises[0], promises[1].split("<!-- roles: end -->")[1]
    assert [promise for promise, _, test in ROW.findall(before + after) if "tests/" not in test] == []

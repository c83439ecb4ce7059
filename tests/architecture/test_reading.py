"""Doors and pages read on behalf of their caller: the one way is House.reading, and few act as the company itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

API = Path(__file__).parents[2] / "api"
BARE = {
    "handle.py",  # the shell loads by functions and decides
    "health.py",  # reads the revision
    "allowance.py",  # counts requests: its numbers are nobody's
    "events/integrity.py",  # the examiner reads the whole log as jovey_read
    "mend.py",  # puts stored states right, as the log's owner
}
AS_THE_HOUSE = {
    "auth/audit.py",  # names the operator who works at the command line; it reads nothing
    "customers/portrait.py",  # all that is held about a person, for themselves or in their name
    "live.py",  # the one tail; each listener is told what they may hear
    "receivables/paying.py",  # a processor's signed word, behind which no caller of ours stands
}


def reached(source: str) -> Iterator[str]:
    """`connect` for a connection without an asker, `system` for an actor that sees everything; in order."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Attribute) and called.attr in {"connect", "raw_connection"}:
            yield "connect"
        if isinstance(called, ast.Name) and called.id == "system":
            yield "system"


def files_that(reach: str) -> set[str]:
    return {str(file.relative_to(API)) for file in API.rglob("*.py") if reach in reached(file.read_text())}


def test_only_who_cannot_know_the_caller_opens_a_bare_connection():
    assert {file for file in files_that("connect") if not file.startswith("auth/")} == BARE


def test_only_the_tail_and_payments_act_as_the_house_itself():
    assert files_that("system") == AS_THE_HOUSE


@pytest.mark.parametrize(
    ("line", "reach"),
    [
        ("with here.engine.connect() as connection: pass", "connect"),
        ("asked.here.engine.raw_connection()", "connect"),
        ("with here.reading(system('door')) as connection: pass", "system"),
    ],
)
def test_a_door_that_goes_around_is_noticed(line: str, reach: str):
    assert reach in reached(line)
    assert list(reached("with here.reading(by) as connection: connection.execute(wanted)")) == []

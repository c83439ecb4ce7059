"""Reads the SQL files of this room: one table, macro or check each, what it means, and what it is made from.

The head of a file is notes: `-- about:` the grain in a sentence, `-- column: name | meaning, unit` for every column,
`-- expect:` a boolean that holds in every row. `-- macro: name(parameters)` makes it a table macro, `-- checks: table`
and the ending `.check.sql` a query for rows that should not exist, `-- when: nightly` keeps it out of the hot run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from warehouse.lake.statement import NotASelect, Statement, parse

_NOTE = re.compile(r"--\s*(about|column|expect|macro|checks|when):\s*(.+)")
TODAY = "today"  # the company's calendar date: a table that asks for it is made anew when the day begins
AS_OF = "as_of"  # the instant of the run: a table that asks for it is made anew with every run that changes anything


class Unreadable(Exception):
    """A file does not say what a file of this room says; the message names file and cause."""


@dataclass(frozen=True, slots=True)
class Derived:
    """A table or, with `macro`, a table macro. `reads` are tables and macros as `schema.name`."""

    name: str
    about: str
    columns: Mapping[str, str]
    expectations: tuple[str, ...]
    macro: str | None
    sql: str
    reads: frozenset[str]
    variables: frozenset[str]

    @property
    def schema(self) -> str:
        return self.name.partition(".")[0]

    @property
    def moves_with_the_day(self) -> bool:
        return TODAY in self.variables

    @property
    def asks_the_time(self) -> bool:
        return AS_OF in self.variables

    def digest(self, values: Mapping[str, str]) -> str:
        """A fingerprint of what the lake keeps of it: the file, and the values of the settings it asks for."""
        asked = {name: values[name] for name in sorted(self.variables - {TODAY, AS_OF})}
        said = (self.name, self.about, [*self.columns.items()], self.expectations, self.macro, self.sql, asked)
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
        """What has to be made anew when these tables and macros change, in order, they themselves included."""
        stale = set(touched)
        for one in self.derived:
            if one.reads & stale:
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
    """Every .sql file below `<folder>/<schema>/`; raises Unreadable for a wrong file, an unknown table or a circle."""
    files = sorted(folder.glob("*/*.sql"))
    derived = {one.name: one for one in (read_derived(path) for path in files if not _is_check(path))}
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
        columns=dict(_columns(path, notes["column"])),
        expectations=tuple(notes["expect"]),
        macro=_macro(path, notes["macro"]),
        sql=sql,
        reads=statement.reads,
        variables=statement.variables,
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
    notes: dict[str, list[str]] = {kind: [] for kind in ("about", "column", "expect", "macro", "checks", "when")}
    lines = path.read_text().splitlines()
    head = 0
    for line in lines:
        if not line.startswith("--"):
            break
        head += 1
        match = _NOTE.fullmatch(line.strip())
        if match is None:
            raise Unreadable(f"{path}:{head}: a note is about, column, expect, macro, checks or when, not {line!r}.")
        notes[match[1]].append(match[2].strip())
    return notes, "\n".join(lines[head:]).strip().rstrip(";")


def _columns(path: Path, notes: list[str]) -> Iterator[tuple[str, str]]:
    for note in notes:
        name, bar, meaning = (part.strip() for part in note.partition("|"))
        if not (bar and meaning):
            raise Unreadable(f"{path}: '-- column: {note}' wants 'name | meaning'.")
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


def _is_check(path: Path) -> bool:
    return path.name.endswith(".check.sql")

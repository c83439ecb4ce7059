"""The archive: sealed events copied to Parquet files, each with the seals that prove it, readable without the database.

`archive` only copies. What then leaves the log, and how it is read all the same: record 31.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from warehouse.lake.attach import open_files, open_log
from warehouse.log.merkle import Tree
from warehouse.log.seal import FORM, Seal
from warehouse.log.seal_key import is_signed, names
from warehouse.log.tail import between
from warehouse.postgres import Database
from warehouse.settings import Settings

FILE_EVENTS_MAX = 1_000_000  # more start the next file; one seal is never divided
_FETCH_ROWS = 8_192

COLUMNS = {
    "position": "position",
    "transaction_id": "transaction_id::text::bigint as transaction_id",
    "aggregate_id": "aggregate_id",
    "id": "id",
    "created_at": "created_at",
    "effective_at": "effective_at",
    "version": "version",
    "schema_version": "schema_version",
    "event_type": "event_type",
    "aggregate_type": "aggregate_type",
    "created_by": "created_by",
    "subject_id": "subject_id",
    "correlation_id": "correlation_id",
    "causation_id": "causation_id",
    "data": "data::text as data",
    "metadata": "metadata::text as metadata",
}
"""Column of a file -> how the log gives it: the log's own names, JSON as PostgreSQL writes it."""


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPES |= {chr(code): f"\\u{code:04x}" for code in range(1, 0x20) if chr(code) not in _ESCAPES}


def _text(name: str) -> str:
    """A JSON string as PostgreSQL writes it; DuckDB's own differs in control characters."""
    escaped = name
    for raw, written in _ESCAPES.items():
        escaped = f"replace({escaped}, chr({ord(raw)}), '{written}')"
    needs_escapes = rf"""regexp_matches({name}, '[\x00-\x1f"\\]')"""
    return f"""case when {needs_escapes} then '"' || {escaped} || '"' else '"' || {name} || '"' end"""


def _instant(name: str) -> str:
    return f"""'"' || replace(({name} at time zone 'UTC')::varchar, ' ', 'T') || '"'"""


def _in_quotes(name: str) -> str:
    return f"""coalesce('"' || {name}::varchar || '"', 'null')"""


def _plain(name: str) -> str:
    return f"{name}::varchar"


_WRITTEN = {
    "position": _plain,
    "transaction_id": _in_quotes,
    "created_at": _instant,
    "effective_at": _instant,
    "version": _plain,
    "schema_version": _plain,
    "event_type": _text,
    "aggregate_type": _text,
    "created_by": _text,
    "data": _plain,
    "metadata": _plain,
}
_LEAF = "'[' || " + " || ', ' || ".join(_WRITTEN.get(name, _in_quotes)(name) for name in COLUMNS) + " || ']'"
"""The leaf of an event (warehouse.log.seal.LEAF) from a file's columns, byte for byte."""


class ArchiveRefused(Exception):
    """The events cannot be archived as they are; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the archive: the seals whose events it holds, in their order."""

    path: Path
    seals: tuple[Seal, ...]

    @property
    def events(self) -> int:
        return sum(one.events for one in self.seals)


@dataclass(frozen=True, slots=True)
class Misfiled:
    """A file of the archive that is not what was sealed, and why."""

    file: str
    what: str


def archive(
    database: Database, settings: Settings, seals: Sequence[Seal], trusted: Collection[bytes], before: datetime
) -> list[File]:
    """Copy the events of seals made before an instant that no file holds yet; the new files.

    `seals` are all of the log's, first one first. Each file is read back and must give its seals' roots before it
    takes its name. Raises ArchiveRefused.
    """
    folder = settings.archive_folder
    folder.mkdir(parents=True, exist_ok=True)
    held = max((last for _, last in map(_numbers, _paths(folder))), default=0)
    due = [one for one in seals if one.number > held and one.sealed_at < before]
    with open_log(database, settings) as connection:
        return [_write(connection, folder, trusted, group) for group in _grouped(due)]


def examine_archive(
    settings: Settings, seals: Sequence[Seal], trusted: Collection[bytes]
) -> tuple[int, list[Misfiled]]:
    """Check every file by itself and against the log's seals; how many events they hold, and what is wrong."""
    paths = _paths(settings.archive_folder)
    if not paths:
        return 0, []
    stored = {one.number: one for one in seals}
    events, faults = 0, list(_gaps(paths))
    with open_files(settings) as connection:
        for path in paths:
            try:
                file = read_file(connection, path)
            except (duckdb.Error, ValueError, KeyError, TypeError) as error:
                faults.append(Misfiled(path.name, f"it cannot be read: {str(error).partition(chr(10))[0]}"))
                continue
            events += file.events
            faults += [Misfiled(path.name, what) for what in _unlike(connection, file, stored, trusted)]
    return events, faults


def holders(folder: Path) -> dict[Path, tuple[int, int]]:
    """The files of an archive in their order, each with the first and the last seal it holds by its name."""
    return {path: _numbers(path) for path in _paths(folder)}


def prove(connection: DuckDBPyConnection, path: Path, stored: Mapping[int, Seal], trusted: Collection[bytes]) -> None:
    """Raise ArchiveRefused, which names the file, unless it holds what the log's seals sealed."""
    try:
        faults = list(_unlike(connection, read_file(connection, path), stored, trusted))
    except (duckdb.Error, ValueError, KeyError, TypeError) as error:
        faults = [f"it cannot be read: {str(error).partition(chr(10))[0]}"]
    if faults:
        raise ArchiveRefused(f"{path.name} is not as it was sealed: {faults[0]}. Put it back from a copy.")


def read_file(connection: DuckDBPyConnection, path: Path) -> File:
    """The seals a file carries. Raises duckdb.Error, ValueError, KeyError or TypeError when it is none of ours."""
    query = "select decode(value) from parquet_kv_metadata(?) where decode(key) = 'jovey_seals'"
    row = connection.execute(query, [str(path)]).fetchone()
    if row is None:
        raise ValueError("it carries no seals")
    return File(path, tuple(Seal.parse(**said) for said in json.loads(row[0])))


def _grouped(seals: Sequence[Seal]) -> Iterator[tuple[Seal, ...]]:
    group: list[Seal] = []
    for one in seals:
        if group and sum(other.events for other in group) + one.events > FILE_EVENTS_MAX:
            yield tuple(group)
            group = []
        group.append(one)
    if group:
        yield tuple(group)


def _write(connection: DuckDBPyConnection, folder: Path, trusted: Collection[bytes], seals: tuple[Seal, ...]) -> File:
    """Write beside its place, read back, and rename: a crash leaves a draft that the next run overwrites."""
    path = folder / f"events-{seals[0].number:08}-{seals[-1].number:08}.parquet"
    draft = path.with_suffix(".draft")
    _gather(connection, seals)
    said = [{"statement": one.statement.decode(), "signature": one.signature.hex()} for one in seals]
    connection.execute(
        f"copy (from due order by seal_number, position) to {_quoted(str(draft))} "
        f"(format parquet, compression zstd, kv_metadata {{jovey_seals: {_quoted(json.dumps(said))}}})"
    )
    written = read_file(connection, draft)
    faults = list(_unlike(connection, written, {one.number: one for one in seals}, trusted))
    if faults:
        draft.unlink()
        raise ArchiveRefused(f"The log is not as it was sealed: {faults[0]}. Nothing was archived; ask jovey verify.")
    _settle(draft, path)
    return File(path, seals)


def _gather(connection: DuckDBPyConnection, seals: Sequence[Seal]) -> None:
    """Read the seals' events into temp.due, each with the number of its seal."""
    wanted = ", ".join(COLUMNS.values())
    for place, one in enumerate(seals):
        query = f"select {wanted} from jovey.events where {between(one.seen, one.until)}"
        rows = f"select {one.number}::bigint as seal_number, * from postgres_query('log', $query${query}$query$)"
        connection.execute(f"insert into due {rows}" if place else f"create or replace temp table due as {rows}")


def _settle(draft: Path, path: Path) -> None:
    """Give a draft its name, durably."""
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unlike(
    connection: DuckDBPyConnection, file: File, stored: Mapping[int, Seal], trusted: Collection[bytes]
) -> Iterator[str]:
    """What of a file is not as it was sealed."""
    trees = _trees(connection, file.path)
    for one in file.seals:
        tree = trees.pop(one.number, Tree())
        if one.form != FORM:
            yield f"seal {one.number} is of form {one.form}, which this code does not read: update it"
        elif (tree.size, tree.root) != (one.events, one.root):
            yield f"the {tree.size:,} events it holds of seal {one.number} are not the {one.events:,} that were sealed"
        if one.public_key not in trusted:
            yield f"seal {one.number} is signed with the key {one.public_key.hex()}; those trusted: {names(trusted)}"
        if not is_signed(one.statement, one.signature, one.public_key):
            yield f"the signature of seal {one.number} is not that of what it says"
        if stored.get(one.number) != one:
            yield f"seal {one.number} is not the log's"
    for number, tree in trees.items():
        yield f"{tree.size:,} events are of seal {number}, which it does not carry"
    if any(later.previous != earlier.hash for earlier, later in pairwise(file.seals)):
        yield "its seals do not follow one another"


def _trees(connection: DuckDBPyConnection, path: Path) -> dict[int, Tree]:
    """The Merkle trees of a file's events as they stand in it, by number of seal."""
    hashed = rf"sha256('\x00'::blob || encode({_LEAF}))"
    query = f"select seal_number, {hashed} from read_parquet(?) order by seal_number, position"
    trees = {}
    for number, rows in groupby(_fetched(connection.execute(query, [str(path)])), key=itemgetter(0)):
        trees[number] = tree = Tree()
        for _, leaf in rows:
            tree.add(bytes.fromhex(leaf))
    return trees


def _fetched(result: DuckDBPyConnection) -> Iterator[tuple[int, str]]:
    while rows := result.fetchmany(_FETCH_ROWS):
        yield from rows


def _gaps(paths: Sequence[Path]) -> Iterator[Misfiled]:
    expected = 1
    for path in paths:
        first, last = _numbers(path)
        if first != expected:
            yield Misfiled(path.name, f"it begins with seal {first}; seal {expected} should come next")
        expected = last + 1


def _paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("events-*-*.parquet"))


def _numbers(path: Path) -> tuple[int, int]:
    """The first and the last seal in a file, by its name."""
    _, first, last = path.stem.split("-")
    return int(first), int(last)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

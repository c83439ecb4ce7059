"""What kills may not do to the log: its writers' journals beside the rows that are there, each fault a sentence."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from orchestration.bench.crash_writer import ACKNOWLEDGED, TAKEN_BACK

_FIRST_BYTES = 65_536  # an answer stands in them if there is one at all


class Row(NamedTuple):
    """An event as the log, the lake or the file holds it; ids as text."""

    position: int
    id: str
    stream_id: str
    version: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a journal: events as (id, stream, version asked for), and the first and last position answered."""

    what: str
    events: tuple[tuple[str, str, int], ...]
    positions: tuple[int, int] | None


class Journal:
    """A writer's file, read as it grows; a line that death cut short stays unread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[Entry] = []
        self._offset = 0

    def read(self) -> list[Entry]:
        """The entries written since the last reading."""
        with self.path.open("rb") as file:
            file.seek(self._offset)
            whole = file.read().rpartition(b"\n")
        self._offset += len(whole[0]) + len(whole[1])
        fresh = [_entry(line) for line in whole[0].splitlines()]
        self.entries += fresh
        return fresh

    def is_answered(self) -> bool:
        """Whether the database has said anything to the writer yet."""
        with self.path.open("rb") as file:
            return ACKNOWLEDGED.encode() in file.read(_FIRST_BYTES)

    @property
    def acknowledged(self) -> int:
        """Events that a writer was told are in the log."""
        return sum(len(entry.events) for entry in self.entries if entry.what == ACKNOWLEDGED)


def faults_of_revival(entries: Iterable[Entry], rows: Iterable[Row]) -> Iterator[str]:
    """What is wrong with the commands of `entries`, when `rows` are those of their events that are in the log."""
    return _lost(entries, {row.id: row for row in rows})


def faults_of_log(journals: Iterable[Sequence[Entry]], rows: Sequence[Row]) -> Iterator[str]:
    """Every promise of the log that these rows break; rows in the order of their positions."""
    journals = list(journals)
    there = {row.id: row for row in rows}
    yield from (f"{id} is there {count} times" for id, count in Counter(row.id for row in rows).items() if count > 1)
    asked = {id for journal in journals for entry in journal for id, _, _ in entry.events}
    yield from (f"{id} was asked by nobody" for id in there.keys() - asked)
    for journal in journals:
        yield from _lost(journal, there)
        yield from _out_of_order(journal)
    yield from _gaps(rows)


def faults_of_copy(name: str, log: Sequence[Row], copy: Sequence[Row]) -> Iterator[str]:
    """Where a copy is not exactly what its cut of the log holds."""
    missing, extra = set(log) - set(copy), set(copy) - set(log)
    yield from (f"{name} lacks {row}" for row in sorted(missing))
    yield from (f"{name} invents {row}" for row in sorted(extra))
    if not missing and not extra and len(copy) != len(log):
        yield f"{name} holds {len(copy)} rows for {len(log)} events"


def _entry(line: bytes) -> Entry:
    said = json.loads(line)
    events = tuple((id, stream, version) for id, stream, version in said["events"])
    return Entry(said["what"], events, tuple(said["positions"]) if said["positions"] else None)


def _lost(journal: Iterable[Entry], there: dict[str, Row]) -> Iterator[str]:
    for entry in journal:
        found = [there[id] for id, _, _ in entry.events if id in there]
        if entry.what == TAKEN_BACK and found:
            yield f"{found[0]} was rolled back and is there"
        elif 0 < len(found) < len(entry.events):
            yield f"{found[0]} is there without the rest of its transaction"
        elif entry.positions is not None:
            yield from _changed(entry, found)


def _changed(entry: Entry, found: Sequence[Row]) -> Iterator[str]:
    """An acknowledged command must be there whole, at the positions that were answered, in the order it was sent."""
    if not found:
        yield f"{entry.events[0]} was acknowledged and is not there"
    elif (found[0].position, found[-1].position) != entry.positions:
        yield f"{found[0]} was acknowledged at {entry.positions}"
    elif [row.position for row in found] != sorted(row.position for row in found):
        yield f"{found[0]} is not in the order it was sent in"


def _out_of_order(journal: Sequence[Entry]) -> Iterator[str]:
    """What a writer said later stands later."""
    answered = [entry.positions for entry in journal if entry.what == ACKNOWLEDGED and entry.positions]
    for earlier, later in pairwise(answered):
        if later[0] <= earlier[1]:
            yield f"positions {later} were given after {earlier}"


def _gaps(rows: Sequence[Row]) -> Iterator[str]:
    streams: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        streams[row.stream_id].append(row.version)
    for stream_id, versions in streams.items():
        if versions != list(range(1, len(versions) + 1)):
            yield f"stream {stream_id} has the versions {versions[:20]}"

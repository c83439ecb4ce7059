"""A commit of the lake whose answer is lost: it happened or it did not, and either way the lake is whole."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from select import select
from threading import Thread

import duckdb
import pytest

from warehouse.events.category import ProductDeactivated
from warehouse.lake.commit import CommitUnanswered
from warehouse.lake.keep import keep
from warehouse.postgres import Database

SAID = "select reason from facts.product_deactivated order by position"


@dataclass
class Door:
    """Before a server's socket: at the next COMMIT of a connection that wrote to the lake's catalog both sides are cut.

    `is_heard` by the server: it commits, and its answer is lost; else the COMMIT itself is.
    """

    server: str
    folder: Path
    is_heard: bool
    listener: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_UNIX))
    lost: int = 0

    def open(self) -> None:
        self.folder.mkdir()
        self.listener.bind(str(self.folder / Path(self.server).name))
        self.listener.listen()
        Thread(target=self._admit, daemon=True).start()

    def _admit(self) -> None:
        with suppress(OSError):  # closed
            while True:
                visitor, _ = self.listener.accept()
                Thread(target=self._lead, args=(visitor,), daemon=True).start()

    def _lead(self, visitor: socket.socket) -> None:
        with visitor, socket.socket(socket.AF_UNIX) as server, suppress(OSError):  # either may leave without a word
            server.connect(self.server)
            has_written = False
            while True:
                ready, _, _ = select([visitor, server], [], [])
                for one, other in ((visitor, server), (server, visitor)):
                    said = one.recv(1 << 16) if one in ready else None
                    if said == b"":
                        return
                    has_written |= said is not None and b"INSERT INTO" in said and b"ducklake_snapshot" in said
                    if one is visitor and said and said.endswith(b"COMMIT\0") and has_written and not self.lost:
                        self._lose(server, said)
                        return
                    other.sendall(said or b"")

    def _lose(self, server: socket.socket, asked: bytes) -> None:
        self.lost += 1
        if self.is_heard:
            server.sendall(asked)
            assert server.recv(1 << 16).startswith(b"C\0\0\0\x0bCOMMIT\0"), "it was committed"


@pytest.fixture(params=[True, False], ids=["committed", "not committed"])
def door(works, home, request) -> Iterator[Door]:
    server = f"{works.database.host}/.s.PGSQL.{works.database.port}"
    door = Door(server, home / "door", request.param)
    door.open()
    yield door
    door.listener.close()


def behind(door: Door, database: Database) -> Database:
    return replace(database, host=str(door.folder))


def test_a_run_whose_commit_got_no_answer_is_there_whole_or_not_at_all_and_the_next_goes_on(works, door):
    works.happens("one", ProductDeactivated(reason="old"))
    works.refresh()
    works.happens("two", ProductDeactivated(reason="new"))

    with pytest.raises(CommitUnanswered, match="did not confirm"):
        replace(works, database=behind(door, works.database)).refresh()
    assert door.lost == 1
    assert works.read(SAID) == ([("old",), ("new",)] if door.is_heard else [("old",)])

    works.happens("three", ProductDeactivated(reason="newest"))
    assert works.refresh().loaded == (1 if door.is_heard else 2)
    assert works.read(SAID) == [("old",), ("new",), ("newest",)]


def test_files_whose_merging_got_no_answer_are_read_merged_or_as_they_were(works, door):
    reasons = [("first",), ("second",), ("third",)]
    for (reason,) in reasons:
        works.happens(reason, ProductDeactivated(reason=reason))
        works.refresh()

    at_once = {"time_travel": timedelta(0), "grace": timedelta(0)}
    with pytest.raises(duckdb.Error, match="Failed to commit"):
        keep(behind(door, works.database), works.settings, **at_once)
    assert works.read(SAID) == reasons

    assert keep(works.database, works.settings, **at_once).files_left < 2 * len(reasons)
    assert works.read(SAID) == reasons
    assert works.refresh().is_idle

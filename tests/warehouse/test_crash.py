"""The log under kill -9: what was acknowledged survives, once and in order, in the log and in what is read from it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import duckdb
import psutil
import psycopg
import pytest
from sqlalchemy import text

from orchestration.bench.crash import endure
from orchestration.bench.crash_check import Entry, Row, faults_of_copy, faults_of_log
from orchestration.bench.crash_loader import pull
from orchestration.bench.crash_writer import ACKNOWLEDGED, ASKED, TAKEN_BACK
from warehouse import embedded
from warehouse.log.migrate import migrate
from warehouse.log.tail import Cut, head, take_cut
from warehouse.postgres import Database

pytestmark = pytest.mark.whole

KILLS, SEED = 10, 20261122


@pytest.mark.timeout(300)  # half a minute on two quiet cores; Python starts a score of times
def test_every_acknowledged_event_survives_kills_of_database_writers_and_loader(home):
    ordeal = endure(home, KILLS, SEED)
    assert not ordeal.faults
    assert ordeal.acknowledged > KILLS
    assert ordeal.comparisons == 2
    assert {"every process of the server", "the postmaster alone", "one backend", "a writer", "the loader"} == set(
        ordeal.kills
    )


def test_the_harness_sees_what_is_lost_when_commits_do_not_wait_for_the_disk(home):
    ordeal = endure(home, 3, SEED, writer_options="-csynchronous_commit=off")
    assert any("was acknowledged and is not there" in fault for fault in ordeal.faults)


# --- transaction ids come back after a crash ---

INSERT = """
    insert into jovey.events (aggregate_id, id, version, schema_version, event_type, aggregate_type, created_by,
                              effective_at, correlation_id, causation_id, data)
    values (gen_random_uuid(), gen_random_uuid(), 1, 1, 'order.cancelled', 'order', 'user:test', now(),
            gen_random_uuid(), gen_random_uuid(), '{"reason": "test"}')
    returning pg_current_xact_id()::text::bigint"""
REGRETS = 5  # transactions that are rolled back right before the crash


class Server:
    """A durable server of the test's own, which can lose what it has not written."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.stack = folder, ExitStack()
        self.database = self.start()
        self.database.create_missing()
        migrate(self.database)

    def start(self) -> Database:
        sockets = self.stack.enter_context(embedded.serving(self.folder, durable=True))
        return Database("jovey", host=str(sockets), port=str(embedded.PORT), user=embedded.SUPERUSER)

    def hold_back_the_wal(self) -> None:
        """Nobody but a committing session writes the WAL from here on: the crash may come at any moment anyway."""
        with psycopg.connect(self.database.libpq()) as connection:
            asked = "select pid from pg_stat_activity where backend_type = any (%s)"
            for (pid,) in connection.execute(asked, [["walwriter", "background writer", "checkpointer"]]):
                os.kill(pid, signal.SIGSTOP)

    def crash(self) -> None:
        postmaster = psutil.Process(int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0]))
        family = [postmaster, *postmaster.children(recursive=True)]
        postmaster.suspend()
        for process in reversed(family):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.stack.close()
        self.start()


@pytest.fixture
def server(home) -> Iterator[Server]:
    server = Server(home / "pg")
    yield server
    server.stack.close()


def take_without_barrier(engine, consumer: str, since: Cut | None) -> Cut:
    """A cut that is used though nothing has flushed it; where the log is, the product's own cut says."""
    if since is None:
        return take_cut(engine, consumer, None)
    return replace(since, snapshot=head(engine))


@pytest.mark.parametrize(
    ("take", "is_read"), [(take_cut, True), (take_without_barrier, False)], ids=["with barrier", "without"]
)
def test_an_event_under_a_transaction_id_that_came_back_is_read_only_behind_the_barrier(server, home, take, is_read):
    # given a sink outside PostgreSQL that has read up to transactions which were rolled back and reached no disk
    sink = home / "sink.duckdb"
    read(server, sink, take)
    server.hold_back_the_wal()
    regretted = regret(server)
    read(server, sink, take)
    # when the server crashes, the next event takes one of their ids, unless the barrier has used them up for good
    server.crash()
    event = append(server)
    assert (event in regretted) is not is_read
    while append(server) <= max(regretted):
        pass
    # then a tail without the barrier believes to have read that event before
    read(server, sink, take)
    assert (missing(server, sink) == 0) is is_read


def regret(server: Server) -> list[int]:
    """Transactions that got an id and were rolled back."""
    with psycopg.connect(server.database.libpq()) as connection:
        ids = []
        for _ in range(REGRETS):
            ids.append(connection.execute(INSERT).fetchone()[0])
            connection.rollback()
    return ids


def append(server: Server) -> int:
    """Commit an event; its transaction's id."""
    with psycopg.connect(server.database.libpq()) as connection:
        return connection.execute(INSERT).fetchone()[0]


def read(server: Server, sink: Path, take) -> None:
    engine = server.database.engine("jovey_tail")
    pull(engine, sink, take)
    engine.dispose()


def missing(server: Server, sink: Path) -> int:
    engine = server.database.engine()
    with engine.connect() as connection, duckdb.connect(str(sink)) as file:
        there = {row.position for row in connection.execute(text("select position from jovey.events"))}
        copied = {position for (position,) in file.execute("select position from events").fetchall()}
    engine.dispose()
    assert copied <= there
    return len(there - copied)


# --- the checker itself: each fault it must see ---

SOUND = (
    Entry(ASKED, (("a", "s", 1), ("b", "s", 2)), None),
    Entry(ACKNOWLEDGED, (("a", "s", 1), ("b", "s", 2)), (1, 2)),
    Entry(TAKEN_BACK, (("x", "s", 3),), None),
    Entry(ASKED, (("c", "t", 1),), None),
    Entry(ACKNOWLEDGED, (("c", "t", 1),), (4, 4)),
)
ROWS = (Row(1, "a", "s", 1), Row(2, "b", "s", 2), Row(4, "c", "t", 1))


def test_a_sound_log_has_no_faults():
    assert list(faults_of_log([SOUND], ROWS)) == []


def test_what_was_asked_and_never_answered_may_be_there_or_not():
    assert list(faults_of_log([[*SOUND, Entry(ASKED, (("d", "u", 1),), None)]], ROWS)) == []
    assert list(faults_of_log([[*SOUND, Entry(ASKED, (("d", "u", 1),), None)]], [*ROWS, Row(5, "d", "u", 1)])) == []


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (ROWS[:2], "acknowledged and is not there"),
        (ROWS[1:], "without the rest of its transaction"),
        ((*ROWS, Row(5, "c", "u", 1)), "there 2 times"),
        ((*ROWS, Row(5, "y", "u", 1)), "asked by nobody"),
        ((*ROWS, Row(5, "x", "s", 3)), "was rolled back and is there"),
        ((*ROWS[:2], Row(5, "c", "t", 1)), "was acknowledged at (4, 4)"),
        ((*ROWS[:2], Row(4, "c", "t", 2)), "has the versions [2]"),
        ((Row(1, "b", "s", 2), Row(2, "a", "s", 1), ROWS[2]), "has the versions [2, 1]"),
    ],
    ids=["lost", "torn", "doubled", "invented", "taken back", "moved", "gap", "reordered"],
)
def test_each_fault_of_the_log_is_named(rows, sentence):
    assert any(sentence in fault for fault in faults_of_log([SOUND], rows))


def test_a_later_command_with_an_earlier_position_is_named():
    journal = (*SOUND, Entry(ACKNOWLEDGED, (("d", "u", 1),), (3, 3)))
    assert any("were given after" in fault for fault in faults_of_log([journal], [*ROWS, Row(3, "d", "u", 1)]))


@pytest.mark.parametrize(
    ("copy", "sentence"),
    [
        (ROWS[:2], "the lake lacks"),
        ((*ROWS, Row(9, "z", "z", 1)), "the lake invents"),
        ((*ROWS, ROWS[0]), "4 rows for 3 events"),
    ],
    ids=["missing", "invented", "twice"],
)
def test_each_fault_of_a_copy_is_named(copy, sentence):
    assert list(faults_of_copy("the lake", ROWS, ROWS)) == []
    assert any(sentence in fault for fault in faults_of_copy("the lake", ROWS, copy))

"""The scene of kills: a server with fsync on, writers and a loader as processes of their own, and their journals."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Self
from urllib.parse import quote

import duckdb
import psutil
import psycopg

from orchestration.bench.crash_check import Entry, Journal, Row, faults_of_copy, faults_of_log, faults_of_revival
from orchestration.bench.crash_loader import bring, sink, stored_cut
from warehouse import embedded
from warehouse.events.orders import OrderCancelled
from warehouse.lake import cuts
from warehouse.lake.attach import open_reader
from warehouse.lake.keep import keep
from warehouse.log.migrate import migrate
from warehouse.log.position import Snapshot
from warehouse.postgres import Database
from warehouse.settings import Settings

WRITERS = 3
_WHOLE, _HEAD, _BACKEND = "every process of the server", "the postmaster alone", "one backend"
_DATABASE_KILLS = (_WHOLE, _WHOLE, _HEAD, _BACKEND)  # the whole server twice as often
_WRITER_KILL_SHARE = 0.35
_ANSWER_SECONDS_MAX, _LOOK_SECONDS = 60.0, 0.02
_LOG = "select position, id::text, aggregate_id::text, version from jovey.events {} order by position"
_LAKE = f"select position, event_id::text, aggregate_id::text, version from facts.{OrderCancelled.table()} order by 1"
_FILE = "select position, id::text, aggregate_id::text, version from events order by position"


class Scene:
    """Give it an empty folder with a short path; `writer_options` are libpq's options of the writers."""

    def __init__(self, home: Path, dice: random.Random, writer_options: str = "") -> None:
        self._settings = Settings.model_validate({"home": home, "DATABASE_URL": None, "lake_path": None})
        self._dice, self._writer_options = dice, writer_options
        self._server = ExitStack()
        self._writers: list[subprocess.Popen[bytes]] = []
        self._loader: subprocess.Popen[bytes] | None = None
        self._journals: list[Journal] = []
        self._checkpointer_id: int | None = None  # of the server that was killed last

    def __enter__(self) -> Self:
        self._database = self._serve()
        if sys.platform == "linux":  # a kill leaves the kernel's cache whole: recovery need not sync file by file
            with (self._settings.home / "postgres" / "data" / "postgresql.conf").open("a") as settings:
                settings.write("\nrecovery_init_sync_method = syncfs\n")
        self._database.create_missing()
        migrate(self._database)
        return self

    def __exit__(self, *_: object) -> None:
        for process in filter(None, (*self._writers, self._loader)):
            _slay(process)
        self._server.close()

    def people(self) -> None:
        """Start what is missing, writers and the loader, and wait until every writer has been answered."""
        # DuckDB ends the whole process (std::terminate) when the server dies while it rolls back
        if self._loader is None or self._loader.poll() is not None:
            self._loader = self._start("crash_loader", self._url(), str(self._settings.home))
        while len(self._writers) < WRITERS:
            self._writers.append(self._start_writer())
        deadline = time.monotonic() + _ANSWER_SECONDS_MAX
        while not all(journal.is_answered() for journal in self._journals):
            assert time.monotonic() < deadline, f"a writer gets no answer: {self._said()}"
            time.sleep(_LOOK_SECONDS)

    def kill(self) -> list[str]:
        """SIGKILL the database in one of three ways, and now and then a writer before or after it; what was killed."""
        deeds = [self._kill_database]
        if self._dice.random() < _WRITER_KILL_SHARE:
            deeds.insert(self._dice.randint(0, 1), self._kill_writer)
        return [deed() for deed in deeds]

    def kill_loader(self) -> list[str]:
        """SIGKILL the loader, which frees the file it writes."""
        assert self._loader is not None
        _slay(self._loader)
        self._loader = None
        return ["the loader"]

    def revive(self) -> None:
        """Wait until the database answers again after the kill, starting it anew if nothing of it is left.

        A postmaster learns a moment late that a backend was killed, and answers until then: only what comes after its
        recovery, under another checkpointer, counts.
        """
        if not _is_alive(self._postmaster_id()):
            self._server.close()
            self._serve()
        deadline = time.monotonic() + _ANSWER_SECONDS_MAX
        while True:
            with suppress(psycopg.OperationalError), psycopg.connect(self._database.libpq()) as connection:
                if _checkpointer_id(connection) != self._checkpointer_id:
                    return
            assert time.monotonic() < deadline, "the database does not answer after the kill"
            time.sleep(_LOOK_SECONDS)

    def lost(self) -> Iterator[str]:
        """Faults among what was acknowledged since the last look; and writers that gave up."""
        entries = [entry for journal in self._journals for entry in journal.read()]
        with psycopg.connect(self._database.libpq()) as connection:
            yield from faults_of_revival(entries, _rows(connection, "where id = any(%s::uuid[])", [_ids(entries)]))
        for process in [one for one in self._writers if one.poll() is not None]:
            self._writers.remove(process)
            yield f"a writer ended by itself: {self._said()}"

    def compare(self) -> Iterator[str]:
        """Faults of the whole log, the lake and the file; writers stand still meanwhile, amid what they do."""
        bring(self._database, self._settings)
        with self._standstill(), psycopg.connect(self._database.libpq()) as connection:
            for plan in ("indexscan", "indexonlyscan", "bitmapscan"):
                connection.execute(f"set enable_{plan} = off")  # the heap's own word, whatever an index says
            for journal in self._journals:
                journal.read()
            yield from faults_of_log([journal.entries for journal in self._journals], _rows(connection))
            for name, cut, rows in (self._lake(), self._file()):
                seen = _rows(connection, "where pg_visible_in_snapshot(transaction_id, %s::pg_snapshot)", [str(cut)])
                yield from faults_of_copy(name, seen, rows)

    def keep(self) -> None:
        """Merge the lake's small files, of which a soak makes thousands."""
        keep(self._database, self._settings, time_travel=timedelta(0), grace=timedelta(0))

    def counts(self) -> tuple[int, int]:
        """Events acknowledged, and events in the log."""
        with psycopg.connect(self._database.libpq()) as connection:
            row = connection.execute("select count(*) from jovey.events").fetchone()
        assert row is not None
        return sum(journal.acknowledged for journal in self._journals), row[0]

    # --- killing ---

    def _kill_database(self) -> str:
        kind, head = self._dice.choice(_DATABASE_KILLS), psutil.Process(self._postmaster_id())
        with psycopg.connect(self._database.libpq()) as connection:
            self._checkpointer_id = _checkpointer_id(connection)
        if kind == _BACKEND:
            self._kill_backend()
            return kind
        children = head.children(recursive=True)
        if kind == _WHOLE:
            head.suspend()  # it may not look after its children while they die
            for child in children:
                _kill(child)
        _kill(head)
        while any(_is_alive(process.pid) for process in (head, *children)):
            time.sleep(_LOOK_SECONDS)
        return kind

    def _kill_writer(self) -> str:
        _slay(self._writers.pop(self._dice.randrange(len(self._writers))))
        return "a writer"

    def _kill_backend(self) -> None:
        """Any session's backend; if the others end first, our own."""
        with suppress(psycopg.OperationalError), psycopg.connect(self._database.libpq(), autocommit=True) as connection:
            asked = "select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
            others = [pid for (pid,) in connection.execute(asked)]
            self._dice.shuffle(others)
            for pid in (*others, connection.info.backend_pid):
                if _is_alive(pid):
                    os.kill(pid, signal.SIGKILL)
                    return

    def _postmaster_id(self) -> int:
        lock = self._settings.home / "postgres" / "data" / "postmaster.pid"
        return int(lock.read_text().splitlines()[0])

    # --- starting ---

    def _serve(self) -> Database:
        sockets = self._server.enter_context(embedded.serving(self._settings.home / "postgres", durable=True))
        return Database("jovey", host=str(sockets), port=str(embedded.PORT), user=embedded.SUPERUSER)

    def _start_writer(self) -> subprocess.Popen[bytes]:
        journal = Journal(self._settings.home / f"journal-{len(self._journals)}.jsonl")
        journal.path.touch()
        self._journals.append(journal)
        return self._start("crash_writer", self._url(self._writer_options), str(journal.path), str(self._dice.random()))

    def _start(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._settings.home / "said.log").open("ab") as said:
            command = [sys.executable, "-m", f"orchestration.bench.{program}", *arguments]
            return subprocess.Popen(command, stdout=said, stderr=said)

    def _url(self, options: str = "") -> str:
        address = self._database
        return f"postgresql://{address.user}@/{address.name}?host={quote(address.host or '')}&options={quote(options)}"

    def _said(self) -> str:
        return (self._settings.home / "said.log").read_text(errors="replace")[-2_000:]

    # --- looking ---

    @contextmanager
    def _standstill(self) -> Iterator[None]:
        for process in self._writers:
            process.send_signal(signal.SIGSTOP)
        yield
        for process in self._writers:
            process.send_signal(signal.SIGCONT)

    def _lake(self) -> tuple[str, Snapshot, list[Row]]:
        with open_reader(self._database, self._settings) as connection:
            account = cuts.account(connection)
            assert account is not None
            return "the lake", account.cut.snapshot, [Row(*row) for row in connection.execute(_LAKE).fetchall()]

    def _file(self) -> tuple[str, Snapshot, list[Row]]:
        with duckdb.connect(str(sink(self._settings))) as connection:
            cut = stored_cut(connection)
            assert cut is not None
            return "the file", cut.snapshot, [Row(*row) for row in connection.execute(_FILE).fetchall()]


def _rows(connection: psycopg.Connection, condition: str = "", values: list[object] | None = None) -> list[Row]:
    return [Row(*row) for row in connection.execute(_LOG.format(condition).encode(), values).fetchall()]


def _checkpointer_id(connection: psycopg.Connection) -> int | None:
    """The server's checkpointer, another one after every recovery; None while there is none yet."""
    row = connection.execute("select pid from pg_stat_activity where backend_type = 'checkpointer'").fetchone()
    return row[0] if row else None


def _ids(entries: list[Entry]) -> list[str]:
    return [id for entry in entries for id, _, _ in entry.events]


def _slay(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill()


def _is_alive(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False

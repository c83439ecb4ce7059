"""A program of `jovey bench log`, run by a Python that has PyPI `eventsourcing`: log_client's work by its recorder.

Its default mode locks the table for each append, and so skips nothing; its faster one (database functions) does skip.
"""

from __future__ import annotations

import fcntl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import uuid4  # noqa: TID251 - another house

PAYLOAD = b'{"reason":"a reason of some two hundred characters, as facts have them on average ' + b"x" * 120 + b'"}'

_CLIENTS_MAX = 64


def recorder(host: str, port: str, name: str, user: str) -> Any:
    """The library's recorder of an application's events, with a pool that fits the threads."""
    library = import_module("eventsourcing.postgres")
    place = {"host": host, "port": port, "dbname": name, "user": user, "password": "none"}
    datastore = library.PostgresDatastore(**place, pool_size=_CLIENTS_MAX, max_overflow=0)
    made = library.PostgresApplicationRecorder(datastore, events_table_name="stored_events")
    with (Path(sys.prefix) / "table.lock").open("w") as lock:  # several processes at once would fail
        fcntl.flock(lock, fcntl.LOCK_EX)
        made.create_table()
    return made


def client(made: Any, events: int, line: Barrier, seconds: float) -> int:
    """Appends of one thread, each a new stream's first events."""
    stored = import_module("eventsourcing.persistence").StoredEvent

    def append() -> None:
        id = uuid4()
        made.insert_events([stored(id, place, "order.cancelled", PAYLOAD) for place in range(1, events + 1)])

    append()
    line.wait()
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        append()
        count += 1
    return count


def await_start() -> None:
    """Tell the bench that this program is warm, and wait for its word."""
    print("ready", flush=True)  # noqa: T201 - read by the bench
    sys.stdin.readline()


def main(host: str, port: str, name: str, user: str, threads: str, events: str, seconds: str) -> None:
    """Say when all threads are warm, begin at a line of input, print appends a second of all threads together."""
    made = recorder(host, port, name, user)
    line = Barrier(int(threads), action=await_start)
    with ThreadPoolExecutor(int(threads)) as pool:
        running = [pool.submit(client, made, int(events), line, float(seconds)) for _ in range(int(threads))]
        print(sum(one.result() for one in running) / float(seconds))  # noqa: T201 - read by the bench


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A program of `jovey bench log`, run by a Python that has PyPI `eventsourcing`: log_client's work by its recorder.

Its default mode locks the table for each append, and so skips nothing; its faster one (database functions) does skip.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
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
    made.create_table()
    return made


def client(made: Any, events: int, begin: float, seconds: float) -> int:
    """Appends of one thread, each a new stream's first events."""
    stored = import_module("eventsourcing.persistence").StoredEvent
    count = 0
    while True:
        id = uuid4()
        made.insert_events([stored(id, place, "order.cancelled", PAYLOAD) for place in range(1, events + 1)])
        if count == 0:
            time.sleep(max(0.0, begin - time.time()))
        if time.time() >= begin + seconds:
            return count
        count += 1


def main(host: str, port: str, name: str, user: str, threads: str, events: str, begin: str, seconds: str) -> None:
    """Print appends a second of all threads together."""
    made = recorder(host, port, name, user)
    with ThreadPoolExecutor(int(threads)) as pool:
        running = [pool.submit(client, made, int(events), float(begin), float(seconds)) for _ in range(int(threads))]
        print(sum(one.result() for one in running) / float(seconds))  # noqa: T201 - read by the bench


if __name__ == "__main__":
    main(*sys.argv[1:])

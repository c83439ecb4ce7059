"""A program of `jovey bench log`: some threads append without pause and print how many appends they made a second."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from warehouse import clock
from warehouse.events.event import Recorded, Ref
from warehouse.events.orders import OrderCancelled
from warehouse.ids import new_id
from warehouse.log.append import append
from warehouse.postgres import Database

PAYLOAD = OrderCancelled(reason="a reason of some two hundred characters, as facts have them on average " + "x" * 120)


def stream(events: int) -> list[Recorded[OrderCancelled]]:
    """A new stream's first events."""
    now = clock.now()
    ref, command = Ref("order", new_id(now)), new_id(now)
    return [
        Recorded(PAYLOAD, new_id(now), ref, place, now, "user:bench", command, command)
        for place in range(1, events + 1)
    ]


def client(database: Database, events: int, line: Barrier, seconds: float) -> int:
    """Appends of one connection, each a transaction and a round trip of its own."""
    engine = database.engine("jovey_append", pool_size=1)
    count = 0
    with engine.connect() as connection:
        autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
        append(autocommit, stream(events))
        line.wait()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            append(autocommit, stream(events))
            count += 1
    engine.dispose()
    return count


def await_start() -> None:
    """Tell the bench that this program is warm, and wait for its word."""
    print("ready", flush=True)  # noqa: T201 - read by the bench
    sys.stdin.readline()


def main(address: str, threads: str, events: str, seconds: str) -> None:
    """Say when all threads are warm, begin at a line of input, print appends a second of all threads together."""
    database = Database.from_url(address)
    line = Barrier(int(threads), action=await_start)
    with ThreadPoolExecutor(int(threads)) as pool:
        running = [pool.submit(client, database, int(events), line, float(seconds)) for _ in range(int(threads))]
        print(sum(one.result() for one in running) / float(seconds))  # noqa: T201 - read by the bench


if __name__ == "__main__":
    main(*sys.argv[1:])

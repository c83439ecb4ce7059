"""The log in numbers: appends beside a plain INSERT and PyPI `eventsourcing`, cuts, loads, refolds, a million events.

Everything in houses of its own with fsync on. Contestants take turns, and each is given its best round: the machine's
other work comes and goes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil

from orchestration.bench import log_reads, log_writes
from orchestration.bench.figure import Figure, at_most
from orchestration.bench.served import Bench, own_house
from orchestration.folding import processors

CLIENTS, EVENTS, PROMISED = (1, 4, 16, 64), (1, 10), 16
SECONDS, ROUNDS = 4, 3
LONG = 1_000_000  # events
_PLAIN_RATIO_MIN, _RIVAL_RATIO_MIN = 0.6, 3.0
_CUT_MS_MAX, _LOAD_RATE_MIN, _REFOLD_RATE_MIN, _SLOPE_MAX = 2.0, 150_000, 50_000, 1.2


def rows(seconds: int = SECONDS, rounds: int = ROUNDS, long: int = LONG) -> list[Figure]:
    """About eight minutes."""
    with own_house() as bench:
        writes = [*_machine(), *_writes(bench, seconds, rounds)]  # both tables begin empty
    with own_house() as bench:
        return [*writes, *_reads(bench, long)]


def at_least(name: str, value: float, unit: str, floor: float) -> Figure:
    """A figure that promises to reach `floor`."""
    return Figure(name, value, unit, floor, value / floor, value >= floor)


def _machine() -> Iterator[Figure]:
    yield Figure("processors", psutil.cpu_count() or 0, "cores")
    yield Figure("other work: load average of the last minute", os.getloadavg()[0], "")


def _writes(bench: Bench, seconds: int, rounds: int) -> Iterator[Figure]:
    database = bench.database
    log_writes.prepare(database)
    for events in EVENTS:
        for clients in CLIENTS:
            plain, append = _best(
                rounds,
                partial(log_writes.plain, database, clients, events, seconds),
                partial(log_writes.appended, database, clients, events, seconds),
            )
            named = f"{clients} clients, {events} events each"
            yield Figure(f"plain INSERT, {named}", plain, "calls/s")
            yield _beside(f"append, {named}", append, plain, _PLAIN_RATIO_MIN if clients == PROMISED else 0)
    with log_writes.rival_python() as python:
        yield from _rivals(bench, python, seconds, rounds)


def _rivals(bench: Bench, python: Path | None, seconds: int, rounds: int) -> Iterator[Figure]:
    if python is None:
        yield Figure(f"{log_writes.RIVAL} could not be had: not compared", 0, "calls/s", ok=False)
        return
    for events in EVENTS:
        theirs, alone, ours = _best(
            rounds,
            partial(log_writes.by_rival, python, bench.database, PROMISED, events, seconds),
            partial(log_writes.appended, bench.database, PROMISED, events, seconds),
            partial(log_writes.by_python, bench.database, PROMISED, events, seconds),
        )
        named = f"{events} events each"
        yield Figure(f"{log_writes.RIVAL}, {PROMISED} Python clients, {named}", theirs, "calls/s")
        yield _beside(f"append alone beside it, {PROMISED} clients, {named}", alone, theirs, _RIVAL_RATIO_MIN)
        yield _beside(f"append by {PROMISED} Python clients, {named}", ours, theirs, _RIVAL_RATIO_MIN)


def _reads(bench: Bench, long: int) -> Iterator[Figure]:
    database = bench.database
    empty = log_reads.pace(database)
    yield Figure("founding the lake", log_reads.found_lake(bench), "s")
    story = log_reads.tell_story(bench)
    yield Figure("jovey rebuild of a young log, in one process", log_reads.rebuild_rate(bench, story), "events/s")
    count = log_reads.multiply(database, long)
    full = log_reads.pace(database)
    yield Figure("events in the long log", count, "events")
    yield Figure("append, p95, empty log", empty.append_p95, "ms")
    yield at_most("append, p95, long log", full.append_p95, "ms", _SLOPE_MAX * empty.append_p95)
    yield at_most("empty cut (nothing new, nothing written), empty log", empty.probe, "ms", _CUT_MS_MAX)
    yield at_most("empty cut, long log", full.probe, "ms", min(_CUT_MS_MAX, _SLOPE_MAX * empty.probe))
    yield Figure("durable cut, its flush included, empty log", empty.cut, "ms")
    yield at_most("durable cut, long log", full.cut, "ms", _SLOPE_MAX * empty.cut)
    yield Figure("log on disk, indexes included", log_reads.bytes_an_event(database), "bytes/event")
    yield at_least("log to lake", log_reads.load_rate(bench), "events/s", _LOAD_RATE_MIN)
    yield Figure("refold in one process", log_reads.refold_rate(bench, 1), "events/s")
    workers = processors()
    rate = log_reads.refold_rate(bench, workers)
    yield at_least(f"refold in {workers} processes", rate, "events/s", _REFOLD_RATE_MIN)


def _best(rounds: int, *contestants: Callable[[], float]) -> list[float]:
    """Each contestant's best, taking turns."""
    found = [[contestant() for contestant in contestants] for _ in range(rounds)]
    return [max(each) for each in zip(*found, strict=True)]


def _beside(name: str, value: float, other: float, ratio_min: float) -> Figure:
    """A figure that promises `ratio_min` of another one."""
    return Figure(name, value, "calls/s", other, value / other, value >= ratio_min * other)

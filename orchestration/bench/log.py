"""The log in numbers: appends beside a plain INSERT and PyPI `eventsourcing`, cuts, loads, refolds, a million events.

Everything in houses of its own with fsync on. The machine's other work comes and goes, so contestants take turns, and
a ratio is the median of what each round's contestants had to each other.
"""

from __future__ import annotations

import os
import timeit
from collections.abc import Callable, Iterator
from functools import partial
from operator import attrgetter
from pathlib import Path
from statistics import median

import psutil

from orchestration.bench import log_reads, log_writes
from orchestration.bench.figure import Figure, at_most
from orchestration.bench.served import Bench, own_house
from orchestration.folding import processors

CLIENTS, EVENTS, PROMISED = (1, 4, 16, 64), (1, 10), 16
SECONDS, ROUNDS, ROUNDS_PROMISED = 4, 3, 7
LONG = 1_000_000  # events
_PLAIN_RATIO_MIN, _RIVAL_RATIO_MIN = 0.6, 3.0
_CUT_MS_MAX, _LOAD_RATE_MIN, _REFOLD_RATE_MIN, _SLOPE_MAX = 2.0, 150_000, 50_000, 1.2


def rows(seconds: int = SECONDS, long: int = LONG) -> list[Figure]:
    """About nine minutes."""
    with own_house() as bench:
        writes = [*_machine(), *_writes(bench, seconds)]  # both tables begin empty
    with own_house() as bench:
        return [*writes, *_reads(bench, long)]


def at_least(name: str, value: float, unit: str, floor: float) -> Figure:
    """A figure that promises to reach `floor`."""
    return Figure(name, value, unit, floor, value / floor, value >= floor)


def _machine() -> Iterator[Figure]:
    yield Figure("processors", psutil.cpu_count() or 0, "cores")
    yield Figure("other work: load average of the last minute", os.getloadavg()[0], "")
    yield Figure("its speed: ten million steps of a loop in Python", min(timeit.repeat(_steps, number=1)), "s")


def _steps() -> None:
    total = 0
    for step in range(10_000_000):
        total += step * step


def _writes(bench: Bench, seconds: int) -> Iterator[Figure]:
    database = bench.database
    log_writes.prepare(database)
    for events in EVENTS:
        for clients in CLIENTS:
            plain, append = _turns(
                ROUNDS_PROMISED if clients == PROMISED else ROUNDS,
                partial(log_writes.plain, database, clients, events, seconds),
                partial(log_writes.appended, database, clients, events, seconds),
            )
            named = f"{clients} clients, {events} events each"
            yield Figure(f"plain INSERT, {named}", median(plain), "calls/s")
            yield _beside(f"append, {named}", append, plain, _PLAIN_RATIO_MIN if clients == PROMISED else 0)
    with log_writes.rival_python() as python:
        yield from _rivals(bench, python, seconds)


def _rivals(bench: Bench, python: Path | None, seconds: int) -> Iterator[Figure]:
    if python is None:
        yield Figure(f"{log_writes.RIVAL} could not be had: not compared", 0, "calls/s", ok=False)
        return
    for events in EVENTS:
        theirs, alone, ours = _turns(
            ROUNDS,
            partial(log_writes.by_rival, python, bench.database, PROMISED, events, seconds),
            partial(log_writes.appended, bench.database, PROMISED, events, seconds),
            partial(log_writes.by_python, bench.database, PROMISED, events, seconds),
        )
        named = f"{events} events each"
        yield Figure(f"{log_writes.RIVAL}, {PROMISED} Python clients, {named}", median(theirs), "calls/s")
        yield _beside(f"append alone beside it, {PROMISED} clients, {named}", alone, theirs, _RIVAL_RATIO_MIN)
        floor = _RIVAL_RATIO_MIN if events == 1 else 0  # of ten, INSERT itself takes two thirds of what that leaves
        yield _beside(f"append by {PROMISED} Python clients, {named}", ours, theirs, floor)


def _reads(bench: Bench, long: int) -> Iterator[Figure]:
    yield Figure("founding the lake", log_reads.found_lake(bench), "s")
    story = log_reads.tell_story(bench)
    yield Figure("jovey rebuild of a young log, in one process", log_reads.rebuild_rate(bench, story), "events/s")
    yield Figure("events in the long log", log_reads.multiply(bench.database, long), "events")
    with own_house() as young:
        yield from _slopes(log_reads.paces(young.database, bench.database))
    yield Figure("log on disk, indexes included", log_reads.bytes_an_event(bench.database), "bytes/event")
    yield at_least("log to lake", log_reads.load_rate(bench), "events/s", _LOAD_RATE_MIN)
    yield Figure("refold in one process", log_reads.refold_rate(bench, 1), "events/s")
    workers = processors()
    rate = log_reads.refold_rate(bench, workers)
    yield at_least(f"refold in {workers} processes", rate, "events/s", _REFOLD_RATE_MIN)


def _slopes(paces: log_reads.Paces) -> Iterator[Figure]:
    short, long, ratio = paces.compared(attrgetter("append_p95"))
    yield Figure("append, p95, empty log", short, "ms")
    yield Figure("append, p95, long log", long, "ms", short, ratio, ratio <= _SLOPE_MAX)
    short, long, ratio = paces.compared(attrgetter("probe"))
    yield at_most("empty cut (nothing new, nothing written), empty log", short, "ms", _CUT_MS_MAX)
    yield at_most("empty cut, long log", long, "ms", _CUT_MS_MAX)
    yield Figure("empty cut, long log beside empty log", long, "ms", short, ratio, ratio <= _SLOPE_MAX)
    short, long, ratio = paces.compared(attrgetter("cut"))
    yield Figure("durable cut, its flush included, empty log", short, "ms")
    yield Figure("durable cut, long log", long, "ms", short, ratio, ratio <= _SLOPE_MAX)


def _turns(rounds: int, *contestants: Callable[[], float]) -> list[list[float]]:
    """Each contestant's figures, one a round."""
    found = [[contestant() for contestant in contestants] for _ in range(rounds)]
    return [list(each) for each in zip(*found, strict=True)]


def _beside(name: str, ours: list[float], theirs: list[float], ratio_min: float = 0) -> Figure:
    """A figure that promises `ratio_min` of another one."""
    ratio = median(our / their for our, their in zip(ours, theirs, strict=True))
    return Figure(name, median(ours), "calls/s", median(theirs), ratio, ratio >= ratio_min)

"""Live streams: 500 who listen over sockets, leave at random and come back, while 200 events happen a second."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import text

from api.actor import system
from api.category.commands import ObserveCompetitorPrice
from api.command import Command
from api.customers.commands import InviteStaffMember
from api.fulfillment.commands import AdjustStock
from api.handle import Request, handle_all
from api.rules import rules_of
from orchestration.bench.figure import Figure, at_most
from orchestration.bench.served import Bench, own_house, serving
from orchestration.bench.streams_listeners import Plan, Verdict
from warehouse.clock import now
from warehouse.ids import named, new_id
from warehouse.log.asker import reading

LISTENERS, SECONDS, EVENTS_PER_SECOND, STAY_SECONDS = 500, 30.0, 200, 30.0
KINDS = {"all": ("events",), "competitor_price.": ("category",), "inventory.": ("fulfillment",)}
"""What a third of the listeners each hears, and the functions they work in for it."""
_WRITERS, _TOGETHER = 2, 5  # transactions at once, commands of one
_SKUS = tuple(f"L-{number}" for number in range(20))
_FILES_EACH, _FILES_SPARE = 2, 500
_IDLE_SECONDS = 5.0


def rows(
    listeners: int = LISTENERS,
    seconds: float = SECONDS,
    events_per_second: int = EVENTS_PER_SECOND,
    stay_seconds: float = STAY_SECONDS,
) -> list[Figure]:
    """About a minute and a half: a house of its own, its API and all listeners in processes of their own."""
    _allow_files(listeners)
    with own_house() as bench, serving(bench.settings) as served:
        heard = hearing(bench, served.address, listeners, seconds, events_per_second, stay_seconds, served.cpu_seconds)
        memory = served.process.memory_info().rss / 2**20
    verdict, took = heard.verdict, heard.seconds + heard.verdict.caught_up_seconds
    named = f"{listeners} listeners"
    late = quantiles(verdict.late_ms, n=20) if len(verdict.late_ms) > 1 else [0.0] * 19
    return [
        Figure(f"{named} idle, CPU of the API", heard.idle_cores, "cores"),
        Figure(f"{named}, events written", heard.events / heard.seconds, "events/s", events_per_second),
        Figure(f"{named}, messages heard", verdict.heard / took, "messages/s"),
        Figure(f"{named}, left at random and came back", verdict.returns, "times"),
        at_most(f"{named}, permitted events missed", verdict.missing, "messages", 0),
        at_most(f"{named}, events heard twice", verdict.repeated, "messages", 0),
        at_most(f"{named}, events heard out of order", verdict.disordered, "messages", 0),
        at_most(f"{named}, events heard that are not theirs", verdict.foreign, "messages", 0),
        Figure(f"{named}, from recorded to heard, p50", late[9], "ms"),
        Figure(f"{named}, from recorded to heard, p95", late[18], "ms"),
        Figure(f"{named}, everything heard after the last event", verdict.caught_up_seconds, "s"),
        Figure(f"{named}, CPU of the API", heard.busy_cores, "cores"),
        Figure(f"{named}, memory of the API", memory, "MiB"),
    ]


@dataclass(frozen=True, slots=True)
class Heard:
    """How many events were written in how long, what the listeners say of them, and what the API needed."""

    events: int
    seconds: float
    verdict: Verdict
    idle_cores: float
    busy_cores: float


def hearing(
    bench: Bench,
    address: str,
    listeners: int,
    seconds: float,
    events_per_second: int,
    stay_seconds: float,
    cpu_seconds: Callable[[], float] = time.process_time,
    idle_seconds: float = _IDLE_SECONDS,
) -> Heard:
    """Everybody comes in, waits a while, and hears what happens; `cpu_seconds` says what the API has used so far."""
    bench.stock(_SKUS, 10_000_000)
    tokens, since = _tokens(bench, listeners), _newest(bench)
    place = urlsplit(address)
    with _listening(Plan(str(place.hostname), place.port or 0, tokens, stay_seconds, seed=1)) as process:
        before = cpu_seconds()
        time.sleep(idle_seconds)
        idle, began = cpu_seconds() - before, time.monotonic()
        took = _write(bench, seconds, events_per_second)
        happened = _happened(bench, since)
        verdict = _verdict(process, bench, happened)
        busy = (cpu_seconds() - before - idle) / (time.monotonic() - began)
    return Heard(len(happened), took, verdict, idle / max(idle_seconds, 1e-9), busy)


def _allow_files(listeners: int) -> None:
    """Let this process, and those it starts, hold a socket for each listener."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES_EACH * listeners + _FILES_SPARE
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def _tokens(bench: Bench, listeners: int) -> tuple[tuple[str, str], ...]:
    """A token for each listener, and what it hears."""
    ids = {kind: named("bench_colleague", kind) for kind in KINDS}
    invited = {
        kind: InviteStaffMember(staff_id=ids[kind], name=kind, email=f"{number}@example.org", staff_role="clerk",
                                function_access=functions)
        for number, (kind, functions) in enumerate(KINDS.items())
    }  # fmt: skip
    bench.send(list(invited.values()))
    kinds = list(KINDS)
    return tuple((bench.token(ids[kinds[n % len(kinds)]]), kinds[n % len(kinds)]) for n in range(listeners))


@contextmanager
def _listening(plan: Plan) -> Iterator[subprocess.Popen[str]]:
    """The process of all listeners, once everybody listens."""
    command = [sys.executable, "-m", "orchestration.bench.streams_listeners"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdin and process.stdout
        print(json.dumps(asdict(plan)), file=process.stdin, flush=True)
        assert process.stdout.readline() == "ready\n", "the listeners did not come in; see their words above"
        yield process
    finally:
        process.kill()
        process.communicate()


def _verdict(process: subprocess.Popen[str], bench: Bench, happened: Mapping[str, Sequence[Any]]) -> Verdict:
    file = Path(bench.settings.home) / "happened.json"
    file.write_text(json.dumps(happened))
    assert process.stdin and process.stdout
    print(file, file=process.stdin, flush=True)
    said = json.loads(process.stdout.readline())
    return Verdict(**said | {"late_ms": tuple(said["late_ms"])})


def _write(bench: Bench, seconds: float, events_per_second: int) -> float:
    """Let so many events happen a second, from several transactions at once; seconds it took."""
    pause = _WRITERS * _TOGETHER / events_per_second
    rounds = round(seconds / pause)
    started = time.monotonic()
    writers = [threading.Thread(target=_pace, args=(bench, n, rounds, pause, started)) for n in range(_WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    return time.monotonic() - started


def _pace(bench: Bench, writer: int, rounds: int, pause: float, started: float) -> None:
    for number in range(rounds):
        time.sleep(max(0.0, started + number * pause - time.monotonic()))
        commands = [_command(writer, number * _TOGETHER + n) for n in range(_TOGETHER)]
        requests = [Request(one, new_id(now()), system("bench"), now()) for one in commands]
        handle_all(bench.engine, requests, rules_of(bench.settings))


def _command(writer: int, number: int) -> Command:
    """Of two kinds in turn, each one event."""
    sku = _SKUS[number % len(_SKUS)]
    if number % 2:
        return AdjustStock(sku=sku, quantity=-1, reason="bench")
    price = Decimal(writer * 1_000_000 + number + 1) / 100
    return ObserveCompetitorPrice(sku=sku, competitor="Bench", price=price, observed_on=now().date())


def _newest(bench: Bench) -> int:
    with reading(bench.engine, system("bench")) as connection:
        return int(connection.execute(text("select coalesce(max(position), 0) from jovey.visible_events")).scalar_one())


def _happened(bench: Bench, since: int) -> dict[str, tuple[str, str, int]]:
    """Every event after a position: id to type, stream and place in it."""
    wanted = text("select id, event_type, aggregate_id, version from jovey.visible_events where position > :since")
    with reading(bench.engine, system("bench")) as connection:
        rows = connection.execute(wanted, {"since": since}).all()
    return {str(row.id): (row.event_type, str(row.aggregate_id), row.version) for row in rows}

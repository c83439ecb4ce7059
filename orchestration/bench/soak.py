"""Soak: a house that takes five orders a second must be at its end what it was at its beginning, and never stale."""

from __future__ import annotations

import random
import re
import signal
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from uuid import UUID

import duckdb
import psutil
import psycopg
from rich.console import Console

from api.category.commands import CreateProduct
from api.client import Client
from api.fulfillment.commands import ReceiveStock
from api.orders.commands import CancelOrder, PlaceOrder
from api.receivables.commands import ReceivePayment
from orchestration.bench.figure import Figure, at_most
from orchestration.bench.whole_house import own_home, served
from orchestration.users import create_customer, create_staff, issue_token
from orchestration.verify import examine
from warehouse import clock
from warehouse.ids import new_id
from warehouse.lake.attach import LakeMissing
from warehouse.lake.read import EVERYTHING, Reader
from warehouse.postgres import Database, open_database
from warehouse.settings import Settings

_TRADES_A_SECOND = 5
_SAMPLE_SECONDS = 5.0
_SKUS = [f"SOAK-{number}" for number in range(20)]
_MEMORY_RATIO_MAX, _LATENCY_RATIO_MAX = 1.25, 1.5
_AGE_SECONDS_MAX = 20.0  # what a dashboard may be behind the log, at any moment
_LAG_SECONDS_MAX, _STOP_SECONDS_MAX = 15.0, 10.0
_ERROR = re.compile(r"\b(ERROR|CRITICAL|Traceback|FATAL|PANIC)\b")
_MEGABYTE = 1024**2
_SHOWN_MAX = 20
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Sample:
    """The house at one moment, and the requests since the moment before."""

    memory_mb: float
    connections: int
    age_seconds: float
    latencies_ms: list[float]


def soak(minutes: float) -> list[Figure]:
    """Order, read, cancel and pay at a steady pace; about two minutes more than `minutes`."""
    with own_home() as settings, open_database(settings) as database:
        with served(settings) as supervisor:
            began = _programs(supervisor)
            with _shop(settings) as shop, Reader(database, settings) as lake:
                samples = list(_samples(shop, lake, supervisor, database, minutes * 60))
                lag = _lag(shop, lake)
            restarts = len(began - _programs(supervisor))
            # before the stop: it interrupts a run that is under way, and Dagster calls that an error
            errors = [line for log in sorted((settings.home / "logs").glob("*.log")) for line in _errors(log)]
            Console(stderr=True).print(*errors[:_SHOWN_MAX], sep="\n", markup=False)
            stop = _stop_seconds(supervisor)
        left = [process for process in began if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
        faults = examine(settings)
    return [
        *_steadiness(samples),
        Figure("orders placed a second", len(shop.placed_at) / (minutes * 60), "orders/s"),
        at_most("age of the lake, longest", max(sample.age_seconds for sample in samples), "s", _AGE_SECONDS_MAX),
        at_most("lines of logs that speak of errors", len(errors), "lines", 0),
        at_most("programs started again", restarts, "programs", 0),
        at_most("last order to the lake", lag, "s", _LAG_SECONDS_MAX),
        at_most("stop by Ctrl-C", stop, "s", _STOP_SECONDS_MAX),
        at_most("processes left", len(left), "processes", 0),
        at_most("states and tables not as the log says", 0 if faults.is_sound else 1, "", 0),
    ]


@contextmanager
def _shop(settings: Settings) -> Iterator[Shop]:
    """A clerk signed in, a customer, and goods enough for any soak."""
    password = new_id(clock.now()).hex
    create_staff(settings, "soak@example.com", "Soak", password)
    customer_id = create_customer(settings, "buyer@example.com", "Buyer", password)
    token = issue_token(settings, "soak@example.com", timedelta(days=2))
    with Client(f"http://{settings.api_host}:{settings.api_port}", token) as clerk:
        for sku in _SKUS:
            clerk.send(CreateProduct, sku=sku, name=sku, category="tank_pump", base_price="100.00", cost="60.00")
            clerk.send(ReceiveStock, sku=sku, quantity=10_000_000, unit_cost="60.00")
        yield Shop(clerk, customer_id, random.Random(1))  # noqa: S311 - baskets, no secret


@dataclass(slots=True)
class Shop:
    """A clerk who orders, looks, cancels and takes money; every refusal is an error that ends the soak."""

    clerk: Client
    customer_id: UUID
    dice: random.Random
    placed_at: list[float] = field(default_factory=list)

    def trade(self) -> Iterator[float]:
        """One order and what follows it; yields each request's milliseconds."""
        lines = [{"sku": sku, "quantity": self.dice.randint(1, 3)} for sku in self.dice.sample(_SKUS, 5)]
        order = yield from _timed(lambda: self.clerk.send(PlaceOrder, customer_id=self.customer_id, lines=lines).body)
        yield from _timed(lambda: self.clerk.get(f"/orders/{order['id']}"))
        yield from _timed(lambda: self.clerk.get("/orders"))
        self.placed_at.append(time.monotonic())
        placed = len(self.placed_at)
        if placed % 3:  # most are cancelled, so that an account's state stays as small as in real life
            yield from _timed(lambda: self.clerk.send(CancelOrder, order_id=order["id"], reason="soak"))
        if placed % 10 == 0:
            yield from _timed(self._pay)

    def _pay(self) -> Any:
        today = clock.calendar_date(clock.now(), "UTC")
        return self.clerk.send(
            ReceivePayment,
            customer_id=self.customer_id,
            amount=Decimal(100),
            received_on=today,
        )


def _timed(ask: Callable[[], Any]) -> Generator[float, None, Any]:
    """Yield the milliseconds it took, return the answer."""
    began = time.perf_counter()
    answer = ask()
    yield (time.perf_counter() - began) * 1000
    return answer


# --- watching ---


def _samples(
    shop: Shop, lake: Reader, supervisor: psutil.Process, database: Database, seconds: float
) -> Iterator[Sample]:
    """Trade at a steady pace and look at the house every few seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        until = time.monotonic() + _SAMPLE_SECONDS
        latencies: list[float] = []
        while time.monotonic() < until:
            due = time.monotonic() + 1 / _TRADES_A_SECOND
            latencies += shop.trade()
            time.sleep(max(0.0, due - time.monotonic()))
        yield Sample(_memory_mb(supervisor), _connections(database), _age_seconds(shop, lake), latencies)


def _memory_mb(supervisor: psutil.Process) -> float:
    """Resident memory of all programs; a run's process lives too short to count."""
    total = 0
    for process in _programs(supervisor):
        with suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total / _MEGABYTE


def _programs(supervisor: psutil.Process) -> set[psutil.Process]:
    return set(supervisor.children())


def _connections(database: Database) -> int:
    with psycopg.connect(database.libpq()) as connection:
        asked = "select count(*) from pg_stat_activity where backend_type = 'client backend'"
        row = connection.execute(asked).fetchone()
    return int(row[0]) if row else 0


def _age_seconds(shop: Shop, lake: Reader) -> float:
    """How long ago the first order was placed that the lake does not show yet."""
    seen = _orders_seen(lake)
    return time.monotonic() - shop.placed_at[seen] if seen < len(shop.placed_at) else 0.0


def _errors(log: Path) -> Iterator[str]:
    with log.open(encoding="utf-8", errors="replace") as lines:
        yield from (f"{log.name}: {line.rstrip()}" for line in lines if _ERROR.search(line))


def _lag(shop: Shop, lake: Reader) -> float:
    """Seconds until the last order placed is in the lake."""
    began = time.monotonic()
    while time.monotonic() - began < 4 * _LAG_SECONDS_MAX and _orders_seen(lake) < len(shop.placed_at):
        time.sleep(_LOOK_SECONDS)
    return time.monotonic() - began


def _orders_seen(lake: Reader) -> int:
    try:
        count: int = lake.query("select count(*) from orders.orders", functions=EVERYTHING).frame.item()
    except (LakeMissing, duckdb.CatalogException):  # the first run is on its way
        return 0
    return count


def _stop_seconds(supervisor: psutil.Process) -> float:
    began = time.monotonic()
    supervisor.send_signal(signal.SIGINT)
    supervisor.wait(_STOP_SECONDS_MAX * 3)
    return time.monotonic() - began


def _steadiness(samples: list[Sample]) -> Iterator[Figure]:
    """The last quarter beside the second: the first one warms up."""
    quarter = max(1, len(samples) // 4)
    early, late = samples[quarter : 2 * quarter] or samples, samples[-quarter:]
    requests = _all(samples)
    yield Figure("requests answered", len(requests), "requests")
    yield Figure("request, p95", _p95(requests), "ms")
    yield at_most("request, p95 at the end", _p95(_all(late)), "ms", _LATENCY_RATIO_MAX * _p95(_all(early)))
    memory = median(sample.memory_mb for sample in early)
    yield at_most("memory at the end", median(sample.memory_mb for sample in late), "MB", _MEMORY_RATIO_MAX * memory)
    connections = max(sample.connections for sample in early)
    yield at_most("connections at the end", median(sample.connections for sample in late), "", connections)


def _all(samples: list[Sample]) -> list[float]:
    return [latency for sample in samples for latency in sample.latencies_ms]


def _p95(latencies: list[float]) -> float:
    return quantiles(latencies, n=20, method="inclusive")[18]

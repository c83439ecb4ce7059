"""Freshness: from the commit of a payment to its sight in receivables.aging, on the demo company under `jovey up`."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from statistics import quantiles
from uuid import UUID

from sqlalchemy import Engine

from api.actor import system
from api.customers.commands import RegisterCustomer
from api.handle import Request, handle
from api.receivables.commands import ReceivePayment
from api.rules import Rules, rules_of
from assets.hot_run import refresh
from orchestration.bench.figure import Figure, at_most
from orchestration.bench.whole_house import own_home, served
from orchestration.demo.plan import DAYS, Plan
from orchestration.demo.story import found
from orchestration.demo.tell import tell
from warehouse import clock
from warehouse.ids import new_id
from warehouse.lake.read import EVERYTHING, Reader
from warehouse.log.migrate import migrate
from warehouse.postgres import open_database

PAYMENTS = 30
_P95_SECONDS_MAX = 15.0
_PAUSE_SECONDS_MAX = 7.0  # between payments, so that they meet the sensor at any point of its round
_SEEN_SECONDS_MAX = 120.0
_LOOK_SECONDS = 0.05
_BY = system("bench")


def rows(payments: int = PAYMENTS, days: int = DAYS) -> list[Figure]:
    """Seconds from commit to sight, on a home of its own: about 2 min to make the company, then 10 s a payment."""
    with own_home() as settings, open_database(settings) as database:
        migrate(database)
        engine = database.engine("jovey_append", statement_timeout_s=60)
        plan = Plan(1, clock.calendar_date(clock.now(), "UTC") - timedelta(days=1), days)
        tell(engine, *found(plan), Rules(), lambda: None)
        refresh(database, settings)
        with served(settings), Reader(database, settings) as lake:
            took = sorted(_measured(engine, lake, rules_of(settings), payments))
        engine.dispose()
    cuts = quantiles(took, n=20, method="inclusive")
    return [
        Figure("event to receivables.aging, p50", cuts[9], "s"),
        at_most("event to receivables.aging, p95", cuts[18], "s", _P95_SECONDS_MAX),
        Figure("event to receivables.aging, longest", took[-1], "s"),
    ]


def _measured(engine: Engine, lake: Reader, rules: Rules, payments: int) -> Iterator[float]:
    """Pay one unit of money again and again, and watch the payer's balance; the first one only warms up."""
    dice = random.Random(1)  # noqa: S311 - pauses, no secret
    customer_id = new_id(clock.now())
    _ask(engine, RegisterCustomer(customer_id=customer_id, name="Bench"), rules)
    for number in range(payments + 1):
        today = clock.calendar_date(clock.now(), rules.time_zone)
        payment = ReceivePayment(
            customer_id=customer_id, payment_id=new_id(clock.now()), amount=Decimal(1), received_on=today
        )
        _ask(engine, payment, rules)
        committed = time.monotonic()
        _wait_until_seen(lake, customer_id, -number - 1, committed + _SEEN_SECONDS_MAX)
        if number:
            yield time.monotonic() - committed
        time.sleep(dice.uniform(0, _PAUSE_SECONDS_MAX))


def _ask(engine: Engine, command: RegisterCustomer | ReceivePayment, rules: Rules) -> None:
    handle(engine, Request(command, new_id(clock.now()), _BY, clock.now()), rules)


def _wait_until_seen(lake: Reader, customer_id: UUID, unapplied: int, deadline: float) -> None:
    query = "select unapplied from receivables.aging where customer_id = ?"
    while True:
        assert time.monotonic() < deadline, f"unseen after {_SEEN_SECONDS_MAX} s"
        frame = lake.query(query, [customer_id], functions=EVERYTHING).frame
        if frame.height and frame.item() == unapplied:
            return
        time.sleep(_LOOK_SECONDS)

"""A small company with something to order and something to reprice, and a desk that keeps what agents bring to it."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine

from api.actor import system
from api.agents.commands import ProposeDecision, RecordModelCall
from api.category.commands import CreateProduct, ObserveCompetitorPrice
from api.command import Command
from api.customers.commands import ApproveDealer, RegisterCustomer
from api.fulfillment.commands import ReceiveStock
from api.handle import Request, handle
from api.orders.commands import PlaceOrder
from api.procurement.commands import CreatePurchaseOrder, CreateSupplier, ReceivePurchaseOrder, SendPurchaseOrder
from api.rules import Rules
from assets.lake import Lake
from warehouse import clock
from warehouse.ids import named, new_id
from warehouse.lake.read import Reader
from warehouse.postgres import Database
from warehouse.settings import Settings

WEEKS = 14
WEEKLY = 12
D = Decimal
OPENING = {"JP-1": 180, "JP-2": 190, "JP-3": 175, "JP-4": 290}
"""Pieces on the shelf before 168 are ordered of each: the first three are to be ordered anew."""


@dataclass(frozen=True)
class Company:
    """A house whose lake shows three products to order and one whose price is far below the market's."""

    settings: Settings
    database: Database
    engine: Engine
    reader: Reader

    def send(self, command: Command, at: datetime | None = None) -> None:
        """Ask for a command as the company itself."""
        instant = at or clock.now()
        handle(self.engine, Request(command, new_id(instant), system("test"), instant), Rules())

    def refresh(self) -> None:
        """Bring the lake to the head of the log."""
        done = Lake.of(self.settings).refresh()
        assert not done.failures


@dataclass
class Tray:
    """A desk in memory: it keeps proposals and calls, and refuses what it is told to."""

    proposed: list[ProposeDecision] = field(default_factory=list)
    calls: dict[UUID, RecordModelCall] = field(default_factory=dict)
    lately: list[tuple[UUID, str]] = field(default_factory=list)
    decided: set[UUID] = field(default_factory=set)
    refuses: str | None = None

    def proposed_since(self, function: str, since: datetime) -> Iterator[tuple[UUID, str]]:
        return iter(self.lately)

    def is_waiting(self, id: UUID) -> bool:
        return id not in self.decided

    def propose(self, command: ProposeDecision) -> str | None:
        if self.refuses is None:
            self.proposed.append(command)
        return self.refuses

    def call(self, id: UUID) -> Mapping[str, Any] | None:
        found = self.calls.get(id)
        return None if found is None else found.model_dump(mode="json")

    def record(self, command: RecordModelCall) -> None:
        self.calls[command.model_call_id] = command

    @property
    def labels(self) -> Counter[str]:
        """How many proposals bear which label."""
        return Counter(one.fallback_reason or one.origin for one in self.proposed)


@pytest.fixture
def tray() -> Tray:
    return Tray()


@pytest.fixture(scope="module")
def told_company(server, template) -> Iterator[Company]:
    """One company for all tests of a file: look, don't touch."""
    with _company(server, template) as company:
        yield company


@pytest.fixture
def new_company(server, template) -> Iterator[Company]:
    """A company of the test's own."""
    with _company(server, template) as company:
        yield company


@pytest.fixture
def with_claude(messages_api) -> Callable[[Settings], Settings]:
    """The same settings with a key, and the stand-in for the API."""

    def settings(plain: Settings, **chosen: Any) -> Settings:
        return plain.model_copy(
            update={"anthropic_api_key": "sk-ant-test", "anthropic_base_url": messages_api.url, **chosen}
        )

    return settings


@contextmanager
def _company(server: Database, template: Database) -> Iterator[Company]:
    own = server.sibling(f"agents_{uuid4().hex}")
    with psycopg.connect(server.libpq(), autocommit=True) as connection:
        names = (sql.Identifier(own.name), sql.Identifier(template.name))
        connection.execute(sql.SQL("create database {} template {}").format(*names))
    home = Path(tempfile.mkdtemp(prefix="jovey-agents-"))
    url = f"postgresql://{own.user}@/{own.name}?host={own.host}&port={own.port}"
    settings = Settings(_env_file=None, home=home, DATABASE_URL=url, secret_key="a key for tests that is long enough")
    engine = own.engine()
    try:
        with Reader(own, settings) as reader:
            company = Company(settings, own, engine, reader)
            _live(company)
            company.refresh()
            yield company
    finally:
        engine.dispose()
        with psycopg.connect(server.libpq(), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(own.name)))
        shutil.rmtree(home)


def _live(company: Company) -> None:
    """Fourteen weeks of steady orders, a delivery, another that is late, and a look at the market."""
    now = clock.now()
    begun = now - timedelta(weeks=WEEKS, days=1)
    supplier, dealer, purchase = named("supplier", "s"), named("person", "d"), named("purchase", "p")
    company.send(CreateSupplier(supplier_id=supplier, name="Kestrel Castings", lead_time_days=14), begun)
    company.send(RegisterCustomer(customer_id=dealer, user_type="dealer", name="Deva", email="d@example.com"), begun)
    company.send(ApproveDealer(customer_id=dealer, discount_rate=D("0.1"), credit_limit=None, terms="net_30"), begun)
    for sku, quantity in OPENING.items():
        made = CreateProduct(sku=sku, name=sku, category="tank_pump", base_price=D("100.00"), cost=D("60.00"))
        company.send(made, begun)
        company.send(ReceiveStock(sku=sku, quantity=quantity, source="opening", unit_cost=D(60)), begun)
    lines = [{"sku": sku, "quantity": 5, "unit_cost": D(60)} for sku in OPENING]
    company.send(CreatePurchaseOrder(purchase_order_id=purchase, supplier_id=supplier, lines=lines), begun)
    company.send(SendPurchaseOrder(purchase_order_id=purchase), begun)
    received = ReceivePurchaseOrder(purchase_order_id=purchase, receipt_id=named("receipt", "r"))
    company.send(received, begun + timedelta(days=14))
    late = named("purchase", "late")
    lines = [{"sku": "JP-1", "quantity": 8, "unit_cost": D(60)}]
    due = clock.calendar_date(now, "UTC") - timedelta(days=10)
    draft = CreatePurchaseOrder(purchase_order_id=late, supplier_id=supplier, lines=lines, expected_on=due)
    company.send(draft, now - timedelta(days=30))
    company.send(SendPurchaseOrder(purchase_order_id=late), now - timedelta(days=30))
    for week in range(WEEKS):
        wanted = [{"sku": sku, "quantity": WEEKLY} for sku in OPENING]
        at = begun + timedelta(weeks=week, days=1, hours=1)
        company.send(PlaceOrder(order_id=new_id(at), customer_id=dealer, lines=wanted), at)
    today = clock.calendar_date(now, company.settings.time_zone)
    company.send(ObserveCompetitorPrice(sku="JP-4", competitor="Heron", price=D("112.00"), observed_on=today))

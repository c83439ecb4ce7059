"""A small company with a past, its API and its screens on sockets, and readers for every seat."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
import uvicorn
from psycopg import sql
from sqlalchemy import Engine
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

import dashboards
from api.actor import Actor, system
from api.agents.commands import GuardVerdict, ProposeDecision, Reorder, ReorderPreconditions, SeenAsOf, Sighting
from api.app import create_app
from api.auth.keys import current_key
from api.auth.sessions import open_session
from api.auth.tokens import signed
from api.category.commands import CreateProduct
from api.command import Command
from api.customers.commands import ApproveDealer, InviteStaffMember, RegisterCustomer
from api.fulfillment.commands import CreateShipment, PackShipment, PickShipment, ReceiveStock, ShipShipment
from api.handle import Request, handle
from api.orders.commands import OrderedLine, PlaceOrder
from api.procurement.commands import CreateSupplier
from api.rules import rules_of
from assets.lake import Lake
from dashboards.company import company
from orchestration.programs import LOOPBACK, free_port
from warehouse.clock import now
from warehouse.ids import named, new_id
from warehouse.postgres import Database
from warehouse.settings import Settings, settings

KEY = "a key for tests that is long enough to sign with"
SCRIPT = Path(dashboards.__file__).with_name("screens.py")
HOSTILE = ":red[Dara] $5$ <b>& Pumps</b>"
_SECONDS_MAX = 60


@pytest.fixture(autouse=True, scope="session")
def _packages_are_looked_through_once() -> Iterator[None]:
    """Streamlit's test client looks through every installed package for components at each run, for a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@dataclass(frozen=True)
class Seat:
    """Somebody with a session."""

    id: UUID
    token: str
    name: str
    functions: tuple[str, ...]

    @property
    def cookie(self) -> dict[str, str]:
        return {"Cookie": f"jovey_session={self.token}"}


class House:
    """The company's rules on its database; whatever is sent is one command."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.settings, self.engine = settings, engine
        self.rules = rules_of(settings)

    def send(self, command: Command, *, at: datetime | None = None, by: Actor | None = None) -> Any:
        at = at or now()
        request = Request(command, new_id(at), by or system("test"), at)
        return handle(self.engine, request, self.rules).response

    def seat(self, person_id: UUID, name: str, functions: Sequence[str], lasts: timedelta = timedelta(hours=1)) -> Seat:
        with self.engine.begin() as connection:
            opened = open_session(connection, person_id, now())
            token = signed(opened.claims, current_key(connection, now()), now(), lasts)
        return Seat(person_id, token, name, tuple(functions))

    def staff(self, *functions: str, name: str = "") -> Seat:
        """A colleague in these functions; the same one when asked again."""
        name = name or f"Works in {' and '.join(functions) or 'nothing'}"
        id = new_id(now())
        email = f"{hashlib.sha256(id.bytes).hexdigest()[:12]}@example.com"
        wish = {"name": name, "email": email, "staff_role": "clerk", "function_access": functions}
        self.send(InviteStaffMember(staff_id=id, **wish))
        return self.seat(id, name, functions)

    def buyer(self) -> Seat:
        return self.seat(named("customer", "dealer"), HOSTILE, ())

    def propose(self, quantity: int = 40, *, on_hand: int = 1, claude: int | None = None) -> str:
        """A reorder that waits for a decision; `claude` is the quantity Claude would rather have."""
        supplier_id = named("supplier", "seals")
        act = {"sku": "TP-2", "supplier_id": supplier_id, "unit_cost": Decimal("9.00")}
        asked = ProposeDecision(
            function="procurement",
            agent="reorder",
            subject="TP-2",
            contract_version="reorder-1",
            snapshot_hash=hashlib.sha256(new_id(now()).bytes).hexdigest(),
            as_of=SeenAsOf(position="0", event_number=12, at=now()),
            situation=(Sighting(name="On hand", value="1", unit="pieces"), Sighting(name="Supplier", value="Seals")),
            proposal=Reorder(quantity=claude or quantity, **act),
            formula=Reorder(quantity=quantity, **act),
            model_answer={"stance": "raise"} if claude else None,
            origin="claude" if claude else "formula",
            reason="DEMAND_UP" if claude else "NONE",
            rationale="1 left and none on the way: **order** now.",
            guards=(GuardVerdict(name="Whole packs", has_passed=True, message="packs of 1"),),
            preconditions=ReorderPreconditions(quantity_on_hand=on_hand, unit_cost=Decimal("9.00")),
        )
        self.send(asked, by=Actor("agent", name="reorder", functions=frozenset({"procurement"})))
        return str(asked.decision_id)

    def found(self) -> None:
        """Two products, one nearly gone; a dealer who owes since two months; an order on its way."""
        past = now() - timedelta(days=75)
        self.send(CreateSupplier(supplier_id=named("supplier", "seals"), name="Seals"), at=past)
        for sku, stock in (("TP-1", 100), ("TP-2", 3)):
            made = CreateProduct(
                sku=sku, name=f"Pump {sku}", category="tank_pump", base_price=Decimal(100), cost=Decimal(9)
            )
            self.send(made, at=past)
            self.send(ReceiveStock(sku=sku, quantity=stock, source="opening", unit_cost=Decimal(9)), at=past)
        dealer = named("customer", "dealer")
        self.send(
            RegisterCustomer(customer_id=dealer, user_type="dealer", name=HOSTILE, email="d@example.com"), at=past
        )
        terms = {"discount_rate": Decimal("0.1"), "credit_limit": None, "terms": "net_30"}
        self.send(ApproveDealer(customer_id=dealer, **terms), at=past)
        for name, days, sku in (("old", 70, "TP-1"), ("new", 2, "TP-2")):
            self.ship(name, dealer, sku, now() - timedelta(days=days))
        lines = (OrderedLine(sku="TP-1", quantity=1),)
        self.send(PlaceOrder(order_id=named("order", "open"), customer_id=dealer, lines=lines))

    def ship(self, name: str, dealer: UUID, sku: str, at: datetime) -> None:
        order, shipment = named("order", name), named("shipment", name)
        self.send(PlaceOrder(order_id=order, customer_id=dealer, lines=(OrderedLine(sku=sku, quantity=2),)), at=at)
        self.send(CreateShipment(shipment_id=shipment, order_id=order), at=at)
        for step in (PickShipment(shipment_id=shipment), PackShipment(shipment_id=shipment)):
            self.send(step, at=at)
        self.send(ShipShipment(shipment_id=shipment, carrier="Own van"), at=at)


@pytest.fixture(scope="session")
def own_database(server: Database, template: Database) -> Iterator[Database]:
    """One database for all tests of the screens of this worker: a lake is dear to make."""
    own = server.sibling(f"screens_{os.getpid()}")
    _run(server, "create database {} template {}", own.name, template.name)
    yield own
    _run(server, "drop database {} with (force)", own.name)


def _run(server: Database, statement: str, *names: str) -> None:
    with psycopg.connect(server.libpq(), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(scope="session")
def house_settings(own_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    url = f"postgresql://{own_database.user}@/{own_database.name}?host={own_database.host}&port={own_database.port}"
    home = tmp_path_factory.mktemp("screens")
    api_port = free_port(LOOPBACK)
    ports = {"api_port": api_port, "staff_port": free_port(LOOPBACK, but=[api_port])}
    return Settings(_env_file=None, home=home, DATABASE_URL=url, secret_key=KEY, **ports)


@pytest.fixture(scope="session")
def house(own_database: Database, house_settings: Settings) -> Iterator[House]:
    """The company, founded, with its lake as of then."""
    engine = own_database.engine("jovey_append")
    found = House(house_settings, engine)
    found.found()
    Lake.of(house_settings).refresh()
    yield found
    engine.dispose()


@pytest.fixture(scope="session")
def environment(house_settings: Settings) -> dict[str, str]:
    """The settings as another process, or a cached call of this one, reads them."""
    chosen = house_settings
    return {
        "JOVEY_HOME": str(chosen.home),
        "DATABASE_URL": chosen.database_url or "",
        "JOVEY_SECRET_KEY": KEY,
        "JOVEY_API_PORT": str(chosen.api_port),
        "JOVEY_STAFF_PORT": str(chosen.staff_port),
    }


@pytest.fixture(scope="session")
def api(house: House) -> Iterator[str]:
    """The API on a socket, with its door to the screens; its address."""
    app = create_app(house.settings)
    config = uvicorn.Config(
        app,
        port=house.settings.api_port,
        log_config=None,
        ws="websockets-sansio",
        lifespan="on",
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    address = f"http://127.0.0.1:{house.settings.api_port}"
    try:
        _wait(f"{address}/health/ready", thread.is_alive)
        yield address
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def staff(api: str, environment: dict[str, str], house_settings: Settings) -> Iterator[str]:
    """The screens as their own process, as `jovey up` runs them; their address."""
    port = str(house_settings.staff_port)
    command = [str(Path(sys.executable).with_name("uvicorn")), "dashboards.app:create_app", "--factory"]
    said = house_settings.home / "staff.log"
    with said.open("w") as log:
        process = subprocess.Popen(
            [*command, "--port", port, "--no-access-log", "--timeout-graceful-shutdown", "2"],
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{address}/staff/_stcore/health", lambda: process.poll() is None)
        yield address
    finally:
        process.terminate()
        process.wait(_SECONDS_MAX)


def _wait(address: str, is_alive: Callable[[], bool]) -> None:
    """Until it answers well; a connection is tried again at once, so the processor waits, not the clock."""
    deadline = now() + timedelta(seconds=_SECONDS_MAX)
    while now() < deadline:
        assert is_alive(), f"{address} ended"
        try:
            if httpx.get(address, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            threading.Event().wait(0.05)
    pytest.fail(f"{address} does not answer")


@pytest.fixture(scope="session")
def kept(api: str) -> Iterator[None]:
    """The company that this process opened is closed before its database goes."""
    yield
    if company.cache_info().currsize:
        company().close()
        company.cache_clear()


@pytest.fixture
def opened(kept: None, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The company as screens of this process see it."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield company()
    settings.cache_clear()


@pytest.fixture
def otherwise(kept: None, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """The company with other settings, such as an API that is not there; afterwards it is as before."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def changed(**other: str) -> Any:
        for name, value in other.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()
        company.cache_clear()
        return company()

    yield changed
    company().close()
    company.cache_clear()
    settings.cache_clear()


def looked(seat: Seat, path: str = "overview", **query: str) -> AppTest:
    """A page as somebody sees it: its path, and what stands behind the question mark."""
    at = AppTest.from_file(str(SCRIPT), default_timeout=60)
    at.user = {"sub": str(seat.id), "name": seat.name, "functions": ",".join(seat.functions), "token": seat.token}
    for name, value in query.items():
        at.query_params[name] = value
    at._page_hash = calc_hash("" if path == "overview" else path)  # pages are functions, which AppTest cannot name
    return at.run()


@pytest.fixture
def look(opened: Any) -> Callable[..., AppTest]:
    return looked


@pytest.fixture
def look_otherwise(otherwise: Callable[..., Any]) -> Callable[..., AppTest]:
    """Look at a company with other settings: call `otherwise` first."""
    return looked


def words(at: AppTest) -> str:
    """All the words of a page."""
    kinds = (at.markdown, at.caption, at.info, at.warning, at.error, at.success, at.metric)
    return "\n".join(f"{getattr(one, 'label', '')} {one.value}" for kind in kinds for one in kind)


@pytest.fixture(scope="session", name="words")
def _words() -> Callable[[AppTest], str]:
    return words

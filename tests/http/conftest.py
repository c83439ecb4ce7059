"""A house with its doors, and people to walk through them."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from psycopg import sql
from sqlalchemy import Connection

from api.actor import system
from api.app import create_app
from api.auth.sessions import open_session
from api.auth.tokens import signed
from api.category.commands import CreateProduct, product_id
from api.command import Command
from api.customers.commands import ApproveDealer, InviteStaffMember, RegisterCustomer
from api.fulfillment.commands import ReceiveStock
from api.handle import Request, handle
from api.house import House
from api.orders.commands import PlaceOrder
from orchestration.bench.statements import ENDS, noted
from warehouse.clock import now
from warehouse.ids import named, new_id
from warehouse.postgres import Database
from warehouse.settings import Settings

KEY = "a key for tests that is long enough to sign with"
EVERY_FUNCTION = ("category", "customers", "events", "fulfillment", "orders", "procurement", "receivables")


@pytest.fixture
def app(database: Database, tmp_path: Path) -> Iterator[FastAPI]:
    settings = Settings(home=tmp_path, secret_key=KEY)
    app = create_app(settings, database)
    config = uvicorn.Config(app, log_config=None, ws="none", lifespan="on", timeout_graceful_shutdown=2)
    server = Prompt(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=30) as client:
            _wait_until_ready(client, thread)
            app.state.client = client
            yield app
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


class Prompt(uvicorn.Server):
    """Uvicorn that ends at once when nobody is connected: it looks each tenth of a second, and lingers for another."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # noqa: ASYNC110 - it is told by a flag, from another thread
            await asyncio.sleep(0.01)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
        else:
            for server in self.servers:
                server.close()
            await self.lifespan.shutdown()


def _wait_until_ready(client: httpx.Client, thread: threading.Thread) -> None:
    """The socket listens already, so the first answer comes as soon as the house is open."""
    answer = client.get("/health/ready")
    assert answer.status_code == 200, answer.text
    assert thread.is_alive()


@dataclass(frozen=True)
class Caller:
    """Somebody at the door; the methods are those of HTTP, the answers those of httpx."""

    client: httpx.Client
    id: UUID | None = None
    token: str | None = None

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = {name.replace("_", "-"): one for name, one in headers.items()}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        return self.client.request(method, path, json=body, headers=sent)

    def get(self, path: str, **headers: str) -> Any:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.ask("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.ask("PUT", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.ask("DELETE", path, **headers)


@dataclass(frozen=True)
class Town:
    """The house and those who call."""

    app: FastAPI

    @property
    def house(self) -> House:
        return self.app.state.house

    def send(self, command: Command, id: UUID | None = None) -> Mapping[str, Any]:
        request = Request(command, id or new_id(now()), system("town"), now())
        return handle(self.house.engine, request, self.house.rules).response

    def everything(self) -> AbstractContextManager[Connection]:
        """A transaction that sees the whole log and all states, as the company itself."""
        return self.house.reading(system("town"))

    def nobody(self) -> Caller:
        return Caller(self.app.state.client)

    def caller(self, person_id: UUID) -> Caller:
        with self.house.engine.begin() as connection:
            opened = open_session(connection, person_id, now())
        token = signed(opened.claims, self.house.signing_key, now(), timedelta(minutes=5))
        return Caller(self.app.state.client, person_id, token)

    def consumer(self, name: str = "asha") -> Caller:
        id = named("person", name)
        self.send(RegisterCustomer(customer_id=id, name=name.title(), email=f"{name}@example.com"))
        return self.caller(id)

    def dealer(self, name: str = "deva", credit_limit: str | None = None, terms: str = "net_30") -> Caller:
        id = named("person", name)
        self.send(RegisterCustomer(customer_id=id, user_type="dealer", name=name.title(), email=f"{name}@example.com"))
        limit = None if credit_limit is None else Decimal(credit_limit)
        self.send(ApproveDealer(customer_id=id, discount_rate=Decimal("0.1"), credit_limit=limit, terms=terms))
        return self.caller(id)

    def staff(self, *functions: str, name: str = "sten") -> Caller:
        id = named("person", name)
        access = functions or EVERY_FUNCTION
        email = f"{name}@example.com"
        self.send(InviteStaffMember(staff_id=id, name=name, email=email, staff_role="clerk", function_access=access))
        return self.caller(id)

    def product(self, sku: str = "P-1", stock: int = 100, price: str = "100.00", cost: str | None = "60.00") -> UUID:
        made = CreateProduct(
            sku=sku, name=f"Pump {sku}", category="tank_pump", base_price=Decimal(price), cost=cost and Decimal(cost)
        )
        self.send(made)
        if stock:
            self.send(ReceiveStock(sku=sku, quantity=stock, source="opening", unit_cost=Decimal(60)))
        return product_id(sku)

    def order(self, buyer: Caller, *lines: tuple[str, int]) -> UUID:
        order_id = new_id(now())
        wanted = [{"sku": sku, "quantity": quantity} for sku, quantity in lines]
        self.send(PlaceOrder(order_id=order_id, customer_id=buyer.id, lines=wanted))
        return order_id


@pytest.fixture
def town(app: FastAPI) -> Town:
    return Town(app)


@pytest.fixture(scope="module")
def village(server: Database, template: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town within the test's own process, one for a whole file: thousands of requests without a socket between."""
    own = server.sibling(f"village_{uuid4().hex}")
    with psycopg.connect(server.libpq(), autocommit=True) as connection:
        names = [sql.Identifier(own.name), sql.Identifier(template.name)]
        connection.execute(sql.SQL("create database {} template {}").format(*names))
        unhurried = {name: 10**6 for name in Settings.model_fields if name.endswith("_requests_per_minute_max")}
        app = create_app(Settings(home=tmp_path_factory.mktemp("village"), secret_key=KEY, **unhurried), own)
        with TestClient(app) as client:
            app.state.client = client
            yield Town(app)
        connection.execute(sql.SQL("drop database {} with (force)").format(names[0]))


@pytest.fixture
def count_statements(town: Town) -> Callable[[Callable[[], Any]], int]:
    """How many SQL statements an act sends to the database."""

    def count(act: Callable[[], Any]) -> int:
        with noted(town.house.engine) as said:
            act()
        return sum(one not in ENDS for one in said)

    return count

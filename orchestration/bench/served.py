"""A house of a bench's own: a fresh database, the API as its own process before it, people with tokens."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import httpx
import psutil
from sqlalchemy import Engine

from api.actor import system
from api.auth.keys import current_key
from api.auth.sessions import open_session
from api.auth.tokens import signed
from api.category.commands import CreateProduct
from api.command import Command
from api.customers.commands import ApproveDealer, RegisterCustomer
from api.fulfillment.commands import ReceiveStock
from api.handle import Request, handle_all
from api.rules import rules_of
from orchestration.programs import LOOPBACK, free_port, program
from warehouse.clock import now
from warehouse.ids import named, new_id
from warehouse.log.migrate import migrate
from warehouse.postgres import Database, open_database
from warehouse.settings import Settings

_READY_SECONDS_MAX = 60.0
_STOP_SECONDS_MAX = 10.0
_BATCH = 100  # commands of one transaction while furnishing the house


class NeverReady(Exception):
    """The API did not answer in time; the message holds its last words."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a bench measures."""

    settings: Settings
    database: Database
    engine: Engine

    def send(self, commands: Sequence[Command]) -> None:
        """Do what furnishes the house, in transactions of a bounded size."""
        for start in range(0, len(commands), _BATCH):
            requests = [Request(one, new_id(now()), system("bench"), now()) for one in commands[start : start + _BATCH]]
            handle_all(self.engine, requests, rules_of(self.settings))

    def stock(self, skus: Sequence[str], quantity: int) -> None:
        """Products with so many pieces of each."""
        price = Decimal("100.00")
        self.send([CreateProduct(sku=sku, name=sku, category="spare_part", base_price=price) for sku in skus])
        self.send([ReceiveStock(sku=sku, quantity=quantity, source="opening") for sku in skus])

    def dealers(self, count: int) -> list[UUID]:
        """Dealers on credit without a limit."""
        ids = [named("bench_dealer", number) for number in range(count)]
        self.send([RegisterCustomer(customer_id=id, user_type="dealer", name=f"Dealer {id}") for id in ids])
        terms = {"discount_rate": Decimal(0), "credit_limit": None, "terms": "net_30"}
        self.send([ApproveDealer.model_validate({"customer_id": id, **terms}) for id in ids])
        return ids

    def consumers(self, count: int) -> list[UUID]:
        """People who buy and have not paid yet."""
        ids = [named("bench_consumer", number) for number in range(count)]
        self.send([RegisterCustomer(customer_id=id, name=f"Consumer {id}") for id in ids])
        return ids

    def token(self, person_id: UUID) -> str:
        """An access token that outlives the bench."""
        with self.engine.begin() as connection:
            opened = open_session(connection, person_id, now())
            key = current_key(connection, now())
        return signed(opened.claims, key, now(), timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class Served:
    """A running API."""

    address: str
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """CPU time it has used so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def own_house() -> Iterator[Bench]:
    """An empty, migrated house in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="jovey-") as folder:
        settings = Settings.model_validate({"home": folder, "DATABASE_URL": None})
        with open_database(settings) as database:
            migrate(database)
            engine = database.engine("jovey_append", statement_timeout_s=60)
            try:
                yield Bench(settings, database, engine)
            finally:
                engine.dispose()


@contextmanager
def serving(settings: Settings) -> Iterator[Served]:
    """The API as `jovey up` runs it, as a process of its own."""
    port = free_port(LOOPBACK)
    command = [program("uvicorn"), "api.app:create_app", "--factory", "--host", LOOPBACK, "--port", str(port)]
    environment = {name: one for name, one in os.environ.items() if name != "DATABASE_URL"}  # noqa: TID251 - handed on
    environment["JOVEY_HOME"] = str(settings.home)
    said = Path(settings.home) / "api.log"
    with said.open("w") as file:
        process = subprocess.Popen(
            [*command, "--no-access-log", "--no-proxy-headers"],
            env=environment,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        address = f"http://{LOOPBACK}:{port}"
        _wait_until_ready(address, process, said)
        yield Served(address, psutil.Process(process.pid))
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_ready(address: str, process: subprocess.Popen[bytes], said: Path) -> None:
    until = time.monotonic() + _READY_SECONDS_MAX
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{address}/health/ready").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise NeverReady(f"The API did not come up: {said.read_text()[-2_000:]}")

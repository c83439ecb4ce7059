"""Placing orders over HTTP: eight clients, five lines an order, beside the very same SQL replayed by pgbench."""

from __future__ import annotations

import asyncio
import re
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx
import psycopg
from psycopg import sql

from api.app import create_app
from orchestration.bench.figure import Figure, at_most
from orchestration.bench.served import Bench, own_house, serving
from orchestration.bench.statements import ENDS, noted
from warehouse.embedded import binaries
from warehouse.postgres import Database

CLIENTS, LINES, ORDERS, WARM_UP = 8, 5, 100, 10  # orders a client places
P95_MS_MAX = 150.0
_HOT = "hot"


@dataclass(frozen=True, slots=True)
class Round:
    """What a round of orders took."""

    orders: int
    seconds: float
    latencies_ms: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Orders a second."""
        return self.orders / self.seconds

    def quantile(self, hundredth: int) -> float:
        """So many of a hundred orders were faster than this, ms."""
        return quantiles(self.latencies_ms, n=100)[hundredth - 1]


def rows(orders: int = ORDERS) -> list[Figure]:
    """About half a minute: a house of its own, two rounds over HTTP, one by pgbench."""
    with own_house() as bench:
        skus = [skus_of(client) for client in range(CLIENTS)]
        bench.stock([*skus_of(_HOT), *(sku for own in skus for sku in own)], 10_000_000)
        dealers = bench.dealers(CLIENTS)
        tokens = [bench.token(dealer) for dealer in dealers]
        replayed, statements = _replayed(bench, tokens, skus, orders)
        with serving(bench.settings) as served:
            address = served.address
            _round(address, tokens, skus, WARM_UP)
            before = served.cpu_seconds()
            apart = _round(address, tokens, skus, orders)
            cpu_ms = (served.cpu_seconds() - before) / apart.orders * 1000
            together = _round(address, tokens, [skus_of(_HOT)] * CLIENTS, orders)
    return [
        Figure("orders over HTTP, 8 clients, 5 lines each", apart.rate, "orders/s"),
        Figure("place order, p50", apart.quantile(50), "ms"),
        at_most("place order, p95", apart.quantile(95), "ms", P95_MS_MAX),
        Figure("CPU of the API per order", cpu_ms, "ms"),
        Figure("SQL statements per order, begin and commit apart", statements, "statements"),
        Figure("the same SQL by pgbench, 8 clients", replayed, "orders/s"),
        Figure("HTTP against pgbench", apart.rate, "orders/s", replayed, apart.rate / replayed),
        Figure("all clients on the same 5 SKUs", together.rate, "orders/s"),
        Figure("all clients on the same 5 SKUs, p95", together.quantile(95), "ms"),
    ]


def skus_of(client: int | str) -> list[str]:
    """What a client orders, a piece of each."""
    return [f"B-{client}-{line}" for line in range(LINES)]


def _body(skus: Sequence[str]) -> dict[str, Any]:
    return {"lines": [{"sku": sku, "quantity": 1} for sku in skus]}


def bearer(token: str) -> dict[str, str]:
    """The header that says who asks."""
    return {"Authorization": f"Bearer {token}"}


def _round(address: str, tokens: Sequence[str], skus: Sequence[Sequence[str]], orders: int) -> Round:
    def client(token: str, own: Sequence[str]) -> list[float]:
        with httpx.Client(base_url=address, headers=bearer(token), timeout=60) as http:
            return [place(http, own) for _ in range(orders)]

    started = time.perf_counter()
    with ThreadPoolExecutor(len(tokens)) as pool:
        found = list(pool.map(client, tokens, skus))
    seconds = time.perf_counter() - started
    return Round(orders * len(tokens), seconds, tuple(one for each in found for one in each))


def place(http: httpx.Client, skus: Sequence[str]) -> float:
    """Place one order; ms until its answer."""
    started = time.perf_counter()
    answer = http.post("/api/v1/orders", json=_body(skus))
    assert answer.status_code == httpx.codes.CREATED, answer.text
    return (time.perf_counter() - started) * 1000


def _replayed(bench: Bench, tokens: Sequence[str], skus: Sequence[Sequence[str]], orders: int) -> tuple[float, float]:
    """(orders/s by pgbench, statements per order): what the API sends is noted on one copy, replayed on another."""
    noted, replayed = (_copy(bench, name) for name in ("bench_noted", "bench_replayed"))
    scripts = [Path(bench.settings.home) / f"client-{number}.sql" for number in range(len(tokens))]
    count = asyncio.run(_note(bench, noted, list(zip(tokens, skus, scripts, strict=True)), orders))
    seconds = _replay(replayed, scripts)
    return len(scripts) * orders / seconds, count / (len(scripts) * orders)


def _copy(bench: Bench, name: str) -> Database:
    bench.engine.dispose()  # a template may have no connections
    with psycopg.connect(bench.database.sibling("postgres").libpq(), autocommit=True) as connection:
        source = sql.Identifier(bench.database.name)
        connection.execute(sql.SQL("create database {} template {}").format(sql.Identifier(name), source))
    return bench.database.sibling(name)


async def _note(
    bench: Bench, database: Database, clients: Sequence[tuple[str, Sequence[str], Path]], orders: int
) -> int:
    """Place every client's orders in this process and write the SQL with its values; the number of statements."""
    app = create_app(bench.settings, database)
    count = 0
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        for token, skus, script in clients:
            with script.open("w") as file, noted(app.state.house.engine) as said:
                async with httpx.AsyncClient(transport=transport, base_url="http://bench") as http:
                    for _ in range(orders):
                        await http.post("/api/v1/orders", json=_body(skus), headers=bearer(token))
                count += sum(line not in ENDS for line in said)
                file.writelines(f"{line};\n" for line in said)
    return count


def _replay(database: Database, scripts: Sequence[Path]) -> float:
    """Seconds of the slowest of as many pgbench processes as there are scripts, each playing its own once."""
    conninfo = database.libpq("jovey_append")
    command = (str(binaries() / "pgbench"), "--no-vacuum", "--client=1", "--transactions=1")
    running = [
        subprocess.Popen([*command, f"--file={script}", conninfo], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for script in scripts
    ]
    said = [process.communicate()[0].decode() for process in running]
    found = [re.search(r"latency average = ([\d.]+) ms", one) for one in said]
    for one, latency, process in zip(said, found, running, strict=True):
        assert latency and not process.returncode, one[-2_000:]
    return max(float(latency[1]) for latency in found if latency) / 1000

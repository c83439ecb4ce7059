"""The last ten units and two hundred buyers at once; and an order of two thousand lines. Over HTTP."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from sqlalchemy import text

from api.actor import system
from api.orders.commands import LINES_MAX
from orchestration.bench.figure import Figure, at_most
from orchestration.bench.served import Bench, own_house, serving
from warehouse.log.asker import reading

BUYERS, UNITS = 200, 10
_SECONDS_MAX = 5.0
_SCARCE = "B-SCARCE"


def rows(count: int = BUYERS, lines: int = LINES_MAX) -> list[Figure]:
    """About 20 s: a house of its own, so many buyers at the same moment, then one order of so many lines."""
    with own_house() as bench:
        bench.stock([_SCARCE], UNITS)
        many = [f"B-{line}" for line in range(lines)]
        bench.stock(many, 10)
        buyers = [bench.token(id) for id in bench.consumers(count)]
        (dealer,) = (bench.token(id) for id in bench.dealers(1))
        with serving(bench.settings) as served:
            rush, seconds = _rush(served.address, buyers)
            placed, large_seconds = _large(served.address, dealer, many)
        left, transactions = _books(bench, placed["id"])
    refused = rush[409, "insufficient_stock"]
    return [
        _exactly("orders placed of the last 10 units", rush[201, ""], UNITS),
        _exactly("clean refusals of the others", refused, count - UNITS),
        _exactly("units left", left, 0),
        at_most(f"{count} buyers at once", seconds, "s", _SECONDS_MAX),
        at_most(f"an order of {lines:,} lines", large_seconds, "s", _SECONDS_MAX),
        _exactly("transactions it took", transactions, 1),
    ]


def _exactly(name: str, value: int, wanted: int) -> Figure:
    return Figure(name, value, "", wanted, value / wanted if wanted else None, value == wanted)


def _rush(address: str, tokens: Sequence[str]) -> tuple[Counter[tuple[int, str]], float]:
    """Everybody orders one piece at the same moment: answers by (status, code), and seconds until the last."""
    limits = httpx.Limits(max_connections=len(tokens))
    body = {"lines": [{"sku": _SCARCE, "quantity": 1}]}
    with httpx.Client(base_url=address, limits=limits, timeout=60) as http, ThreadPoolExecutor(len(tokens)) as pool:

        def buy(token: str) -> tuple[int, str]:
            answer = http.post("/api/v1/orders", json=body, headers={"Authorization": f"Bearer {token}"})
            return answer.status_code, answer.json().get("code", "")

        started = time.perf_counter()
        answers = Counter(pool.map(buy, tokens))
        return answers, time.perf_counter() - started


def _large(address: str, token: str, skus: Sequence[str]) -> tuple[dict[str, Any], float]:
    """One order of a piece of each SKU, and its seconds."""
    body = {"lines": [{"sku": sku, "quantity": 1} for sku in skus]}
    started = time.perf_counter()
    answer = httpx.post(f"{address}/api/v1/orders", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=60)
    assert answer.status_code == httpx.codes.CREATED, answer.text[:2_000]
    placed: dict[str, Any] = answer.json()
    return placed, time.perf_counter() - started


def _books(bench: Bench, order_id: str) -> tuple[int, int]:
    """(pieces left of the scarce SKU, transactions that wrote the large order and its reservations)."""
    with reading(bench.engine, system("bench")) as connection:
        left = connection.execute(_LEFT, {"sku": _SCARCE, "units": UNITS}).scalar_one()
        transactions = connection.execute(_TRANSACTIONS, {"order_id": order_id}).scalar_one()
    return left, transactions


_LEFT = text("""
    select :units - coalesce(sum((data ->> 'quantity')::int), 0)::int from jovey.visible_events
     where event_type = 'inventory.reserved' and data ->> 'sku' = :sku""")
_TRANSACTIONS = text("""
    select count(distinct transaction_id::text) from jovey.visible_events
     where correlation_id =
           (select correlation_id from jovey.visible_events where aggregate_id = :order_id and version = 1)""")

"""`jovey bench orders --without-rls`: what it costs an order that the house asks who is there and shows rows by policy.

One house, one API, one client: the policies are switched off and on again from turn to turn, so that whatever else the
machine does falls on both. Authentication is what a door that does nothing else takes longer than one that asks nobody.
"""

from __future__ import annotations

import time
from statistics import median

import httpx
import psycopg

from orchestration.bench.figure import Figure, at_most
from orchestration.bench.orders import WARM_UP, bearer, place, skus_of
from orchestration.bench.served import own_house, serving
from warehouse.postgres import Database

ORDERS, TURNS = 20, 8  # orders of a turn; turns with and as many without
SHARE_MAX = 0.15
_ASKED, _OPEN = "/api/v1/auth/me", "/health/live"


def rows(orders: int = ORDERS, turns: int = TURNS) -> list[Figure]:
    """About a minute: a house of its own, orders of five lines with the database's policies on and off by turns."""
    skus = skus_of("alone")
    guarded: list[float] = []
    bare: list[float] = []
    asked: list[float] = []
    unasked: list[float] = []
    with own_house() as bench:
        bench.stock(skus, 10_000_000)
        (dealer,) = bench.dealers(1)
        with (
            serving(bench.settings) as served,
            httpx.Client(base_url=served.address, headers=bearer(bench.token(dealer)), timeout=60) as http,
        ):
            for turn in range(2 * turns):
                is_guarded = turn % 2 == 0
                _switch(bench.database, "enable" if is_guarded else "disable")
                for _ in range(WARM_UP):
                    place(http, skus)
                (guarded if is_guarded else bare).extend(place(http, skus) for _ in range(orders))
                asked += [_get(http, _ASKED) for _ in range(orders)]
                unasked += [_get(http, _OPEN) for _ in range(orders)]
    return _figures(median(guarded), median(bare), median(asked) - median(unasked))


def _figures(guarded_ms: float, bare_ms: float, authentication_ms: float) -> list[Figure]:
    policies_ms = guarded_ms - bare_ms
    share = (authentication_ms + max(0.0, policies_ms)) / guarded_ms
    return [
        Figure("place order, one client, p50", guarded_ms, "ms"),
        Figure("the same with row-level security off", bare_ms, "ms"),
        Figure("row-level security", policies_ms, "ms", bare_ms, policies_ms / bare_ms),
        Figure("authentication", authentication_ms, "ms", guarded_ms, authentication_ms / guarded_ms),
        at_most("authentication and row-level security, share of placing an order", share, "", SHARE_MAX),
    ]


def _switch(database: Database, wanted: str) -> None:
    """Policies on or off, in the bench's own database."""
    with psycopg.connect(database.libpq()) as connection:
        for table in ("states", "events"):
            connection.execute(f"alter table jovey.{table} {wanted} row level security".encode())


def _get(http: httpx.Client, path: str) -> float:
    """Milliseconds until its answer."""
    started = time.perf_counter()
    http.get(path).raise_for_status()
    return (time.perf_counter() - started) * 1000

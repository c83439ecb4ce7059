"""Limits: processes agree on what a caller may ask for, and a store that is away closes nothing."""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, text

from api.allowance import SHARES, Policy, Store
from api.limits import BLIND_SECONDS, Limits, Policies
from warehouse.settings import Settings

KEY = b"a key for tests that is long enough to hide with"
POLICIES = Policies.of(Settings())
BUYER = Policy("buyer", 200)
DOOR = Policy("sign-in", 10)


@pytest.fixture
def store(database):
    engine = database.engine("jovey_append", pool_size=2)
    yield Store(engine)
    engine.dispose()


class Clock:
    """Time as a test tells it."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def process(store, clock=None) -> Limits:
    return Limits(POLICIES, store, KEY, clock or Clock())


async def let_in(limits: Limits, policy: Policy, times: int, subject: str = "asha") -> int:
    """How many of so many requests, all at once, were let in."""
    standings = await asyncio.gather(*(limits.spend(policy, subject) for _ in range(times)))
    return sum(not standing.is_over for standing in standings)


@pytest.fixture
def ask():
    """As let_in(), on one event loop for the whole test."""
    with asyncio.Runner() as loop:
        yield lambda *asked: loop.run(let_in(*asked))


def test_a_caller_is_let_in_as_often_as_their_quota_says_and_not_once_more(store, ask):
    limits = process(store)
    assert ask(limits, BUYER, 150) == 150
    assert ask(limits, BUYER, 150) == 50
    assert ask(limits, BUYER, 1, "bela") == 1


def test_processes_together_never_exceed_a_quota_and_leave_little_of_it_unspent(store, ask):
    processes = [process(store) for _ in range(4)]
    answered = sum(ask(random.choice(processes), BUYER, 1) for _ in range(150))  # one by one, wherever they arrive
    assert answered == 150
    answered += sum(ask(one, BUYER, 200) for one in processes)
    assert BUYER.quota - 3 * (BUYER.quota // SHARES) <= answered <= BUYER.quota


def test_processes_that_ask_at_the_same_moment_share_one_quota(database):
    engine = database.engine("jovey_append", pool_size=8)
    processes = [process(Store(engine)) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answered = sum(pool.map(lambda one: asyncio.run(let_in(one, DOOR, 5)), processes))
    engine.dispose()
    assert answered == DOOR.quota


def test_most_requests_cost_no_statement(store, engine, ask):
    limits = process(store)
    ask(limits, POLICIES.staff, 1)
    with engine.connect() as connection:
        (used,) = connection.execute(text("select used from jovey.rate_windows")).scalars()
    assert used == POLICIES.staff.quota // SHARES == 300


def test_a_callers_standing_counts_down_and_says_when_the_window_is_over(store):
    async def twelve():
        limits = process(store)
        return [await limits.spend(DOOR, "asha") for _ in range(12)]

    standings = asyncio.run(twelve())
    assert [one.remaining for one in standings] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0]
    assert [one.is_over for one in standings] == [False] * 10 + [True] * 2
    assert all(1 <= one.resets_in <= 60 for one in standings)


def test_a_new_window_begins_when_the_old_one_is_over(store, engine, ask):
    clock = Clock()
    limits = process(store, clock)
    assert ask(limits, DOOR, 12) == 10
    with engine.begin() as connection:
        connection.execute(text("update jovey.rate_windows set ends_at = now() - interval '1 second'"))
    assert ask(limits, DOOR, 1) == 0, "the process goes by what it was told"
    clock.now += 61
    assert ask(limits, DOOR, 12) == 10


def test_windows_that_are_over_are_swept_away(store, engine, ask):
    limits = process(store)
    for number in range(9):
        ask(limits, DOOR, 1, f"visitor {number}")
    with engine.begin() as connection:
        connection.execute(text("update jovey.rate_windows set ends_at = now() - interval '1 second'"))
    for number in range(3):
        ask(limits, DOOR, 1, f"later visitor {number}")
    with engine.connect() as connection:
        left = connection.execute(text("select count(*) from jovey.rate_windows where ends_at < now()")).scalar_one()
        assert left == 0
        names = connection.execute(text("select string_agg(encode(bucket, 'escape'), '') from jovey.rate_windows"))
        assert "visitor" not in names.scalar_one(), "the store knows nobody by name"


def test_while_the_store_is_away_each_process_counts_alone_and_says_so(ask):
    away = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    clock = Clock()
    limits = process(Store(away), clock)
    assert ask(limits, DOOR, 12) == 10
    assert ask(limits, DOOR, 12, "bela") == 10
    assert "jovey_rate_store_failures_total 1\n" in limits.text(), "a store that failed is left in peace for a while"
    assert 'jovey_rate_limited_total{policy="sign-in"} 4' in limits.text()
    clock.now += BLIND_SECONDS
    ask(limits, DOOR, 1, "chitra")
    away.dispose()
    assert "jovey_rate_store_failures_total 2\n" in limits.text()


def test_a_lower_quota_than_was_used_already_lets_nobody_in(store, ask):
    assert ask(process(store), DOOR, 10) == 10
    assert ask(process(store), Policy("sign-in", 3), 5) == 0

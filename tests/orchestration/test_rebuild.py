"""Rebuilding by several processes, and after a kill."""

from __future__ import annotations

import multiprocessing
import os
import signal
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import text

from api.actor import system
from api.category.commands import ChangePrice, CreateProduct, product_id
from api.customers.commands import RegisterCustomer
from api.handle import Request, handle_all
from api.mend import Rebuilt
from api.rules import Rules
from orchestration import rebuild_plan
from orchestration.folding import frozen, shares
from orchestration.rebuild import states
from orchestration.verify import unlike_states
from warehouse.ids import derived_at, named

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SKUS = tuple(f"JP-{n}" for n in range(6))
EVE = named("customer", "Eve")
STORY = (
    *(CreateProduct(sku=sku, name=sku, category="tank_pump", base_price=Decimal(200)) for sku in SKUS),
    *(ChangePrice(product_id=product_id(sku), new_price=Decimal(205), reason="steel") for sku in SKUS),
    RegisterCustomer(customer_id=EVE, name="Eve", email="eve@example.org"),
)
EACH = 4  # events of a share: two products


@pytest.fixture
def company(outside, database):
    """Six products of two facts each, and a customer."""
    engine = database.engine("jovey_append")
    requests = [Request(wish, derived_at(NOON, place), system("test"), NOON) for place, wish in enumerate(STORY)]
    handle_all(engine, requests, Rules())
    engine.dispose()
    return outside


def stored(engine):
    with engine.connect() as connection:
        rows = connection.execute(text("select * from jovey.states order by aggregate_id")).all()
        return rows, connection.execute(text("select * from jovey.unique_claims order by key")).all()


def run(engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.mark.usefixtures("company")
def test_shares_hold_every_stream_once_and_whole(engine):
    with frozen(engine) as connection:
        streams = connection.execute(
            text("select aggregate_id as id, count(*) as events from jovey.events group by 1 order by 1")
        ).all()
        for events_each in (1, 2, 3, 5, 100):
            planned = shares(connection, events_each)
            held = [[one for one in streams if share.span.first <= one.id <= share.span.last] for share in planned]
            assert sorted(one.id for part in held for one in part) == sorted(one.id for one in streams)
            assert [share.events for share in planned] == [sum(one.events for one in part) for part in held]
            assert all(sum(one.events for one in part[:-1]) < events_each for part in held)


def test_a_log_without_events_is_one_share(engine):
    with frozen(engine) as connection:
        assert [share.events for share in shares(connection)] == [0]


def test_two_processes_come_to_what_one_comes_to_and_what_the_commands_had_stored(company, database, engine):
    before = stored(engine)
    run(engine, "update jovey.states set status = 'lost'", "delete from jovey.unique_claims")
    alone = list(unlike_states(database, company, share_events=EACH, workers=1))
    together = list(unlike_states(database, company, share_events=EACH, workers=2))
    told: list[tuple[int, int]] = []

    rebuilt = states(database, company, share_events=EACH, workers=2, watch=lambda *progress: told.append(progress))

    assert sorted(map(str, together)) == sorted(map(str, alone))
    assert len(alone) == len(SKUS) + 2  # the customer's status and key
    assert rebuilt == Rebuilt(states_written=len(SKUS) + 1, claims_written=1)
    assert stored(engine) == before
    assert (told[0], told[-1]) == ((0, len(STORY)), (len(STORY), len(STORY)))


def test_a_rebuild_that_was_killed_goes_on_where_it_was(company, database, engine, eventually):
    before = stored(engine)
    run(engine, "update jovey.states set status = 'lost'")
    last = before[0][-1].aggregate_id
    count = "select count(*) from jovey.refold_shares where done_at is not null"
    patient = database.engine(statement_timeout_s=0)
    with patient.connect() as command:  # the rebuild stands before the last stream, as long as this command holds it
        command.execute(text("select from jovey.states where aggregate_id = :id for update"), {"id": last})
        killed = multiprocessing.get_context("spawn").Process(target=_rebuild, args=(company,))
        killed.start()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
            eventually(lambda: watcher.execute(text(count)).scalar_one() >= 2, seconds=60)
        os.kill(killed.pid, signal.SIGKILL)
        killed.join()
    patient.dispose()
    run(engine, f"update jovey.states set status = 'unseen' where aggregate_id <> '{last}'")

    rebuilt = states(database, company, share_events=EACH, workers=1)

    assert rebuilt.states_written < len(before[0]), "what was done is not looked at again"
    assert {row.status for row in stored(engine)[0]} > {"unseen"}
    states(database, company, share_events=EACH, workers=1)
    assert stored(engine) == before


@pytest.mark.usefixtures("company")
def test_other_code_and_a_wish_begin_anew(database, monkeypatch):
    owner = database.engine("jovey_owner")

    def done_before(**wish) -> int:
        with frozen(owner) as seen:
            return rebuild_plan.planned(owner, seen, EACH, **wish).events_done

    with frozen(owner) as seen:
        plan = rebuild_plan.planned(owner, seen, EACH)
    rebuild_plan.remember_done(owner, plan.left[0])

    assert done_before() == plan.left[0].events
    assert done_before(afresh=True) == 0
    rebuild_plan.remember_done(owner, plan.left[0])
    monkeypatch.setattr(rebuild_plan, "fingerprint", lambda: "other")
    assert done_before() == 0
    owner.dispose()


def test_two_rebuilds_at_once_are_one_too_many(company, database):
    with rebuild_plan.rebuilding(database), pytest.raises(rebuild_plan.RebuildBusy):
        states(database, company)


def _rebuild(settings) -> None:
    from warehouse.postgres import open_database

    with open_database(settings) as database:
        states(database, settings, share_events=EACH, workers=1)

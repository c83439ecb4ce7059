"""The events desk: events are found, told with what came before and after, observed, exported, and proved."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from api.actor import Actor
from api.auth.tokens import AgentClaims, signed_for_agent
from api.customers.portrait import portrait
from api.events.export import cell
from api.events.filters import Filters, newest
from api.fulfillment.commands import AdjustStock
from api.paging import Paging
from assets.hot_run import refresh
from warehouse.clock import calendar_date, now
from warehouse.ids import named
from warehouse.log.removal import guard, retire_seal
from warehouse.log.seal_key import SealKey
from warehouse.log.sealing import seal

EVENTS = "/api/v1/events"


@pytest.fixture
def traded(town):
    """An order of a dealer, and a stock that was adjusted; the order's id."""
    town.product(stock=10)
    order = town.order(town.dealer(), ("P-1", 2))
    town.send(AdjustStock(sku="P-1", quantity=-1, reason="=broken"))
    return order


def found(caller, **filters):
    query = "&".join(f"{name}={value}".replace("+", "%2B") for name, value in filters.items())
    answer = caller.get(f"{EVENTS}?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def test_events_are_found_by_each_filter_and_page_by_page_in_one_order(town, traded):
    boss = town.staff("events")
    everything = found(boss, limit=200)
    (placed,) = found(boss, event_type="order.placed")
    assert placed["aggregate_id"] == str(traded)
    assert {one["aggregate_type"] for one in found(boss, aggregate_type="stock")} == {"stock"}
    assert {one["id"] for one in found(boss, correlation_id=placed["correlation_id"])} > {placed["id"]}
    assert found(boss, created_by="system:town") == everything
    assert found(boss, created_by="system:nobody") == []
    before = found(boss, until=placed["created_at"], limit=200)
    after = found(boss, since=placed["created_at"], limit=200)
    assert [*after, *before] == everything
    for start in (f"{EVENTS}?limit=3", f"{EVENTS}?limit=3&since=2000-01-01T00:00:00Z"):
        paged, following = [], start
        while following:
            page = boss.get(following).json()
            paged += page["items"]
            following = page["next"]
        assert paged == everything


def test_a_colleague_sees_the_events_of_their_functions_alone(town, traded):
    clerk = town.staff("fulfillment", name="cleo")
    seen = found(clerk, limit=200)
    assert {one["event_type"].split(".")[0] for one in seen} == {"inventory"}
    (order,) = found(town.staff("events"), event_type="order.placed")
    assert clerk.get(f"{EVENTS}/{order['id']}").status_code == 404
    reserved = next(one for one in seen if one["event_type"] == "inventory.reserved")
    assert clerk.get(f"{EVENTS}/{reserved['id']}").json()["causes"] == []
    exported = clerk.post(f"{EVENTS}/export", {}).text.splitlines()
    assert [json.loads(line) for line in exported] == seen[::-1]


def test_an_event_is_told_with_what_led_to_it_what_followed_and_its_stream_before_and_after(town, traded):
    boss = town.staff("events")
    (placed,) = found(boss, event_type="order.placed")
    told = boss.get(f"{EVENTS}/{placed['id']}").json()
    assert (told["before"], told["after"]["lifecycle"]) == (None, "placed")
    assert [one["event_type"] for one in told["effects"]] == ["inventory.reserved"]
    (reserved,) = found(boss, event_type="inventory.reserved")
    assert [one["id"] for one in boss.get(f"{EVENTS}/{reserved['id']}").json()["causes"]] == [placed["id"]]
    (confirmed,) = found(boss, event_type="order.confirmed")
    told = boss.get(f"{EVENTS}/{confirmed['id']}").json()
    assert (told["before"]["lifecycle"], told["after"]["lifecycle"]) == ("placed", "confirmed")
    (newest_of_stock, *_) = found(boss, aggregate_type="stock")
    after = boss.get(f"{EVENTS}/{newest_of_stock['id']}").json()["after"]
    with town.everything() as connection:
        query = text("select state::text from jovey.visible_states where aggregate_id = :id")
        stored = connection.execute(query, {"id": newest_of_stock["aggregate_id"]}).scalar_one()
    assert after == json.loads(stored)


def test_words_about_people_are_told_to_who_may_read_them_and_of_the_erased_to_nobody(town):
    asha = town.consumer()
    boss, keeper = town.staff("events"), town.staff("events", "customers", name="kim")
    (registered,) = found(boss, aggregate_id=asha.id)
    address = f"{EVENTS}/{registered['id']}"
    assert boss.get(address).json()["data"]["name"] == "hidden"
    assert boss.get(address).json()["after"]["name"] == "hidden"
    assert keeper.get(address).json()["data"]["name"] == keeper.get(address).json()["after"]["name"] == "Asha"
    erased = keeper.post(f"/api/v1/customers/{asha.id}/erase", {"reason": "asked by letter"})
    assert erased.status_code == 200, erased.text
    for who in (boss, keeper):
        assert (who.get(address).json()["data"]["name"], who.get(address).json()["after"]["name"]) == ("erased",) * 2


# observations


def observation(**changed):
    today = str(calendar_date(now(), "UTC"))
    seen = {"sku": "P-1", "competitor": "Aqua", "price": "99.00", "observed_on": today} | changed
    return {"event_type": "competitor_price.observed", "data": seen}


def test_what_was_seen_is_recorded_once_by_who_works_there_and_by_its_agents(town):
    town.product()
    cat = town.staff("category", name="cat")
    posted = cat.post(EVENTS, observation(), Idempotency_Key="seen")
    assert posted.status_code == 201, posted.text
    again = cat.post(EVENTS, observation(), Idempotency_Key="seen")
    assert (again.json(), again.headers["idempotency-replayed"]) == (posted.json(), "true")
    boss = town.staff("events")
    (event,) = found(boss, event_type="competitor_price.observed")
    assert (event["id"], event["data"]["competitor"]) == (posted.json()["event_id"], "Aqua")
    claims = AgentClaims("scout", frozenset({"category"}))
    token = signed_for_agent(claims, town.house.signing_key, now(), timedelta(minutes=5))
    agent = type(boss)(boss.client, None, token)
    assert agent.post(EVENTS, observation(competitor="Bore")).status_code == 201
    refused = boss.post(EVENTS, observation(competitor="Cora"))
    assert (refused.status_code, refused.json()["code"]) == (403, "observation_forbidden")


def test_an_observation_that_is_none_says_which_field_and_what_would_change_the_books_which_door(town):
    town.product()
    cat = town.staff("category", name="cat")
    wrong = cat.post(EVENTS, observation(price="cheap"))
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "price")
    order = cat.post(EVENTS, {"event_type": "order.cancelled", "data": {}})
    assert (order.status_code, order.json()["code"]) == (409, "not_an_observation")
    assert "PUT /api/v1/orders/{order_id}/cancel" in order.json()["detail"]
    assert cat.post(EVENTS, {"event_type": "pump.dreamt", "data": {}}).json()["code"] == "event_type_unknown"
    assert found(town.staff("events"), event_type="order.cancelled") == []


# export


def test_an_export_holds_every_event_once_as_lines_or_as_a_table_without_formulas(town, traded, monkeypatch):
    monkeypatch.setattr("api.events.export.PAGE_EVENTS", 2)
    boss = town.staff("events")
    listed = found(boss, limit=200)[::-1]
    lines = boss.post(f"{EVENTS}/export", {})
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in lines.text.splitlines()] == listed
    some = boss.post(f"{EVENTS}/export", {"event_type": "inventory.adjusted", "format": "csv"})
    assert "attachment" in some.headers["content-disposition"]
    (row,) = csv.DictReader(io.StringIO(some.text))
    assert json.loads(row["data"])["reason"] == "=broken"
    assert row["id"] == found(boss, event_type="inventory.adjusted")[0]["id"]


@pytest.mark.parametrize("said", ["=1+1", "+1", "-1", "@sum(a1)", "\t=1", "\r=1"])
def test_no_cell_begins_what_a_spreadsheet_would_compute(said):
    assert cell(said) == f"'{said}"
    assert cell("agent:reorder") == "agent:reorder"


# integrity


def test_the_house_agrees_with_its_log_until_somebody_writes_past_it(
    town, traded, database, engine, monkeypatch, eventually
):
    monkeypatch.setattr("api.events.integrity.LIFETIME_SECONDS", 0.0)
    boss = town.staff("events")
    refresh(database, town.house.settings)

    def looked():
        return {one.name: one for one in town.house.examiner.report(patience_seconds=60).findings}

    town.product("P-2", stock=0)
    first = looked()
    assert {name: one.state for name, one in first.items()} == {
        "ledgers": "sound", "lake": "sound", "guards": "sound", "seals": "absent", "states": "sound",
    }  # fmt: skip
    assert first["lake"].looked_at > 5 and first["states"].looked_at > 3
    with engine.begin() as connection:
        connection.execute(text("update jovey.states set state = jsonb_set(state, '{lifecycle}', '\"closed\"')"
                                " where aggregate_type = 'order'"))  # fmt: skip
        connection.execute(text("alter table jovey.events disable trigger events_removal"))
    again = looked()
    guards, then = again["guards"], again["states"]
    assert (guards.state, guards.faults) == (
        "unsound", ("Trigger events_removal of jovey.events is not ENABLE ALWAYS.",)
    )  # fmt: skip
    assert (then.state, len(then.faults)) == ("unsound", 1)
    assert str(traded) in then.faults[0] and "lifecycle" in then.faults[0]
    told = boss.get(f"{EVENTS}/integrity").json()
    assert [one["name"] for one in told["checks"]] == ["ledgers", "lake", "guards", "seals", "states"]
    assert not told["is_sound"]
    readers = boss.get(f"{EVENTS}/readers").json()["items"]
    assert {one["reader"]: one["events_behind"] for one in readers} == {"lake": 1}  # the product that came after
    assert town.staff("orders", name="otto").get(f"{EVENTS}/integrity").status_code == 403


# events in the archive


@pytest.fixture
def retire(database, tmp_path):
    """Remove from the log what stands in it now, and put it back into the place of what is unpacked."""
    tail, owner = database.engine("jovey_tail", pool_size=3), database.engine("jovey_owner", pool_size=1)

    def run() -> None:
        with owner.begin() as connection:
            guard(connection)
            connection.execute(text("create temp table before as select * from jovey.events"))
            sealed = seal(tail, SealKey.from_seed(bytes(32)), tmp_path / "seals.jsonl", now())
            retire_seal(connection, sealed, now() + timedelta(days=400), "events.parquet", bytes(32))
            connection.execute(
                text(
                    "create table jovey.put_by as select b.* from before b where not exists "
                    "(select from jovey.events e where e.position = b.position)"
                )
            )

    def unpack() -> None:
        with owner.begin() as connection:
            connection.execute(text("insert into jovey.unpacked_events select * from jovey.put_by"))

    yield run, unpack
    tail.dispose()
    owner.dispose()


def test_what_stands_in_the_archive_is_told_and_shown_when_it_is_unpacked(town, traded, retire):
    remove, unpack = retire
    boss = town.staff("events")
    before = found(boss, aggregate_id=traded)
    detail = boss.get(f"{EVENTS}/{before[0]['id']}").json()
    told = portrait(town.house.engine, named("person", "deva"))
    assert (detail["archived_events"], told["archived_facts"], len(before) > 1) == (0, 0, True)

    remove()

    (newest_one,) = found(boss, aggregate_id=traded)
    page = boss.get(f"{EVENTS}?limit=200").json()
    assert page["archived_events"] > len(before)
    then = boss.get(f"{EVENTS}/{newest_one['id']}").json()
    assert (then["archived_events"], then["is_refolded"], then["after"]) == (len(before) - 1, False, None)
    gone = boss.get(f"{EVENTS}/{before[-1]['id']}")
    assert (gone.status_code, "stand in the archive" in gone.text) == (404, True)
    exported = boss.post(f"{EVENTS}/export", {})
    assert exported.headers["X-Jovey-Archived-Events"] == str(page["archived_events"])

    unpack()

    assert found(boss, aggregate_id=traded) == before
    assert boss.get(f"{EVENTS}?limit=200").json()["archived_events"] == 0
    assert boss.get(f"{EVENTS}/{before[0]['id']}").json() == detail
    assert boss.post(f"{EVENTS}/export", {}).headers["X-Jovey-Archived-Events"] == "0"


def test_a_person_is_told_how_many_of_their_facts_stand_in_the_archive(town, traded, retire):
    remove, unpack = retire
    who = town.caller(named("person", "deva"))
    before = portrait(town.house.engine, who.id)
    remove()
    then = portrait(town.house.engine, who.id)
    assert then["archived_facts"] == len(before["facts"]) - len(then["facts"]) > 0
    assert who.get("/api/v1/customers/profile/export").json()["archived_facts"] == then["archived_facts"]
    unpack()
    whole = portrait(town.house.engine, who.id)
    assert (whole["facts"], whole["archived_facts"]) == (before["facts"], 0)


# a long log


def test_every_filter_finds_its_events_by_an_index(engine):
    """Twenty thousand events; the plans, not the times."""
    with engine.begin() as connection:
        connection.execute(_MANY)
        connection.execute(text("analyze jovey.events"))
    boss = Actor("staff", functions=frozenset({"events"}))
    clerk = Actor("staff", functions=frozenset({"customers"}))
    half = now() - timedelta(seconds=10_000)
    asked = [
        Filters(), Filters(event_type="supplier.created"), Filters(aggregate_type="supplier"),
        Filters(aggregate_id=UUID(int=7)), Filters(created_by="staff:7"), Filters(correlation_id=UUID(int=7)),
        Filters(since=half), Filters(until=half), Filters(since=half, until=half + timedelta(seconds=9)),
    ]  # fmt: skip
    for by in (boss, clerk):
        for filters in asked:
            wanted = newest(filters, by, Paging(None, 50, None))
            sql = str(wanted.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))
            with engine.connect() as connection:
                plan = " ".join(connection.exec_driver_sql(f"explain {sql}".replace("%", "%%")).scalars())
            assert "Seq Scan" not in plan, (filters, plan)


_MANY = text("""
    insert into jovey.events (aggregate_id, id, created_at, effective_at, version, schema_version, event_type,
                              aggregate_type, created_by, correlation_id, causation_id, data)
    select ('00000000-0000-0000-0000-' || lpad(to_hex(n % 500), 12, '0'))::uuid, gen_random_uuid(),
           now() - (20000 - n) * interval '1 second', now(), 1 + n / 500, 1,
           case when n % 400 = 0 then 'supplier.created' when n % 4 = 0 then 'customer.registered'
                else 'order.confirmed' end,
           case when n % 400 = 0 then 'supplier' when n % 4 = 0 then 'customer' else 'order' end,
           'staff:' || n % 300, ('00000000-0000-0000-0000-' || lpad(to_hex(n / 4), 12, '0'))::uuid,
           gen_random_uuid(), '{}'
      from generate_series(1, 20000) n""")

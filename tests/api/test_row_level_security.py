"""Row-level security: what the database itself shows to whom, asked past every check of the application."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.access import DOORS
from api.actor import Actor, system
from api.auth.enter import NOBODY
from api.customers.policy import FUNCTIONS
from api.streams import STREAMS
from warehouse.events.vocabulary import VOCABULARY, function_of
from warehouse.log.asker import reading
from warehouse.log.migrate import ROLES, migrate

A, B = UUID(int=1), UUID(int=2)
OWNED = {"customer", "order", "shipment", "return", "account", "price_list"}
INSIDE = {"staff_member", "docket", "document_series"}  # no door shows them: only the house itself reads them
API = "/api/v1"
SHOWN_AT = {
    "product": f"{API}/category/pricing-strategy",  # every product; those on sale are everybody's
    "price_list": f"{API}/category/price-lists",
    "market": f"{API}/category/market-intelligence",
    "customer": f"{API}/customers",
    "order": f"{API}/orders",
    "account": f"{API}/ar/accounts/{{customer_id}}",
    "stock": f"{API}/fulfillment/inventory",
    "shipment": f"{API}/fulfillment/shipments",
    "return": f"{API}/returns",
    "supplier": f"{API}/procurement/suppliers",
    "purchase_order": f"{API}/procurement/purchase-orders",
    "decision": f"{API}/agents/decisions",
    "model_call": f"{API}/agents/model-calls/{{model_call_id}}",
}
"""The door at which staff see every stream of a kind: the table of doors says whose it is."""

CALLERS = {
    "nobody": NOBODY,
    "a stranger's word": Actor("root"),  # type: ignore[arg-type]
    "consumer A": Actor("consumer", A),
    "consumer without rows": Actor("consumer", uuid4()),
    "dealer A": Actor("dealer", A),
    "dealer B": Actor("dealer", B),
    "staff without a function": Actor("staff", A),
    **{f"staff of {one}": Actor("staff", A, functions=frozenset({one})) for one in sorted(FUNCTIONS)},
    "agent of category": Actor("agent", name="pricing", functions=frozenset({"category"})),
    "the house": system("test"),
}


@pytest.fixture
def rows(engine):
    """Two streams of each kind, A's and B's where it has owners, with two events each; prices of two tiers besides."""
    with engine.begin() as connection:
        for kind in STREAMS:
            for owner in (A, B):
                add(connection, kind, owner if kind in OWNED else None, *_told(kind, owner))
        for tier in ("standard", "premium"):
            add(connection, "price_list", None, tier, '{"secret": 1}')
    return engine


def _told(kind: str, owner: UUID) -> tuple[str, str]:
    """Status and state of a row. A is an approved dealer of the standard tier, B was suspended; B's product is gone."""
    first = owner == A
    told = {
        "customer": ("approved" if first else "suspended", '{"tier": "standard"}'),
        "product": ("active" if first else "inactive", '{"sku": "P", "cost": "9.99", "price_changes": ["9.99"]}'),
        "stock": ("in_stock", f'{{"sku": "P", "unit_cost": "9.99", "reservations": {{"{B}": {{"quantity": 3}}}}}}'),
        "decision": ("proposed", f'{{"function": "{"category" if first else "procurement"}"}}'),
        "model_call": ("answered", f'{{"function": "{"category" if first else "procurement"}"}}'),
    }
    return told.get(kind, ("open", "{}"))


def add(connection, kind: str, owner: UUID | None, status: str, state: str) -> None:
    stream = owner if kind == "customer" else uuid4()
    wanted = {"id": stream, "kind": kind, "owner": owner, "status": status, "state": state}
    connection.execute(
        text("insert into jovey.states values (:id, :kind, 1, :state, :owner, :status, now(), now())"), wanted
    )
    for version, event in enumerate(("said", "invoice.generated"), start=1):
        connection.execute(
            text("""insert into jovey.events (aggregate_id, id, version, schema_version, event_type, aggregate_type,
                      created_by, effective_at, correlation_id, causation_id, data)
                    values (:id, gen_random_uuid(), :version, 1, :event, :kind, 'me', now(), :id, :id, '{}')"""),
            {"id": stream, "version": version, "event": event, "kind": kind},
        )


def counted(connection, what: str, view: str) -> dict[str, int]:
    found = connection.execute(text(f"select {what} as kind, count(*) as count from jovey.{view} group by 1"))
    return {row.kind: row.count for row in found}


def whole(kind: str, by: Actor) -> bool:
    """Whether the table of doors lets this caller see every stream of the kind."""
    return by.kind == "system" or (
        kind in SHOWN_AT and by.kind == "staff" and DOORS["GET", SHOWN_AT[kind]].includes(by)
    )


def expected(kind: str, by: Actor) -> int:
    if whole(kind, by):
        return 4 if kind == "price_list" else 2
    if by.kind == "root":
        return 0
    if kind in {"product", "stock"}:
        return 1 if kind == "product" else 2
    if kind in {"decision", "model_call"}:
        return 1 if by.kind == "agent" else 0
    if kind in OWNED and by.is_buyer() and by.id in {A, B}:
        return 2 if kind == "price_list" and by == CALLERS["dealer A"] else 1
    return 0


def test_every_kind_of_stream_has_its_door_or_none():
    assert set(STREAMS) == SHOWN_AT.keys() | INSIDE


def test_each_caller_sees_of_each_kind_what_the_table_of_doors_says(rows, database):
    engine = database.engine("jovey_append")
    for name, by in CALLERS.items():
        with reading(engine, by) as connection:
            seen = counted(connection, "aggregate_type", "visible_states")
        assert (name, seen) == (name, {kind: n for kind in STREAMS if (n := expected(kind, by))})
    engine.dispose()


def test_each_caller_hears_of_the_log_what_the_table_of_doors_says(rows, database):
    engine = database.engine("jovey_append")
    everything = 2 * (2 * len(STREAMS) + 2)
    for name, by in CALLERS.items():
        with reading(engine, by) as connection:
            heard = counted(connection, "event_type || ' of ' || aggregate_type", "visible_events")
        if by.kind == "system" or by.works_in("events"):
            assert sum(heard.values()) == everything, name
        elif by.kind == "staff":
            kinds = {one.stream for one in VOCABULARY.values() if function_of(one) in by.functions}
            assert {one.rpartition(" ")[2] for one in heard} == kinds, name
        elif by.is_buyer() and by.id in {A, B}:
            assert heard == {"said of order": 1, **{f"invoice.generated of {kind}": 1 for kind in OWNED}}, name
        else:
            assert heard == {}, name
    engine.dispose()


def test_costs_and_whose_pieces_are_set_aside_are_for_those_who_need_them(rows, database):
    engine = database.engine("jovey_append")
    for name, by in CALLERS.items():
        with reading(engine, by) as connection:
            query = text("select aggregate_type || state::text from jovey.visible_states")
            said = [one for one in connection.execute(query).scalars() if one.startswith(("product", "stock"))]
        products = "".join(one for one in said if one.startswith("product"))
        stocks = "".join(one for one in said if one.startswith("stock"))
        assert ("9.99" in products) == (by.kind in {"staff", "agent", "system"}), name
        assert ("9.99" in stocks) == (str(B) in stocks) == whole("stock", by), name
        assert by.kind == "root" or '"quantity": 3' in stocks, name
    engine.dispose()


def test_a_connection_of_a_pool_forgets_who_asked(rows, database):
    engine = database.engine("jovey_append", pool_size=1)

    def orders(by: Actor | None) -> int:
        query = text("select count(*) from jovey.visible_states where aggregate_type = 'order'")
        with engine.connect() if by is None else reading(engine, by) as connection:
            return connection.execute(query).scalar_one()

    assert [orders(CALLERS[who]) for who in ("the house", "dealer A", "nobody", "staff of orders")] == [2, 1, 0, 2]
    assert orders(None) == 0
    with reading(engine, system("test")) as connection:
        assert counted(connection, "aggregate_type", "visible_states")
        connection.rollback()
        assert counted(connection, "aggregate_type", "visible_states") == {}
    with pytest.raises(DBAPIError), reading(engine, system("test")) as connection:
        connection.execute(text("select 1 / 0"))
    assert orders(None) == 0
    with pytest.raises(ZeroDivisionError), reading(engine, system("test")):
        raise ZeroDivisionError
    assert orders(None) == 0
    with pytest.raises(DBAPIError, match="read-only"), reading(engine, system("test")) as connection:
        connection.execute(text("delete from jovey.unique_claims"))
    callers = [CALLERS["the house"], None, CALLERS["dealer A"], CALLERS["nobody"]] * 25
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(orders, callers)) == [2, 0, 1, 0] * 25
    engine.dispose()


def test_the_role_of_agents_is_an_agent_whatever_it_says(rows, database):
    engine = database.engine("jovey_agent")
    for by in (system("test"), CALLERS["dealer A"], Actor("staff", A, functions=frozenset(FUNCTIONS))):
        with reading(engine, by) as connection:
            seen = counted(connection, "aggregate_type", "visible_states")
            assert seen.keys() <= {"product", "stock", "decision", "model_call"}
            assert counted(connection, "event_type", "visible_events") == {}
    engine.dispose()


@pytest.mark.usefixtures("template")  # the server's roles come with its first migration
def test_policies_stand_where_nobody_is_a_superuser(server):
    """As on a managed server: its login may make roles and databases, no more."""
    login = server.sibling(f"managed_{uuid4().hex}")
    boss = f"boss_{uuid4().hex}"
    with psycopg.connect(server.libpq(), autocommit=True) as superuser:
        superuser.execute(f"create role {boss} login createrole createdb")
        for role in ROLES:
            superuser.execute(f"grant jovey_{role} to {boss}")
        superuser.execute(f"create database {login.name} owner {boss}")
        try:
            database = replace(login, user=boss)
            migrate(database)
            with psycopg.connect(database.libpq("jovey_append")) as connection:
                for statement in ("set role none", "reset role"):
                    connection.execute(statement)
                    connection.execute("set role jovey_append")
                assert connection.execute("select count(*) from jovey.visible_states").fetchone() == (0,)
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute("select count(*) from jovey.states")
        finally:
            superuser.execute(f"drop database {login.name} with (force)")
            superuser.execute(f"drop owned by {boss}")
            superuser.execute(f"drop role {boss}")


def test_whoever_acts_for_people_owns_nothing_and_is_of_no_other_role(engine):
    with engine.connect() as connection:
        groups = """select member::regrole::text from pg_auth_members
                     where member in ('jovey_append'::regrole, 'jovey_erase'::regrole, 'jovey_agent'::regrole,
                                      'jovey_views'::regrole)"""
        assert connection.execute(text(groups)).all() == []
        owned = "select relname from pg_class where relowner = 'jovey_views'::regrole"
        assert Counter(connection.execute(text(owned)).scalars()) == Counter(
            ["visible_states", "visible_events", "visible_history", "history"]
        )
        guarded = (
            "select relname from pg_class where relrowsecurity and relnamespace = 'jovey'::regnamespace order by 1"
        )
        assert connection.execute(text(guarded)).scalars().all() == ["events", "states", "unpacked_events"]

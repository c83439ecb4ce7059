"""The only way into the log, and what nobody may do to it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from warehouse.events.category import ProductCreated, ProductReactivated
from warehouse.events.customers import CustomerRegistered
from warehouse.events.event import Recorded, Ref
from warehouse.ids import derived
from warehouse.log.append import (
    CLAIMED,
    ID_REUSED,
    VERSION_CONFLICT,
    Claim,
    Folded,
    Receipt,
    append,
    load,
    peek,
    receipts,
    sqlstate,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
COMMAND = UUID(int=100)
ONE, TWO = Ref("product", UUID(int=1)), Ref("product", UUID(int=2))
CREATED = ProductCreated(sku="JP-1", name="Jet", category="tank_pump", base_price=Decimal(1), currency="USD")


def fact(ref=ONE, version=1, event=CREATED, key="event"):
    return Recorded(event, derived(COMMAND, str(ref.id), version, key), ref, version, NOON, "test", COMMAND, COMMAND)


def folded(ref=ONE, version=1, status="active"):
    return Folded(ref, version, '{"sku": "JP-1"}', None, status, NOON)


@pytest.fixture
def acting(database):
    """A connection in a role; every test's own transaction."""
    engines = []

    def connect(role="jovey_append"):
        engines.append(database.engine(role))
        return engines[-1].connect()

    opened = []

    def remember(role="jovey_append"):
        opened.append(connect(role))
        opened[-1].execute(text("set jovey.kind = 'system'"))  # to see, where it sees by policy, what it appended
        opened[-1].commit()
        return opened[-1]

    yield remember
    for connection in opened:
        connection.close()
    for engine in engines:
        engine.dispose()


@pytest.fixture
def log(acting):
    """A connection of a writer."""
    return acting()


@pytest.fixture
def refuses(log):
    """The SQLSTATE of what append refuses; the transaction is given up, as a command's is."""

    def run(*events, **fields):
        with pytest.raises(DBAPIError) as refused:
            append(log, list(events), **fields)
        log.rollback()
        return sqlstate(refused.value)

    return run


def versions(connection, ref=ONE):
    rows = connection.execute(
        text("select version from jovey.visible_events where aggregate_id = :id order by position"), {"id": ref.id}
    )
    return rows.scalars().all()


@pytest.mark.parametrize("names", [("eve", "eve", "eve"), ("eve", "bob", "eve"), ("bob", "eve", "eve")])
def test_what_events_have_in_common_and_what_not_arrives(log, names):
    append(log, [fact(version=place)._replace(created_by=name) for place, name in enumerate(names, start=1)])
    said = text("select created_by from jovey.visible_events where aggregate_id = :id order by version")
    assert tuple(log.execute(said, {"id": ONE.id}).scalars()) == names


@pytest.mark.parametrize("words", ["", "NULL", "{}", "a,b", 'say "no"', "back\\slash", "two\nlines", " edge ", "ü√🛠"])
def test_words_arrive_as_they_were_said(log, words):
    ref = Ref("product", derived(COMMAND, words))
    receipt = Receipt(ref.id, words.encode(), json.dumps({"said": words}))
    append(log, [fact(ref)._replace(created_by=words)], answered=[receipt], claims=[Claim("said", words, ref.id)])
    log.commit()
    assert receipts(log, [ref.id]) == {ref.id: (words.encode(), {"said": words})}
    said = text("select created_by from jovey.visible_events where aggregate_id = :id")
    assert log.execute(said, {"id": ref.id}).scalar_one() == words
    with pytest.raises(DBAPIError) as refused:
        append(log, [], claims=[Claim("said", words, ONE.id)])
    assert sqlstate(refused.value) == CLAIMED


def test_events_of_many_streams_go_in_together(log):
    appended = append(log, [fact(ONE), fact(TWO), fact(ONE, 2, ProductReactivated())])

    rows = log.execute(
        text("select position, aggregate_id, transaction_id::text from jovey.visible_events order by 1")
    ).all()
    assert [row.aggregate_id for row in rows] == [ONE.id, TWO.id, ONE.id]
    assert (appended.first_position, appended.last_position) == (rows[0].position, rows[-1].position)
    assert {row.transaction_id for row in rows} == {str(appended.transaction_id)}


def test_an_event_keeps_its_envelope(log):
    eve = Ref("customer", UUID(int=7))
    registered = CustomerRegistered(user_type="consumer", name='E"v\\e é')
    append(log, [fact(eve, event=registered)._replace(subject_id=eve.id, causation_id=UUID(int=5))])

    row = log.execute(text("select * from jovey.visible_events")).one()
    assert (row.event_type, row.aggregate_type, row.schema_version) == ("customer.registered", "customer", 1)
    assert (row.subject_id, row.correlation_id, row.causation_id) == (eve.id, COMMAND, UUID(int=5))
    assert (row.effective_at, row.created_by, row.metadata) == (NOON, "test", {})
    assert row.created_at > NOON
    assert row.data == registered.model_dump(mode="json")


def test_a_stream_goes_on_where_it_stands(log):
    append(log, [fact(version=1)])
    append(log, [fact(version=2), fact(version=3)])

    assert versions(log) == [1, 2, 3]


@pytest.mark.parametrize("version", [1, 3])
def test_a_stream_that_stands_elsewhere_refuses(log, refuses, version):
    append(log, [fact(version=1)])
    log.commit()

    assert refuses(fact(version=version, key="other")) == VERSION_CONFLICT


def test_if_one_stream_refuses_none_is_written(log, refuses):
    append(log, [fact(ONE)])
    log.commit()

    assert refuses(fact(TWO), fact(ONE, key="other"), fact(ONE, 2)) == VERSION_CONFLICT
    assert versions(log, TWO) == []


def test_of_two_who_append_at_once_the_later_is_refused(acting, log):
    other = acting()
    append(log, [fact(version=1)])
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(append, other, [fact(version=1, key="other")])
        log.commit()
        with pytest.raises(DBAPIError) as refused:
            late.result()

    assert sqlstate(refused.value) == VERSION_CONFLICT


def test_the_same_events_again_are_one(log):
    first = append(log, [fact(version=1), fact(version=2)], folded=[folded(version=2)])
    log.commit()

    again = append(log, [fact(version=1), fact(version=2)], folded=[folded(version=2)])

    assert (first.outcome, again.outcome) == ("appended", "duplicate")
    assert (again.first_position, again.last_position) == (first.first_position, first.last_position)
    assert versions(log) == [1, 2]


def test_an_id_stands_for_one_event(log, refuses):
    append(log, [fact()])
    log.commit()

    assert refuses(fact(event=CREATED.model_copy(update={"name": "Other"}))) == ID_REUSED
    assert refuses(fact()._replace(ref=TWO)) == ID_REUSED
    assert refuses(fact(), fact(version=2)) == VERSION_CONFLICT  # half of it is no repetition


def test_a_stream_is_of_one_kind(log, refuses):
    append(log, [fact()])
    log.commit()

    assert refuses(fact(version=2)._replace(ref=Ref("market", ONE.id))) == "JV422"


def test_whoever_does_not_care_gets_the_next_version(log):
    append(log, [fact()])
    append(log, [fact(key="a"), fact(TWO, key="a")], expect_any=True)
    append(log, [fact(key="b"), fact(version=2, key="b")], expect_any=True)

    assert (versions(log), versions(log, TWO)) == ([1, 2, 3, 4], [1])


def test_whoever_does_not_care_waits_for_the_other(database, log):
    engine = database.engine("jovey_append")

    def one(n):
        with engine.begin() as connection:
            append(connection, [fact(ONE, key=str(n)), fact(TWO, key=str(n))][:: 1 if n % 2 else -1], expect_any=True)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(20)))
    assert versions(log) == list(range(1, 21))
    assert versions(log, TWO) == list(range(1, 21))
    engine.dispose()


def test_a_payload_may_be_a_mebibyte_and_no_more(log, refuses):
    assert refuses(fact(event=CREATED.model_copy(update={"description": "x" * 1_048_576}))) == "23514"
    append(log, [fact(event=CREATED.model_copy(update={"description": "x" * 1_040_000}))])


# states, receipts, claims


def test_a_state_is_stored_with_its_events(log):
    append(log, [fact()], folded=[folded()])
    append(log, [fact(version=2)], folded=[folded(version=2, status="inactive")])

    (found,) = load(log, shared=[ONE.id, TWO.id])
    assert (found.ref, found.version, json.loads(found.state)) == (ONE, 2, {"sku": "JP-1"})
    assert peek(log, [ONE.id]) == [found]


def test_an_older_state_does_not_replace_a_newer_one(log, refuses):
    append(log, [fact(), fact(version=2)], folded=[folded(version=2)])
    log.commit()

    assert refuses(fact(version=3), folded=[folded(version=2)]) == VERSION_CONFLICT


def test_a_command_is_answered_once(log, refuses):
    receipt = Receipt(COMMAND, b"hash", '{"id": 1}')
    append(log, [fact()], answered=[receipt])
    log.commit()

    assert refuses(fact(version=2), answered=[receipt]) == "JV411"
    assert receipts(log, [COMMAND, UUID(int=1)]) == {COMMAND: (b"hash", {"id": 1})}


def test_a_key_has_one_holder(log, refuses):
    mine = Claim("email", "eve@example.org", ONE.id)
    append(log, [], claims=[mine, Claim("email", "eve@new.example.org", ONE.id)])
    append(log, [], claims=[mine])  # once more, by its holder
    log.commit()

    assert refuses(claims=[replace(mine, holder_id=TWO.id)]) == CLAIMED
    append(log, [], claims=[replace(mine, scope="phone", holder_id=TWO.id)])
    append(log, [], unclaims=[replace(mine, holder_id=TWO.id)])  # not theirs to let go
    log.commit()
    assert refuses(claims=[replace(mine, holder_id=TWO.id)]) == CLAIMED
    append(log, [], claims=[replace(mine, holder_id=TWO.id)], unclaims=[mine])


def test_locked_streams_wait_for_one_another_and_shared_ones_do_not(acting, database):
    engine = database.engine("jovey_append", lock_timeout_s=0.01)
    writer = acting()
    append(writer, [fact(ONE), fact(TWO)], folded=[folded(ONE), folded(TWO)])
    writer.commit()
    load(writer, shared=[ONE.id], locked=[TWO.id])

    with engine.connect() as other:
        assert len(load(other, shared=[ONE.id])) == 1
        for wish in ({"locked": [ONE.id]}, {"shared": [TWO.id]}, {"locked": [TWO.id]}):
            with pytest.raises(DBAPIError) as refused:
                load(other, **wish)
            assert sqlstate(refused.value) == "55P03"
            other.rollback()
    engine.dispose()


# what nobody may do


@pytest.mark.parametrize("as_replica", [False, True])
@pytest.mark.parametrize(
    "statement",
    ["update jovey.events set created_by = 'me'", "delete from jovey.events", "truncate jovey.events"],
)
def test_the_log_only_grows_even_for_its_superuser(engine, log, statement, as_replica):
    append(log, [fact()])
    log.commit()

    with engine.connect() as superuser:
        superuser.execute(text(f"set session_replication_role = {'replica' if as_replica else 'origin'}"))
        with pytest.raises(DBAPIError) as refused:
            superuser.execute(text(statement))
    assert sqlstate(refused.value) == "JV403"


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("jovey_append", "select * from jovey.events"),
        ("jovey_append", "select * from jovey.states"),
        ("jovey_append", "select * from jovey.command_receipts"),
        ("jovey_erase", "select * from jovey.events"),
        ("jovey_agent", "select * from jovey.events"),
        ("jovey_append", "insert into jovey.events (id) values (gen_random_uuid())"),
        ("jovey_append", "update jovey.states set version = 1"),
        ("jovey_append", "delete from jovey.unique_claims"),
        ("jovey_append", "delete from jovey.command_receipts"),
        ("jovey_append", "update jovey.tail_cuts set timeline_id = 1"),
        ("jovey_append", "alter table jovey.events disable trigger all"),
        ("jovey_read", "select jovey.load('{}', '{}')"),
        ("jovey_read", f"select jovey.append({', '.join(['null'] * 15)})"),
        ("jovey_tail", "select * from jovey.command_receipts"),
        ("jovey_tail", "select * from jovey.credentials"),
        ("jovey_agent", "select * from jovey.states"),
        ("jovey_lake", "select * from jovey.events"),
        ("jovey_lake_read", "select * from jovey.events"),
        ("jovey_erase", "select * from jovey.credentials"),
        ("jovey_erase", "insert into jovey.person_keys (key_id) values (gen_random_uuid())"),
        ("jovey_append", "delete from jovey.person_keys"),
        ("jovey_tail", "select * from jovey.person_keys"),
    ],
)  # fmt: skip
def test_every_role_keeps_to_its_door(acting, role, statement):
    with pytest.raises(DBAPIError) as refused:
        acting(role).execute(text(statement))

    assert sqlstate(refused.value) == "42501"


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("jovey_append", "select * from jovey.visible_events, jovey.visible_states, jovey.unique_claims"),
        ("jovey_append", "select * from jovey.peek('{}'), jovey.receipts('{}')"),
        ("jovey_read", "select * from jovey.events, jovey.states"),
        ("jovey_tail", "select * from jovey.events"),
        ("jovey_agent", "select * from jovey.visible_events, jovey.visible_states"),
        ("jovey_erase", "select * from jovey.peek('{}'), jovey.receipts('{}'), jovey.person_keys"),
    ],
)
def test_every_role_gets_through_its_own(acting, role, statement):
    assert acting(role).execute(text(statement)).all() == []

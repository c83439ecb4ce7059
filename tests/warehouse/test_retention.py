"""Retention in the database: what may leave jovey.events, through which door, and what no one else may take."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from warehouse.log.append import sqlstate
from warehouse.log.guards import breaches
from warehouse.log.removal import RetentionBusy, alone, guard, retire_seal, stored_removals
from warehouse.log.seal_key import SealKey
from warehouse.log.sealing import seal

NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=400)
KEY = SealKey.from_seed(bytes(32))
HASH = bytes(32)
ONE, OTHER = UUID(int=1), UUID(int=2)
INSERT = """
    insert into jovey.events (aggregate_id, id, version, schema_version, event_type, aggregate_type, created_by,
                              effective_at, subject_id, correlation_id, causation_id, data)
    values (%s, gen_random_uuid(), %s, 1, 'thing.happened', 'stream', 'user:test', now() + %s, %s,
            gen_random_uuid(), gen_random_uuid(), '{}')"""
APPEND = """
    select outcome from jovey.append(
      array[%(stream)s::uuid], array['stream'::varchar], array[%(expected)s::integer],
      array[%(stream)s::uuid], array[1], array[%(id)s::uuid], array['thing.happened'::varchar], array[1::smallint],
      array[now()], array['test'::varchar], array[null::uuid], array[%(id)s::uuid], array[%(id)s::uuid],
      array['{}'::jsonb], array['{}'::jsonb])"""


class Log:
    """A log of a few streams, its seals, and its owner."""

    def __init__(self, database, home, tail, owner):
        self.database, self.home, self.tail, self.owner = database, home, tail, owner

    def happens(self, stream: UUID, *versions: int, later=timedelta(0), subject=None) -> None:
        with psycopg.connect(self.database.libpq()) as connection:
            for version in versions:
                connection.execute(INSERT, [stream, version, later, subject])

    def seal(self):
        return seal(self.tail, KEY, self.home / "seals.jsonl", NOW)

    def retire(self, sealed, before=LATER):
        with self.owner.begin() as connection:
            return retire_seal(connection, sealed, before, "events.parquet", HASH)

    def refusal(self, sealed, before=LATER) -> str:
        with pytest.raises(DBAPIError) as refused:
            self.retire(sealed, before)
        assert sqlstate(refused.value) == "JV403"
        return str(refused.value.orig)

    def versions(self, stream: UUID) -> list[int]:
        with self.owner.connect() as connection:
            query = text("select version from jovey.history where aggregate_id = :id order by version")
            return list(connection.execute(query, {"id": stream}).scalars())

    def run(self, statement: str, role: str | None = None, values=None):
        with psycopg.connect(self.database.libpq(role)) as connection:
            return connection.execute(statement, values).fetchall()


@pytest.fixture
def log(database, home):
    tail, owner = database.engine("jovey_tail", pool_size=3), database.engine("jovey_owner", pool_size=2)
    with owner.begin() as connection:
        guard(connection)
    yield Log(database, home, tail, owner)
    tail.dispose()
    owner.dispose()


def test_the_oldest_seal_goes_but_for_the_newest_event_of_each_stream_and_is_on_record(log):
    log.happens(ONE, 1, 2, 3)
    log.happens(OTHER, 1)
    first = log.seal()
    log.happens(ONE, 4)
    log.seal()

    removal = log.retire(first)

    assert (removal.removed, removal.kept, removal.file, removal.sha256) == (3, 1, "events.parquet", HASH)
    assert (log.versions(ONE), log.versions(OTHER)) == ([4], [1])
    with log.owner.connect() as connection:
        assert stored_removals(connection) == [removal]


def test_what_a_seal_had_left_of_a_stream_goes_when_the_stream_has_gone_on(log):
    """Otherwise a version between two that stand could be written twice."""
    log.happens(ONE, 1, 2)
    first = log.seal()
    log.retire(first)
    assert log.versions(ONE) == [2]
    log.happens(ONE, 3, 4)
    second = log.seal()

    assert (log.retire(second).removed, log.versions(ONE)) == (2, [4])


def test_an_account_keeps_everything_from_its_oldest_open_invoice_on(log):
    log.happens(ONE, 1, 2, 3, 4)
    with psycopg.connect(log.database.libpq()) as connection:
        connection.execute("alter table jovey.events disable trigger all")
        invoice = """update jovey.events set event_type = 'invoice.generated', aggregate_type = 'account',
            data = jsonb_build_object('invoice_id', '00000000-0000-0000-0000-00000000000' || version)
            where version < 4"""
        connection.execute(invoice)
        connection.execute("alter table jovey.events enable always trigger events_append_only")
        connection.execute("alter table jovey.events enable always trigger events_removal")
        connection.execute("alter table jovey.events enable always trigger events_written_once")
        connection.execute(
            """insert into jovey.states values (%s, 'account', 4, %s, null, 'open', now(), now())""",
            [ONE, '{"invoices": {"00000000-0000-0000-0000-000000000002": {}}}'],
        )

    log.retire(log.seal())

    assert log.versions(ONE) == [2, 3, 4]


def test_what_is_younger_than_the_day_stays_whichever_of_its_times_is_younger(log):
    log.happens(ONE, 1, later=timedelta(days=500))
    log.happens(ONE, 2)
    sealed = log.seal()
    assert "younger" in log.refusal(sealed)
    assert "younger" in log.refusal(sealed, before=NOW)
    assert log.versions(ONE) == [1, 2]


def test_seals_go_from_the_first_on_and_once(log):
    log.happens(ONE, 1, 2)
    first = log.seal()
    log.happens(ONE, 3)
    second = log.seal()
    assert "seal 2 is not the next to be removed, that is 1" in log.refusal(second)
    log.retire(first)
    assert "seal 1 is not the next to be removed, that is 2" in log.refusal(first)


def test_what_a_reader_has_not_read_stays(log):
    log.happens(ONE, 1, 2)
    sealed = log.seal()
    log.run("insert into jovey.tail_cuts values ('lake', '3:3:', 1, 1, now()) returning 1")
    assert "was not read yet by lake" in log.refusal(sealed)
    log.run(f"update jovey.tail_cuts set snapshot = '{sealed.until}' where consumer = 'lake' returning 1")
    assert log.retire(sealed).removed == 1


def test_a_seal_whose_events_are_not_all_there_stays(log):
    log.happens(ONE, 1, 2)
    sealed = log.seal()
    with psycopg.connect(log.database.libpq()) as connection:
        connection.execute("alter table jovey.events disable trigger all")
        connection.execute("delete from jovey.events where version = 1")
        connection.execute("alter table jovey.events enable always trigger events_append_only")
        connection.execute("alter table jovey.events enable always trigger events_removal")
    assert "seal 1 holds 2 events, the log 1" in log.refusal(sealed)


def test_nothing_is_removed_while_removed_events_are_unpacked(log):
    log.happens(ONE, 1, 2)
    sealed = log.seal()
    log.run("insert into jovey.unpacked_events select * from jovey.events returning 1")
    assert "pack them first" in log.refusal(sealed)


@pytest.mark.parametrize("mode", ["origin", "replica"])
def test_a_delete_of_anybody_else_is_refused_before_and_after_a_removal(log, mode):
    log.happens(ONE, 1, 2)
    log.happens(OTHER, 1, 2)
    log.retire(log.seal())
    for role in (None, "jovey_owner"):
        with psycopg.connect(log.database.libpq(role)) as connection:
            if role is None:
                connection.execute(f"set session_replication_role = {mode}")
            with pytest.raises(psycopg.Error, match="DELETE refused") as refused:
                connection.execute("delete from jovey.events")
            assert refused.value.sqlstate == "JV403"


@pytest.mark.parametrize("mode", ["origin", "replica"])
@pytest.mark.parametrize(
    ("taken", "said"),
    [("version = 3", "newest event of a stream"), ("version = 2", "what the removed seal does not hold")],
)
def test_even_a_forged_record_lets_nothing_go_but_what_its_seal_holds_and_no_newest_event(log, mode, taken, said):
    log.happens(ONE, 1)
    log.seal()
    log.happens(ONE, 2, 3)
    number = 1 if "seal" in said else log.seal().number
    with psycopg.connect(log.database.libpq()) as connection:
        connection.execute(f"set session_replication_role = {mode}")
        connection.execute("insert into jovey.removals values (%s, 1, 0, 1, 'forged', %s)", [number, HASH])
        with pytest.raises(psycopg.Error, match=said) as refused:
            connection.execute(f"delete from jovey.events where {taken}")
        assert refused.value.sqlstate == "JV403"


@pytest.mark.parametrize("role", ["views", "append", "read", "tail", "erase", "agent", "lake", "lake_read"])
def test_no_role_but_the_owner_s_may_remove(log, role):
    log.happens(ONE, 1, 2)
    log.seal()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        log.run(
            "select jovey.retire_seal(1, now() + interval '1 year', 'file', decode(repeat('00', 32), 'hex'))",
            f"jovey_{role}",
        )


@pytest.mark.parametrize(
    "statement",
    ["update jovey.removals set removed_by = 'nobody'", "delete from jovey.removals", "truncate jovey.removals"],
)
def test_the_record_of_removals_only_grows(log, statement):
    log.happens(ONE, 1, 2)
    log.retire(log.seal())
    with psycopg.connect(log.database.libpq()) as connection:
        connection.execute("set session_replication_role = replica")
        with pytest.raises(psycopg.Error, match="append-only") as refused:
            connection.execute(statement)
        assert refused.value.sqlstate == "JV403"


def appended(log, expected: int | None, stream: UUID = ONE) -> str:
    try:
        with psycopg.connect(log.database.libpq("jovey_append")) as connection:
            values = {"stream": stream, "expected": expected, "id": uuid4()}
            return connection.execute(APPEND, values).fetchone()[0]
    except psycopg.Error as error:
        return error.sqlstate


def test_a_stream_goes_on_with_its_next_version_and_no_version_is_written_twice(log):
    log.happens(ONE, 1, 2, 3)
    log.retire(log.seal())

    assert [appended(log, expected) for expected in (0, 1, 2)] == ["JV409"] * 3
    assert (appended(log, 3), appended(log, None), log.versions(ONE)) == ("appended", "appended", [3, 4, 5])
    assert appended(log, 0, uuid4()) == "appended", "a new stream begins"


@pytest.mark.parametrize("expected", [0, 1])
def test_who_waited_for_a_removal_does_not_write_a_removed_version_again(log, eventually, expected):
    log.happens(ONE, 1, 2, 3)
    sealed, answers = log.seal(), []
    writer = threading.Thread(target=lambda: answers.append(appended(log, expected)))
    with log.owner.begin() as connection:
        retire_seal(connection, sealed, LATER, "events.parquet", HASH)
        writer.start()
        eventually(
            lambda: log.run("select count(*) from pg_locks where not granted and locktype = 'transactionid'") == [(1,)]
        )
    writer.join(10)
    assert (answers, log.versions(ONE)) == (["JV409"], [3])


def test_the_guard_that_is_not_there_lets_nothing_go(log):
    log.happens(ONE, 1, 2)
    sealed = log.seal()
    with psycopg.connect(log.database.libpq()) as connection:
        connection.execute("drop trigger events_written_once on jovey.events")
    with pytest.raises(DBAPIError), log.owner.begin() as connection:
        guard(connection)
    assert "before jovey.guard()" in log.refusal(sealed)


def test_nothing_is_removed_before_the_log_looks_for_second_writings(log):
    log.happens(ONE, 1, 2)
    sealed = log.seal()
    with psycopg.connect(log.database.libpq()) as connection:
        connection.execute("alter table jovey.events disable trigger events_written_once")
    assert "before jovey.guard()" in log.refusal(sealed)
    with log.owner.begin() as connection:
        guard(connection)
    assert log.retire(sealed).removed == 1
    with psycopg.connect(log.database.libpq()) as connection:
        connection.execute("alter table jovey.events disable trigger events_written_once")
    readers = log.database.engine("jovey_read", pool_size=1)
    with readers.connect() as connection:
        asleep = "trigger events_written_once of jovey.events is not ENABLE ALWAYS"
        assert list(breaches(connection)) == [asleep]
    readers.dispose()


def test_appends_do_not_wait_for_a_removal(log):
    log.happens(ONE, 1, 2)
    sealed = log.seal()
    with log.owner.begin() as connection:
        retire_seal(connection, sealed, LATER, "events.parquet", HASH)
        answers: list[str] = []
        writer = threading.Thread(target=lambda: answers.append(appended(log, 2)))
        writer.start()
        writer.join(10)
        assert answers == ["appended"]
    assert log.versions(ONE) == [2, 3]


def test_two_who_remove_or_unpack_at_once_are_one_too_many(database):
    with alone(database), pytest.raises(RetentionBusy), alone(database):
        pass


def test_how_much_of_a_stream_and_of_a_person_is_archived_is_told_exactly(log):
    eve = uuid4()
    log.happens(ONE, 1, 2, 3, subject=eve)
    log.happens(OTHER, 1, 2, 3, 4, subject=eve)
    log.retire(log.seal())
    ask = "select jovey.archived_of(%s, %s::uuid[])"
    assert log.run(ask, "jovey_append", [None, [ONE]]) == [(2,)]
    assert log.run(ask, "jovey_append", [eve, [ONE]]) == [(5,)], "an event found both ways counts once"
    assert log.run(ask, "jovey_append", [uuid4(), []]) == [(0,)]
    assert log.run("select jovey.archived_events()", "jovey_append") == [(5,)]


def test_the_tail_and_the_beginning_are_read_by_their_indexes_and_an_empty_place_costs_nothing(log):
    many = """
        insert into jovey.events (aggregate_id, id, version, schema_version, event_type, aggregate_type, created_by,
                                  effective_at, correlation_id, causation_id, data)
        select gen_random_uuid(), gen_random_uuid(), 1, 1, 'thing.happened', 'stream', 'me', now(), gen_random_uuid(),
               gen_random_uuid(), '{}' from generate_series(1, 20000) returning 1"""
    log.run(many)
    sealed = log.seal()
    log.happens(ONE, 1)
    newest = log.seal()
    with psycopg.connect(log.database.libpq(), autocommit=True) as connection:
        connection.execute("vacuum analyze jovey.events")
        connection.execute("analyze jovey.unpacked_events")
    from warehouse.log.tail import between

    asked = {
        between(newest.seen, newest.until): "events_tail_idx",
        f"aggregate_id = '{ONE}' order by aggregate_id, version": "events_stream_version_key",
        f"{between(sealed.seen, newest.until)} and position > 19000 order by position limit 100": "events_pkey",
    }
    for condition, index in asked.items():
        plan = " ".join(
            row[0] for row in log.run(f"explain select * from jovey.history where {condition}", "jovey_tail")
        )
        assert re.search(rf"\b{index} on events|on {index}\b", plan), plan  # a plain scan, or one for a bitmap
        assert "Seq Scan on events" not in plan, plan

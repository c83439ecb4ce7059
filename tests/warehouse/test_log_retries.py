"""Conflicts of the world: what the server takes back is done again under the same ids, a bounded number of times."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from uuid import UUID

import psycopg
import pytest
import sqlalchemy
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

import api.handle
from api.actor import system
from api.category.commands import CreateProduct, product_id
from api.handle import Busy, Request, handle_all
from api.rules import Rules
from warehouse.events.category import ProductDeactivated
from warehouse.events.event import Recorded, Ref
from warehouse.ids import derived, derived_at
from warehouse.log.append import RETRYABLE, VERSION_CONFLICT, append, load, sqlstate

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CREATE = Request(
    CreateProduct(sku="JP-1", name="Jet 1", category="tank_pump", base_price=Decimal(200)),
    derived_at(NOON, "retries"),
    system("test"),
    NOON,
)
SERIALIZATION, DEADLOCK, LOCK_TIMEOUT = "40001", "40P01", "55P03"
ROUNDS, WRITERS = 25, 4
_NUMBERS = count(1)


@pytest.fixture
def impatient(database):
    """Writers' connections that are the first to notice a deadlock."""
    settings = {"deadlock_timeout": "10", "lock_timeout": "5000", "jovey.kind": "system"}
    conninfo = database.libpq("jovey_append", **settings)
    known = {"master_key": database.master_key}
    creator = lambda: psycopg.connect(conninfo)  # noqa: E731
    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=creator, execution_options=known)
    yield engine
    engine.dispose()


def take_back(connection, code):
    connection.exec_driver_sql(f"do $$ begin raise exception 'taken back' using errcode = '{code}'; end $$")


def written(connection):
    return connection.execute(text("select id from jovey.visible_events order by position")).scalars().all()


@pytest.mark.parametrize("code", [SERIALIZATION, DEADLOCK, LOCK_TIMEOUT, VERSION_CONFLICT])
def test_what_the_server_takes_back_is_done_again_under_the_same_ids(impatient, code):
    attempts = []

    def twice_in_vain(connection):
        attempts.append(written(connection))
        if len(attempts) < 3:
            take_back(connection, code)

    handled = handle_all(impatient, [CREATE], Rules(), beside=twice_in_vain)

    with impatient.connect() as connection:
        assert attempts == [written(connection)] * 3
    assert attempts[0][0] == derived(CREATE.id, 0)
    assert not handled[0].is_repeated


@pytest.mark.parametrize("code", sorted(RETRYABLE))
def test_nobody_tries_for_ever(impatient, monkeypatch, code):
    monkeypatch.setattr(api.handle, "ATTEMPTS_MAX", 3)
    attempts = []

    def always_in_vain(connection):
        attempts.append(connection)
        take_back(connection, code)

    with pytest.raises(Busy):
        handle_all(impatient, [CREATE], Rules(), beside=always_in_vain)
    assert len(attempts) == 3
    with impatient.connect() as connection:
        assert written(connection) == []


def test_what_is_wrong_by_itself_is_not_tried_again(impatient):
    attempts = []

    def wrong(connection):
        attempts.append(connection)
        take_back(connection, "23514")

    with pytest.raises(DBAPIError):
        handle_all(impatient, [CREATE], Rules(), beside=wrong)
    assert len(attempts) == 1


def test_a_command_that_loses_a_deadlock_is_done_after_the_winner(impatient, database, engine, eventually):
    handle_all(impatient, [CREATE], Rules())
    patient, pump = database.engine("jovey_append"), product_id("JP-1")
    other_wish = Request(
        CreateProduct(sku="JP-2", name="Jet 2", category="tank_pump", base_price=Decimal(200)),
        derived_at(NOON, "loses"),
        system("test"),
        NOON,
    )
    attempts = []

    def is_waiting():
        with engine.connect() as superuser:
            return superuser.execute(text("select 1 from pg_locks where not granted")).first()

    with patient.connect() as winner, ThreadPoolExecutor(1) as pool:
        winner.exec_driver_sql("select pg_advisory_xact_lock(77)")

        def wait_in_a_circle(connection):
            attempts.append(written(connection))
            if len(attempts) == 1:
                load(connection, locked=[pump])
                late = pool.submit(load, winner, locked=[pump])
                eventually(is_waiting)
                late.add_done_callback(lambda _: winner.commit())
            connection.exec_driver_sql("select pg_advisory_xact_lock(77)")

        handle_all(impatient, [other_wish], Rules(), beside=wait_in_a_circle)

    patient.dispose()
    assert len(attempts) == 2
    assert attempts[0] == attempts[1]


def test_calls_over_the_same_new_streams_never_wait_in_a_circle(database, impatient):
    def one(wish):
        refs, direction = wish
        events = [
            Recorded(ProductDeactivated(reason="x"), UUID(int=next(_NUMBERS)), ref, 1, NOON, "test", ref.id, ref.id)
            for ref in refs[::direction]
        ]
        with impatient.connect() as connection:
            try:
                append(connection, events)
                connection.commit()
            except DBAPIError as error:
                return sqlstate(error)
        return "appended"

    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in range(ROUNDS):
            refs = [Ref("product", UUID(int=next(_NUMBERS))) for _ in range(20)]
            outcomes = sorted(pool.map(one, [(refs, 1), (refs, -1), (refs[::2], -1), (refs[1:], 1)]))
            assert set(outcomes) <= {"appended", VERSION_CONFLICT}
            assert "appended" in outcomes


def test_a_connection_that_the_server_ends_is_said_so_and_not_used_again(impatient, database):
    with impatient.connect() as connection, psycopg.connect(database.libpq(), autocommit=True) as owner:
        (backend,) = connection.exec_driver_sql("select pg_backend_pid()").one()
        owner.execute("select pg_terminate_backend(%s, 5000)", [backend])
        with pytest.raises(OperationalError):
            append(connection, [])
    handle_all(impatient, [CREATE], Rules())
    with impatient.connect() as connection:
        assert len(written(connection)) == 1

"""What tests of the shell share: the writing role, looks at what was written, and two commands at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from api.handle import Request, handle, handle_all
from api.rules import Rules
from warehouse.log.append import peek
from warehouse.log.people import People


@pytest.fixture
def writer(database):
    """As the API writes: in the role that may append."""
    engine = database.engine("jovey_append")
    yield engine
    engine.dispose()


@pytest.fixture
def state(writer):
    def look(stream, id):
        with writer.connect() as connection:
            shown = People(connection).reveal([found.state for found in peek(connection, [id])])
            return next((stream.parse(one) for one in shown), None)

    return look


@pytest.fixture
def count(engine):
    def look(table):
        with engine.connect() as connection:
            return connection.execute(text(f"select count(*) from jovey.{table}")).scalar_one()

    return look


@pytest.fixture
def meanwhile(writer, engine, eventually):
    """Let a command reach its last moment before commit, start another, and go on once that one waits for a lock."""

    def run(first: Request, second: Request):
        waiting = "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"

        def is_waiting():
            with engine.connect() as connection:  # the superuser's: others do not see what a session waits for
                return connection.execute(text(waiting)).first() is not None

        with ThreadPoolExecutor(1) as pool:
            started = []

            def before_commit(_):
                started.append(pool.submit(handle, writer, second, Rules()))
                eventually(is_waiting)

            handled = handle_all(writer, [first], Rules(), beside=before_commit)
            return handled[0], started[0]

    return run

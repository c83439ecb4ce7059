"""What tests of the log share: a database for a whole module, and one that has a way in with a single argument."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from warehouse.postgres import Database

_ADD = """
    create schema scratch;
    grant usage on schema scratch to public;
    create function scratch.add(stream uuid, id uuid, expected integer default null, content jsonb default '{}')
    returns bigint language sql as $$
      select first_position from jovey.append(
        array[stream], array['stream'::varchar], array[expected],
        array[stream], array[1], array[id], array['said'::varchar], array[1::smallint], array[now()],
        array['test'::varchar], array[null::uuid], array[id], array[id], array[content], array['{}'::jsonb])
    $$"""


@pytest.fixture(scope="module")
def scratch(server: Database, template: Database) -> Iterator[Database]:
    """A migrated database of the module's own, with scratch.add(stream, id) to append one event."""
    own = server.sibling(f"test_{uuid4().hex}")
    with psycopg.connect(server.libpq(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template {}").format(sql.Identifier(own.name), sql.Identifier(template.name))
        )
    with psycopg.connect(own.libpq(), autocommit=True) as connection:
        connection.execute(_ADD)
    yield own
    with psycopg.connect(server.libpq(), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(own.name)))

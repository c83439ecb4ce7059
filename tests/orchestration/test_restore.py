"""The restore that docs/guides/restore.md tells: dump, another server, rebuild, verify."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest

from api.actor import system
from api.category.commands import ChangePrice, CreateProduct, product_id
from api.handle import Request, handle_all
from api.rules import Rules
from assets.hot_run import refresh
from assets.sql import Graph
from orchestration import rebuild as rebuilding
from orchestration.sealing import examine_log, seal_log
from warehouse import embedded
from warehouse.embedded import binaries
from warehouse.ids import derived_at
from warehouse.lake.attach import open_reader
from warehouse.log import restored
from warehouse.log.restored import TooFarBehind, reach_transactions
from warehouse.log.tail import SourceRewound
from warehouse.postgres import Database

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CREATED = CreateProduct(sku="JP-1", name="Jet 1", category="tank_pump", base_price=Decimal(200))
NO_TABLES = Graph((), ())


def send(database: Database, *commands) -> None:
    engine = database.engine("jovey_append")
    requests = [Request(one, derived_at(NOON, str(one)), system("test"), NOON) for one in commands]
    handle_all(engine, requests, Rules())
    engine.dispose()


def price(amount: int) -> ChangePrice:
    return ChangePrice(product_id=product_id("JP-1"), new_price=Decimal(amount), reason="steel")


def program(name: str, database: Database, *words: str, given: str | None = None) -> str:
    where = [f"--host={database.host}", f"--port={database.port}", f"--username={database.user}", "--no-password"]
    command = [str(binaries() / name), *where, *words]
    return subprocess.run(command, input=given, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def other_server(home):
    """A server that counts its transactions from its own beginning."""
    with embedded.serving(home / "other", durable=False) as sockets:
        yield Database("postgres", host=str(sockets), port=str(embedded.PORT), user=embedded.SUPERUSER)


def test_a_dump_restored_on_another_server_stops_the_lake_and_a_rebuild_heals_it(
    outside, database, other_server, monkeypatch
):
    with psycopg.connect(database.libpq(), autocommit=True) as connection:
        connection.execute("do $$ begin for n in 1..5000 loop perform pg_current_xact_id(); commit; end loop; end $$")
    send(database, CREATED, price(205))
    refresh(database, outside, graph=NO_TABLES)
    seal_log(outside, NOON)
    dump = outside.home / "jovey.dump"
    program("pg_dump", database, "--format=custom", f"--file={dump}", database.name)
    roles = program("pg_dumpall", database, "--roles-only")
    program("psql", other_server, "--quiet", "postgres", given=roles)
    program("createdb", other_server, "jovey")
    program("pg_restore", other_server, "--dbname=jovey", str(dump))
    again = replace(database, name="jovey", host=other_server.host)
    url = f"postgresql://{again.user}@/{again.name}?host={again.host}&port={again.port}"
    moved = outside.model_copy(update={"database_url": url})
    with psycopg.connect(database.libpq()) as old, psycopg.connect(again.libpq()) as new:
        counts = [server.execute("select pg_current_xact_id()::text::bigint").fetchone()[0] for server in (old, new)]
    assert counts[1] < counts[0], "the new server is behind the log's transactions"

    with pytest.raises(SourceRewound, match="has not come to"):
        refresh(again, moved, graph=NO_TABLES)
    monkeypatch.setattr("assets.hot_run.house_graph", lambda: NO_TABLES)  # what derives is not the question here
    rebuilding.rebuild(moved)
    send(again, price(210))
    refresh(again, moved, graph=NO_TABLES)

    with open_reader(again, moved) as lake:
        assert lake.execute("select count(*) from facts.product_created").fetchall() == [(1,)]
        assert lake.execute("select new_price from facts.product_price_updated order by position").fetchall() == [
            (Decimal(205),),
            (Decimal(210),),
        ]
    assert examine_log(moved).is_sound


def test_an_older_dump_of_the_same_server_stops_the_lake_and_a_rebuild_heals_it(outside, database):
    send(database, CREATED)
    dump = outside.home / "jovey.dump"
    program("pg_dump", database, "--format=custom", "--clean", f"--file={dump}", "--schema=jovey", database.name)
    send(database, price(205))
    refresh(database, outside, graph=NO_TABLES)
    program("pg_restore", database, "--clean", f"--dbname={database.name}", str(dump))

    with pytest.raises(SourceRewound, match="lacks event 2"):
        refresh(database, outside, graph=NO_TABLES)
    refresh(database, outside, graph=NO_TABLES, from_the_beginning=True)

    with open_reader(database, outside) as lake:
        assert lake.execute("select count(*) from facts.product_price_updated").fetchall() == [(0,)]


def test_a_server_too_far_behind_is_told_what_to_do(database, monkeypatch):
    assert reach_transactions(database) == 0
    with psycopg.connect(database.libpq(), autocommit=True) as connection:
        connection.execute("""
            insert into jovey.events (
              transaction_id, aggregate_id, id, effective_at, version, schema_version, event_type, aggregate_type,
              created_by, correlation_id, causation_id, data)
            select (pg_current_xact_id()::text::bigint + 1000000)::text::xid8, uuidv7(), uuidv7(), now(), 1, 1, 'x',
                   'x', 'x', uuidv7(), uuidv7(), '{}'""")
    monkeypatch.setattr(restored, "TRANSACTIONS_MAX", 3)
    with pytest.raises(TooFarBehind, match="pg_resetwal"):
        reach_transactions(database)

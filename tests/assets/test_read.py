"""The one read door: whose tables, as of when, and nothing else within reach."""

from __future__ import annotations

import dataclasses
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from assets.facts import Vocabulary
from warehouse.events.orders import OrderHeld
from warehouse.events.receivables import AccountHeld
from warehouse.ids import new_id
from warehouse.lake.attach import LakeBusy, LakeMissing, extension_file, open_reader, writing
from warehouse.lake.keep import keep
from warehouse.lake.read import EVERYTHING, NotYours, Reader, refuse_foreign
from warehouse.lake.statement import NotASelect
from warehouse.log.position import BEGINNING, Snapshot

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
ORDERS = frozenset({"orders"})
COUNT = "select count(*) as n from facts.order_held"


@pytest.fixture
def reader(works):
    with Reader(works.database, works.settings) as reader:
        yield reader


@pytest.fixture
def filled(works):
    works.vocabulary = Vocabulary({event.type: event for event in (OrderHeld, AccountHeld)}, {})
    works.happens("order", OrderHeld(cause="manual", reason="asked"))
    works.happens("account", AccountHeld(customer_id=new_id(NOW), reason="late"))
    works.refresh()
    return works


def number(reader, **changes) -> int:
    return reader.query(COUNT, functions=ORDERS, **changes).frame["n"].item()


def test_before_anything_was_written_the_reader_is_told_so(works, reader):
    with pytest.raises(LakeMissing, match="no run has written it yet"):
        reader.query(COUNT, functions=ORDERS)


def test_an_answer_says_as_of_which_event_and_when(filled, reader):
    done = filled.refresh()
    answer = reader.query(COUNT, functions=ORDERS)
    said = answer.as_of
    assert (said.position, said.event_number, said.at) == (done.position, 2, done.as_of)
    assert reader.as_of() == said


def test_a_version_named_before_can_be_read_again(filled, reader):
    then = reader.as_of().version
    filled.happens("another", OrderHeld(cause="manual", reason="asked"))
    filled.refresh()
    assert (number(reader), number(reader, version=then)) == (2, 1)


def test_the_lake_has_reached_a_cut_when_it_holds_all_of_it(filled, reader):
    assert reader.has_reached(BEGINNING)
    assert not reader.has_reached(Snapshot(2**40, 2**40))


def test_parameters_are_values_and_never_sql(filled, reader):
    found = reader.query("select ? as said, $2 as n", ["x'; drop table facts.cuts --", 2], functions=ORDERS)
    assert found.frame.row(0) == ("x'; drop table facts.cuts --", 2)


@pytest.mark.parametrize(
    "sql",
    [
        "from orders.orders",
        "from facts.order_held",
        "with orders as (select 1 as x) select * from orders, range(3)",
        "select * from facts.order_held where event_id in (select last_event_id from orders.orders)",
        "select unnest([1, 2])",
    ],
)
def test_a_reader_sees_the_tables_and_facts_of_its_functions(sql):
    refuse_foreign(sql, ORDERS)


@pytest.mark.parametrize(
    "sql",
    [
        "from receivables.aging",
        "from facts.account_held",
        "from facts.cuts",
        "from receivables.aging_as_of(current_date, 'due_date')",
        "select 1 where exists (from receivables.aging)",
        "with x as (from receivables.aging) from x",
        "from read_text('/etc/hostname')",
        "from '/etc/hostname'",
        "from duckdb_secrets()",
        "from postgres_query('__ducklake_metadata_lake', 'select 1')",
        "from information_schema.tables",
        "from pg_catalog.pg_tables",
        "from system.information_schema.tables",
        "from a_python_variable",
    ],
)
@pytest.mark.parametrize("functions", [ORDERS, frozenset[str]()], ids=["orders", "nobody"])
def test_a_reader_reaches_nothing_outside_its_functions(sql, functions):
    with pytest.raises(NotYours):
        refuse_foreign(sql, functions)


def test_the_door_asks_before_it_opens(works, reader):
    with pytest.raises(NotYours):
        reader.query("from receivables.aging", functions=ORDERS)


@pytest.mark.parametrize(
    "sql",
    [
        "from read_text('/etc/hostname')",
        "copy (select 1) to '/tmp/x'",
        "set enable_external_access = true",
        "attach 'x'",
    ],
)
def test_the_connection_behind_the_door_reaches_no_file_either(filled, sql):
    with open_reader(filled.database, filled.settings) as connection, pytest.raises(duckdb.Error):
        connection.execute(sql)


@pytest.mark.parametrize("loading", ["load", "install"])
def test_the_connection_behind_the_door_takes_no_extension_in(filled, tmp_path, loading):
    """Not even a sound one, under a name that is not loaded yet."""
    sound = shutil.copy(extension_file("ducklake"), tmp_path / "other.duckdb_extension")
    with open_reader(filled.database, filled.settings) as connection, pytest.raises(duckdb.Error, match="disabled"):
        connection.execute(f"{loading} '{sound}'")


def test_the_connection_behind_the_door_cannot_write(filled):
    with open_reader(filled.database, filled.settings) as connection, pytest.raises(duckdb.Error, match="read-only"):
        connection.execute("delete from facts.order_held")


@pytest.mark.parametrize(
    "sql", ["drop table orders.orders", "select 1; select 2", "copy (select 1) to 'x'", "selec 1", ""]
)
def test_a_question_is_one_select(sql):
    with pytest.raises(NotASelect):
        refuse_foreign(sql, EVERYTHING)


def test_the_database_manager_reads_every_schema(filled, reader):
    both = "select count(*) as n from facts.account_held, facts.order_held"
    assert reader.query(both, functions=EVERYTHING).frame["n"].item() == 1


def test_many_threads_read_at_once_while_the_lake_is_written(filled, reader):
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(reader.query, COUNT, functions=ORDERS) for _ in range(24)]
        filled.happens("another", OrderHeld(cause="manual", reason="asked"))
        filled.refresh()
        seen = {(found.frame["n"].item(), found.as_of.event_number) for found in (one.result() for one in answers)}
    assert seen <= {(1, 2), (2, 3)}
    assert number(reader) == 2


def test_keeping_merges_files_and_forgets_versions_and_no_answer_changes(filled, reader):
    first = reader.as_of().version
    for n in range(4):
        filled.happens(f"order {n}", OrderHeld(cause="manual", reason="asked"))
        filled.refresh()
    files = filled.settings.home / "lake" / "facts" / "order_held"
    assert len(list(files.glob("*.parquet"))) == 5
    kept = keep(filled.database, filled.settings)
    assert (kept.snapshots_expired, number(reader, version=first)) == (0, 1), "a week can be looked back to"
    kept = keep(filled.database, filled.settings, time_travel=timedelta(0), grace=timedelta(0))
    assert kept.snapshots_expired > 4
    assert len(list(files.glob("*.parquet"))) == 1
    assert number(reader) == 5


def test_a_password_is_in_no_path_that_a_query_can_show(filled):
    database = dataclasses.replace(filled.database, password="s3cr3t")
    with open_reader(database, filled.settings) as connection:
        assert connection.execute("select count(*) from facts.order_held").fetchone() == (1,)
        shown = connection.execute("select path from duckdb_databases()").fetchall()
        shown += connection.execute("select secret_string from duckdb_secrets()").fetchall()
    assert "s3cr3t" not in str(shown)


def test_the_lake_has_one_writer_and_the_next_waits_its_turn_or_says_so(works, monkeypatch):
    monkeypatch.setattr("warehouse.lake.attach._WRITER_WAIT_SECONDS_MAX", 0.05)
    with writing(works.database), pytest.raises(LakeBusy, match="Another process"), writing(works.database):
        pytest.fail("two writers at once")
    with writing(works.database):
        pass

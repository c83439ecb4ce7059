"""Tables that a function makes: their notes, their inputs, and that events alone do not move a nightly one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from assets.frame import Misreturned, returned
from assets.hot_run import house_graph
from assets.proof import prove
from assets.sql import Unreadable, read_graph
from assets.table import build
from warehouse.events.fulfillment import InventoryReceived
from warehouse.ids import new_id
from warehouse.lake.catalog import columns

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)

NOTES = "about: One row per sum.\ncolumn: a_id | Whose.\ncolumn: total | Sum, pieces.\nexpect: total > 0\n"
INPUT = "input: held | select position, getvariable('zone') as zone from facts.order_held\n"
CODE = "def sums(held):\n    return held\n"


@pytest.fixture
def frame(tmp_path):
    """Writes `a/sums.py` and reads it with the rest of the room."""

    def write(notes: str, code: str = CODE, **others: str):
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / "a" / "sums.py").write_text(f'"""a.sums: what came together.\n\n{notes}"""\n\n{code}')
        for name, text in others.items():
            (tmp_path / "a" / f"{name}.py").write_text(text)
        return read_graph(tmp_path)

    write.folder = tmp_path
    return write


def test_a_python_file_with_notes_is_a_table_like_any_other(frame):
    graph = frame(NOTES + INPUT)
    one = graph["a.sums"]
    assert (one.about, one.expectations, one.reads) == ("One row per sum.", ("total > 0",), {"facts.order_held"})
    assert one.variables == {"zone"}
    assert [each.name for each in graph.downstream(frozenset({"facts.order_held"}))] == ["a.sums"]


def test_a_python_file_without_notes_is_what_tables_use(frame):
    graph = frame(NOTES + INPUT, beside='"""What sums need."""\n\ndef beside(x): return x\n')
    assert [one.name for one in graph.derived] == ["a.sums"]


@pytest.mark.parametrize(
    ("notes", "code", "complaint"),
    [
        (NOTES, CODE, "in 'input:' what it is made from"),
        (NOTES + INPUT + "colour: red\n", CODE, "a note is about, column"),
        (NOTES + INPUT, "def sums(other):\n    return other\n", r"sums\(\) takes its inputs, in their order: held"),
        (NOTES + INPUT, "x = 1\n", r"sums\(\) takes its inputs"),
        (NOTES + "input: held | drop table x\n", CODE, "Only SELECT"),
        (NOTES + "input: held | from b.unknown\n", CODE, "reads b.unknown, and no file makes it"),
    ],
    ids=["no input", "an unknown note", "another argument", "no function", "no select", "an unknown table"],
)
def test_a_file_that_is_wrong_is_refused_with_its_name(frame, notes, code, complaint):
    with pytest.raises(Unreadable, match=complaint):
        frame(notes, code)


def test_a_changed_line_of_code_changes_the_digest_beside_it_too(frame):
    digests = {
        frame(NOTES + INPUT)["a.sums"].digest({"zone": "UTC"}),
        frame(NOTES + INPUT, CODE + "# changed\n")["a.sums"].digest({"zone": "UTC"}),
        frame(NOTES + INPUT, beside='"""Changed too."""\n')["a.sums"].digest({"zone": "UTC"}),
        frame(NOTES + INPUT)["a.sums"].digest({"zone": "CET"}),
    }
    assert len(digests) == 4


def test_what_happens_does_not_move_a_nightly_table_nor_pass_through_it(frame):
    (frame.folder / "b").mkdir()
    (frame.folder / "b" / "after.sql").write_text("-- about: Rows.\n-- column: total | Sum.\nselect total from a.sums")
    graph = frame(NOTES + INPUT + "when: nightly\n")
    assert graph.downstream(frozenset({"facts.order_held"})) == ()
    assert [one.name for one in graph.downstream(frozenset({"a.sums"}))] == ["a.sums", "b.after"]


def test_ids_go_to_the_function_as_text_and_come_back_as_ids(frame):
    column = frame(NOTES + INPUT)["a.sums"].sql
    assert column == 'select "a_id"::uuid as "a_id", "total" from returned'


@pytest.mark.parametrize("column", ["surplus", "origin_week"])
def test_a_function_returns_the_columns_it_explains_and_no_others(small_lake, column):
    small_lake.built("forecasting.accuracy")
    table = house_graph()["forecasting.accuracy"]
    columns = {name: table.columns.get(name, "No.") for name in table.columns.keys() ^ {column}}
    with pytest.raises(Misreturned, match=column), returned(small_lake.connection, replace(table, columns=columns)):
        pass


def test_a_function_s_table_is_made_filled_and_commented_in_the_lake(small_lake):
    small_lake.built("forecasting.inventory_targets")
    kinds = dict(
        small_lake.connection.execute(
            "select column_name, data_type from duckdb_columns() where table_name = 'inventory_targets'"
        ).fetchall()
    )
    assert (kinds["product_id"], kinds["target_quantity"], kinds["lead_time_days"]) == ("UUID", "BIGINT", "BIGINT[]")
    oid = "select table_oid from duckdb_tables() where table_name = 'inventory_targets'"
    made, table = small_lake.connection.execute(oid).fetchone(), house_graph()["forecasting.inventory_targets"]
    assert build(small_lake.connection, table, columns(small_lake.connection)[table.name]) == 0
    assert small_lake.connection.execute(oid).fetchone() == made, "filled again, not made again"


def test_the_answer_s_view_is_gone_afterwards(small_lake):
    small_lake.built("forecasting.accuracy")
    views = small_lake.connection.execute("select count(*) from duckdb_views() where view_name = 'returned'")
    assert views.fetchone() == (0,)


def test_the_night_s_tables_stay_as_they_are_until_asked_for_and_are_proven_with_the_rest(works):
    graph = house_graph()
    nightly = {table.name for table in graph.tables if table.is_nightly}
    assert nightly <= works.refresh(graph=graph).rows.keys()  # a new lake has everything
    works.happens(
        "shelf", InventoryReceived(product_id=new_id(NOW), sku="P", location="main", quantity=5, source="opening")
    )
    later = {"graph": graph, "now": NOW + timedelta(days=8)}
    moved = works.refresh(**later).rows.keys()
    assert "forecasting.demand" in moved
    assert not nightly & moved
    assert nightly & works.refresh(anew=["forecasting.forecast"], **later).rows.keys() == {"forecasting.forecast"}
    assert prove(works.database, works.settings, graph=graph).mismatches == ()

"""The notes of SQL files: what they say is held, what they leave out is refused, what they read is the graph."""

from __future__ import annotations

import pytest

from assets.hot_run import house_graph
from assets.sql import Unreadable, read_graph

TABLE = "-- about: One row.\n-- column: x | A number.\nselect {} as x{}"


@pytest.fixture
def room(tmp_path):
    """Writes files; `room("orders/orders.sql", "…")`."""

    def write(path: str, sql: str) -> None:
        target = tmp_path / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(sql)

    write.folder = tmp_path
    return write


def names(room) -> list[str]:
    return [one.name for one in read_graph(room.folder).derived]


def test_a_file_s_place_is_its_table_s_name(room):
    room("orders/totals.sql", TABLE.format(1, ""))
    assert names(room) == ["orders.totals"]


def test_every_table_stands_after_what_it_reads_whatever_the_files_are_called(room):
    room("a/first.sql", TABLE.format("x", " from b.second"))
    room("b/second.sql", TABLE.format("sum(x)", " from (with y as (from c.third) from y)"))
    room("c/third.sql", TABLE.format("position", " from facts.order_placed"))
    assert names(room) == ["c.third", "b.second", "a.first"]


def test_what_a_fact_touches_is_what_reads_it_and_what_reads_that(room):
    room("a/far.sql", TABLE.format("x", " from a.near"))
    room("a/near.sql", TABLE.format("position", " from facts.order_placed"))
    room("a/aside.sql", TABLE.format("position", " from facts.order_held"))
    graph = read_graph(room.folder)
    assert [one.name for one in graph.downstream(frozenset({"facts.order_placed"}))] == ["a.near", "a.far"]


def test_a_table_depends_on_what_a_macro_it_calls_reads(room):
    room(
        "a/since.sql",
        "-- about: Rows.\n-- macro: since(day)\nselect position as x from facts.order_placed where 1 > day",
    )
    room("a/lately.sql", TABLE.format("x", " from a.since(0)").replace("select x as x", "select x"))
    graph = read_graph(room.folder)
    assert graph.tables_read(graph["a.lately"]) == {"facts.order_placed"}
    assert [one.name for one in graph.tables] == ["a.lately"]


@pytest.mark.parametrize(
    ("path", "sql", "complaint"),
    [
        ("a/x.sql", "select 1 as x", "say in '-- about:'"),
        ("a/x.sql", "-- abuot: One row.\nselect 1 as x", "a note is about, column"),
        ("a/x.sql", "-- about: One.\n-- column: x\nselect 1 as x", "wants 'name | meaning'"),
        ("a/x.sql", "-- about: One.\ndrop table y", "Only SELECT"),
        ("a/x.sql", "-- about: One.\nselect 1; select 2", "One SELECT is wanted"),
        ("a/x.sql", "-- about: One.\nselec 1", "syntax error"),
        ("a/x.sql", "-- about: One.\nfrom b.y", "a.x reads b.y, and no file makes it"),
        ("a/x.sql", "-- about: One.\n-- macro: y(z)\nselect z as x", r"wants 'x\(parameters\)'"),
        ("a/x.sql", "-- about: One.\nfrom a.x", "in a circle"),
        ("a/y.check.sql", "-- about: One.\nselect 1", "a check needs '-- about:' and one '-- checks"),
        ("a/y.check.sql", "-- about: One.\n-- checks: a.z\nselect 1", "y reads a.z, and no file makes it"),
    ],
    ids=[
        "says nothing", "an unknown note", "a column without meaning", "no select", "two selects", "no sql",
        "an unknown table", "a macro of another name", "a circle", "a check of nothing", "a check of no table",
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_refused_with_its_name(room, path, sql, complaint):
    room(path, sql)
    with pytest.raises(Unreadable, match=complaint):
        read_graph(room.folder)


def test_a_check_says_what_it_checks_and_when(room):
    room("a/x.sql", TABLE.format(1, ""))
    room("a/slow.check.sql", "-- about: None.\n-- checks: a.x\n-- when: nightly\nselect 1 from a.x")
    (check,) = read_graph(room.folder).checks
    assert (check.name, check.table, check.about, check.is_nightly) == ("slow", "a.x", "None.", True)


def test_a_changed_word_changes_the_digest_and_the_calendar_does_not(room):
    room("a/x.sql", TABLE.format("getvariable('today')", " where getvariable('zone') = 'UTC'"))
    one = read_graph(room.folder)["a.x"]
    assert one.moves_with_the_day
    assert one.digest({"zone": "UTC"}) != one.digest({"zone": "CET"})
    room("a/x.sql", TABLE.format("getvariable('today')", " where getvariable('zone') = 'UTC'").replace("number", "day"))
    assert read_graph(room.folder)["a.x"].digest({"zone": "UTC"}) != one.digest({"zone": "UTC"})


def test_every_column_of_the_house_s_tables_says_what_it_means():
    for table in house_graph().tables:
        assert table.columns, table.name
        assert all(meaning.endswith(".") for meaning in table.columns.values()), table.name


def test_every_table_of_the_house_can_be_made_from_nothing(small_lake):
    verdicts = small_lake.built(*(table.name for table in house_graph().tables))
    assert all(verdict.has_passed for verdict in verdicts)
    for check in house_graph().checks:
        assert small_lake.offenders(check.name) == 0

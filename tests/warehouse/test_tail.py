"""The tail of the log: every event in exactly one cut, whatever the order of commits, and none across a rewound log."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from warehouse.log.position import BEGINNING, Snapshot
from warehouse.log.tail import Cut, SourceRewound, between, head, is_behind, take_cut

INSERT = """
    insert into jovey.events (aggregate_id, id, version, schema_version, event_type, aggregate_type, created_by,
                              effective_at, correlation_id, causation_id, data)
    values (gen_random_uuid(), gen_random_uuid(), 1, 1, %s, 'stream', 'user:test', now(),
            gen_random_uuid(), gen_random_uuid(), '{}')"""


@pytest.fixture
def tail(database):
    engine = database.engine("jovey_tail")
    yield engine
    engine.dispose()


@pytest.fixture
def writer(database):
    """Opens a connection whose transaction the test ends itself."""
    opened = []

    def connect() -> psycopg.Connection:
        opened.append(psycopg.connect(database.libpq()))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


def read(engine, seen: Snapshot, until: Snapshot) -> list[str]:
    with engine.connect() as connection:
        rows = connection.execute(
            text(f"select event_type from jovey.events where {between(seen, until)} order by position")
        )
        return [row.event_type for row in rows]


def test_an_event_that_commits_after_a_later_one_comes_in_the_next_cut(tail, writer):
    slow, quick = writer(), writer()
    slow.execute(INSERT, ["first"])
    quick.execute(INSERT, ["second"])
    quick.commit()
    one = take_cut(tail, "reader", None)
    slow.commit()
    two = take_cut(tail, "reader", one)
    assert read(tail, BEGINNING, one.snapshot) == ["second"]
    assert read(tail, one.snapshot, two.snapshot) == ["first"]


def test_a_transaction_that_appends_around_another_is_not_torn(tail, writer):
    around, between_them = writer(), writer()
    around.execute(INSERT, ["one"])
    between_them.execute(INSERT, ["two"])
    between_them.commit()
    around.execute(INSERT, ["three"])
    cut = take_cut(tail, "reader", None)
    around.commit()
    later = take_cut(tail, "reader", cut)
    assert read(tail, BEGINNING, cut.snapshot) == ["two"]
    assert read(tail, cut.snapshot, later.snapshot) == ["one", "three"]


def test_what_was_rolled_back_is_in_no_cut(tail, writer):
    regretful = writer()
    regretful.execute(INSERT, ["never"])
    cut = take_cut(tail, "reader", None)
    regretful.rollback()
    later = take_cut(tail, "reader", cut)
    assert read(tail, BEGINNING, later.snapshot) == []
    assert not is_behind(tail, cut.snapshot)


def test_the_reader_is_behind_only_while_there_is_an_event_to_read(tail, writer):
    assert not is_behind(tail, BEGINNING)
    connection = writer()
    connection.execute(INSERT, ["an event"])
    assert not is_behind(tail, BEGINNING), "it is not committed yet"
    connection.commit()
    assert is_behind(tail, BEGINNING)
    assert not is_behind(tail, head(tail))


STEPS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["append", "savepoint", "commit", "rollback", "cut"])), max_size=25
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_whatever_the_order_of_commits_each_event_is_in_exactly_one_cut(tail, writer, steps):
    writers = [writer() for _ in range(4)]
    cut = take_cut(tail, "reader", None)
    expected, pending, read_so_far, number = [], {n: [] for n in range(4)}, [], 0
    for who, step in [*steps, *[(n, "commit") for n in range(4)], (0, "cut")]:
        match step:
            case "append" | "savepoint":
                number += 1
                if step == "savepoint":
                    writers[who].execute("savepoint s")
                writers[who].execute(INSERT, [f"event {number}"])
                pending[who].append(f"event {number}")
            case "commit":
                writers[who].commit()
                expected += pending.pop(who)
                pending[who] = []
            case "rollback":
                writers[who].rollback()
                pending[who] = []
            case "cut":
                later = take_cut(tail, "reader", cut)
                read_so_far += read(tail, cut.snapshot, later.snapshot)
                cut = later
    assert sorted(read_so_far) == sorted(expected)
    for connection in writers:
        connection.close()


def test_the_reader_s_place_is_registered_where_an_operator_sees_it(tail, engine):
    cut = take_cut(tail, "reader", None)
    with engine.connect() as connection:
        row = connection.execute(
            text("select snapshot::text, timeline_id, system_identifier from jovey.tail_cuts")
        ).one()
    assert Cut(Snapshot.parse(row.snapshot), row.timeline_id, row.system_identifier) == cut


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda cut: replace(cut, system_identifier=cut.system_identifier + 1), "The lake was read from server"),
        (lambda cut: replace(cut, timeline_id=cut.timeline_id + 1), "restored or failed over"),
        (lambda cut: replace(cut, snapshot=Snapshot(2**40, 2**40)), "restored or failed over"),
    ],
    ids=["another server", "another timeline", "transactions taken back"],
)
def test_a_log_that_is_not_the_one_read_before_is_refused(tail, change, sentence):
    read_before = change(take_cut(tail, "reader", None))
    with pytest.raises(SourceRewound, match=sentence):
        take_cut(tail, "reader", read_before)


def test_a_refused_reader_leaves_its_registered_place_alone(tail, engine):
    cut = take_cut(tail, "reader", None)
    with pytest.raises(SourceRewound):
        take_cut(tail, "reader", replace(cut, timeline_id=99))
    with engine.connect() as connection:
        assert connection.execute(text("select timeline_id from jovey.tail_cuts")).scalar_one() == cut.timeline_id

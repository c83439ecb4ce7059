"""Whatever the lake holds is derived once more beside it, and every cell that differs is found."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

import pytest

from assets.facts import Vocabulary
from assets.proof import prove
from warehouse.events.event import Amount, Event
from warehouse.lake.attach import LakeMissing, open_writer, writing


class StoneSold(Event):
    """A stone was sold."""

    stream: ClassVar[str] = "stone"
    type: ClassVar[str] = "stone.sold"

    price: Amount
    colours: tuple[str, ...] = ()


class StoneLost(Event):
    """A stone was lost."""

    stream: ClassVar[str] = "stone"
    type: ClassVar[str] = "stone.lost"


class StoneSoldWithNote(StoneSold):
    """A stone was sold."""

    about: str | None = None


TILL = """\
-- about: One row per price and hour of the run.
-- column: price | What was paid.
-- column: stones | How many were sold at it.
-- column: as_of | The instant of the run.
select price, count(*) as stones, getvariable('as_of')::timestamptz as as_of from stones.dear(0) group by price
"""
DEAR = """\
-- about: One row per stone above a price.
-- macro: dear(above)
select aggregate_id as stone_id, price from facts.stone_sold where price > above
"""
VERSE = "-- about: One row.\n-- column: line | Of a verse.\nselect 'stone' as line\n"
LATER = datetime(2026, 3, 31, 13, tzinfo=UTC)  # an hour after the first run


@pytest.fixture
def quarry(works):
    """A lake of one fact, a macro and two tables."""
    works.vocabulary = Vocabulary({StoneSold.type: StoneSold}, {})
    works.writes("stones.till", TILL)
    works.writes("stones.dear", DEAR)
    works.writes("stones.verse", VERSE)
    works.happens("a", StoneSold(price="1.50", colours=("red", "grey")))
    works.happens("b", StoneSold(price="1.50"), StoneSold(price="2.00"))
    works.refresh()
    return works


@pytest.fixture
def damage(quarry):
    def run(statement):
        with writing(quarry.database), open_writer(quarry.database, quarry.settings) as connection:
            connection.execute(statement)

    return run


@pytest.fixture
def proof(quarry):
    def run():
        return prove(quarry.database, quarry.settings, graph=quarry.graph, vocabulary=quarry.vocabulary)

    return run


def test_a_lake_that_is_what_the_log_says_is_sound(proof):
    found = proof()

    assert (found.tables, found.rows, found.events, found.mismatches) == (3, 3 + 2 + 1, 3, ())


def test_a_sound_lake_may_be_behind_the_log_and_made_in_many_runs(quarry, proof):
    quarry.happens("c", StoneSold(price="1.50"))
    assert proof().mismatches == ()
    quarry.refresh(now=LATER)
    quarry.happens("d", StoneSold(price="9.00"))

    found = proof()

    assert (found.events, found.mismatches) == (4, ())


def test_one_instant_is_true_of_the_whole_lake(quarry, proof):
    quarry.writes("stones.verse", VERSE.replace("'stone'", "'rock'"))
    quarry.refresh(now=LATER)  # touches the verse alone

    assert proof().mismatches == ()


def test_a_cent_in_a_fact_is_found(damage, proof):
    damage("update facts.stone_sold set price = price + 0.01 where price = 2")

    found = {one.table: one for one in proof().mismatches}

    assert found.keys() == {"facts.stone_sold"}
    wrong = found["facts.stone_sold"]
    assert (wrong.missing, wrong.surplus) == (1, 1)
    assert (wrong.expected["price"], wrong.found["price"]) == ("2.00", "2.01")


@pytest.mark.parametrize(
    ("statement", "missing", "surplus"),
    [
        ("update stones.till set price = 2.01 where price = 2", 1, 1),
        ("insert into stones.till from stones.till limit 1", 0, 1),
        ("delete from stones.till where price = 2", 1, 0),
        ("update facts.stone_sold set colours = ['grey', 'red'] where colours = ['red', 'grey']", 1, 1),
        ("update facts.stone_sold set created_by = 'user:mallory' where price = 2", 1, 1),
    ],
)
def test_rows_that_should_not_be_and_rows_that_should_are_counted(damage, proof, statement, missing, surplus):
    damage(statement)

    (wrong,) = proof().mismatches

    assert (wrong.missing, wrong.surplus) == (missing, surplus)
    assert (bool(wrong.expected), bool(wrong.found)) == (bool(missing), bool(surplus))


def test_a_row_in_a_table_that_should_be_empty_is_found(quarry, damage, proof):
    quarry.vocabulary = Vocabulary({one.type: one for one in (StoneSold, StoneLost)}, {})
    quarry.refresh()
    assert proof().mismatches == ()

    damage("insert into facts.stone_lost (position) values (7)")

    assert [(one.table, one.missing, one.surplus) for one in proof().mismatches] == [("facts.stone_lost", 0, 1)]


@pytest.mark.parametrize(
    ("statement", "table", "reason"),
    [
        ("create table stones.spare as select 1 as n", "stones.spare", "no code makes it"),
        ("drop table stones.verse", "stones.verse", "it is not in the lake"),
        ("alter table stones.verse add column n integer", "stones.verse", "its columns are not those of the code"),
        ("update facts.cuts set events = 7", "facts.cuts", "it counts 7 events, the log 3"),
    ],
)
def test_tables_that_are_not_the_codes_are_named(damage, proof, statement, table, reason):
    damage(statement)

    assert [(one.table, one.reason) for one in proof().mismatches] == [(table, reason)]


def test_a_column_that_came_later_may_stand_last(quarry, proof):
    quarry.vocabulary = Vocabulary({StoneSold.type: StoneSoldWithNote}, {})
    quarry.refresh()

    assert proof().mismatches == ()


def test_what_is_derived_from_the_beginning_is_sound_again(quarry, damage, proof):
    damage("update facts.stone_sold set price = price + 0.01")
    damage("create table stones.spare as select 1 as n")

    quarry.refresh(from_the_beginning=True)

    assert proof().mismatches == ()


def test_an_empty_lake_has_nothing_to_compare(works):
    works.writes("stones.verse", VERSE)
    with writing(works.database), open_writer(works.database, works.settings):
        pass  # the catalog is there, and no run has written it

    with pytest.raises(LakeMissing):
        prove(works.database, works.settings, graph=works.graph, vocabulary=works.vocabulary)

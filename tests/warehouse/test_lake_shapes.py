"""Event class -> facts table: types, comments, what is left out, and JSON in."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal
from uuid import UUID

import duckdb
import pytest
from pydantic import Field

from warehouse.events.event import Amount, Event, Part, Personal, PersonalText, Rate, UnitPrice
from warehouse.events.vocabulary import VOCABULARY
from warehouse.lake.fit import fit
from warehouse.lake.shapes import ENVELOPE, digest, fact_table

LOG = "position bigint, id uuid, aggregate_id uuid, version int, schema_version smallint, event_type varchar, "
LOG += "effective_at timestamptz, created_at timestamptz, created_by varchar, correlation_id uuid, causation_id uuid, "
LOG += "subject_id uuid, data varchar"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ID = UUID("01890000-0000-7000-8000-000000000001")


class Piece(Part):
    """A piece of a thing."""

    sku: str
    price: UnitPrice
    finder: PersonalText = ""
    note: str | None = None


class Person(Part):
    """Nothing but a person."""

    name: PersonalText


class ThingFound(Event):
    """A thing was found.

    And more words that are not for the table.
    """

    stream: ClassVar[str] = "thing"
    type: ClassVar[str] = "thing.found"

    kind: Literal["old", "new"] = Field(description="How old it is.")
    amount: Amount
    discount: Rate | None = None
    weight: Decimal
    count: int
    is_good: bool
    found_on: date
    found_at: datetime
    owner_id: UUID | None
    finder: PersonalText | None = None
    home: Annotated[Piece | None, Personal()] = None
    people: tuple[Person, ...] = ()
    pieces: tuple[Piece, ...]
    main: Piece
    labels: dict[str, str] = Field(default_factory=dict)


def thing(**changes) -> ThingFound:
    piece = Piece(sku="A", price=Decimal("1.25"), finder="Ann")
    fields = {
        "kind": "old", "amount": Decimal("12.5"), "discount": Decimal("0.05"), "weight": Decimal("0.123456"),
        "count": 3, "is_good": True, "found_on": date(2026, 1, 2), "found_at": NOW, "owner_id": ID, "finder": "Ann",
        "home": piece, "people": (Person(name="Ann"),), "pieces": (piece, piece), "main": piece, "labels": {"a": "b"},
    }  # fmt: skip
    return ThingFound(**fields | changes)


@pytest.fixture
def lake():
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'; attach ':memory:' as lake; use lake; create schema facts")
        connection.execute(f"create temp table batch ({LOG})")
        yield connection


def write(lake, event: Event, data: str | None = None) -> None:
    marks = ", ".join("?" for _ in LOG.split(", "))
    row = [1, ID, ID, 1, event.schema_version, event.type, NOW, NOW, "user:x", ID, ID, None]
    lake.execute(f"insert into temp.batch values ({marks})", [*row, data or event.model_dump_json()])


def test_each_kind_of_field_has_its_type_and_personal_ones_are_left_out():
    columns = {column.name: column.type for column in fact_table(ThingFound).payload}
    piece = 'STRUCT("sku" VARCHAR, "price" DECIMAL(18,4), "note" VARCHAR)'
    assert columns == {
        "kind": "VARCHAR",
        "amount": "DECIMAL(18,2)",
        "discount": "DECIMAL(9,6)",
        "weight": "DECIMAL(18,6)",
        "count": "BIGINT",
        "is_good": "BOOLEAN",
        "found_on": "DATE",
        "found_at": "TIMESTAMP WITH TIME ZONE",
        "owner_id": "UUID",
        "pieces": f"{piece}[]",
        "main": piece,
        "labels": "MAP(VARCHAR, VARCHAR)",
    }


def test_what_was_written_as_json_is_read_as_values(lake):
    table = fact_table(ThingFound)
    assert fit(lake, [table]) == [table]
    write(lake, thing())
    lake.execute(f"insert into facts.thing_found by name select * exclude (fits) from ({table.shaped('temp.batch')})")
    found = lake.execute("select amount, discount, weight, pieces[2], labels, found_on, is_good from facts.thing_found")
    piece = {"sku": "A", "price": Decimal("1.2500"), "note": None}
    amounts = Decimal("12.50"), Decimal("0.05"), Decimal("0.123456")
    assert found.fetchall() == [(*amounts, piece, {"a": "b"}, date(2026, 1, 2), True)]


def test_a_reader_finds_the_meaning_of_table_and_columns_in_the_lake(lake):
    fit(lake, [fact_table(ThingFound)])
    said = dict(
        lake.execute("select column_name, comment from duckdb_columns() where schema_name = 'facts'").fetchall()
    )
    assert said["kind"] == "How old it is."
    assert said["main"] == "A piece of a thing."
    assert said["position"] == ENVELOPE["position"][1]
    assert lake.execute("select comment from duckdb_tables() where schema_name = 'facts'").fetchall() == [
        ("A thing was found.",)
    ]


def test_no_name_of_a_living_person_has_a_column_in_the_lake():
    for event in VOCABULARY.values():
        names = {column.name for column in fact_table(event).payload}
        assert not names & {"email", "phone", "contact_email", "shipping_address", "address"}, event


@pytest.mark.parametrize(
    "broken",
    ['{"kind": "old"}', '{"amount": "twelve"}'],
    ids=["a key is missing", "a value is no number"],
)
def test_json_that_does_not_fit_is_pointed_out_and_never_read_as_null(lake, broken):
    write(lake, thing(), broken)
    assert lake.execute(f"select fits from ({fact_table(ThingFound).shaped('temp.batch')})").fetchall() == [(False,)]


class ThingLost(Event):
    """A thing was lost."""

    stream: ClassVar[str] = "thing"
    type: ClassVar[str] = "thing.lost"

    where: str


class ThingLostToday(ThingLost):
    """A thing was lost."""

    since: date | None = Field(None, description="From when on it is missing.")


class ThingLostElsewhere(ThingLost):
    """A thing was lost."""

    where: int


def test_a_table_that_fits_is_left_alone(lake):
    fit(lake, [fact_table(ThingLost)])
    assert fit(lake, [fact_table(ThingLost)]) == []


def test_an_optional_field_that_came_to_a_class_becomes_a_column_and_old_rows_stay(lake):
    fit(lake, [fact_table(ThingLost)])
    lake.execute("insert into facts.thing_lost (position, \"where\") values (1, 'here')")
    assert fit(lake, [fact_table(ThingLostToday)]) == []
    assert lake.execute('select "where", since from facts.thing_lost').fetchall() == [("here", None)]
    comment = "select comment from duckdb_columns() where column_name = 'since'"
    assert lake.execute(comment).fetchall() == [("From when on it is missing.",)]


@pytest.mark.parametrize(("before", "after"), [(ThingLost, ThingLostElsewhere), (ThingLostToday, ThingLost)])
def test_any_other_change_makes_the_table_anew_and_asks_for_its_events(lake, before, after):
    fit(lake, [fact_table(before)])
    lake.execute("insert into facts.thing_lost (position) values (1)")
    assert fit(lake, [fact_table(after)]) == [fact_table(after)]
    assert lake.execute("select count(*) from facts.thing_lost").fetchone() == (0,)


def test_the_digest_moves_with_every_shape_and_not_with_their_order():
    one, other = fact_table(ThingLost), fact_table(ThingFound)
    assert digest([one, other]) == digest([other, one]) != digest([fact_table(ThingLostToday), other])

"""Every page for every seat: what they see, what they do not, and what is said when something is missing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
import pytest

from api.agents.commands import RejectDecision
from dashboards.people import Person
from dashboards.shell import SCREENS, screens_of
from warehouse.postgres import Database

SEEN = {
    "agents": {"overview", "decisions"},
    "category": {"overview", "inventory", "decisions"},
    "customers": {"overview"},
    "events": {"overview", "events", "event"},
    "forecasting": {"overview"},
    "fulfillment": {"overview", "inventory"},
    "orders": {"overview"},
    "procurement": {"overview", "inventory", "decisions"},
    "production": {"overview"},
    "receivables": {"overview", "receivables"},
    "roadmap": {"overview"},
}


@pytest.mark.parametrize("function", SEEN)
def test_each_page_is_there_for_its_functions_alone(house, look, words, function: str):
    seat = house.staff(function)
    for screen in SCREENS:
        at = look(seat, screen.path)
        assert not at.exception
        assert not at.error
        shown = screen.title if screen.path in SEEN[function] else "Overview"  # Streamlit falls back to the first page
        assert f"# {shown}\n" in words(at), screen.path


def test_the_menu_is_the_same_matrix():
    for function, paths in SEEN.items():
        assert {one.path for one in screens_of(Person("1", "staff", "A", frozenset({function})))} == paths
    assert [one.path for one in screens_of(Person("1", "staff", "A", frozenset()))] == ["overview"]


def test_a_colleague_without_functions_sees_an_overview_without_figures_of_others(house, look, words):
    at = look(house.staff())
    assert not at.error
    assert [one.label for one in at.metric] == ["Events not yet counted"]


def test_each_card_is_for_those_who_work_there(house, look):
    cards = {
        function: {one.label for one in look(house.staff(function)).metric} for function in ("orders", "receivables")
    }
    assert cards["orders"] == {"Orders, last 7 days", "Events not yet counted"}
    assert cards["receivables"] == {"Revenue this month", "Overdue", "Events not yet counted"}


def test_every_page_says_as_of_which_event_it_is_true(house, look, words):
    seat = house.staff("receivables", "fulfillment", "procurement", "events")
    for path in ("overview", "receivables", "inventory", "decisions", "events"):
        assert "As of event " in words(look(seat, path)), path


def test_the_books_agree_with_themselves(house, look, words):
    shown = words(look(house.staff("receivables", "fulfillment", "orders")))
    assert shown.count(" agree**") == 3
    assert "differ" not in shown


def test_what_is_owed_is_shown_by_age_and_by_name_letter_by_letter(house, look, words):
    at = look(house.staff("receivables"), "receivables")
    assert {one.label: one.value for one in at.metric}["Overdue"] == "USD 198"  # 2 x 100 less a tenth, with tax
    customers, invoices = at.dataframe[0].value, at.dataframe[1].value
    assert customers["customer"].to_list() == [":red[Dara] $5$ <b>& Pumps</b>"]
    assert customers["31_60"].to_list() == [198.0]
    assert invoices["days_overdue"].to_list() == [40, -28]


def test_invoices_are_narrowed_to_an_age_and_an_age_without_any_says_so(house, look, words):
    at = look(house.staff("receivables"), "receivables", ar_age="31–60")
    assert at.dataframe[1].value["days_overdue"].to_list() == [40]
    at = look(house.staff("receivables"), "receivables", ar_age="Over 90")
    assert "No open invoice fits what you picked" in words(at)


def test_an_invoice_leads_to_its_event_for_those_who_may_read_the_log(house, look):
    at = look(house.staff("receivables"), "receivables")
    assert "event" not in at.dataframe[1].value
    at = look(house.staff("receivables", "events"), "receivables")
    assert at.dataframe[1].value["event"][0].startswith("/staff/event?event=")


def test_short_products_come_with_what_would_be_ordered(house, look, words):
    at = look(house.staff("fulfillment"), "inventory", stock_show="All products")
    stock = at.dataframe[0].value.set_index("sku")
    assert stock.loc["TP-2", "available"] == 1
    assert stock.loc["TP-1", "available"] == 97
    assert "cost" not in " ".join(stock.columns)


def test_a_search_that_finds_nothing_says_so_letter_by_letter(house, look, words):
    at = look(house.staff("fulfillment"), "inventory", stock_show="All products", stock_search=":red[x]")
    assert r"\:red\[x\]" in words(at)


def test_events_are_found_by_kind_and_lead_to_their_page(house, look, words):
    seat = house.staff("events")
    at = look(seat, "events", ev_kind="invoice.generated")
    assert at.dataframe[0].value["kind"].to_list() == ["invoice.generated"] * 2
    address = at.dataframe[0].value["open"][0]
    at = look(seat, "event", event=address.rpartition("=")[2])
    assert r"## invoice\.generated" in words(at)
    assert [one.value for one in at.page_link if "shipment" in one.value]  # what led to it
    at = look(seat, "events", ev_stream="not an id")
    assert "Ids are whole UUIDs" in at.info[0].value


def test_what_stands_in_the_archive_alone_is_said_in_the_list_and_on_the_page(house, own_database, look, words):
    seat, decision = house.staff("events"), house.propose()
    house.send(RejectDecision(decision_id=UUID(decision), reason_code="other", reason="enough"))
    with _first_event_removed(own_database, decision):
        at = look(seat, "events", ev_stream=decision)
        assert "1 old events stand in the archive and are not looked through." in words(at)
        address = at.dataframe[0].value["open"][0]
        at = look(seat, "event", event=address.rpartition("=")[2])
        assert "The first 1 events of the stream stand in the archive (jovey unpack)." in words(at)


@contextmanager
def _first_event_removed(database: Database, stream: str) -> Iterator[None]:
    """As a removal leaves a stream and its record; afterwards all is as before."""
    first = f"version = 1 and aggregate_id = '{stream}'"
    _by_force(
        database,
        f"create table jovey.put_by as select * from jovey.events where {first}",
        f"delete from jovey.events where {first}",
        "insert into jovey.removals values (1, 1, 0, 1, 'events.parquet', decode(repeat('00', 32), 'hex'))",
    )
    try:
        yield
    finally:
        back = "insert into jovey.events overriding system value select * from jovey.put_by"
        _by_force(database, "delete from jovey.removals", back, "drop table jovey.put_by")


def _by_force(database: Database, *statements: str) -> None:
    """Past the triggers, each of which is as it was afterwards."""
    always = {"events": ("append_only", "removal"), "removals": ("append_only", "guarded")}
    with psycopg.connect(database.libpq()) as connection:
        for table in always:
            connection.execute(f"alter table jovey.{table} disable trigger all")
        for statement in statements:
            connection.execute(statement)
        for table, names in always.items():
            for name in names:
                connection.execute(f"alter table jovey.{table} enable always trigger {table}_{name}")


@pytest.mark.parametrize("id", ["", "0", "00000000-0000-0000-0000-000000000000"])
def test_an_event_that_is_not_there_is_said_in_words(house, look, words, id: str):
    at = look(house.staff("events"), "event", **({"event": id} if id else {}))
    assert not at.exception
    assert at.warning or at.info


def test_an_empty_lake_is_said_in_words(house, look_otherwise, otherwise, database, home):
    url = f"postgresql://{database.user}@/{database.name}?host={database.host}&port={database.port}"
    otherwise(DATABASE_URL=url, JOVEY_HOME=str(home))
    seat = house.staff("receivables", "fulfillment", "events")
    for path in ("overview", "receivables", "inventory"):
        at = look_otherwise(seat, path)
        assert not at.exception
        assert not at.error
        assert "made a few seconds after the house starts" in at.info[0].value


def test_reading_goes_on_while_the_api_is_down_and_deciding_does_not(house, look_otherwise, otherwise, words):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    otherwise(JOVEY_API_PORT=str(port))
    seat = house.staff("receivables", "procurement", "events")
    at = look_otherwise(seat, "receivables")
    assert at.metric[0].value.startswith("USD ")
    assert at.dataframe[0].value["customer"][0].startswith("Customer ")  # the lake is pseudonymous
    assert at.warning[0].value.startswith("How far behind these figures are cannot be told")
    for path in ("decisions", "events"):  # the queue may still be read, from the lake
        assert [one.proto.title for one in look_otherwise(seat, path).error] == ["The house does not answer"]


def test_figures_that_are_behind_say_so(house, look, monkeypatch):
    house.propose()  # an event that the lake has not seen
    monkeypatch.setattr("dashboards.shell.BEHIND_SECONDS_MAX", -1.0)
    at = look(house.staff("receivables"), "receivables")
    assert at.warning[0].proto.title == "These figures are behind"
    assert "newer events wait to be counted" in at.warning[0].value
    monkeypatch.setattr("dashboards.shell.BEHIND_SECONDS_MAX", 3600.0)
    assert not look(house.staff("receivables"), "receivables").warning


def test_a_session_that_is_over_leads_to_the_sign_in(house, look, words):
    seat = house.staff("receivables")
    at = look(seat, "receivables")
    at.button[0].click().run()  # sign out
    assert "Your session is over" in words(at)
    assert not at.metric
    assert at.link_button[0].url == "/sign-in?next=/staff/"


def test_a_buyer_who_got_as_far_as_the_script_sees_nothing(house, look, words):
    at = look(house.buyer())
    assert "Your session is over" in words(at)
    assert not at.metric

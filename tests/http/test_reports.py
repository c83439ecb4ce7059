"""Reports over HTTP: read from the lake, true of a named event, equal to the books."""

from __future__ import annotations

from datetime import timedelta

import pytest

from assets.hot_run import refresh
from warehouse.clock import calendar_date, now


@pytest.fixture
def owed(town):
    """A dealer owes 297.00 and paid 100.00 of it."""
    deva, sten = town.dealer(), town.staff()
    town.product()
    order_id = town.order(deva, ("P-1", 3))
    for step in ("pick", "pack", "ship"):
        assert sten.post(f"/api/v1/fulfillment/orders/{order_id}/{step}").status_code == 200
    (invoice,) = sten.get("/api/v1/ar/invoices").json()["items"]
    payment = {"amount": "100.00", "received_on": str(calendar_date(now(), "UTC"))}
    assert sten.post(f"/api/v1/ar/invoices/{invoice['id']}/record-payment", payment).status_code == 201
    return sten, invoice


def test_without_a_lake_a_report_says_that_there_is_none(town):
    answer = town.staff().get("/api/v1/ar/reports/aging")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert answer.headers["retry-after"]


def test_the_aging_report_is_what_the_books_say(town, owed, database):
    sten, _ = owed
    refreshed = refresh(database, town.house.settings)
    report = sten.get("/api/v1/ar/reports/aging").json()
    (customer,), (total,) = report["customers"], report["totals"]
    assert (report["position"], report["event_number"]) == (refreshed.position, refreshed.event_number)
    assert (customer["name"], customer["not_due"], customer["outstanding"]) == ("Deva", "197.00", "197.00")
    assert total["outstanding"] == "197.00"
    later = calendar_date(now(), "UTC") + timedelta(days=40)
    aged = sten.get(f"/api/v1/ar/reports/aging?as_of={later}&basis=invoice_date").json()
    assert aged["customers"][0]["days_31_60"] == "197.00"
    before = sten.get("/api/v1/ar/reports/aging?as_of=2020-01-01").json()
    assert before["customers"] == before["totals"] == []


def test_the_revenue_report_is_what_was_invoiced(town, owed, database):
    sten, invoice = owed
    refresh(database, town.house.settings)
    report = sten.get("/api/v1/ar/reports/revenue").json()
    assert report["revenue"] == {"USD": invoice["net"]}
    assert report["days"][0]["invoices_count"] == 1
    wrong = sten.get("/api/v1/ar/reports/revenue?since=2030-01-01&until=2020-01-01")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "since")

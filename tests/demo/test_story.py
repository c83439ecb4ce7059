"""The company's story obeys the company's rules, and is a function of its plan."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from sqlalchemy import text


def test_another_seed_tells_another_story(small, telling, engine, another_engine):
    short = replace(small, days=10)
    one, other = telling(engine, short), telling(another_engine, replace(short, seed=8))
    markers = {one.log[0].id, one.log[-1].id}  # of a beginning and of an end, by which any story is known
    assert {row.id for row in one.log} & {row.id for row in other.log} == markers
    assert [row.data for row in one.log] != [row.data for row in other.log]


def test_told_again_nothing_is_added_and_the_teller_remembers_the_same(told, small, telling):
    again = telling(told.engine, small)
    assert again.log == told.log
    assert again.company.counts == told.company.counts


def test_the_same_plan_tells_the_same_story_to_the_letter_however_often_it_is_killed(told, small, telling, engine):
    assert len(told.log) > 2_000
    for days in (1, 40):
        telling(engine, small, days)
    assert telling(engine, small).log == told.log


def test_a_wish_that_was_refused_before_a_restart_is_not_granted_after_it(told, small, telling):
    refused = told.company.counts["refused: insufficient_stock"]
    assert refused > 0, "the small company must meet an empty shelf for this test to say anything"
    telling(told.engine, small)
    placed = sum(row.event_type == "order.placed" for row in told.log)
    assert placed == told.company.counts["orders"]


def test_it_happened_in_the_order_of_the_clock_between_the_first_day_and_the_last(told, small):
    instants = [row.effective_at for row in told.log]
    assert instants[0].date() == small.first_day
    assert instants[-1].date() == small.until
    assert all(earlier <= later for earlier, later in pairwise(instants))


def test_stock_is_never_negative_and_ends_at_what_the_shelves_hold(told):
    pieces: Counter[str] = Counter()
    for row in told.log:
        match row.event_type:
            case "inventory.received":
                pieces[row.data["sku"]] += row.data["quantity"]
            case "inventory.shipped":
                pieces[row.data["sku"]] -= row.data["quantity"]
            case "inventory.counted":
                pieces[row.data["sku"]] += row.data["difference"]
        assert pieces[row.data.get("sku", "")] >= 0
    assert pieces == Counter({sku: shelf.on_hand for sku, shelf in told.company.shelves.items()})


def test_every_payment_is_allocated_refunded_or_on_account(told):
    sums: Counter[str] = Counter()
    for row in told.log:
        if row.event_type in {"payment.received", "payment.allocated", "payment.refunded"}:
            sums[row.event_type] += Decimal(row.data["amount"])
    with told.engine.connect() as connection:
        accounts = connection.execute(text("select state from jovey.states where aggregate_type = 'account'")).scalars()
        on_account = sum(Decimal(rest["left"]) for account in accounts for rest in account["payments"].values())
    assert sums["payment.received"] == sums["payment.allocated"] + sums["payment.refunded"] + on_account
    assert sums["payment.received"] > 0


def test_every_document_number_is_given_once_and_none_is_missing(told):
    numbers = [row.data["number"] for row in told.log if row.event_type == "invoice.generated"]
    assert numbers == [f"INV-{n:06d}" for n in range(1, len(numbers) + 1)]


def test_what_the_teller_holds_to_be_owed_is_what_the_books_say(told):
    """The teller pays what it believes is open; a belief gone wrong would show here."""
    dealers = {dealer.id: dealer for dealer in told.company.dealers}
    with told.engine.connect() as connection:
        rows = connection.execute(text("select state from jovey.states where aggregate_type = 'account'")).scalars()
        for account in rows:
            open_amount = sum(Decimal(invoice["open"]) for invoice in account["invoices"].values())
            if account["customer_id"] not in {str(id) for id, one in dealers.items()}:
                assert open_amount == 0, "consumers pay before anything is shipped"


def test_an_order_holds_at_most_what_was_placed(told):
    shipped: Counter[tuple[str, int]] = Counter()
    ordered: Counter[tuple[str, int]] = Counter()
    for row in told.log:
        order = str(row.aggregate_id)
        if row.event_type == "order.placed":
            ordered.update({(order, line["line_no"]): line["quantity"] for line in row.data["lines"]})
        if row.event_type == "order.line_shipped":
            shipped.update({(order, line["line_no"]): line["quantity"] for line in row.data["lines"]})
    assert shipped and all(shipped[line] <= ordered[line] for line in shipped)


def test_nobody_approved_their_own_purchase_order(told):
    drafted = {row.aggregate_id: row.created_by for row in told.log if row.event_type == "purchase_order.created"}
    approved = {row.aggregate_id: row.created_by for row in told.log if row.event_type == "purchase_order.approved"}
    assert drafted
    assert all(drafted[id] != by for id, by in approved.items())


def test_everything_ends_in_the_past_and_lasts_no_longer_than_the_plan(told, small):
    assert told.log[-1].effective_at - told.log[0].effective_at <= timedelta(days=small.days)


@pytest.mark.parametrize(
    "fact",
    [
        "dealer.applied", "dealer.rejected", "order.held", "order.released", "order.cancelled", "order.expired",
        "purchase_order.received", "return.inspected", "payment.refunded", "reminder.sent", "inventory.counted",
        "competitor_price.observed",
    ],
)  # fmt: skip
def test_the_story_has_what_a_company_lives_through(told, fact):
    assert fact in {row.event_type for row in told.log}

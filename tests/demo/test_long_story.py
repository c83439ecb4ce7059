"""Eleven months of a very small company: what takes long to happen. Slow, some 6 s: it is told once."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from orchestration.demo.plan import Plan

pytestmark = pytest.mark.whole


@pytest.fixture(scope="module")
def told(module_engine, telling):
    return telling(module_engine, Plan(seed=2, until=date(2026, 3, 14), days=330, size=0.12))


def test_a_dealer_who_goes_under_is_held_then_suspended_and_their_debts_are_written_off(told):
    insolvent = told.company.insolvent
    (held,) = [row for row in told.log if row.event_type == "account.held"]
    (suspended,) = [row for row in told.log if row.event_type == "dealer.suspended"]
    assert suspended.aggregate_id == insolvent.id
    lost = [
        row for row in told.log if row.event_type == "invoice.written_off" and row.aggregate_id == held.aggregate_id
    ]
    assert lost
    assert held.effective_at < suspended.effective_at < lost[-1].effective_at
    orders = {row.aggregate_id: row.data for row in told.log if row.event_type == "order.placed"}
    shipped = [
        row for row in told.log if row.event_type == "order.line_shipped" and row.effective_at > held.effective_at
    ]
    assert all(orders[row.aggregate_id]["customer_id"] != str(insolvent.id) for row in shipped)


def test_raised_costs_are_passed_on_to_the_list_two_weeks_later(told):
    costs = [row for row in told.log if row.event_type == "product.cost_updated"]
    prices = [row for row in told.log if row.event_type == "product.price_updated"]
    assert len(costs) == len(prices) == 40
    later = {row.aggregate_id: row.effective_at for row in prices}
    assert all((later[row.aggregate_id] - row.effective_at).days in range(13, 15) for row in costs)
    steps = [Decimal(row.data["new_price"]) / Decimal(row.data["old_price"]) for row in prices]
    assert all(1 <= step <= Decimal("1.05") for step in steps)


def test_a_parcel_over_the_credit_limit_stays_in_the_house_until_somebody_lets_it_go(told):
    assert told.company.counts["refused: shipping over the credit limit"] > 0
    types = Counter(row.event_type for row in told.log)
    assert types["order.held"] >= types["order.released"] > 0


@pytest.mark.parametrize(
    "fact", ["invoice.disputed", "order.line_short_closed", "purchase_order.approved", "purchase_order.short_closed"]
)
def test_the_story_has_what_takes_long_to_happen(told, fact):
    assert fact in {row.event_type for row in told.log}

"""Formulas of receivables."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.receivables.policy import allocations, document_number, due_on, reminder_level

CENTS = st.integers(0, 10_000).map(lambda cents: Decimal(cents) / 100)


@pytest.mark.parametrize(
    ("terms", "last"),
    [("immediate", (1, 31)), ("net_15", (2, 15)), ("net_30", (3, 2)), ("net_60", (4, 1))],
    ids=["immediate", "net_15", "net_30", "net_60"],
)
def test_the_last_day_to_pay_follows_from_the_terms(terms, last):
    assert due_on(date(2026, 1, 31), terms) == date(2026, *last)


def test_numbers_have_six_places():
    assert (document_number("INV", 42), document_number("CN", 1_000_000)) == ("INV-000042", "CN-1000000")


@pytest.mark.parametrize(
    ("days", "level"), [(-5, 0), (0, 0), (6, 0), (7, 1), (14, 1), (15, 2), (29, 2), (30, 3), (400, 3)]
)
def test_a_boundary_day_belongs_to_the_higher_dunning_level(days, level):
    assert reminder_level(days) == level


@given(CENTS, st.lists(CENTS, max_size=8))
def test_an_amount_falls_on_invoices_in_order_and_nothing_is_lost(amount, opens):
    invoices = [SimpleNamespace(open=one) for one in opens]
    shares = allocations(amount, invoices)
    assert sum(share for _, share in shares) == min(amount, sum(opens, Decimal(0)))
    assert all(0 < share <= invoice.open for invoice, share in shares)
    assert all(share == invoice.open for invoice, share in shares[:-1])
    positive = [one for one in invoices if one.open > 0]
    assert [invoice for invoice, _ in shares] == positive[: len(shares)]

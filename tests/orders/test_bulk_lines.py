"""Bulk lines: whatever a dealer pastes, every line is answered and none is lost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.category.policy import PriceBook
from api.category.state import Product
from api.orders.bulk_lines import ACCEPTED, AnsweredLine, BulkLine, Shop, answer_lines, parse_csv

PUMP = Product(sku="JP-100", name="Pump", base_price=Decimal("100.00"), is_active=True)
SEAL = replace(PUMP, sku="JS-1", pack_quantity=10, base_price=Decimal("2.00"))
OLD = replace(PUMP, sku="JP-90", is_active=False)
SHOP = Shop(
    products={one.sku: one for one in (PUMP, SEAL, OLD)},
    available={"JP-100": 5, "JS-1": 1000},
    prices=PriceBook(Decimal("0.1"), ()),
    all_skus=["JP-100", "JS-1"],
    may_wait=False,
)


def answer(*lines: BulkLine, shop: Shop = SHOP) -> list[AnsweredLine]:
    return answer_lines(lines, shop)


@pytest.mark.parametrize(
    ("line", "outcome", "said"),
    [
        (BulkLine("JP-100", 5), "ok", "can be had"),
        (BulkLine("JP-100", 7), "short", "short by 2"),
        (BulkLine("JP-10O", 1), "unknown_sku", "did you mean JP-100?"),
        (BulkLine("ZZZ", 1), "unknown_sku", "there is no product ZZZ"),
        (BulkLine("JP-90", 1), "inactive", "no longer sold"),
        (BulkLine("JS-1", 15), "pack_multiple", "packs of 10"),
        (BulkLine("JS-1", 20), "ok", "can be had"),
        (BulkLine("JP-100", None), "unreadable", "whole number"),
        (BulkLine("JP-100", 0), "unreadable", "whole number"),
        (BulkLine("", 1), "unreadable", "no SKU"),
        (BulkLine("JP-100", 1, None, Decimal(95)), "price_changed", "the price is 90"),
        (BulkLine("JP-100", 1, None, Decimal(90)), "ok", "can be had"),
    ],
)
def test_every_line_is_answered(line, outcome, said):
    (answered,) = answer(line)
    assert answered.outcome == outcome
    assert said in answered.message


def test_what_is_short_may_wait_when_the_dealer_says_so():
    (answered,) = answer(BulkLine("JP-100", 7), shop=replace(SHOP, may_wait=True))
    assert (answered.outcome, answered.short_by, answered.is_accepted) == ("backordered", 2, True)


def test_duplicates_are_summed_into_the_first_and_answered_there():
    first, second, third = answer(BulkLine("JP-100", 3), BulkLine("JS-1", 10), BulkLine("JP-100", 2))
    assert (first.quantity, first.outcome) == (5, "ok")
    assert (third.outcome, third.merged_into, third.is_accepted) == ("merged", 1, True)
    assert second.outcome == "ok"


def test_a_duplicate_of_what_cannot_be_had_cannot_be_had_either():
    first, second = answer(BulkLine("JP-100", 3), BulkLine("JP-100", 4))
    assert (first.outcome, first.short_by) == ("short", 2)
    assert (second.outcome, second.is_accepted) == ("short", False)
    assert "as line 1" in second.message


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("JP-100,5", [BulkLine("JP-100", 5)]),
        ("sku,quantity,reference\nJP-100,5,shelf 4\n", [BulkLine("JP-100", 5, "shelf 4")]),
        ("\ufeffSKU;Quantity\r\nJP-100;5\r\n\r\n", [BulkLine("JP-100", 5)]),
        ("JP-100\t5", [BulkLine("JP-100", 5)]),
        ('"JP-100", 5 ,"a, b"', [BulkLine("JP-100", 5, "a, b")]),
        ("JP-100,five\nJP-100\nJP-100,-1\nJP-100,5.0", [BulkLine("JP-100", None)] * 4),
        ("", []),
    ],
)
def test_a_pasted_list_is_read_as_dealers_write_it(text, lines):
    assert parse_csv(text) == lines


LINES = st.lists(
    st.builds(
        BulkLine,
        st.sampled_from(["JP-100", "JS-1", "JP-90", "NONE", ""]),
        st.one_of(st.none(), st.integers(-1, 12), st.just(2_000_000)),
    ),
    max_size=30,
)


@given(LINES, st.booleans())
def test_no_piece_is_made_or_lost(lines, may_wait):
    answers = answer_lines(lines, replace(SHOP, may_wait=may_wait))
    assert [one.line for one in answers] == list(range(1, len(lines) + 1))
    ordered = sum(one.quantity or 0 for one in answers if one.is_accepted and one.merged_into is None)
    accepted = {one.line for one in answers if one.outcome in ACCEPTED}
    assert ordered == sum(line.quantity or 0 for n, line in enumerate(lines, start=1) if n in accepted)


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text):
    answer_lines(parse_csv(text), SHOP)

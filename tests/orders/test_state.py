"""What an order amounts to: its axes, its amounts, its pieces."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.orders.lines import Line, less
from api.orders.state import ORDER
from warehouse.events.orders import (
    OrderCancelled,
    OrderConfirmed,
    OrderCredited,
    OrderExpired,
    OrderHeld,
    OrderLineReturned,
    OrderLineShortClosed,
)

HELD = OrderHeld(cause="manual", reason="wait")


def cut(line_no, quantity):
    return OrderLineShortClosed(line_no=line_no, quantity=quantity, reason="gone")


def returned(shop, *pieces):
    return OrderLineReturned(return_id=shop.back, lines=shop.pieces(*pieces))


CASES = {
    "just placed": ((), "unfulfilled", "pending"),
    "confirmed": ((OrderConfirmed(),), "unfulfilled", "processing"),
    "held": ((HELD,), "unfulfilled", "pending"),
    "cancelled": ((OrderCancelled(reason="x"),), "unfulfilled", "cancelled"),
    "expired": ((OrderExpired(),), "unfulfilled", "cancelled"),
    "one piece shipped": (("confirm", "ship 1"), "partially_shipped", "processing"),
    "everything shipped": (("confirm", "ship 3", "ship other"), "shipped", "shipped"),
    "one line arrived": (("confirm", "ship 3", "ship other", "deliver 3"), "shipped", "shipped"),
    "everything arrived": (("confirm", "ship 3", "ship other", "deliver 3", "deliver other"), "delivered", "delivered"),
    "the rest was cut": (("confirm", "ship 3", "deliver 3", "cut other"), "delivered", "delivered"),
    "some came back while the rest is open": (
        ("confirm", "ship 3", "deliver 3", "return 3"),
        "partially_returned",
        "processing",
    ),
    "some came back": (
        ("confirm", "ship 3", "ship other", "deliver 3", "deliver other", "return 3"),
        "partially_returned",
        "delivered",
    ),
    "all that came went back": (("confirm", "ship 3", "deliver 3", "cut other", "return 3"), "returned", "delivered"),
}


@pytest.mark.parametrize("case", CASES)
def test_fulfillment_and_the_one_word_follow_from_quantities(history, shop, case):
    facts, fulfillment, status = CASES[case]
    known = {
        "confirm": OrderConfirmed(),
        "ship 1": shop.shipped((1, 1)),
        "ship 3": shop.shipped((1, 3)),
        "ship other": shop.shipped((2, 2)),
        "deliver 3": shop.delivered((1, 3)),
        "deliver other": shop.delivered((2, 2)),
        "cut other": cut(2, 2),
        "return 3": returned(shop, (1, 3)),
    }
    happened = [known[fact] if isinstance(fact, str) else fact for fact in facts]

    order = history.given(shop.placed(), *happened, of=shop.order).state(ORDER, shop.order)

    assert (order.fulfillment, order.status) == (fulfillment, status)


def test_what_will_not_come_and_what_was_credited_is_not_due(history, shop):
    facts = (cut(1, 1), OrderCredited(credit_note_id=shop.note, amount=Decimal("20.00")))

    assert history.given(shop.placed(), *facts, of=shop.order).state(ORDER, shop.order).due == Decimal("243.98")


def test_discounts_fall_on_goods_by_their_worth(history, shop):
    order = shop.placed(
        shop.line(1, "P-1", 2, "30.00"),
        shop.line(2, "P-2", 1, "40.00"),
        shop.line(3, "OFF", 1, "-10.00", kind="discount"),
        shop.line(4, "POST", 1, "5.00", kind="charge"),
    )
    state = history.given(order, of=shop.order).state(ORDER, shop.order)

    assert state.discounts(Decimal(33), Decimal(0)) == {3: (Decimal("-3.00"), Decimal("-0.30"), Decimal("-3.30"))}
    assert state.discounts(Decimal(110), Decimal(33)) == {3: (Decimal("-7.00"), Decimal("-0.70"), Decimal("-7.70"))}


def test_no_discount_falls_on_goods_of_no_worth(history, shop):
    order = shop.placed(shop.line(1, "P-1", 1, "0.00"), shop.line(2, "POST", 1, "5.00", kind="charge"))

    assert history.given(order, of=shop.order).state(ORDER, shop.order).discounts(Decimal(1), Decimal(0)) == {}


PRICES = st.decimals("0.0001", "9999.9999", places=4)
RATES = st.sampled_from([Decimal(0), Decimal("0.05"), Decimal("0.10"), Decimal("0.175"), Decimal("0.21")])


@given(PRICES, RATES, st.booleans(), st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_parts_of_a_line_sum_to_the_line_to_the_cent(shop_line, price, rate, includes_tax, parts):
    line: Line = shop_line(sum(parts), price, rate, includes_tax)
    before, amounts = 0, []
    for part in parts:
        amounts.append(line.amounts(before + part, before))
        before += part
    assert tuple(map(sum, zip(*amounts, strict=True))) == (line.net, line.tax, line.gross)
    assert all(net + tax == gross for net, tax, gross in amounts)


@pytest.fixture(scope="module")
def shop_line():
    """A line as an order keeps it."""
    from warehouse.money import net_and_tax, rounded

    def make(quantity, price, rate, includes_tax):
        extended = rounded(price * quantity)
        net, tax = net_and_tax(extended, rate) if includes_tax else (extended, rounded(extended * rate))
        return Line(1, "product", "P-1", None, "Pump", quantity, price, rate, net, tax, net + tax)

    return make


def test_pieces_taken_are_taken_off(shop):
    assert less({1: 3, 2: 1}, [shop.pieces((1, 2)), shop.pieces((1, 1), (2, 1))]) == {1: 0, 2: 0}

"""Prices: what a buyer pays, how low a price may go, how fast it may move."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.category.policy import (
    PriceRange,
    Quote,
    buyer_price,
    discounted,
    margin_floor,
    month_range,
    price_book,
    recent_prices,
    step_range,
)
from api.category.state import PriceChange, PriceList, PriceListLine, Product
from api.customers.state import Customer

DEALER_ID = UUID(int=7)
DAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PUMP = Product(sku="JP-1", category="tank_pump", base_price=Decimal("200.00"), is_active=True)
DEALER = Customer(
    id=DEALER_ID, user_type="dealer", dealer_status="approved", tier="premium", discount_rate=Decimal("0.10")
)


def line(scope="product", quantity=1, price=None, rate=None, since=date(2026, 1, 1), until=None, sku="JP-1"):
    return PriceListLine(
        scope=scope,
        sku=sku if scope == "product" else None,
        category="tank_pump" if scope == "category" else None,
        minimum_quantity=quantity,
        unit_price=None if price is None else Decimal(price),
        discount_rate=None if rate is None else Decimal(rate),
        valid_from=since,
        valid_until=until,
    )


def own(*lines):
    return PriceList("own", "USD", customer_id=DEALER_ID, lines=lines)


def tier(*lines, of="premium"):
    return PriceList("tier", "USD", tier=of, lines=lines)


TEN = line(quantity=10, price="150")
FIFTY = line(quantity=50, price="140")
FEBRUARY = line(price="185", since=date(2026, 2, 1))
TOMORROW, YESTERDAY = DAY + timedelta(days=1), DAY - timedelta(days=1)
OTHER_DEALERS = PriceList("other", "USD", customer_id=UUID(int=8), lines=(line(price="99"),))


@pytest.mark.parametrize(
    ("what", "lists", "quantity", "expected"),
    [
        ("no list: the list price less the discount", [], 1, "180.0000 dealer_discount"),
        ("the tier's list before the discount", [tier(line(price="170"))], 1, "170 tier_list"),
        ("the own list before the tier's", [tier(line(price="150")), own(line(price="175"))], 1, "175 own_list"),
        ("a silent own list", [own(line(price="1", sku="X")), tier(line(price="170"))], 1, "170 tier_list"),
        ("another tier's list", [tier(line(price="99"), of="distributor")], 1, "180.0000 dealer_discount"),
        ("another dealer's list", [OTHER_DEALERS], 1, "180.0000 dealer_discount"),
        ("product before category", [own(line("category", price="90"), line(price="175"))], 1, "175 own_list"),
        ("category before all", [own(line("all", rate="0.5"), line("category", rate="0.2"))], 1, "160.0000 own_list"),
        ("all, when nothing nearer is there", [own(line("all", rate="0.5"))], 1, "100.0000 own_list"),
        ("a quantity not reached", [own(TEN, line("all", rate="0.1"))], 9, "180.0000 own_list"),
        ("a quantity just reached", [own(TEN, line("all", rate="0.1"))], 10, "150 own_list"),
        ("the highest quantity reached", [own(line(price="190"), FIFTY, TEN)], 49, "150 own_list"),
        ("the latest first day", [own(line(price="190"), FEBRUARY)], 1, "185 own_list"),
        ("quantity before first day", [own(TEN, FEBRUARY)], 10, "150 own_list"),
        ("the first day counts", [own(line(price="150", since=DAY))], 1, "150 own_list"),
        ("the day before it does not", [own(line(price="150", since=TOMORROW))], 1, "180.0000 dealer_discount"),
        ("the last day counts", [own(line(price="150", until=DAY))], 1, "150 own_list"),
        ("the day after it does not", [own(line(price="150", until=YESTERDAY))], 1, "180.0000 dealer_discount"),
    ],
)
def test_a_dealers_price_comes_from_the_nearest_source(what, lists, quantity, expected):
    quote = buyer_price(PUMP, DEALER, lists, quantity, DAY)

    assert f"{quote.unit_price} {quote.source}" == expected, what


@pytest.mark.parametrize("status", ["none", "applied", "rejected", "suspended"])
def test_who_is_no_approved_dealer_pays_the_list_price(status):
    buyer = replace(DEALER, dealer_status=status)

    assert buyer_price(PUMP, buyer, [own(line(price="1")), tier(line(price="1"))], 1, DAY) == Quote(
        Decimal("200.00"), "base_price"
    )


def test_a_dealer_without_discount_pays_the_list_price():
    assert buyer_price(PUMP, replace(DEALER, discount_rate=Decimal(0)), [], 1, DAY).source == "base_price"


def test_a_dealer_without_tier_has_no_tier_list():
    nobody = replace(tier(line(price="1")), tier=None)

    assert buyer_price(PUMP, replace(DEALER, tier=None), [nobody], 1, DAY).source == "dealer_discount"


def test_a_whole_percentage_off_a_price_in_cents_is_exact():
    assert discounted(Decimal("199.99"), Decimal("0.15")) == Decimal("169.9915")


LINES = st.lists(
    st.builds(
        line,
        scope=st.sampled_from(["product", "category", "all"]),
        quantity=st.integers(1, 20),
        rate=st.decimals(0, Decimal("0.9"), places=2),
        since=st.dates(date(2026, 2, 20), date(2026, 3, 10)),
        until=st.none() | st.dates(date(2026, 2, 25), date(2026, 3, 15)),
    ),
    max_size=8,
    unique_by=lambda one: one.key,
)


@given(LINES, st.integers(1, 25), st.randoms(use_true_random=False))
def test_the_order_of_lines_in_a_list_does_not_matter(lines, quantity, random):
    shuffled = random.sample(lines, len(lines))

    assert buyer_price(PUMP, DEALER, [own(*lines)], quantity, DAY) == buyer_price(
        PUMP, DEALER, [own(*shuffled)], quantity, DAY
    )


@given(LINES, LINES, st.integers(1, 25))
def test_the_quoted_line_is_in_force_and_no_nearer_one_is(own_lines, tier_lines, quantity):
    def fits(one):
        return (
            one.minimum_quantity <= quantity
            and one.valid_from <= DAY
            and (one.valid_until is None or one.valid_until >= DAY)
        )

    def nearness(one):
        return (["all", "category", "product"].index(one.scope), one.minimum_quantity, one.valid_from)

    expected = PUMP.base_price * (1 - DEALER.discount_rate)
    for lines in (tier_lines, own_lines):
        if any(map(fits, lines)):
            best = max(filter(fits, lines), key=nearness)
            expected = PUMP.base_price * (1 - best.discount_rate)

    quote = price_book(DEALER, [own(*own_lines), tier(*tier_lines)], DAY).quote(PUMP, quantity)

    assert quote.unit_price == expected


@pytest.mark.parametrize(
    ("cost", "rate", "floor"),
    [(None, "0.05", "0"), ("100.00", "0.05", "105.00"), ("99.99", "0.05", "104.99"), ("10.01", "0.05", "10.52")],
)
def test_the_lowest_price_keeps_the_margin_and_is_rounded_up(cost, rate, floor):
    assert margin_floor(cost and Decimal(cost), Decimal(rate)) == Decimal(floor)


@given(st.decimals("0.01", "99999.99", places=2), st.decimals(0, 2, places=4))
def test_no_cent_below_the_floor_keeps_the_margin(cost, rate):
    floor = margin_floor(cost, rate)

    assert floor >= cost * (1 + rate) > floor - Decimal("0.01")


def changed(*prices, every=timedelta(days=7), before=NOON, overridden=()):
    """The pump after a series of prices, the last one set right `before`."""
    changes = tuple(
        PriceChange(before - every * (len(prices) - 1 - n), Decimal(old), Decimal(new), new in overridden)
        for n, (old, new) in enumerate(pairwise(prices), start=1)
    )
    return replace(PUMP, base_price=Decimal(prices[-1]), price_changes=changes)


def test_a_step_is_bounded_in_both_directions():
    assert step_range(PUMP, Decimal("0.05")) == PriceRange(Decimal("190.00"), Decimal("210.00"))


def test_the_ends_of_a_range_lie_inside_it():
    bounds = PriceRange(Decimal(190), Decimal(210))

    assert [bounds.covers(Decimal(p)) for p in ("189.99", "190", "210", "210.01")] == [False, True, True, False]


def test_small_steps_do_not_add_up_beyond_the_month():
    pump = changed("200", "208", "216")

    assert month_range(pump, NOON, Decimal("0.10")) == PriceRange(Decimal("194.40"), Decimal("220.00"))


def test_a_swing_is_bounded_like_a_drift():
    assert not month_range(changed("200", "210"), NOON, Decimal("0.10")).covers(Decimal(188))


def test_a_price_of_thirty_days_ago_no_longer_binds():
    pump = changed("200", "216", before=NOON - timedelta(days=30))

    assert recent_prices(pump, NOON) == [Decimal(216)]
    assert recent_prices(pump, NOON - timedelta(seconds=1)) == [Decimal(216), Decimal(200)]


def test_a_change_by_override_is_a_fresh_start():
    assert recent_prices(changed("200", "300", "305", overridden=["300"]), NOON) == [Decimal(305), Decimal(300)]


def test_a_product_without_a_price_may_get_any():
    assert step_range(replace(PUMP, base_price=Decimal(0)), Decimal("0.05")) == PriceRange(Decimal(0), None)
    assert PriceRange(Decimal(0), None).covers(Decimal(9999))


def test_two_thousand_lines_are_priced_from_one_book():
    lines = [line(sku=f"S{n}", price="1") for n in range(2_000)]
    book = price_book(DEALER, [own(*lines)], DAY)

    assert {book.quote(replace(PUMP, sku=f"S{n}"), 1).unit_price for n in range(2_000)} == {Decimal(1)}

"""The price ladder: which prices may be chosen from, which one the formula takes, and why."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.category.policy import (
    PriceLimits,
    PriceSituation,
    allowed_range,
    break_even_rate,
    competitor_gap,
    demand_trend,
    ladder,
    margin_floor,
    market_price,
    price_guards,
    suggested,
)

D = Decimal
LIMITS = PriceLimits(D("0.05"), D("0.10"), D("0.05"), 13)
QUIET = PriceSituation(
    price=D("100.00"),
    prices=(D("100.00"),),
    cost=D("60.00"),
    cost_before=D("60.00"),
    competitor_prices=(),
    recent_demand=10.0,
    quarter_demand=10.0,
    demand_deviation=2.0,
    cover_weeks=8.0,
    lead_time_weeks=4.0,
)

prices = st.decimals(min_value=D("0.01"), max_value=D(100_000), places=2)
situations = st.builds(
    PriceSituation,
    price=prices,
    prices=st.lists(prices, max_size=4).map(tuple),
    cost=st.none() | prices,
    cost_before=st.none() | prices,
    competitor_prices=st.lists(prices, max_size=3).map(tuple),
    recent_demand=st.floats(0, 1e4),
    quarter_demand=st.floats(0, 1e4),
    demand_deviation=st.none() | st.floats(0, 1e3),
    cover_weeks=st.none() | st.floats(0, 200),
    lead_time_weeks=st.floats(0, 52),
).map(lambda one: replace(one, prices=(one.price, *one.prices)))


@given(situations)
def test_no_rung_is_below_the_floor_or_further_than_a_step_or_the_months_limit(situation):
    rungs = ladder(situation, LIMITS)
    assert rungs.pop("C0") == situation.price
    floor = margin_floor(situation.cost, LIMITS.minimum_margin_rate)
    for name, price in rungs.items():
        assert price >= floor
        assert abs(price - situation.price) <= situation.price * LIMITS.step_rate
        assert all(abs(price - before) <= before * LIMITS.month_rate for before in situation.prices)
        assert (price < situation.price) == (name in {"C1", "C2", "C3"})
    assert len(set(rungs.values())) == len(rungs)


@given(situations)
def test_what_the_formula_takes_passes_its_own_guards(situation):
    taken = suggested(situation, LIMITS)
    if taken is not None:
        price = ladder(situation, LIMITS)[taken[0]]
        assert price != situation.price
        assert all(has_passed for _, has_passed, _ in price_guards(situation, LIMITS, price))


@pytest.mark.parametrize(
    ("price", "rungs"),
    [
        ("100.00", ["100.00", "99.00", "97.00", "95.00", "101.00", "103.00", "105.00"]),
        ("9.70", ["9.70", "9.60", "9.40", "9.30", "9.80", "10.00", "10.10"]),
        ("9.75", ["9.75", "9.59", "9.43", "9.27", "9.91", "10.07", "10.23"]),
        ("0.10", ["0.10"]),
    ],
)
def test_rungs_are_thirds_of_a_step_on_the_grain_of_the_price(price, rungs):
    situation = replace(QUIET, price=D(price), prices=(D(price),), cost=D("0.01"))
    assert [*ladder(situation, LIMITS).values()] == [D(rung) for rung in rungs]


def test_a_price_of_nothing_has_no_other_rung():
    assert ladder(replace(QUIET, price=D("0.00"), prices=(), cost=None), LIMITS) == {"C0": D("0.00")}


def test_a_price_that_may_not_move_any_more_this_month_keeps_to_what_is_left():
    moved = replace(QUIET, prices=(D("100.00"), D("92.00")))
    assert allowed_range(moved, LIMITS).high == D("101.20")
    assert max(ladder(moved, LIMITS).values()) == D("101.00")


def test_a_quiet_product_keeps_its_price():
    assert suggested(QUIET, LIMITS) is None
    assert suggested(replace(QUIET, cost=None, cover_weeks=90.0), LIMITS) is None


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"cost": D("62.40")}, ("C5", "COST_UP")),  # its share of margin needs 104: 103 is as near as 105
        ({"cost": D("61.20")}, ("C4", "COST_UP")),  # 102: 101 is as near as 103
        ({"cost": D("60.60")}, None),  # 101: less than a rung
        ({"cost": D("96.00"), "cost_before": None}, ("C4", "COST_UP")),  # below the floor of 100.80
        ({"cost": D("99.00"), "cost_before": None}, ("C6", "COST_UP")),  # below the floor of 103.95
        ({"cost": D("110.00"), "cost_before": None}, None),  # no legal price reaches the floor
        ({"competitor_prices": (D("110.00"),)}, ("C6", "COMPETITOR_GAP")),
        ({"competitor_prices": (D("110.00"),), "cover_weeks": 30.0}, ("C1", "CLEARANCE")),
        ({"competitor_prices": (D("110.00"),), "recent_demand": 5.0}, None),
        ({"competitor_prices": (D("104.00"),)}, None),
        ({"competitor_prices": (D("110.00"),), "days_unchanged": 27}, None),  # what buyers say to it is not known yet
        ({"cost": D("62.40"), "days_unchanged": 1}, ("C5", "COST_UP")),
        ({"competitor_prices": (D("90.00"),)}, None),  # it sells well enough
        ({"competitor_prices": (D("90.00"),), "recent_demand": 5.0}, ("C3", "COMPETITOR_GAP")),
        ({"competitor_prices": (D("90.00"),), "cover_weeks": 30.0}, ("C3", "COMPETITOR_GAP")),
        ({"competitor_prices": (D("90.00"),), "recent_demand": 5.0, "cover_weeks": 2.0}, None),
        ({"cover_weeks": 17.1}, ("C1", "CLEARANCE")),
        ({"cover_weeks": 17.1, "is_to_be_ordered": True}, None),
        ({"cover_weeks": 17.1, "recent_demand": 15.0}, None),
        ({"cover_weeks": 2.0, "recent_demand": 15.0}, ("C4", "DEMAND_UP")),
        ({"cover_weeks": 2.0}, None),
    ],
)
def test_the_formula_moves_a_price_for_cost_then_competitors_then_stock_then_demand(change, answer):
    assert suggested(replace(QUIET, **change), LIMITS) == answer


def test_one_competitor_moves_the_market_half_the_way_and_two_move_it_two_thirds():
    assert market_price(replace(QUIET, competitor_prices=(D("121.00"),))) == D("110.00")
    assert market_price(replace(QUIET, competitor_prices=(D(200), D(200)))) == D("158.74")
    assert competitor_gap(replace(QUIET, competitor_prices=(D("80.00"),))) == D("0.25")


def test_demand_has_a_trend_only_beyond_chance():
    assert demand_trend(QUIET) == 0
    assert demand_trend(replace(QUIET, recent_demand=11.6)) == 0  # 1.645 times 2 over the root of 4
    assert demand_trend(replace(QUIET, recent_demand=11.7)) == 1
    assert demand_trend(replace(QUIET, recent_demand=8.3)) == -1
    assert demand_trend(replace(QUIET, recent_demand=99.0, demand_deviation=None)) == 0


def test_the_break_even_is_the_old_margin_over_the_new():
    assert break_even_rate(QUIET, D("95.00")) == D("0.1429")
    assert break_even_rate(QUIET, D("105.00")) == D("-0.1111")
    assert break_even_rate(QUIET, D("60.00")) is None
    assert break_even_rate(replace(QUIET, cost=None), D("95.00")) is None


@pytest.mark.parametrize(
    ("price", "change", "broken"),
    [
        ("95.00", {}, []),
        ("94.00", {}, ["step"]),
        ("62.00", {}, ["floor", "step", "month"]),
        ("95.00", {"cover_weeks": 1.0}, ["stock"]),
        ("95.00", {"is_to_be_ordered": True}, ["stock"]),
        ("95.00", {"cost": None}, ["cost"]),
    ],
)
def test_a_guard_names_what_is_wrong_with_a_price(price, change, broken):
    verdicts = price_guards(replace(QUIET, **change), LIMITS, D(price))
    assert [name for name, has_passed, _ in verdicts if not has_passed] == broken

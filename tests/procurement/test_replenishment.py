"""How much to order now: whole packs up to the target, seen as forecast or otherwise, and what speaks against it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.procurement.policy import (
    Awaited,
    DemandCurve,
    Order,
    Stocking,
    quantity_to_order,
    reorder_guards,
    replenishment,
    rethought,
)

D = Decimal
WEEKS = 13


def stocking(available: int = 20, *awaited: Awaited, weekly: float = 10.0, pack: int = 1) -> Stocking:
    """Ten pieces a week, give or take a fifth; goods take three weeks, somebody looks every week."""
    totals = [weekly * week for week in range(1, WEEKS + 1)]
    return Stocking(
        available=available,
        awaited=awaited,
        curves=tuple(DemandCurve((0.0, 0.5, 1.0), (0.8 * total, total, 1.2 * total)) for total in totals),
        means=tuple(totals),
        lead_time_days=(21,),
        review_days=7,
        service_level=0.95,
        economic_quantity=25.0,
        supply_weeks_max=13,
        pack_quantity=pack,
    )


def order(quantity: int = 30, **changed) -> Order:
    known = Order(quantity, D("10.00"), supplier_is_active=True, supplier="Kestrel", last_unit_cost=D("10.00"),
                  half_year_demand=260, demand_class="smooth")  # fmt: skip
    return replace(known, **changed)


def broken(quantity: int, of: Stocking, **changed) -> list[str]:
    return [name for name, has_passed, _ in reorder_guards(order(quantity, **changed), of) if not has_passed]


def test_the_order_fills_up_to_the_target_from_where_the_stock_stands():
    found = replenishment(stocking(20, Awaited(7, 3)))
    assert (found.position, found.reorder_point, found.order_up_to, found.quantity) == (27, 48, 73, 46)


def test_nothing_is_ordered_above_the_reorder_point():
    assert replenishment(stocking(49)).quantity == 0
    assert replenishment(stocking(48)).quantity == 25


@given(st.integers(-500, 500), st.integers(0, 500), st.integers(0, 500), st.integers(1, 60))
def test_an_order_is_whole_packs_that_reach_the_target_and_no_pack_more(position, point, beyond, pack):
    quantity = quantity_to_order(position, point, point + beyond, pack)
    assert quantity % pack == 0
    if position <= point and position < point + beyond:
        assert 0 <= position + quantity - (point + beyond) < pack
    else:
        assert quantity == 0


@given(st.floats(0.5, 2), st.floats(0.5, 2))
def test_more_demand_never_orders_less(factor, other):
    low, high = sorted((factor, other))
    assert (
        replenishment(rethought(stocking(), demand_factor=low)).quantity
        <= replenishment(rethought(stocking(), demand_factor=high)).quantity
    )


def test_seen_as_forecast_nothing_changes():
    assert rethought(stocking(20, Awaited(5, 2))) == stocking(20, Awaited(5, 2))


def test_goods_that_are_lost_or_come_too_late_do_not_count():
    coming = stocking(0, Awaited(10, -5), Awaited(20, 3), Awaited(40, None))
    assert coming.position == 70
    assert rethought(coming, lost=frozenset({1})).position == 50
    assert rethought(coming, arriving_days={0: 28}).position == 70
    assert rethought(coming, arriving_days={0: 29}).position == 60
    assert rethought(coming, arriving_days={0: 29}, lead_time_days=30).position == 70


def test_a_longer_lead_time_orders_more_and_a_lower_service_level_less():
    before = replenishment(stocking()).quantity
    assert replenishment(rethought(stocking(), lead_time_days=28)).quantity == before + 11
    assert replenishment(rethought(stocking(), service_level=0.5)).reorder_point == 40


def test_the_formulas_own_order_passes_every_guard():
    assert broken(replenishment(stocking()).quantity, stocking()) == []


@pytest.mark.parametrize(
    ("quantity", "pack", "changed", "names"),
    [
        (30, 1, {"supplier_is_active": False}, ["supplier"]),
        (31, 10, {}, ["packs"]),
        (0, 1, {}, ["quantity"]),
        (159, 1, {}, ["cover"]),
        (158, 1, {}, []),
        (121, 1, {"half_year_demand": 40}, ["history"]),
        (121, 1, {"half_year_demand": 0, "demand_class": "new"}, []),
        (30, 1, {"last_unit_cost": D("9.00")}, ["unit_cost"]),
        (30, 1, {"last_unit_cost": None}, []),
    ],
)
def test_a_guard_names_what_is_wrong_with_an_order(quantity, pack, changed, names):
    assert broken(quantity, stocking(pack=pack), **changed) == names

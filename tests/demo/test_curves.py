"""Invented pumps obey the laws of real ones."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.demo.catalog import catalog, charming
from orchestration.demo.curves import Hydraulics, duty_curve

PUMPS = [good for good in catalog() if good.is_pump]
hydraulics = st.builds(Hydraulics, st.floats(0.5, 50), st.floats(2, 80), st.floats(0.2, 0.7))  # small water pumps


@pytest.mark.parametrize("good", PUMPS, ids=lambda good: good.sku)
def test_a_curve_falls_from_shut_off_to_free_flow(good):
    curve = good.specifications.curve
    assert len(curve) == 8
    assert all(before.flow_m3_h < after.flow_m3_h for before, after in pairwise(curve))
    assert all(before.head_m > after.head_m for before, after in pairwise(curve))
    assert all(before.power_w < after.power_w for before, after in pairwise(curve))
    assert curve[0].flow_m3_h == 0
    assert curve[-1].head_m == 0
    assert (good.specifications.head_m_max, good.specifications.flow_m3_h_max) == (curve[0].head_m, curve[-1].flow_m3_h)


@given(hydraulics, st.floats(0.7, 1.4))
def test_an_impeller_of_another_diameter_follows_the_affinity_laws(pump, ratio):
    trimmed = pump.trimmed(ratio)
    assert trimmed.flow_m3_h == pytest.approx(pump.flow_m3_h * ratio)
    assert trimmed.head_at(trimmed.flow_m3_h / 2) == pytest.approx(pump.head_at(pump.flow_m3_h / 2) * ratio**2)
    assert trimmed.rated_power_w == pytest.approx(pump.rated_power_w * ratio**3)


@given(hydraulics, st.integers(1, 25))
def test_stages_add_their_heads_and_their_power(pump, stages):
    staged = pump.staged(stages)
    assert staged.head_at(pump.flow_m3_h * 0.3) == pytest.approx(pump.head_at(pump.flow_m3_h * 0.3) * stages)
    assert staged.rated_power_w == pytest.approx(pump.rated_power_w * stages)


@given(hydraulics)
def test_no_pump_gives_more_power_than_it_takes(pump):
    for flow in (pump.flow_m3_h * share / 10 for share in range(11)):
        hydraulic_w = 1000 * 9.80665 * flow / 3600 * pump.head_at(flow)
        assert hydraulic_w < pump.power_at(flow)
    assert duty_curve(pump)[0].power_w > 0


def test_the_catalog_has_forty_products_with_costs_below_their_dealers_prices():
    goods = catalog()
    assert len({good.sku for good in goods}) == 40
    assert {good.category for good in goods} == {
        "tank_pump", "pressure_pump", "borewell_pump", "drainage_pump", "accessory", "spare_part",
    }  # fmt: skip
    assert all(good.cost * Decimal("1.05") < good.base_price * Decimal("0.70") for good in goods)


@pytest.mark.parametrize(("price", "written"), [("2.52", "2.5"), ("61.9", "59"), ("63", "64"), ("401", "399")])
def test_prices_are_written_as_shops_write_them(price, written):
    assert charming(Decimal(price)) == Decimal(written)

"""When to order and how much: the formulas against published and recomputed answers (Snyder and Shen, Nahmias)."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.procurement.policy import (
    DemandCurve,
    critical_ratio,
    demand_curve,
    demand_quantile,
    economic_quantity,
    expected_shortage,
    holding_cost,
    stretched,
    whole_packs,
)

NEWSVENDOR = critical_ratio(0.70, 0.18)


def normal(mean: float, deviation: float, points: int = 10_000) -> DemandCurve:
    shares = [number / points for number in range(1, points)]
    return demand_curve(shares, [NormalDist(mean, deviation).inv_cdf(share) for share in shares])


def poisson(mean: float) -> DemandCurve:
    shares, quantities, below = [], [], 0.0
    for count in range(200):
        chance = math.exp(-mean + count * math.log(mean) - math.lgamma(count + 1))
        shares += [below, below + chance]
        quantities += [float(count)] * 2
        below += chance
    return DemandCurve(tuple(shares), tuple(quantities))


def cost(curve: DemandCurve, mean: float, stock: float, short: float, spare: float) -> float:
    lost = expected_shortage([curve], stock)
    return spare * (stock - mean + lost) + short * lost


@pytest.mark.parametrize(
    ("curve", "mean", "short", "spare", "stock", "lowest"),
    [
        (normal(50, 8), 50, 0.70, 0.18, 56.6039559274, 1.9976051932),
        (poisson(50), 50, 0.70, 0.18, 56, 1.7972352118),
        (poisson(6), 6, 4, 1, 8, 3.5701069458),
        (normal(250, 8 * math.sqrt(5)), 250, 0.70, 0.18, 264.7668943742, 4.4667810041),
    ],
    ids=["newsvendor, normal (4.3)", "newsvendor, Poisson", "newsvendor, Poisson (4.7)", "base stock, L 4 and R 1"],
)
def test_the_stock_that_costs_least_is_the_critical_ratio_s_quantile(curve, mean, short, spare, stock, lowest):
    found = demand_quantile([curve], critical_ratio(short, spare))
    assert found == pytest.approx(stock, abs=1e-4)
    assert cost(curve, mean, found, short, spare) == pytest.approx(lowest, rel=1e-3)
    assert cost(curve, mean, found, short, spare) <= min(
        cost(curve, mean, found + step, short, spare) for step in (-1, 1)
    )


@pytest.mark.parametrize(
    ("curve", "stock", "short"),
    [
        (poisson(15), 18, 0.5176095283),
        (normal(15, 3), 18.6, 0.1683073522),
    ],
)
def test_what_is_short_on_average_is_the_loss_function(curve, stock, short):
    assert expected_shortage([curve], stock) == pytest.approx(short, abs=1e-3)


def test_the_standard_loss_function_at_1_3():
    assert expected_shortage([normal(10, 1)], 11.3) == pytest.approx(0.0455279621, abs=5e-4)


def test_the_economic_quantity():
    assert economic_quantity(8, 0.225, 1300) == pytest.approx(304.0467800264)
    assert economic_quantity(50, holding_cost(10, 0.20, 365), 200) == pytest.approx(100)  # Nahmias' mustard


def test_an_uncertain_lead_time_widens_demand():
    """120 a week with deviation 24 over 1.5 weeks with deviation .6: mean 180, deviation 77.77."""
    weeks = [NormalDist(1.5, 0.6).inv_cdf((number + 0.5) / 40) for number in range(40)]
    curves = [normal(120 * week, 24 * math.sqrt(week), points=100) for week in weeks if week > 0]
    quantiles = [demand_quantile(curves, (number + 0.5) / 100) for number in range(100)]
    mean = sum(quantiles) / 100
    assert mean == pytest.approx(180, rel=0.01)
    assert math.sqrt(sum((one - mean) ** 2 for one in quantiles) / 100) == pytest.approx(77.76889, rel=0.03)


def test_without_a_lead_time_s_uncertainty_there_is_one_curve():
    curve = normal(50, 8)
    assert demand_quantile([curve, curve], 0.9) == pytest.approx(demand_quantile([curve], 0.9))


@given(
    shares=st.lists(st.floats(0.01, 0.99), min_size=3, max_size=8, unique=True),
    steps=st.lists(st.floats(0, 50), min_size=8, max_size=8),
    wanted=st.floats(0.01, 0.99),
    more=st.floats(0, 0.5),
)
def test_a_higher_share_never_asks_for_less_and_is_really_covered(shares, steps, wanted, more):
    quantities = [sum(steps[: number + 1]) for number in range(len(shares))]
    curve = demand_curve(sorted(shares), quantities)
    found = demand_quantile([curve], wanted)
    assert demand_quantile([curve], min(1.0, wanted + more)) >= found - 1e-6
    assert 0 <= found <= curve.quantities[-1]
    assert expected_shortage([curve], found) <= (1 - wanted) * (curve.quantities[-1] - found) + 1e-6


def test_a_quantile_at_nothing_is_nothing():
    never = demand_curve([0.25, 0.5, 0.75], [0.0, 0.0, 8.0])
    assert demand_quantile([never], 0.4) == 0
    assert demand_quantile([never], 0.75) == pytest.approx(8)
    assert demand_quantile([never], 1.0) == pytest.approx(16)


class TestStretched:
    WEEKS = (demand_curve([0.5, 0.9], [10.0, 20.0]), demand_curve([0.5, 0.9], [20.0, 34.0]))
    MEANS = (11.0, 22.0)

    @pytest.mark.parametrize(
        ("weeks", "at_90", "mean"),
        [(1, 20, 11), (2, 34, 22), (1.5, 27, 16.5), (0.5, 10, 5.5), (0, 0, 0), (8, 88 + 2 * 12, 88)],
        ids=["a week", "two", "between", "less than one", "none", "beyond: the mean by 4, the distance by 2"],
    )
    def test_any_number_of_weeks_follows_from_the_known_ones(self, weeks, at_90, mean):
        curve, expected = stretched(self.WEEKS, self.MEANS, weeks)
        assert (curve.quantities[2], expected) == pytest.approx((at_90, mean))

    def test_never_below_nothing(self):
        curve, _ = stretched([demand_curve([0.1, 0.9], [0.0, 20.0])], [8.0], 0.25)
        assert min(curve.quantities) == 0
        assert min(stretched([demand_curve([0.1, 0.9], [7.9, 8.1])], [80.0], 4)[0].quantities) == 160


@pytest.mark.parametrize(
    ("quantity", "pack", "minimum", "ordered"),
    [
        (0, 10, 50, 0),
        (-3, 10, 1, 0),
        (0.2, 1, 1, 1),
        (1, 10, 1, 10),
        (10, 10, 1, 10),
        (10.0000000001, 10, 1, 10),
        (11, 10, 1, 20),
        (11, 10, 25, 30),
    ],
)
def test_orders_are_whole_packs_from_the_minimum_on(quantity, pack, minimum, ordered):
    assert whole_packs(quantity, pack, minimum) == ordered

"""Curves: what a pump does at a duty, and a drawing that tells no more than the points do."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pages.catalog_curve import Duty, drawn, good_range, interpolated, judged, scale_of, smooth_path, ticks
from warehouse.events.category import CurvePoint, Specifications

NONE = Specifications()
falling = st.lists(st.floats(0.5, 50), min_size=1, max_size=9).map(
    lambda drops: [(float(at), 300 - sum(drops[:at])) for at in range(len(drops) + 1)]
)


def test_a_pump_is_enough_when_its_curve_passes_above_the_duty(specifications):
    pump = specifications(3.0, 34.0, 340)

    verdict = judged(pump, Duty(1.8, 20))

    assert verdict is not None and verdict.fits
    assert verdict.head_m == pytest.approx(21.76)
    assert verdict.power_w == pytest.approx(340)


@pytest.mark.parametrize(
    ("flow", "head", "kind"),
    [(1.8, 21.76, "fits"), (1.8, 21.85, "fits"), (1.8, 22, "short"), (3.0, 0.5, "short"), (3.01, 1, "beyond")],
)
def test_the_verdict_turns_where_the_curve_ends_and_half_a_percent_is_forgiven(specifications, flow, head, kind):
    assert judged(specifications(3.0, 34.0), Duty(flow, head)).kind == kind


def test_without_a_curve_nothing_is_claimed():
    assert judged(NONE, Duty(1, 1)) is None
    assert drawn(NONE) is None
    assert good_range(NONE) is None
    assert scale_of([NONE], Duty(1, 1)).path(NONE) is None


def test_the_good_range_lies_around_the_best_efficiency_and_needs_the_power(specifications):
    pump = specifications(3.0, 34.0, 340)
    dumb = pump.model_copy()
    points = tuple(CurvePoint(flow_m3_h=one.flow_m3_h, head_m=one.head_m) for one in pump.curve)
    dumb = Specifications(curve=points)

    assert good_range(pump) == pytest.approx((0.7 * 1.2, 1.2 * 1.2))
    assert good_range(dumb) is None
    assert judged(dumb, Duty(1.8, 10)).power_w is None


@given(falling, st.floats(0, 1))
def test_between_two_points_the_value_lies_between_theirs(points, share):
    x = share * points[-1][0]

    value = interpolated(points, x)

    assert value is not None
    assert points[-1][1] - 1e-9 <= value <= points[0][1] + 1e-9
    assert interpolated(points, points[-1][0] + 1) is None


@given(falling)
def test_the_drawn_curve_never_rises_where_the_points_fall(points):
    numbers = [float(one) for one in re.findall(r"-?\d+\.\d", smooth_path(points))]
    corners = numbers[1::2]
    heights = [_cubic(*corners[at : at + 4], share / 10) for at in range(0, len(corners) - 1, 3) for share in range(11)]

    assert all(lower <= upper + 0.1 for upper, lower in pairwise(heights))
    assert len(numbers) == 2 + 6 * (len(points) - 1)


def _cubic(start: float, one: float, two: float, end: float, t: float) -> float:
    return start * (1 - t) ** 3 + 3 * one * t * (1 - t) ** 2 + 3 * two * t**2 * (1 - t) + end * t**3


@given(st.floats(0.05, 99_999))
def test_axes_have_few_round_marks_and_reach_the_end(most):
    marks = ticks(most)

    assert 2 <= len(marks) <= 11
    assert marks[0] == 0
    assert marks[-1] >= most * (1 - 1e-9)
    assert marks[-2] < most


def test_a_duty_far_outside_does_not_crush_the_curve(specifications):
    plot = drawn(specifications(3.0, 34.0), Duty(900, 900))

    assert plot is not None and plot.duty is not None
    assert plot.reached is None
    assert (plot.duty.x, plot.duty.y) == (plot.right, pytest.approx(plot.top, abs=60))
    assert float(plot.across[-1].words) <= 8


def test_a_duty_inside_marks_what_is_needed_and_what_is_reached(specifications):
    plot = drawn(specifications(3.0, 34.0), Duty(1.8, 10))

    assert plot is not None and plot.duty is not None and plot.reached is not None
    assert plot.duty.x == plot.reached.x
    assert plot.reached.y < plot.duty.y


def test_one_scale_serves_a_whole_list(specifications):
    small, large = specifications(3.0, 8.0), specifications(3.0, 80.0)
    scale = scale_of([small, large, NONE], Duty(1, 4))

    assert scale.duty is not None
    assert scale.spot(3, 80) == pytest.approx((94, 4))
    assert scale.path(large) != scale.path(small)
    assert scale_of([small], Duty(1, 900)).duty is None


def test_points_in_any_order_make_the_same_curve(specifications):
    pump = specifications()
    mixed = Specifications(curve=tuple(reversed(pump.curve)))

    assert drawn(mixed).path == drawn(pump).path
    assert judged(mixed, Duty(1, 1)) == judged(pump, Duty(1, 1))
    assert Decimal(0) in {one.flow_m3_h for one in mixed.curve}

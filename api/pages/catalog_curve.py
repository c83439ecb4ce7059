"""Curve: a pump's head over its flow: what it does at a duty point, and how it is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from warehouse.events.category import CurvePoint, Specifications

_WATER_W_PER_M3_H_M = 1000 * 9.80665 / 3600  # power to lift 1 m³/h by 1 m: density times gravity, by the hour
_GOOD_FROM, _GOOD_TO = 0.7, 1.2  # of the best flow (Grundfos: pump-zone.com/reading-centrifugal-pump-curve)
_ENOUGH_SHARE = 0.995  # of the head asked for: half a percent is within every maker's tolerance (ISO 9906 grade 1)

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Duty:
    """What somebody needs: so much water so high. A pump must do both at once."""

    flow_m3_h: float
    head_m: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a pump does at the flow of a duty. `head_m` and `power_w` are none past the end of its curve."""

    kind: Literal["fits", "short", "beyond"]
    head_m: float | None
    power_w: float | None
    is_in_good_range: bool

    @property
    def fits(self) -> bool:
        """Whether the pump is enough."""
        return self.kind == "fits"


def curve_of(specifications: Specifications) -> tuple[CurvePoint, ...]:
    """The curve's points by rising flow; fewer than two are no curve."""
    points = tuple(sorted(specifications.curve, key=lambda point: point.flow_m3_h))
    return points if len(points) > 1 else ()


def judged(specifications: Specifications, duty: Duty) -> Verdict | None:
    """Whether a pump is enough for a duty, by straight lines between the points of its curve; None without a curve."""
    curve = curve_of(specifications)
    if not curve:
        return None
    head = interpolated([(float(one.flow_m3_h), float(one.head_m)) for one in curve], duty.flow_m3_h)
    if head is None:
        return Verdict("beyond", None, None, is_in_good_range=False)
    powers = [(float(one.flow_m3_h), float(one.power_w)) for one in curve if one.power_w is not None]
    good = good_range(specifications)
    kind: Literal["fits", "short"] = "fits" if head >= duty.head_m * _ENOUGH_SHARE else "short"
    in_range = good is not None and good[0] <= duty.flow_m3_h <= good[1]
    return Verdict(kind, head, interpolated(powers, duty.flow_m3_h), in_range)


def good_range(specifications: Specifications) -> tuple[float, float] | None:
    """The flows around the best efficiency, in m³/h; None while the power is not known."""
    curve = curve_of(specifications)
    by_efficiency = [
        (_WATER_W_PER_M3_H_M * float(one.flow_m3_h) * float(one.head_m) / float(one.power_w), float(one.flow_m3_h))
        for one in curve
        if one.power_w
    ]
    if len(by_efficiency) < 2:
        return None
    best = max(by_efficiency)[1]
    return _GOOD_FROM * best, min(_GOOD_TO * best, float(curve[-1].flow_m3_h))


def interpolated(points: Points, x: float) -> float | None:
    """The value at x on the lines between points of rising x; None outside."""
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 <= x <= x1:
            return y0 if x1 == x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return None


def smooth_path(points: Points) -> str:
    """An SVG path through the points that never overshoots: monotone cubics (Fritsch and Carlson 1980, p. 238)."""
    slopes = [(y1 - y0) / (x1 - x0) for (x0, y0), (x1, y1) in pairwise(points)]
    inner = [_tangent(before, after) for before, after in pairwise(slopes)]
    tangents = [slopes[0], *inner, slopes[-1]]
    path = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for ((x0, y0), (x1, y1)), (m0, m1) in zip(pairwise(points), pairwise(tangents), strict=True):
        third = (x1 - x0) / 3
        path.append(f"C{x0 + third:.1f} {y0 + m0 * third:.1f} {x1 - third:.1f} {y1 - m1 * third:.1f} {x1:.1f} {y1:.1f}")
    return "".join(path)


def _tangent(before: float, after: float) -> float:
    """The harmonic mean of two slopes; flat at a turn."""
    return 2 * before * after / (before + after) if before * after > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, and what it says."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Spot:
    """A point of the drawing."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """A curve laid out in SVG units, `width` by `height`, the plot from (left, top) to (right, bottom)."""

    width: float
    height: float
    left: float
    top: float
    right: float
    bottom: float
    path: str
    good: tuple[float, float] | None
    across: tuple[Tick, ...]
    upward: tuple[Tick, ...]
    duty: Spot | None
    reached: Spot | None


def drawn(specifications: Specifications, duty: Duty | None = None) -> Drawing | None:
    """The curve as a drawing of 640 by 400, wide enough for the duty too; None without a curve."""
    curve = curve_of(specifications)
    if not curve:
        return None
    flow_most, head_most = float(curve[-1].flow_m3_h), max(float(one.head_m) for one in curve)
    if duty is not None:  # a duty far outside is cut at twice the pump's reach
        flow_most = max(flow_most, min(duty.flow_m3_h, 2 * flow_most))
        head_most = max(head_most, min(duty.head_m, 2 * head_most))
    flows, heads = ticks(flow_most), ticks(head_most)
    left, top, right, bottom = 48.0, 40.0, 624.0, 340.0

    def x(flow: float) -> float:
        return left + (right - left) * flow / flows[-1]

    def y(head: float) -> float:
        return bottom - (bottom - top) * head / heads[-1]

    good = good_range(specifications)
    verdict = judged(specifications, duty) if duty else None
    reached = verdict.head_m if verdict else None
    return Drawing(
        width=640, height=400, left=left, top=top, right=right, bottom=bottom,
        path=smooth_path([(x(float(one.flow_m3_h)), y(float(one.head_m))) for one in curve]),
        good=None if good is None else (x(good[0]), x(good[1])),
        across=tuple(Tick(x(flow), f"{flow:g}") for flow in flows),
        upward=tuple(Tick(y(head), f"{head:g}") for head in heads),
        duty=Spot(x(min(duty.flow_m3_h, flows[-1])), y(min(duty.head_m, heads[-1]))) if duty else None,
        reached=Spot(x(duty.flow_m3_h), y(reached)) if duty and reached is not None else None,
    )  # fmt: skip


def ticks(most: float) -> list[float]:
    """Four to ten round numbers from 0 to `most` or just above: steps of 1, 2, 2.5 or 5 times a power of ten."""
    exact = Decimal(repr(max(most, 1e-3) / 5))
    power = Decimal(1).scaleb(exact.adjusted())
    step = next(
        power * times
        for times in (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
        if power * times >= exact
    )
    count = int(Decimal(repr(most)) / step) + (0 if Decimal(repr(most)) % step == 0 else 1)
    return [float(step * number) for number in range(count + 1)]


@dataclass(frozen=True, slots=True)
class Scale:
    """One scale for several small curves, 96 by 40, so that they can be compared by eye."""

    flow_most: float
    head_most: float
    duty: Spot | None = None

    def path(self, specifications: Specifications) -> str | None:
        """A pump's curve; None without one."""
        curve = curve_of(specifications)
        return smooth_path([self.spot(float(one.flow_m3_h), float(one.head_m)) for one in curve]) if curve else None

    def spot(self, flow: float, head: float) -> tuple[float, float]:
        """Where a flow and a head lie on it."""
        return 2 + 92 * flow / self.flow_most, 38 - 34 * head / self.head_most


def scale_of(all_of: Iterable[Specifications], duty: Duty | None) -> Scale:
    """The scale on which all these curves find room, and the duty point."""
    points = [point for one in all_of for point in curve_of(one)]
    flow_most = max([float(point.flow_m3_h) for point in points if point.flow_m3_h] or [1.0])
    head_most = max([float(point.head_m) for point in points if point.head_m] or [1.0])
    plain = Scale(flow_most, head_most)
    if duty is None or duty.flow_m3_h > flow_most or duty.head_m > head_most:
        return plain
    return Scale(flow_most, head_most, Spot(*plain.spot(duty.flow_m3_h, duty.head_m)))

"""Figures of buying: what a line and an order cost, how much may arrive, when to order and how much."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from warehouse.ids import short_code
from warehouse.money import ZERO, rounded

YEAR_DAYS = 365


def line_total(quantity: int, unit_cost: Decimal) -> Decimal:
    """What a line costs, rounded once."""
    return rounded(quantity * unit_cost)


def order_total(line_totals: Iterable[Decimal]) -> Decimal:
    """What an order costs."""
    return sum(line_totals, ZERO)


def receivable_quantity(quantity: int, received_quantity: int, over_receipt_rate: Decimal) -> int:
    """How many more pieces of a line may arrive, the tolerance included, whole pieces only."""
    return max(0, int(quantity * (1 + over_receipt_rate)) - received_quantity)


def purchase_order_number(purchase_order_id: UUID, on: date) -> str:
    """`PO-261122-7K3M9QZ2`: the day it was drafted and eight letters of its id."""
    return f"PO-{on:%y%m%d}-{short_code(purchase_order_id)}"


@dataclass(frozen=True, slots=True)
class DemandCurve:
    """Demand over some stretch of time: with probability `shares[i]` it stays at or below `quantities[i]`.

    Both ascend, shares from 0 to 1; between two points probability grows evenly.
    """

    shares: tuple[float, ...]
    quantities: tuple[float, ...]


def demand_curve(shares: Sequence[float], quantities: Sequence[float]) -> DemandCurve:
    """The curve through known quantiles: from nothing at 0, and beyond the last as steep as before it."""
    slope = (quantities[-1] - quantities[-2]) / (shares[-1] - shares[-2])
    most = quantities[-1] + slope * (1 - shares[-1])
    return DemandCurve((0.0, *shares, 1.0), (0.0, *quantities, most))


def stretched(curves: Sequence[DemandCurve], means: Sequence[float], weeks: float) -> tuple[DemandCurve, float]:
    """Curve and mean of the demand over any number of weeks, from those over the first 1, 2, 3 … weeks.

    Between two whole weeks on the line between them; beyond the last, the mean grows with the weeks and the distance
    from it with their root.
    """
    whole = int(weeks)
    if weeks > len(curves):
        last, mean, factor = curves[-1], means[-1], weeks / len(curves)
        far = (max(0.0, mean * factor + (quantity - mean) * factor**0.5) for quantity in last.quantities)
        return DemandCurve(last.shares, tuple(far)), mean * factor
    nothing = DemandCurve(curves[0].shares, (0.0,) * len(curves[0].shares))
    below, above = (curves[whole - 1] if whole else nothing), curves[min(whole, len(curves) - 1)]
    mean_below, mean_above = (means[whole - 1] if whole else 0.0), means[min(whole, len(means) - 1)]
    way = weeks - whole
    between = (low + way * (high - low) for low, high in zip(below.quantities, above.quantities, strict=True))
    return DemandCurve(below.shares, tuple(between)), mean_below + way * (mean_above - mean_below)


def demand_quantile(curves: Sequence[DemandCurve], share: float) -> float:
    """The least quantity that demand stays at or below with probability `share`, each curve being as likely.

    With one curve for each lead time seen, the demand of an uncertain time: S = F⁻¹(share) over lead time and review
    (Snyder and Shen, Fundamentals of Supply Chain Theory, 2019, 4.3.4), without assuming any distribution.
    """
    points = sorted({quantity for curve in curves for quantity in curve.quantities})
    index = bisect_left(points, share, key=lambda quantity: _share_below(curves, quantity, bisect_right))
    if index == 0:
        return points[0]
    low, high = points[index - 1], points[min(index, len(points) - 1)]
    reached, before = _share_below(curves, low, bisect_right), _share_below(curves, high, bisect_left)
    return high if share >= before else low + (high - low) * (share - reached) / (before - reached)


def expected_shortage(curves: Sequence[DemandCurve], quantity: float) -> float:
    """Mean demand beyond a quantity, E[(D - quantity)⁺], the loss function; each curve being as likely."""
    return sum(sum(_lost(curve, quantity)) for curve in curves) / len(curves)


def critical_ratio(underage_cost: float, overage_cost: float) -> float:
    """The best probability of having enough: b / (b + h) (Arrow, Harris and Marschak, Econometrica 19, 1951)."""
    return underage_cost / (underage_cost + overage_cost)


def holding_cost(unit_cost: float, holding_rate: float, days: float) -> float:
    """What it costs to keep a piece for some days; `holding_rate` is the share of its cost in a year."""
    return unit_cost * holding_rate * days / YEAR_DAYS


def economic_quantity(order_cost: float, holding_cost: float, demand: float) -> float:
    """The order that makes ordering and holding cheapest (Harris 1913); holding cost and demand of the same time."""
    return math.sqrt(2 * order_cost * demand / holding_cost)


def whole_packs(quantity: float, pack_quantity: int, minimum_quantity: int = 1) -> int:
    """The least number of whole packs that holds `quantity` and the supplier's minimum; nothing for nothing."""
    if quantity <= 0:
        return 0
    return math.ceil(max(math.ceil(round(quantity, 6)), minimum_quantity) / pack_quantity) * pack_quantity


def _share_below(curves: Sequence[DemandCurve], quantity: float, side: Callable[..., int]) -> float:
    """Probability of at most (by bisect_right) or less than (by bisect_left) a quantity."""
    return sum(_share_of(curve, quantity, side(curve.quantities, quantity)) for curve in curves) / len(curves)


def _share_of(curve: DemandCurve, quantity: float, index: int) -> float:
    if index in {0, len(curve.quantities)}:
        return 1.0 if index else 0.0
    low, high = curve.quantities[index - 1], curve.quantities[index]
    way = (quantity - low) / (high - low)
    return curve.shares[index - 1] + way * (curve.shares[index] - curve.shares[index - 1])


def _lost(curve: DemandCurve, quantity: float) -> Iterator[float]:
    """The area of each segment of the curve that lies above the quantity."""
    points = list(zip(curve.shares, curve.quantities, strict=True))
    for (share, low), (next_share, high) in pairwise(points):
        if high > quantity:
            part = 1.0 if low >= quantity else (high - quantity) / (high - low)
            yield (next_share - share) * part * ((max(low, quantity) + high) / 2 - quantity)

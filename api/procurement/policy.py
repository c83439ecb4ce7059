"""Figures of buying: what a line and an order cost, how much may arrive, when to order and how much."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from warehouse.ids import short_code
from warehouse.money import ZERO, rounded

YEAR_DAYS = 365
WEEK_DAYS = 7
YEARLY_DEMAND_MAX = 3  # an order for more than three half years of demand is a slip of the pen: agents.md, 3.2
COST_MOVE_MAX = Decimal("0.10")  # from one order to the next; suppliers' yearly rises stay well below
_PLACES = 4  # a reorder point is not raised by what floating point adds


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


@dataclass(frozen=True, slots=True)
class Awaited:
    """Pieces awaited from a supplier, and in how many days; negative when the day is past, none when none was named."""

    quantity: int
    days: int | None


@dataclass(frozen=True, slots=True)
class Stocking:
    """What an order follows from: the shelf, what is awaited, what is asked for, and how long goods take.

    `curves` and `means` are of the demand of the first 1, 2, 3 … weeks, each of `lead_time_days` is equally likely.
    """

    available: int
    awaited: tuple[Awaited, ...]
    curves: tuple[DemandCurve, ...]
    means: tuple[float, ...]
    lead_time_days: tuple[int, ...]
    review_days: int
    service_level: float
    economic_quantity: float
    supply_weeks_max: int
    pack_quantity: int

    @property
    def position(self) -> int:
        """Pieces available and awaited."""
        return self.available + sum(one.quantity for one in self.awaited)

    @property
    def weekly_demand(self) -> float:
        """Expected pieces of a week, mean over the weeks foreseen."""
        return self.means[-1] / len(self.means)


@dataclass(frozen=True, slots=True)
class Replenishment:
    """When to order and how much now: nothing while the position is above the reorder point."""

    position: int
    reorder_point: int
    order_up_to: int
    quantity: int


def replenishment(stocking: Stocking) -> Replenishment:
    """Up to S in whole packs once the position is at or below s: reference/quant.md, C1."""
    spans = (
        stretched(stocking.curves, stocking.means, (days + stocking.review_days) / WEEK_DAYS)
        for days in stocking.lead_time_days
    )
    point = math.ceil(round(demand_quantile([curve for curve, _ in spans], stocking.service_level), _PLACES))
    most = stocking.supply_weeks_max * stocking.weekly_demand
    order_up_to = point + whole_packs(min(stocking.economic_quantity, most), stocking.pack_quantity)
    return Replenishment(
        stocking.position,
        point,
        order_up_to,
        quantity_to_order(stocking.position, point, order_up_to, stocking.pack_quantity),
    )


def quantity_to_order(position: int, reorder_point: int, order_up_to: int, pack_quantity: int) -> int:
    """Whole packs up to the target when the position is at or below the reorder point, else nothing."""
    return whole_packs(order_up_to - position, pack_quantity) if position <= reorder_point else 0


def rethought(
    stocking: Stocking,
    *,
    demand_factor: float = 1.0,
    lead_time_days: int | None = None,
    service_level: float | None = None,
    lost: frozenset[int] = frozenset(),
    arriving_days: Mapping[int, int] | None = None,
) -> Stocking:
    """The same shelf seen otherwise: more or less demand, another lead time or service level, goods lost or late.

    `lost` and `arriving_days` are by the place in `awaited`. Goods that come later than those ordered now would help
    nobody and do not count. The economic order grows with the root of demand.
    """
    days = stocking.lead_time_days if lead_time_days is None else (lead_time_days,)
    latest = max(days) + stocking.review_days
    late = {place: more for place, more in (arriving_days or {}).items() if more > latest}
    return replace(
        stocking,
        awaited=tuple(one for place, one in enumerate(stocking.awaited) if place not in lost and place not in late),
        curves=tuple(
            DemandCurve(curve.shares, tuple(quantity * demand_factor for quantity in curve.quantities))
            for curve in stocking.curves
        ),
        means=tuple(mean * demand_factor for mean in stocking.means),
        lead_time_days=days,
        service_level=stocking.service_level if service_level is None else service_level,
        economic_quantity=stocking.economic_quantity * math.sqrt(demand_factor),
    )


@dataclass(frozen=True, slots=True)
class Order:
    """A line that might be ordered, and what it is held against; amounts and pieces, none where nothing is known."""

    quantity: int
    unit_cost: Decimal
    supplier_is_active: bool
    supplier: str
    last_unit_cost: Decimal | None
    half_year_demand: int
    demand_class: str


def reorder_guards(order: Order, stocking: Stocking) -> tuple[tuple[str, bool, str], ...]:
    """Each guard's name, whether it lets the order pass, and why: reference/agents.md, 3.2.

    They go by the forecast as it is, whatever somebody thinks of it.
    """
    plain = replenishment(stocking)
    most = stocking.supply_weeks_max * stocking.weekly_demand
    missing = max(0, plain.reorder_point - plain.position)
    ceiling = whole_packs(missing, stocking.pack_quantity) + whole_packs(most, stocking.pack_quantity)
    yearly = YEARLY_DEMAND_MAX * order.half_year_demand
    last, cost = order.last_unit_cost, order.unit_cost
    moved = 0 if not last else abs(cost - last) / last
    return (
        ("supplier", order.supplier_is_active, f"{order.supplier} is {'' if order.supplier_is_active else 'in'}active"),
        ("packs", order.quantity % stocking.pack_quantity == 0, f"whole packs of {stocking.pack_quantity}"),
        ("quantity", order.quantity > 0, f"{order.quantity} pieces"),
        (
            "cover",
            order.quantity <= ceiling,
            f"{order.quantity} of at most {ceiling}: the reorder point and {stocking.supply_weeks_max} weeks of demand",
        ),
        (
            "history",
            order.demand_class == "new" or order.quantity <= yearly,
            f"{order.quantity} of at most {yearly}: {YEARLY_DEMAND_MAX} times the demand of 26 weeks",
        ),
        (
            "unit_cost",
            moved <= COST_MOVE_MAX,
            "never ordered before" if not last else f"{cost} against {last} at the last order",
        ),
    )


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

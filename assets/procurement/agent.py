"""The reorder agent: what to order of each product that is due, by formula, and by Claude's view of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from api.agents.commands import GuardVerdict, Reorder, ReorderPreconditions, Sighting
from api.procurement.policy import (
    Awaited,
    Order,
    Stocking,
    demand_curve,
    line_total,
    reorder_guards,
    replenishment,
    rethought,
)
from assets.contract import Contract, Entry, Evidence, Line, said, verdict
from assets.forecasting.spread import SHARES, name_of
from assets.proposals import Advice, Agent, Case, Due
from warehouse.lake.read import EVERYTHING, Reader
from warehouse.settings import Settings

DEMAND_BP = (5_000, 20_000)  # how far Claude may see demand from the forecast: reference/agents.md, 5.3
LEAD_TIME_DAYS_MAX = 365
ORDERS_SHOWN_MAX = 6  # awaited orders of a line; a product has one or two
SERVICE_LEVELS = {"AS_POLICY": None, "P90": 0.90, "P95": 0.95, "P98": 0.98}
_CENTS = 100
_BASIS_POINTS = 10_000

_DUE = """
select * from procurement.reorders_due
where supplier_id is not null and supplier_is_active and unit_cost is not null
order by urgency desc, quantity * unit_cost desc, sku"""
_FORECAST = """
select * from forecasting.forecast
where product_id in (select product_id from procurement.reorders_due) order by product_id, weeks_ahead"""

Row = Mapping[str, Any]


class OrderView(BaseModel):
    """An awaited order that Claude sees otherwise than on time."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    po_ref: str
    treat_as: Literal["ON_TIME", "LATE", "LOST"]
    late_days: int


class ReorderLine(Line):
    """Claude's view of a line's inputs; the quantity follows by formula."""

    stance: Literal["ACCEPT", "ADJUST", "HOLD", "ESCALATE"]
    reason: Literal[
        "NONE",
        "DEMAND_SHIFT",
        "SEASON",
        "PROMO",
        "SUPPLIER_LATE",
        "PO_LOST",
        "PHASE_OUT",
        "QUALITY_HOLD",
        "CASH",
        "DATA_SUSPECT",
    ]
    demand_mult_bp: int
    lead_time_days: int
    service_level: Literal["AS_POLICY", "P90", "P95", "P98"]
    po_views: list[OrderView]


def due(reader: Reader, settings: Settings) -> Due[ReorderLine]:
    """The products to order now, the ones that run out first at the head.

    Those without a supplier or a cost are left out: no order could be sent. The table shows them all the same.
    """
    found = reader.query(_DUE, functions=EVERYTHING)
    weeks: dict[Any, list[Row]] = {}
    for week in reader.query(_FORECAST, functions=EVERYTHING).frame.iter_rows(named=True):
        weeks.setdefault(week["product_id"], []).append(week)
    rows = [row for row in found.frame.iter_rows(named=True) if weeks.get(row["product_id"])]
    return Due([case_of(row, _stocking(row, weeks[row["product_id"]], settings)) for row in rows], found.as_of)


def case_of(row: Row, stocking: Stocking) -> Case[ReorderLine]:
    """What may be proposed of one row of procurement.reorders_due.

    Its snapshot is supplier, place, cost, targets and how many economic orders the quantity holds: a burst of orders
    makes a new proposal once a whole economic order more is missing, and not before.
    """
    act = Reorder(
        sku=row["sku"],
        supplier_id=UUID(str(row["supplier_id"])),
        quantity=row["quantity"],
        unit_cost=row["unit_cost"],
        location=row["location"],
    )
    formula = Advice(act, "SUPPLIER_LATE" if row["days_late"] else "NONE", _why(row), _guards(act, row, stocking))
    return Case(
        subject=row["sku"],
        snapshot={
            "supplier": str(row["supplier_id"]),
            "location": row["location"],
            "unit_cost": f"{row['unit_cost'].normalize():f}",
            "reorder_point": str(row["reorder_point"]),
            "order_up_to": str(row["order_up_to"]),
            "orders_missing": str(row["quantity"] // max(row["order_quantity"], row["pack_quantity"])),
        },
        situation=tuple(_situation(row)),
        formula=formula,
        preconditions=ReorderPreconditions(quantity_on_hand=row["quantity_at_location"], unit_cost=row["booked_cost"]),
        entry=Entry(row["sku"], tuple(_cells(row)), tuple(_evidence(row))),
        hear=_hearing(formula, act, row, stocking),
    )


def _stocking(row: Row, weeks: Sequence[Row], settings: Settings) -> Stocking:
    totals = [f"total_{name_of(share)}" for share in SHARES]
    coming = row["quantity_available"] + row["quantity_in_transit"] + row["quantity_drafted"]
    awaited = [Awaited(one["quantity"], one["days"]) for one in row["awaited"]]
    return Stocking(
        available=coming - sum(one.quantity for one in awaited),
        awaited=tuple(awaited),
        curves=tuple(demand_curve(SHARES, [week[name] for name in totals]) for week in weeks),
        means=tuple(week["total_mean"] for week in weeks),
        lead_time_days=tuple(row["lead_time_days"]),
        review_days=row["review_days"],
        service_level=row["service_level"],
        economic_quantity=row["economic_quantity"],
        supply_weeks_max=settings.supply_weeks_max,
        pack_quantity=row["pack_quantity"],
    )


def _hearing(formula: Advice, act: Reorder, row: Row, stocking: Stocking) -> Callable[[ReorderLine], Advice]:
    def hear(line: ReorderLine) -> Advice:
        """What Claude's view of the inputs comes to."""
        told = said(line)
        bounds = tuple(_bounds(line, row))
        if not all(guard.has_passed for guard in bounds):
            return replace(formula, guards=bounds)
        stance = "ESCALATE" if line.stance in {"ADJUST", "HOLD"} and not line.evidence_ids else line.stance
        if stance != "ADJUST":
            return replace(formula, reason=line.reason, rationale=_SAID[stance].format(told=told or formula.rationale))
        quantity = replenishment(_seen(line, row, stocking)).quantity
        if quantity == 0:
            return replace(formula, reason=line.reason, rationale=_SAID["HOLD"].format(told=told))
        other = Reorder(**{**dict(act), "quantity": quantity})
        return Advice(other, line.reason, told or formula.rationale, (*bounds, *_guards(other, row, stocking)))

    return hear


_SAID = {
    "ACCEPT": "{told}",
    "HOLD": "Claude advises to order nothing now: {told} What is shown is the formula's order.",
    "ESCALATE": "Claude asks you to look before ordering: {told} What is shown is the formula's order.",
}


def _seen(line: ReorderLine, row: Row, stocking: Stocking) -> Stocking:
    """The shelf as Claude sees it."""
    places = {one["po_number"]: place for place, one in enumerate(row["awaited"])}
    late = [view for view in line.po_views if view.treat_as == "LATE"]
    return rethought(
        stocking,
        demand_factor=line.demand_mult_bp / _BASIS_POINTS,
        lead_time_days=line.lead_time_days or None,
        service_level=SERVICE_LEVELS[line.service_level],
        lost=frozenset(places[view.po_ref] for view in line.po_views if view.treat_as == "LOST"),
        arriving_days={
            places[view.po_ref]: (stocking.awaited[places[view.po_ref]].days or 0) + view.late_days for view in late
        },
    )


def _bounds(line: ReorderLine, row: Row) -> Iterator[GuardVerdict]:
    """Whether Claude's inputs are such as may be taken."""
    least, most = DEMAND_BP
    known = {one["po_number"] for one in row["awaited"]}
    refs = [view.po_ref for view in line.po_views]
    is_lost = any(view.treat_as == "LOST" for view in line.po_views)
    yield verdict("demand", least <= line.demand_mult_bp <= most, f"{line.demand_mult_bp} of {least} to {most}")
    is_time = 0 <= line.lead_time_days <= LEAD_TIME_DAYS_MAX
    yield verdict("lead time", is_time, f"{line.lead_time_days} of 0 to {LEAD_TIME_DAYS_MAX} days")
    yield verdict("orders", set(refs) <= known and len(refs) == len(set(refs)), "awaited orders, each once")
    yield verdict("consistency", line.reason != "PO_LOST" or is_lost, "a lost order is named")
    yield verdict("delays", all(0 <= view.late_days <= LEAD_TIME_DAYS_MAX for view in line.po_views), "within a year")


def _guards(act: Reorder, row: Row, stocking: Stocking) -> tuple[GuardVerdict, ...]:
    order = Order(
        quantity=act.quantity,
        unit_cost=act.unit_cost,
        supplier_is_active=row["supplier_is_active"],
        supplier=row["supplier_name"],
        last_unit_cost=row["last_unit_cost"],
        half_year_demand=row["half_year_demand"],
        demand_class=row["demand_class"],
    )
    return tuple(verdict(*one) for one in reorder_guards(order, stocking))


def _why(row: Row) -> str:
    """The formula's own reasons, with the figures it went by."""
    late = f", {row['quantity_late']:,} of them up to {row['days_late']} days late" if row["days_late"] else ""
    drafted = f", {row['quantity_drafted']:,} more not sent yet" if row["quantity_drafted"] else ""
    packs = f" in packs of {row['pack_quantity']:,}" if row["pack_quantity"] > 1 else ""
    cover = "" if row["days_of_cover"] is None else f"; what is available lasts {row['days_of_cover']:.0f} days"
    return (
        f"{row['quantity_available']:,} available and {row['quantity_in_transit']:,} on their way{late}{drafted}: "
        f"at or below the reorder point of {row['reorder_point']:,}. {row['quantity']:,} pieces{packs} bring that to "
        f"{row['position'] + row['quantity']:,}, the target being {row['order_up_to']:,}. "
        f"We expect {row['weekly_demand']:,.1f} a week and goods take "
        f"{row['lead_time_mean_days']:.0f} days{cover}. Until an order placed next would arrive, demand stays within "
        f"{row['reorder_point']:,} with {row['service_level']:.0%} probability."
    )


def _situation(row: Row) -> Iterator[Sighting]:
    """What it saw, for people."""
    seen: dict[str, tuple[Any, str]] = {
        "On hand": (f"{row['quantity_on_hand']:,}", "pieces"),
        "Reserved for orders": (f"{row['quantity_reserved']:,}", "pieces"),
        "Available": (f"{row['quantity_available']:,}", "pieces"),
        "On the way": (f"{row['quantity_in_transit']:,}", "pieces"),
        "Of those late": (f"{row['quantity_late']:,}", "pieces"),
        "Latest by": (row["days_late"], "days"),
        "Drafted, not sent": (f"{row['quantity_drafted']:,}", "pieces"),
        "Reorder point": (f"{row['reorder_point']:,}", "pieces"),
        "Order up to": (f"{row['order_up_to']:,}", "pieces"),
        "Economic order": (f"{row['order_quantity']:,}", "pieces"),
        "Pack": (row["pack_quantity"], "pieces"),
        "Forecast demand": (f"{row['weekly_demand']:,.1f}", "a week"),
        "Demand, last 4 weeks": (f"{row['recent_weekly_demand']:,}", "a week"),
        "Demand, last 13 weeks": (f"{row['quarter_weekly_demand']:,}", "a week"),
        "Kind of demand": (row["demand_class"], ""),
        "Demand until the next order arrives": (f"{row['protection_demand']:,.0f}", "pieces"),
        "Service level": (f"{row['service_level']:.1%}", ""),
        "Lead time": (f"{row['lead_time_mean_days']:.0f}", "days, mean"),
        "Lead time, 9 of 10 within": (_ninth(row), "days"),
        "Lead time from": (_SOURCES[row["lead_time_source"]].format(count=row["receipts_count"]), ""),
        "Stock lasts": ("-" if row["days_of_cover"] is None else f"{row['days_of_cover']:.0f}", "days"),
        "Supplier": (row["supplier_name"], ""),
        "Cost of a piece": (f"{row['unit_cost']:,.2f}", ""),
        "At the last order": ("-" if row["last_unit_cost"] is None else f"{row['last_unit_cost']:,.2f}", ""),
    }
    for name, (value, unit) in seen.items():
        yield Sighting(name=name, value=str(value), unit=unit)


_SOURCES = {
    "product": "{count} receipts of this product",
    "supplier": "{count} receipts from this supplier",
    "company": "{count} receipts of any supplier",
    "promise": "the supplier's promise",
    "default": "the company's setting",
}

COLUMNS = (
    "sku", "available", "transit", "late", "drafted", "position", "s", "S", "qty", "pack", "wk_fc", "wk_4", "wk_13",
    "class", "basis", "lt", "lt_90", "promised", "cover", "svc_bp", "cost", "value",
)  # fmt: skip


def _cells(row: Row) -> Iterator[str]:
    """The line's cells, in the order of COLUMNS."""
    cost: Decimal = row["unit_cost"]
    yield row["sku"]
    for name in ("quantity_available", "quantity_in_transit", "quantity_late", "quantity_drafted", "position"):
        yield str(row[name])
    for name in ("reorder_point", "order_up_to", "quantity", "pack_quantity"):
        yield str(row[name])
    yield f"{row['weekly_demand']:.1f}"
    yield f"{row['recent_weekly_demand']:.1f}"
    yield f"{row['quarter_weekly_demand']:.1f}"
    yield row["demand_class"]
    yield row["basis"]
    yield f"{row['lead_time_mean_days']:.0f}"
    yield str(_ninth(row))
    yield str(row["promised_days"] or "")
    yield "" if row["days_of_cover"] is None else f"{row['days_of_cover']:.0f}"
    yield str(round(row["service_level"] * _BASIS_POINTS))
    yield str(round(cost * _CENTS))
    yield str(round(line_total(row["quantity"], cost) * _CENTS))


def _evidence(row: Row) -> Iterator[Evidence]:
    """What is known beside the cells."""
    if row["quantity_available"] <= 0:
        yield Evidence("STOCK_OUT", f"{row['quantity_available']} available")
    for one in row["awaited"][:ORDERS_SHOWN_MAX]:
        if one["days"] is None:
            day = "no day named"
        elif one["days"] < 0:
            day = f"{-one['days']} days past its day"
        else:
            day = f"due in {one['days']} days"
        yield Evidence(
            "PO_LATE" if one["is_late"] else "PO_OPEN", f"{one['po_number']}: {one['quantity']} pieces, {day}"
        )
    change = f"4 weeks {row['recent_weekly_demand']:.1f}, 13 weeks {row['quarter_weekly_demand']:.1f} a week"
    yield Evidence("DEMAND", f"{change}, forecast {row['weekly_demand']:.1f}")
    days = row["lead_time_days"]
    yield Evidence("LEAD_TIME", f"{min(days)} to {max(days)} days, {row['receipts_count']} receipts")
    if row["basis"] == "analogues":
        yield Evidence("NEW_PRODUCT", "judged by products like it")


def _ninth(row: Row) -> int:
    """The lead time that nine of ten stay within."""
    ordered: list[int] = sorted(row["lead_time_days"])
    return ordered[-2] if len(ordered) > 1 else ordered[0]


REORDER: Agent[ReorderLine] = Agent(
    name="reorder",
    contract=Contract(
        version="reorder-1",
        function="procurement",
        instructions=Path(__file__).with_name("agent.md"),
        columns=COLUMNS,
        line=ReorderLine,
    ),
    table="procurement.reorders_due",
    due=due,
)

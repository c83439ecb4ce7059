"""The pricing agent: a new list price where it matters, off a ladder of allowed ones, by formula or Claude's choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from api.agents.commands import GuardVerdict, Reprice, RepricePreconditions, Sighting
from api.category.policy import (
    PriceLimits,
    PriceReason,
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
from assets.contract import Contract, Entry, Evidence, Line, said, verdict
from assets.proposals import Advice, Agent, Case, Due
from warehouse.lake.read import EVERYTHING, Reader
from warehouse.settings import Settings

RUNGS = ("C1", "C2", "C3", "C4", "C5", "C6")
UNITS_BP = (1_000, 100_000)  # a forecast of sales beyond that is none
_CENTS = 100
_BASIS_POINTS = 10_000
_TRENDS = {-1: "falling", 0: "steady", 1: "rising"}

_SITUATIONS = "select * from category.price_situations order by sku"

Row = Mapping[str, Any]


class PriceLine(Line):
    """Claude's choice of a line's price, and what it expects to sell, which is kept to be scored later."""

    stance: Literal["ACCEPT", "CHOOSE", "HOLD", "ESCALATE"]
    candidate: Literal["C0", "C1", "C2", "C3", "C4", "C5", "C6"]
    reason: Literal[
        "NONE", "COST_UP", "DEMAND_UP", "DEMAND_DOWN", "COMPETITOR_GAP", "CLEARANCE", "SEASON", "DATA_SUSPECT"
    ]
    expected_units_bp: int


def due(reader: Reader, settings: Settings) -> Due[PriceLine]:
    """The products whose price the formula would change; rising costs first, then what moves the most money a week."""
    found = reader.query(_SITUATIONS, functions=EVERYTHING)
    limits = PriceLimits(
        settings.price_step_rate, settings.price_month_rate, settings.minimum_margin_rate, settings.supply_weeks_max
    )
    cases = []
    for row in found.frame.iter_rows(named=True):
        situation = _situated(row)
        if (taken := suggested(situation, limits)) is not None:
            price = ladder(situation, limits)[taken[0]]
            weight = abs(price - situation.price) * row["quarter_demand"]
            cases.append((taken[1] != "COST_UP", -weight, row["sku"], case_of(row, situation, limits, taken)))
    return Due([case for *_, case in sorted(cases, key=lambda one: one[:3])], found.as_of)


def case_of(
    row: Row, situation: PriceSituation, limits: PriceLimits, taken: tuple[str, PriceReason]
) -> Case[PriceLine]:
    """What may be proposed of one row of category.price_situations, given the formula's rung and its reason.

    Its snapshot is price, cost and the formula's answer: what moves neither makes no new proposal.
    """
    rungs, (rung, reason) = ladder(situation, limits), taken
    act = Reprice(
        sku=row["sku"], product_id=UUID(str(row["product_id"])), current_price=situation.price, new_price=rungs[rung]
    )
    words = _why(row, situation, rungs[rung], reason)
    formula = Advice(act, reason, words, _guards(situation, limits, rungs[rung]))
    return Case(
        subject=row["sku"],
        snapshot={
            "price": str(situation.price),
            "cost": str(situation.cost),
            "new_price": str(rungs[rung]),
            "reason": reason,
        },
        situation=tuple(_sightings(row, situation, limits)),
        formula=formula,
        preconditions=RepricePreconditions(current_price=situation.price, cost=situation.cost),
        entry=Entry(row["sku"], tuple(_cells(row, situation, limits, rung)), tuple(_evidence(row, situation))),
        hear=_hearing(formula, act, rung, situation, limits),
    )


def _situated(row: Row) -> PriceSituation:
    return PriceSituation(
        price=row["price"],
        prices=tuple(row["prices"]),
        cost=row["cost"],
        cost_before=row["cost_before"],
        competitor_prices=tuple(one["price"] for one in row["competitors"]),
        recent_demand=float(row["recent_demand"]),
        quarter_demand=float(row["quarter_demand"]),
        demand_deviation=None if row["demand_deviation"] is None else float(row["demand_deviation"]),
        cover_weeks=None if row["cover_weeks"] is None else float(row["cover_weeks"]),
        lead_time_weeks=float(row["lead_time_weeks"]),
        is_to_be_ordered=row["is_to_be_ordered"],
        days_unchanged=row["days_unchanged"],
    )


def _hearing(
    formula: Advice, act: Reprice, rung: str, situation: PriceSituation, limits: PriceLimits
) -> Callable[[PriceLine], Advice]:
    rungs = ladder(situation, limits)

    def hear(line: PriceLine) -> Advice:
        """What Claude's choice comes to."""
        told = said(line) or formula.rationale
        bounds = tuple(_bounds(line, rung, rungs))
        if not all(guard.has_passed for guard in bounds):
            return replace(formula, guards=bounds)
        stance = "ESCALATE" if line.stance in {"CHOOSE", "HOLD"} and not line.evidence_ids else line.stance
        if stance == "CHOOSE" and line.candidate == "C0":
            stance = "HOLD"
        if stance != "CHOOSE":
            return replace(formula, reason=line.reason, rationale=_SAID[stance].format(told=told))
        price = rungs[line.candidate]
        other = Reprice(**{**dict(act), "new_price": price})
        return Advice(other, line.reason, told, (*bounds, *_guards(situation, limits, price)))

    return hear


_SAID = {
    "ACCEPT": "{told}",
    "HOLD": "Claude advises to keep the price: {told} What is shown is the formula's price.",
    "ESCALATE": "Claude asks you to look first: {told} What is shown is the formula's price.",
}


def _bounds(line: PriceLine, rung: str, rungs: Mapping[str, Decimal]) -> Iterator[GuardVerdict]:
    """Whether Claude's choice is one that was offered."""
    least, most = UNITS_BP
    yield verdict("ladder", line.candidate in rungs, f"{line.candidate} of {[*rungs]}")
    is_own = line.stance != "ACCEPT" or line.candidate == rung
    yield verdict("consistency", is_own, f"{line.stance} {line.candidate}, formula {rung}")
    is_near = least <= line.expected_units_bp <= most
    yield verdict("sales", is_near, f"{line.expected_units_bp} of {least} to {most}")


def _guards(situation: PriceSituation, limits: PriceLimits, price: Decimal) -> tuple[GuardVerdict, ...]:
    return tuple(verdict(*one) for one in price_guards(situation, limits, price))


def _why(row: Row, situation: PriceSituation, price: Decimal, reason: PriceReason) -> str:
    """The formula's own reasons, with the figures it went by and what they leave open."""
    change = (price - situation.price) / situation.price
    count, theirs = row["competitors_count"], row["competitor_price"]
    others = f"{count} competitor{'s ask' if count > 1 else ' asks'} {theirs}"
    trend = _TRENDS[demand_trend(situation)]
    causes: dict[PriceReason, str] = {
        "COST_UP": f"A piece costs {situation.cost}; it cost {situation.cost_before or 'less'} when the price was set.",
        "COMPETITOR_GAP": f"We ask {-competitor_gap(situation):.1%} less than others: {others}, seen within 30 days."
        if price > situation.price
        else f"We ask {competitor_gap(situation):.1%} more than others: {others}, and demand is {trend}.",
        "CLEARANCE": f"Stock and goods on their way last {situation.cover_weeks:.0f} weeks, demand is {trend}."
        if situation.cover_weeks is not None
        else "",
        "DEMAND_UP": f"Demand rose to {situation.recent_demand:.1f} a week from {situation.quarter_demand:.1f}, and "
        f"stock runs out before goods can come.",
    }
    rate = break_even_rate(situation, price)
    if rate is None:
        worth = ""
    elif rate < 0:
        worth = f" Gross profit grows unless sales fall by more than {-rate:.1%}."
    else:
        worth = f" Gross profit falls unless sales rise by {rate:.1%}."
    return (
        f"{causes[reason]} {price} is {abs(change):.1%} {'more' if change > 0 else 'less'}.{worth} "
        "How buyers answer to the price was not measured."
    )


def _sightings(row: Row, situation: PriceSituation, limits: PriceLimits) -> Iterator[Sighting]:
    """What it saw, for people."""
    allowed = allowed_range(situation, limits)
    seen: dict[str, tuple[Any, str]] = {
        "Price": (situation.price, ""),
        "Price set on": (row["price_set_on"], ""),
        "Cost of a piece": (situation.cost, ""),
        "Cost when the price was set": (_or_dash(situation.cost_before), ""),
        "Margin": (f"{row['margin_rate']:.1%}", "of the price"),
        "Least price": (margin_floor(situation.cost, limits.minimum_margin_rate), ""),
        "Allowed now": (f"{allowed.low} to {_or_dash(allowed.high)}", ""),
        "Competitors seen in 30 days": (row["competitors_count"], ""),
        "What they ask, geometric mean": (_or_dash(row["competitor_price"]), ""),
        "The same with our price": (market_price(situation), ""),
        "Demand, last 4 weeks": (row["recent_demand"], "a week"),
        "Demand, last 13 weeks": (row["quarter_demand"], "a week"),
        "Trend beyond chance": (_TRENDS[demand_trend(situation)], ""),
        "Available": (f"{row['quantity_available']:,}", "pieces"),
        "On the way": (f"{row['quantity_in_transit']:,}", "pieces"),
        "Both last": (_or_dash(row["cover_weeks"]), "weeks"),
        "Lead time": (row["lead_time_weeks"], "weeks"),
        "To be ordered now": ("yes" if row["is_to_be_ordered"] else "no", ""),
        "Prices to choose from": (", ".join(str(price) for price in ladder(situation, limits).values()), ""),
    }
    for name, (value, unit) in seen.items():
        yield Sighting(name=name, value=str(value), unit=unit)


def _or_dash(value: Any) -> Any:
    return "-" if value is None else value


COLUMNS = (
    "sku", "price", "cost", "floor", "margin_bp", "others", "n", "wk_4", "wk_13", "cover", "lt", "pick", *RUNGS,
)  # fmt: skip


def _cells(row: Row, situation: PriceSituation, limits: PriceLimits, rung: str) -> Iterator[str]:
    """The line's cells, in the order of COLUMNS."""
    rungs = ladder(situation, limits)
    yield row["sku"]
    yield _in_cents(situation.price)
    yield _in_cents(situation.cost)
    yield _in_cents(margin_floor(situation.cost, limits.minimum_margin_rate))
    yield str(round(row["margin_rate"] * _BASIS_POINTS))
    yield _in_cents(row["competitor_price"])
    yield str(row["competitors_count"])
    yield f"{situation.recent_demand:.1f}"
    yield f"{situation.quarter_demand:.1f}"
    yield "" if situation.cover_weeks is None else f"{situation.cover_weeks:.1f}"
    yield f"{situation.lead_time_weeks:.1f}"
    yield rung
    for name in RUNGS:
        yield _in_cents(rungs.get(name))


def _evidence(row: Row, situation: PriceSituation) -> Iterator[Evidence]:
    """What is known beside the cells; of competitors their prices alone, never a name or a text of theirs."""
    for one in row["competitors"]:
        yield Evidence("COMPETITOR", f"{_in_cents(one['price'])}, seen {one['days']} days ago")
    if situation.cost_before not in {None, situation.cost}:
        words = f"{_in_cents(situation.cost)}, was {_in_cents(situation.cost_before)} when the price was set"
        yield Evidence("COST", words)
    change = f"4 weeks {situation.recent_demand:.1f}, 13 weeks {situation.quarter_demand:.1f} a week"
    yield Evidence("DEMAND", f"{change}, {_TRENDS[demand_trend(situation)]}")
    if situation.cover_weeks is not None:
        ordered = ", to be ordered now" if situation.is_to_be_ordered else ""
        lasts = f"lasts {situation.cover_weeks:.1f} weeks, goods take {situation.lead_time_weeks:.1f}{ordered}"
        yield Evidence("STOCK", lasts)
    yield Evidence("PRICE_SET", f"on {row['price_set_on']}")


def _in_cents(amount: Decimal | None) -> str:
    return "" if amount is None else str(round(amount * _CENTS))


PRICING: Agent[PriceLine] = Agent(
    name="pricing",
    contract=Contract(
        version="pricing-1",
        function="category",
        instructions=Path(__file__).with_name("agent.md"),
        columns=COLUMNS,
        line=PriceLine,
    ),
    table="category.price_situations",
    due=due,
)

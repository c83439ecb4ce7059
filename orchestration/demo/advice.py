"""The part of the demo's summary about what agents recommend, and what the forecasts they stand on are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

_REORDERS_MAX, _PRICES_MAX = 3, 2

ADVICE = f"""
with waiting as (
    select
        decisions.*,
        row_number() over (
            partition by decisions.kind order by due.urgency desc nulls last, decisions.amount desc, decisions.sku
        ) as place,
        count(*) filter (where decisions.kind = 'reorder') over () as reorders,
        count(*) filter (where decisions.kind = 'price') over () as prices
    from agents.decisions as decisions
    left join procurement.reorders_due as due on due.sku = decisions.sku and decisions.kind = 'reorder'
    where decisions.status = 'proposed'
)
select kind, sku, quantity, current_price, new_price, amount, rationale, origin, fallback_reason, reorders, prices
from waiting where place <= if(kind = 'reorder', {_REORDERS_MAX}, {_PRICES_MAX}) order by kind desc, place"""
FORECASTS = """
select
    weeks_ahead,
    max(products_count) as products,
    sum(rmsse * products_count) / sum(products_count) as rmsse,
    sum(naive_rmsse * products_count) / sum(products_count) as naive_rmsse,
    sum(scaled_pinball * products_count) / sum(products_count) as pinball,
    sum(naive_scaled_pinball * products_count) / sum(products_count) as naive_pinball
from forecasting.accuracy
where demand_class = 'all'
group by weeks_ahead
order by weeks_ahead"""

_ORIGINS = {"claude": "Claude, checked", "formula": "formula, no AI"}

Row = Mapping[str, Any]


def advice_table(waiting: Sequence[Row]) -> RenderableType:
    """The most urgent proposals that wait for a person."""
    if not waiting:
        return Text("No recommendation waits: nothing is to be ordered, no price to be changed.")
    counts = f"{waiting[0]['reorders']} orders to suppliers, {waiting[0]['prices']} prices"
    table = Table(title=f"Recommendations waiting: {counts}", title_justify="left")
    for heading in ("sku", "what", "amount", "why", "by"):
        table.add_column(heading, justify="right" if heading == "amount" else "left")
    for row in waiting:
        table.add_row(row["sku"], _what(row), f"{row['amount']:,.2f}", row["rationale"].split(". ")[0], _origin(row))
    return table


def forecasts_table(steps: Sequence[Row]) -> RenderableType:
    """The error of forecasts beside that of the seasonal naive one, mean over origins weighted by products."""
    if not steps:
        return Text("Forecast error against seasonal naive: the company is too young to have one.")
    table = Table(title="Forecast error against seasonal naive", title_justify="left")
    for heading in ("weeks ahead", "products", "RMSSE", "naive", "saved", "pinball", "naive", "saved"):
        table.add_column(heading, justify="right")
    for row in steps:
        table.add_row(
            str(row["weeks_ahead"]),
            str(row["products"]),
            *_beside(row["rmsse"], row["naive_rmsse"]),
            *_beside(row["pinball"], row["naive_pinball"]),
        )
    return table


def _beside(error: float, naive: float) -> tuple[str, str, str]:
    return f"{error:.3f}", f"{naive:.3f}", f"{1 - error / naive:.0%}" if naive else "-"


def _what(row: Row) -> str:
    if row["kind"] == "reorder":
        return f"order {row['quantity']:,}"
    return f"price {row['current_price']} to {row['new_price']}"


def _origin(row: Row) -> str:
    if row["origin"] == "fallback":
        return f"formula, no answer: {row['fallback_reason']}"
    return _ORIGINS[row["origin"]]

"""What `jovey demo` prints: orders, revenue, who owes since when, stock at risk, advice, forecasts and sign-ins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from orchestration.demo.advice import ADVICE, FORECASTS, advice_table, forecasts_table
from orchestration.demo.plan import Plan
from warehouse.lake.read import EVERYTHING, AsOf, Reader
from warehouse.settings import Settings

_BARS = "▁▂▃▄▅▆▇█"
_AT_RISK_MAX = 8
_BUCKETS = ("not_due", "1_30", "31_60", "61_90", "90_plus", "unapplied", "outstanding")

_ORDERS = (
    "select status, count(*) as orders, sum(total) as total from orders.orders group by status order by orders desc"
)
_REVENUE = """
select strftime(date_trunc('month', day), '%Y-%m') as month, sum(revenue) as revenue
from orders.revenue group by 1 order by 1"""
_SUMS = ", ".join(f'sum("{bucket}") as "{bucket}"' for bucket in _BUCKETS)
_AGING = f"select {_SUMS} from receivables.aging"
_AT_RISK = f"""
select sku, quantity_available, quantity_in_transit, weekly_demand, weeks_of_supply, count(*) over () as at_risk
from fulfillment.stock_at_risk order by is_out_of_stock desc, weeks_of_supply limit {_AT_RISK_MAX}"""


@dataclass(frozen=True, slots=True)
class SignIn:
    """How to enter as one of the company's people."""

    email: str
    password: str
    role: str


def show(
    console: Console,
    lake: Reader,
    settings: Settings,
    plan: Plan,
    events_count: int,
    sign_ins: Sequence[SignIn],
    seconds: Mapping[str, float],
) -> None:
    """Print it all; every figure is read from the lake, as anybody with the right would read it."""
    orders = _rows(lake, _ORDERS)
    revenue = _rows(lake, _REVENUE)
    aging = _rows(lake, _AGING)[0]
    at_risk = _rows(lake, _AT_RISK)
    console.print(Rule(f"{settings.company}, {plan.first_day:%d %b %Y} to {plan.until:%d %b %Y}, seed {plan.seed}"))
    console.print(_company(orders, revenue, events_count, settings.currency))
    console.print(_owed(aging, settings.currency))
    console.print(_shelves(at_risk))
    console.print(advice_table(_rows(lake, ADVICE)))
    console.print(forecasts_table(_rows(lake, FORECASTS)))
    console.print(_entrances(sign_ins))
    console.print(_times(lake.as_of(), seconds))


def sparkline(values: Sequence[Decimal]) -> str:
    """One bar a value, the highest full; nothing or less is the lowest bar."""
    top = max(values, default=Decimal(0))
    steps = len(_BARS) - 1
    return "".join(_BARS[round(max(value, Decimal(0)) / top * steps) if top > 0 else 0] for value in values)


def _rows(lake: Reader, query: str) -> list[dict[str, Any]]:
    return lake.query(query, functions=EVERYTHING).frame.to_dicts()


def _company(
    orders: Sequence[Mapping[str, Any]], revenue: Sequence[Mapping[str, Any]], events_count: int, currency: str
) -> RenderableType:
    counts = {row["status"]: row["orders"] for row in orders}
    total, delivered, cancelled = sum(counts.values()), counts.get("delivered", 0), counts.get("cancelled", 0)
    states = f"{delivered:,} delivered, {cancelled:,} cancelled, {total - delivered - cancelled:,} under way"
    months = [row["revenue"] for row in revenue]
    grid = Table.grid(padding=(0, 1))
    grid.add_row("orders", f"{total:,}", states)
    grid.add_row("events", f"{events_count:,}", "in one append-only log")
    if months:
        span = f"{sparkline(months)}  {revenue[0]['month']} to {revenue[-1]['month']}"
        grid.add_row("revenue", f"{sum(months):,.0f} {currency}", span)
    return grid


def _owed(aging: Mapping[str, Any], currency: str) -> RenderableType:
    table = Table(title=f"What is owed, {currency}, by days overdue", title_justify="left")
    amounts = [aging[bucket] or Decimal(0) for bucket in _BUCKETS]
    outstanding = amounts[-1]
    for bucket in _BUCKETS:
        table.add_column(
            bucket.replace("_plus", "+").replace("_", " " if bucket == "not_due" else "-"), justify="right"
        )
    table.add_row(*(f"{amount:,.0f}" for amount in amounts))
    if outstanding:
        shares = (f"{amount / outstanding:.0%}" for amount in amounts)
        table.add_row(*("0%" if share == "-0%" else share for share in shares), style="dim")
    return table


def _shelves(at_risk: Sequence[Mapping[str, Any]]) -> RenderableType:
    if not at_risk:
        return Text("No product runs out within four weeks.")
    count = at_risk[0]["at_risk"]
    table = Table(title=f"Stock at risk: {count} products run out within four weeks", title_justify="left")
    for heading in ("sku", "available", "on its way", "a week", "weeks"):
        table.add_column(heading, justify="left" if heading == "sku" else "right")
    for row in at_risk:
        figures = (row["quantity_available"], row["quantity_in_transit"])
        rates = (row["weekly_demand"], row["weeks_of_supply"])
        table.add_row(row["sku"], *(f"{pieces:,}" for pieces in figures), *(f"{rate:.1f}" for rate in rates))
    return table


def _entrances(sign_ins: Sequence[SignIn]) -> RenderableType:
    table = Table(title=f"Sign-ins, all with the password {sign_ins[0].password}", title_justify="left")
    table.add_column("e-mail")
    table.add_column("is")
    for one in sign_ins:
        table.add_row(one.email, one.role)
    return table


def _times(as_of: AsOf, seconds: Mapping[str, float]) -> RenderableType:
    return Group(*_time_lines(as_of, seconds))


def _time_lines(as_of: AsOf, seconds: Mapping[str, float]) -> Iterator[Text]:
    phases = ", ".join(f"{name} {took:.1f} s" for name, took in seconds.items())
    yield Text(f"Took {sum(seconds.values()):.1f} s: {phases}.")
    yield Text(f"Figures as of event {as_of.event_number:,}, {as_of.at:%d %b %Y %H:%M:%S} UTC.")

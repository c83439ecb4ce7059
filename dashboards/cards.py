"""Cards: the company's figures of today, each with what it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import polars as pl
import streamlit as st

from dashboards import draw
from dashboards.draw import short_money, whole
from dashboards.fulfillment import STOCK
from dashboards.glance import Glance
from dashboards.lake import NotThere
from dashboards.receivables import TOTALS
from dashboards.waiting import waiting_decisions

EVENTS_COUNTED_MAX = 1_000  # as many as the API counts
_FLOW_HEIGHT = 188  # with a sparkline


def show_cards(glance: Glance, today: date) -> None:
    """What flows, with its course; below it what stands and wants a hand."""
    for cards, height in ((_FLOWS, _FLOW_HEIGHT), (_STANDS, draw.CARD_HEIGHT)):
        own = [card for functions, card in cards if not functions or glance.works_in(*functions)]
        if own:
            with st.grid(3, min_column_width=draw.CARD_WIDTH, row_height=height):
                for card in own:
                    _or_unknown(card, glance, today)


def _or_unknown(card: Card, glance: Glance, today: date) -> None:
    """A card, or its place with a dash: one missing table does not take the page."""
    try:
        card(glance, today)
    except NotThere as missing:
        title = card.__name__.strip("_").replace("_", " ").capitalize()
        st.metric(title, draw.UNKNOWN, border=True, height="stretch", help=str(missing))


def _revenue(glance: Glance, today: date) -> None:
    """This month so far beside as many days of the month before."""
    through = today - timedelta(days=1) if today.day > 1 else today  # the day that is not over is left out
    row = glance.ask(_REVENUE, today=through).row(0, named=True)
    spark = glance.ask(WEEKS, today=today, weeks=12, currency=glance.currency).filter(~pl.col("is_partial"))
    st.metric(
        "Revenue this month",
        short_money(row["now"], glance.currency),
        _change(row["now"], row["before"]),
        delta_description=f"1–{through.day} {through:%b} vs. 1–{row['last_day'].day} {row['last_day']:%b}",
        chart_data=spark["revenue"].to_list(),
        border=True,
        height="stretch",
        help="Without tax. The bar of days is the same in both months; the line is the last whole weeks.",
    )


def _orders(glance: Glance, today: date) -> None:
    """The last seven whole days beside the seven before."""
    days = glance.ask(_ORDERS, since=today - timedelta(days=28), until=today)
    counts = days["orders"].to_list()
    now, before = sum(counts[-7:]), sum(counts[-14:-7])
    st.metric(
        "Orders, last 7 days",
        whole(now),
        _change(now, before),
        delta_description="vs. the 7 before",
        chart_data=counts,
        chart_type="bar",
        border=True,
        height="stretch",
        help="Placed on whole days up to yesterday, cancelled ones left out. Bars: the last four weeks, by day.",
    )


def _owed(glance: Glance, today: date) -> None:
    """What is overdue, of all that is owed."""
    row = next(iter(glance.ask(TOTALS).filter(pl.col("currency") == glance.currency).to_dicts()), None)
    overdue = 0.0 if row is None else row["1_30"] + row["31_60"] + row["61_90"] + row["90_plus"]
    outstanding = 0.0 if row is None else row["outstanding"]
    past = glance.ask(_OVERDUE_PAST, today=today)["overdue"].to_list()
    st.metric(
        "Overdue",
        short_money(overdue, glance.currency),
        _change(overdue, past[0]) if past else None,
        delta_color="inverse",
        delta_description="vs. 4 weeks ago",
        chart_data=[*past, overdue],
        border=True,
        height="stretch",
        help=f"Open after the due date, of {draw.money(outstanding, glance.currency)} owed. Due today is not overdue.",
    )


def _at_risk(glance: Glance, today: date) -> None:
    del today
    rows = glance.ask(STOCK)
    out = rows.filter(pl.col("available") <= 0).height
    below = rows.filter(pl.col("is_due")).height
    st.metric(
        "Products to reorder",
        whole(below),
        f"{whole(out)} sold out" if out else "none sold out",
        delta_color="inverse" if out else "off",
        delta_arrow="off",
        border=True,
        height="stretch",
        help="Active products whose pieces in the house and on their way are at or below the reorder point.",
    )


def _waiting(glance: Glance, today: date) -> None:
    del today
    waiting = waiting_decisions(glance)
    st.metric(
        "Decisions waiting",
        whole(waiting.height),
        "for a person" if waiting.height else "none",
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
        help="What agents propose and nobody has decided on yet.",
    )


def _lag(glance: Glance, today: date) -> None:
    del today
    newest = glance.newest(glance.company.lake.as_of().event_number)
    count = None if newest is None else newest["events_after"]
    st.metric(
        "Events not yet counted",
        draw.UNKNOWN if count is None else whole(count) + ("" if count < EVENTS_COUNTED_MAX else "+"),
        "up to date" if count == 0 else "on their way" if count else None,
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
        help="What the log holds and these figures do not show yet. A few seconds are usual.",
    )


def _change(now: float, before: float) -> str | None:
    """`+12.3 %`; nothing where there was nothing to compare with."""
    return None if not before else f"{(now - before) / before * 100:+.1f} %"


Card = Callable[[Glance, date], None]
_FLOWS: tuple[tuple[tuple[str, ...], Card], ...] = (
    (("receivables",), _revenue),
    (("orders", "customers", "fulfillment"), _orders),
    (("receivables",), _owed),
)
_STANDS: tuple[tuple[tuple[str, ...], Card], ...] = (
    (("fulfillment", "procurement", "category"), _at_risk),
    (("agents", "procurement", "category"), _waiting),
    ((), _lag),
)


_REVENUE = """
    with bounds as (
        select $today::date as today, date_trunc('month', $today::date)::date as month,
               (date_trunc('month', $today::date) - interval 1 month)::date as month_before
    ),
    days as (
        select *, least(month_before + (today - month)::int, month - 1)::date as last_day from bounds
    )
    select last_day,
           coalesce(sum(revenue) filter (day between month and today), 0) as now,
           coalesce(sum(revenue) filter (day between month_before and last_day), 0) as before
      from days left join orders.revenue on day >= month_before
     group by last_day"""

WEEKS = """
    with weeks as (
        select unnest(generate_series(
                 date_trunc('week', $today::date) - to_weeks($weeks::int), date_trunc('week', $today::date),
                 interval 1 week))::date as week
    ),
    made as (
        select date_trunc('week', day)::date as week, sum(revenue) as revenue
          from orders.revenue where currency = $currency group by all
    ),
    first as (select min(week) as week from made)
    select weeks.week, coalesce(revenue, 0) as revenue, weeks.week = date_trunc('week', $today::date) as is_partial,
           case when is_partial then 'so far' else 'whole week' end as said
      from weeks left join made on made.week = weeks.week, first
     where weeks.week >= first.week
     order by weeks.week"""
"""Revenue of each week up to this one, which is partial. Parameters: today, weeks, currency."""

_ORDERS = """
    with days as (
        select unnest(generate_series($since::date, $until::date - 1, interval 1 day))::date as day
    )
    select day, count(id) filter (status <> 'cancelled') as orders
      from days left join orders.orders on placed_on = day
     group by day order by day"""

_OVERDUE_PAST = """
    with days as (
        select unnest([28, 21, 14, 7]) as ago
    ),
    owed as (
        select ago, invoice_id, sum(invoice_amount) as open
          from days join receivables.ledger on booked_on <= $today::date - ago::int
         where invoice_id is not null group by all
    )
    select ago, coalesce(sum(open) filter (due_date < $today::date - ago::int), 0) as overdue
      from owed join receivables.invoices on id = invoice_id
     group by ago order by ago desc"""

"""Overview: how the company does today, each part for those who work in it."""

from __future__ import annotations

from datetime import date

import polars as pl
import streamlit as st

from dashboards import draw
from dashboards.cards import WEEKS, show_cards
from dashboards.draw import whole
from dashboards.fulfillment import STOCK, short_of_stock
from dashboards.glance import Glance, section
from dashboards.proofs import show_proofs
from dashboards.receivables import draw_ages
from warehouse.clock import calendar_date

WEEKS_SHOWN = 26
_SHORTEST_MAX = 6
_CHART_PIXELS = 260


def show(glance: Glance) -> None:
    """Figures first, then how they came, then what wants a hand."""
    today = calendar_date(glance.company.lake.as_of().at, glance.company.settings.time_zone)
    show_cards(glance, today)
    if glance.works_in("receivables"):
        with section("Revenue by week", "Net of invoices less credit notes, by the day of the document."):
            _draw_weeks(glance, today)
    with st.grid(2, min_column_width=340):
        if glance.works_in("orders", "customers", "fulfillment"):
            with section("Open orders by what they wait for"):
                _draw_orders(glance)
        if glance.works_in("receivables"):
            with section("Owed, by days overdue"):
                draw_ages(glance)
        if glance.works_in("fulfillment", "procurement", "category"):
            with section("Shortest supply", "Weeks that what is available and on its way lasts at recent demand."):
                _draw_shortest(glance)
        with section("Books against themselves", "Sums that must agree, added up anew from their movements."):
            show_proofs(glance)


def _draw_weeks(glance: Glance, today: date) -> None:
    weeks = glance.ask(WEEKS, today=today, weeks=WEEKS_SHOWN, currency=glance.currency)
    if weeks.is_empty():
        draw.nothing("No revenue yet", "It appears with the first invoice.")
        return
    colours = draw.ground()
    full = weeks.filter(~pl.col("is_partial"))
    last = full.row(-1, named=True) if full.height else weeks.row(-1, named=True)
    x = {
        "field": "week",
        "type": "temporal",
        "axis": {"format": "%-d %b", "title": None, "grid": False, "tickCount": 8},
    }
    y = {
        "field": "revenue",
        "type": "quantitative",
        "axis": {"title": glance.currency, "labelExpr": "format(datum.value, '~s')", "tickCount": 4},
    }
    tooltip = [
        {"field": "week", "type": "temporal", "title": "Week of", "format": "%-d %b %Y"},
        {"field": "revenue", "type": "quantitative", "title": f"Revenue, {glance.currency}", "format": ",.2f"},
        {"field": "said", "title": "Days"},
    ]
    spec = {
        "encoding": {"x": x, "y": {**y, "scale": {"zero": True}}, "tooltip": tooltip},
        "layer": [
            {
                "transform": [{"filter": "!datum.is_partial"}],
                "mark": {"type": "line", "color": colours.accent, "strokeWidth": 2.5, "interpolate": "monotone"},
            },
            {
                "transform": [{"filter": "!datum.is_partial"}],
                "mark": {"type": "point", "filled": True, "color": colours.accent, "size": 36},
            },
            {
                "transform": [{"filter": "datum.is_partial"}],
                "mark": {"type": "point", "filled": False, "color": colours.accent, "size": 70, "strokeWidth": 2},
            },
        ],
    }
    alt = (
        f"Weekly revenue of {full.height} whole weeks; the last, from {draw.day(last['week'])}, "
        f"came to {draw.money(last['revenue'], glance.currency)}."
    )
    draw.chart(weeks, spec, alt=alt, height=_CHART_PIXELS)
    st.caption("The hollow point is this week so far: it is not over.")


def _draw_orders(glance: Glance) -> None:
    states = glance.ask(_STATES)
    if states.is_empty():
        draw.nothing("No open orders", "Whatever was ordered has been delivered.")
        return
    alt = f"{whole(states['orders'].sum())} open orders: " + ", ".join(
        f"{whole(row['orders'])} {row['name'].lower()}" for row in states.to_dicts()
    )
    draw.bars(states, length="orders", alt=f"{alt}.")


def _draw_shortest(glance: Glance) -> None:
    short = short_of_stock(glance.ask(STOCK)).head(_SHORTEST_MAX)
    if short.is_empty():
        draw.nothing("Nothing runs out", "Every product lasts beyond its supplier's time.")
        return
    first = short.row(0, named=True)
    drawn = short.select(pl.col("sku").alias("name"), "weeks_shown", "said", pl.col("name").alias("product"))
    tooltip = [{"field": "product", "title": "Product"}, {"field": "said", "title": "Lasts"}]
    alt = f"{first['name']} has the shortest supply: {first['said']}."
    draw.bars(drawn, length="weeks_shown", alt=alt, tooltip=tooltip)
    if "inventory" in glance.pages:
        st.page_link(glance.pages["inventory"], label="All products", icon=":material/arrow_forward:")


_STATES = """
    with open as (
        select id, placed_on,
               case when lifecycle = 'held' then 'On hold'
                    when lifecycle = 'placed' then 'To be paid'
                    when fulfillment_status = 'unfulfilled' then 'To pick'
                    when fulfillment_status = 'partially_shipped' then 'Partly shipped'
                    else 'On the way' end as name
          from orders.orders where lifecycle in ('placed', 'held', 'confirmed')
    ),
    steps as (select unnest(['On hold', 'To be paid', 'To pick', 'Partly shipped', 'On the way']) as name,
                     unnest([1, 2, 3, 4, 5]) as step)
    select name, count(*) as orders, min(placed_on) as oldest,
           printf('%d, oldest of %s', count(*), strftime(min(placed_on), '%-d %b')) as said
      from open join steps using (name) group by name, step order by step"""

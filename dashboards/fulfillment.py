"""Inventory: what is in the house beside when to order, how long it lasts, and what is proposed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import streamlit as st

from dashboards import draw
from dashboards.draw import whole
from dashboards.glance import Glance, section
from dashboards.lake import NotDerived, NotThere
from dashboards.waiting import waiting_decisions

SHOWN_MAX = 24  # bullets; the table below has all
_SCALE_MAX = 3.0  # times the reorder point: longer bars end there
_DUE, _ALL = "To reorder", "All products"


def show(glance: Glance) -> None:
    """The figures, the bullets of what is short, the table of all."""
    stock = _stock(glance)
    if stock.is_empty():
        draw.nothing("No products", "Products appear here once they are in the catalog and on a shelf.")
        return
    _figures(stock)
    choice, text = _filters()
    chosen = _found(short_of_stock(stock) if choice == _DUE else stock.sort("sku"), text)
    if chosen.is_empty():
        if text:
            draw.nothing("No such product", f"Nothing fits “{draw.plain(text)}” here. Clear the search, or show all.")
        else:
            draw.nothing("Nothing to reorder", "Every product is above its reorder point. “All products” shows them.")
        return
    with section(
        "Pieces beside the reorder point",
        "Each bar is measured in its own reorder point, so that rivets and pumps compare. Left of the line: order.",
    ):
        _bullets(chosen.head(SHOWN_MAX))
        if chosen.height > SHOWN_MAX:
            st.caption(f"The first {SHOWN_MAX} of {whole(chosen.height)}; the table has all.")
    _table(glance, chosen)


def _filters() -> tuple[str | None, str]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        choice = st.segmented_control(
            "Products", [_DUE, _ALL], default=_DUE, key="stock_show", bind="query-params", label_visibility="collapsed"
        )
        text = st.text_input(
            "Search",
            key="stock_search",
            placeholder="SKU or name",
            type="search",
            bind="query-params",
            label_visibility="collapsed",
        )
    return choice, text or ""


def short_of_stock(stock: pl.DataFrame) -> pl.DataFrame:
    """Products at or below their reorder point, those that run out first on top."""
    return stock.filter(pl.col("is_due")).sort("weeks", "sku", nulls_last=True)


def _stock(glance: Glance) -> pl.DataFrame:
    """Every active product; without targets while the night has not made any."""
    try:
        return glance.ask(STOCK)
    except NotDerived:
        st.info(
            "Reorder points are made at night from demand and lead times. Until then only pieces are shown.",
            title="No reorder points yet",
            icon=":material/bedtime:",
        )
        return glance.ask(_WITHOUT_TARGETS)


def _found(stock: pl.DataFrame, text: str) -> pl.DataFrame:
    wanted = text.strip().lower()
    holds = pl.col("sku").str.to_lowercase().str.contains(wanted, literal=True)
    return stock.filter(holds | pl.col("name").str.to_lowercase().str.contains(wanted, literal=True))


def _figures(stock: pl.DataFrame) -> None:
    cards = (
        ("To reorder", stock.filter(pl.col("is_due")).height, "at or below the point"),
        ("Sold out", stock.filter(pl.col("available") <= 0).height, "nothing may be promised"),
        ("Backordered pieces", -int(stock.filter(pl.col("available") < 0)["available"].sum()), "promised beyond stock"),
        ("On their way", int(stock["in_transit"].sum()), "pieces from suppliers"),
    )
    with st.grid(4, min_column_width=draw.CARD_WIDTH, row_height=draw.CARD_HEIGHT):
        for title, number, words in cards:
            st.metric(title, whole(number), words, delta_color="off", delta_arrow="off", border=True, height="stretch")


def _bullets(stock: pl.DataFrame) -> None:
    """Available and incoming pieces in units of the reorder point; a tick where the order would lead."""
    known = stock.filter(pl.col("reorder_point") > 0)
    if known.is_empty():
        st.caption("No reorder points to draw against.")
        return
    drawn = known.with_columns(
        _in_points(pl.col("available")).alias("has"),
        _in_points(pl.col("available") + pl.col("in_transit")).alias("comes"),
        _in_points(pl.col("target")).alias("leads_to"),
        pl.when(pl.col("is_due")).then(pl.lit("To reorder")).otherwise(pl.lit("Enough")).alias("state"),
    )
    due = drawn.filter(pl.col("is_due"))
    first = due.row(0, named=True) if due.height else None
    alt = f"{due.height} of {drawn.height} products shown are at or below their reorder point" + (
        f"; {first['name']} lasts shortest, {first['said']}." if first else "."
    )
    draw.chart(drawn, _bullet_spec(drawn), alt=alt, height=26 * drawn.height + 70)
    st.caption("Bar: available. Pale: on its way. Line: reorder point. Small tick: order up to.")


def _in_points(pieces: pl.Expr) -> pl.Expr:
    """Pieces as multiples of the reorder point, none below 0, the longest cut."""
    return pl.min_horizontal(pl.max_horizontal(pieces, 0) / pl.col("reorder_point"), pl.lit(_SCALE_MAX))


def _bullet_spec(drawn: pl.DataFrame) -> dict[str, Any]:
    colours = draw.ground()
    longest = max(1.2, *(max(drawn[name].to_list()) for name in ("has", "comes", "leads_to")))
    axis = {"title": None, "format": ".0%", "tickCount": 4, "orient": "top", "domain": False}
    x = {"type": "quantitative", "axis": axis, "scale": {"domain": [0, longest * 1.04]}}
    rows = {"title": None, "ticks": False, "domain": False}
    y = {"field": "sku", "type": "nominal", "sort": drawn["sku"].to_list(), "axis": rows}
    states = draw.legend(["To reorder", "Enough"], (colours.warn, colours.accent))
    bar = {"type": "bar", "cornerRadiusEnd": 2}
    state = {"field": "state", "type": "nominal", "scale": states}
    return {
        "encoding": {"y": y, "tooltip": _TOOLTIP},
        "layer": [
            {
                "mark": {**bar, "color": colours.grey, "height": 14, "opacity": 0.6},
                "encoding": {"x": {**x, "field": "comes"}},
            },
            {"mark": {**bar, "height": 8}, "encoding": {"x": {**x, "field": "has"}, "color": state}},
            {
                "mark": {"type": "tick", "color": colours.soft, "thickness": 2, "height": 14},
                "encoding": {"x": {**x, "field": "leads_to"}},
            },
            {
                "mark": {"type": "rule", "color": colours.ink, "strokeWidth": 1.5},
                "encoding": {"x": {"datum": 1}, "y": None, "tooltip": None},
            },
        ],
    }


def _table(glance: Glance, stock: pl.DataFrame) -> None:
    with section("Products"):
        with st.container(horizontal=True, horizontal_alignment="right"):
            draw.csv(stock.drop("product_id", "weeks", "said"), "inventory")
        columns: dict[str, Any] = {
            "sku": st.column_config.TextColumn("SKU", pinned=True),
            "name": st.column_config.TextColumn("Product", width="medium"),
            "available": draw.counts("Available", "On hand less reserved; negative while backorders wait."),
            "on_hand": draw.counts("On hand"),
            "reserved": draw.counts("Reserved"),
            "in_transit": draw.counts("On its way"),
            "weeks_shown": st.column_config.NumberColumn("Weeks of supply", format="%.1f"),
            "reorder_point": draw.counts("Reorder point"),
            "target": draw.counts("Order up to"),
            "proposed": draw.counts("Would order", "Up to the target, in whole packs, when at or below the point."),
        }
        links = _decisions(glance)
        if links:
            link = pl.col("sku").replace_strict(links, default=None, return_dtype=pl.String)
            stock = stock.with_columns(link.alias("decision"))
            columns["decision"] = st.column_config.LinkColumn("Decision", display_text="Decide")
        draw.table(stock, columns, alt=f"{stock.height} products with their pieces", key="stock_table", rows_max=16)


def _decisions(glance: Glance) -> Mapping[str, str]:
    """SKU -> address of the reorder that waits for a decision."""
    if "decisions" not in glance.pages:
        return {}
    try:
        waiting = waiting_decisions(glance).filter(pl.col("kind") == "reorder")
    except NotThere:
        return {}
    return {row["sku"]: f"/staff/decisions?decision={row['id']}" for row in waiting.to_dicts()}


_TOOLTIP = [
    {"field": "name", "title": "Product"},
    {"field": "available", "title": "Available", "format": ","},
    {"field": "in_transit", "title": "On its way", "format": ","},
    {"field": "reorder_point", "title": "Reorder point", "format": ","},
    {"field": "target", "title": "Order up to", "format": ","},
    {"field": "said", "title": "Lasts"},
]

_PIECES = """
    with pieces as (
        select product_id, any_value(sku) as sku, sum(quantity_on_hand)::bigint as on_hand,
               sum(quantity_reserved)::bigint as reserved, sum(quantity_available)::bigint as available,
               sum(quantity_in_transit)::bigint as in_transit
          from fulfillment.finished_goods_inventory group by product_id
    )"""

STOCK = f"""{_PIECES},
    known as (
        select product.id::varchar as product_id, product.sku, product.name, coalesce(on_hand, 0) as on_hand,
               coalesce(reserved, 0) as reserved, coalesce(available, 0) as available,
               coalesce(in_transit, 0) as in_transit, reorder_point::bigint as reorder_point,
               order_up_to::bigint as target, target.pack_quantity, forecast_demand as weekly
          from category.products product
          left join pieces on pieces.product_id = product.id
          left join forecasting.inventory_targets target on target.product_id = product.id
         where product.active
    ),
    judged as (
        select *, coalesce(available + in_transit <= reorder_point, false) as is_due,
               case when weekly > 0 then round((available + in_transit) / weekly, 1) end as weeks
          from known
    )
    select * exclude (pack_quantity),
           case when is_due then ceil((target - available - in_transit) / pack_quantity)::bigint * pack_quantity
                end as proposed,
           greatest(weeks, 0) as weeks_shown,
           case when available + in_transit <= 0 then 'nothing left'
                when weeks is null then 'no demand' else printf('%.1f weeks', weeks) end as said
      from judged order by sku"""

_WITHOUT_TARGETS = f"""{_PIECES}
    select product.id::varchar as product_id, product.sku, product.name, coalesce(on_hand, 0) as on_hand,
           coalesce(reserved, 0) as reserved, coalesce(available, 0) as available,
           coalesce(in_transit, 0) as in_transit, null::bigint as reorder_point, null::bigint as target,
           null::double as weekly, false as is_due,
           null::double as weeks, null::bigint as proposed, null::double as weeks_shown, '' as said
      from category.products product left join pieces on pieces.product_id = product.id
     where product.active order by product.sku"""

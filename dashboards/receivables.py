"""Receivables: who owes what, how late, down to the invoice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import streamlit as st

from dashboards import draw
from dashboards.draw import money, percent, short_money, whole
from dashboards.glance import Glance, section

AGES = {"not_due": "Not due", "1_30": "1–30", "31_60": "31–60", "61_90": "61–90", "90_plus": "Over 90"}
"""Column of receivables.aging -> what people call it, in days overdue."""
INVOICES_MAX = 1_000
_ALL = "All"


def show(glance: Glance) -> None:
    """The whole, by age; then by customer; then the invoices of what was picked."""
    totals = glance.ask(TOTALS).filter(pl.col("currency") == glance.currency)
    if totals.is_empty():
        draw.nothing("Nobody owes anything", "Invoices appear here as soon as something is shipped on credit terms.")
        return
    _figures(glance, totals.row(0, named=True))
    with section("Owed, by days overdue", "By due date; due today is not overdue. The oldest stands out most."):
        draw_ages(glance)
    customers = _customers(glance)
    picked = _customer_table(glance, customers)
    _invoices(glance, customers, picked)


def draw_ages(glance: Glance) -> None:
    """One bar of all that is open, in its five ages."""
    totals = glance.ask(TOTALS).filter(pl.col("currency") == glance.currency)
    if totals.is_empty():
        draw.nothing("Nobody owes anything", "Nothing is open.")
        return
    row = totals.row(0, named=True)
    whole_amount = sum(row[name] for name in AGES) or 1
    ages = pl.DataFrame(
        [
            {
                "name": title if name == "not_due" else f"{title} days",
                "amount": row[name],
                "said": f"{short_money(row[name], glance.currency)}, {percent(row[name] / whole_amount)}",
            }
            for name, title in AGES.items()
        ]
    )
    overdue = sum(row[name] for name in list(AGES)[1:])
    alt = f"{money(overdue, glance.currency)} of {money(whole_amount, glance.currency)} open is overdue: " + ", ".join(
        f"{one['name'].lower()} {one['said']}" for one in ages.to_dicts()
    )
    tooltip = [{"field": "amount", "title": f"Open, {glance.currency}", "format": ",.2f"}]
    draw.bars(ages, length="amount", alt=f"{alt}.", tooltip=tooltip, shades=draw.ground().ages)


def _figures(glance: Glance, row: Mapping[str, Any]) -> None:
    overdue = sum(row[name] for name in list(AGES)[1:])
    open_amount = sum(row[name] for name in AGES)
    cards = (
        ("Owed in all", row["outstanding"], f"{whole(row['invoices'])} open invoices", "Open less what is on account."),
        ("Overdue", overdue, f"{percent(overdue / open_amount if open_amount else None)} of what is open", "Past due."),
        ("Disputed", row["disputed"], "part of what is open", "What customers contest."),
        ("On account", -row["unapplied"], "not yet put against an invoice", "Money and credit that waits."),
    )
    with st.grid(4, min_column_width=draw.CARD_WIDTH, row_height=draw.CARD_HEIGHT):
        for title, amount, words, help_text in cards:
            st.metric(
                title,
                short_money(amount, glance.currency),
                words,
                delta_color="off",
                delta_arrow="off",
                border=True,
                height="stretch",
                help=f"{help_text} {money(amount, glance.currency)}",
            )


def _customers(glance: Glance) -> pl.DataFrame:
    """Everyone who owes, by what is overdue, with names as the API knows them."""
    frame = glance.ask(_CUSTOMERS, currency=glance.currency)
    names = glance.names(frame["customer_id"].to_list())
    return frame.with_columns(
        pl.col("customer_id").replace_strict(names, default=None, return_dtype=pl.String).alias("customer")
    )


def _customer_table(glance: Glance, customers: pl.DataFrame) -> str | None:
    """The customers; answers whose row was picked."""
    with section("By customer", "The most overdue first. Pick a row to see its invoices below."):
        with st.container(horizontal=True, horizontal_alignment="right"):
            draw.csv(customers.drop("customer_id"), "receivables_by_customer")
        columns = {
            "customer": st.column_config.TextColumn("Customer", pinned=True, width="medium"),
            "overdue": draw.amounts(f"Overdue, {glance.currency}"),
            **{name: draw.amounts(title if name == "not_due" else f"{title} days") for name, title in AGES.items()},
            "unapplied": draw.amounts("On account"),
            "outstanding": draw.amounts("Owed in all"),
            "open_invoices_count": draw.counts("Invoices"),
            "oldest_due_on": draw.dates("Oldest due"),
        }
        alt = f"{customers.height} customers who owe, the most overdue first"
        picked = draw.pick(customers, columns, alt=alt, key="ar_customers")
    return None if picked is None else customers["customer_id"][picked]


def _invoices(glance: Glance, customers: pl.DataFrame, picked: str | None) -> None:
    """The open invoices of an age and a customer."""
    named = customers.filter(pl.col("customer_id") == picked)["customer"].to_list() if picked else []
    with section(f"Open invoices of {draw.plain(named[0])}" if named else "Open invoices"):
        options = [_ALL, *AGES.values()]
        age = st.segmented_control(
            "Days overdue", options, default=_ALL, key="ar_age", bind="query-params", label_visibility="collapsed"
        )
        frame = glance.ask(_INVOICES, currency=glance.currency, most=INVOICES_MAX)
        if picked:
            frame = frame.filter(pl.col("customer_id") == picked)
        if age and age != _ALL:
            frame = frame.filter(pl.col("age") == next(name for name, title in AGES.items() if title == age))
        if frame.is_empty():
            draw.nothing("None of these", "No open invoice fits what you picked. Choose “All”, or another customer.")
            return
        shown = frame.join(customers.select("customer_id", "customer"), on="customer_id", how="left")
        total = short_money(frame["open_amount"].sum(), glance.currency)
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.caption(f"{whole(frame.height)} invoices, {total} open.")
            draw.csv(shown.drop("customer_id", "last_event_id"), "open_invoices")
        _invoice_table(glance, shown)


def _invoice_table(glance: Glance, frame: pl.DataFrame) -> None:
    columns = {
        "invoice_number": st.column_config.TextColumn("Invoice", pinned=True),
        "customer": st.column_config.TextColumn("Customer", width="medium"),
        "due_date": draw.dates("Due"),
        "days_overdue": draw.counts("Days overdue", "Negative while it is not due."),
        "open_amount": draw.amounts(f"Open, {glance.currency}"),
        "amount": draw.amounts("Invoiced"),
        "issued_on": draw.dates("Issued"),
        "order_number": st.column_config.TextColumn("Order"),
        "is_disputed": st.column_config.CheckboxColumn("Disputed"),
    }
    if "event" in glance.pages:
        frame = frame.with_columns(pl.format("/staff/event?event={}", pl.col("last_event_id")).alias("event"))
        columns["event"] = st.column_config.LinkColumn("Newest event", display_text="Open")
    draw.table(frame, columns, alt=f"{frame.height} open invoices, the longest overdue first", key="ar_invoices")


TOTALS = """
    select currency, sum(outstanding) as outstanding, sum(not_due) as not_due, sum("1_30") as "1_30",
           sum("31_60") as "31_60", sum("61_90") as "61_90", sum("90_plus") as "90_plus", sum(unapplied) as unapplied,
           sum(disputed_amount) as disputed, sum(open_invoices_count) as invoices
      from receivables.aging group by currency order by currency"""

_CUSTOMERS = """
    select customer_id::varchar as customer_id, not_due, "1_30", "31_60", "61_90", "90_plus", unapplied, outstanding,
           "1_30" + "31_60" + "61_90" + "90_plus" as overdue, open_invoices_count, oldest_due_on
      from receivables.aging where currency = $currency
     order by overdue desc, outstanding desc, customer_id"""

_INVOICES = """
    select invoice_number, customer_id::varchar as customer_id, order_number, issued_on, due_date, days_overdue, amount,
           open_amount, is_disputed, last_event_id::varchar as last_event_id,
           case when days_overdue <= 0 then 'not_due' when days_overdue <= 30 then '1_30'
                when days_overdue <= 60 then '31_60' when days_overdue <= 90 then '61_90' else '90_plus' end as age
      from receivables.invoices where open_amount > 0 and currency = $currency
     order by days_overdue desc, invoice_number limit $most"""

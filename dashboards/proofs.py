"""Proofs: sums that must agree, added up anew from their movements while somebody looks."""

from __future__ import annotations

import streamlit as st

from dashboards.draw import whole
from dashboards.glance import Glance


def show_proofs(glance: Glance) -> None:
    """Each proof once more from its movements; only those whose tables the reader may read."""
    is_any = False
    for functions, words, sql in _PROOFS:
        if not glance.works_in(*functions):
            continue
        is_any = True
        row = glance.ask(sql).row(0, named=True)
        sign, tone = (":material/check_circle:", "green") if not row["wrong"] else (":material/error:", "red")
        result = (
            f"{whole(row['checked'])} agree"
            if not row["wrong"]
            else f"{whole(row['wrong'])} of {whole(row['checked'])} differ"
        )
        st.markdown(f":{tone}[{sign}] {words}: **{result}**")
    if not is_any:
        st.caption("There are none for the functions you work in.")


_PROOFS = (
    (
        ("receivables",),
        "What customers owe is the sum of the ledger",
        """with owed as (select customer_id, currency, sum(outstanding) as said from receivables.aging group by all),
                booked as (select customer_id, currency, sum(amount) as found from receivables.ledger group by all)
           select count(*) as checked, count(*) filter (coalesce(said, 0) <> coalesce(found, 0)) as wrong
             from booked full join owed using (customer_id, currency)""",
    ),
    (
        ("fulfillment", "procurement", "category"),
        "Stock on hand is the sum of its movements",
        """with moved as (select stock_id as id, sum(on_hand) as found from fulfillment.stock_movements group by all)
           select count(*) as checked, count(*) filter (quantity_on_hand is distinct from found) as wrong
             from fulfillment.finished_goods_inventory left join moved using (id)""",
    ),
    (
        ("orders", "customers", "fulfillment"),
        "An order's total is the sum of its lines",
        """with lines as (select order_id as id, sum(gross) as found from orders.order_items group by all)
           select count(*) as checked, count(*) filter (total is distinct from found) as wrong
             from orders.orders left join lines using (id)""",
    ),
)

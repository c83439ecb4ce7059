"""Proofs: sums that must agree, as SELECTs over the lake that add them up anew from their movements."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Proof:
    """`sql` gives one row: how many were `checked` and how many are `wrong`; its tables are of these functions."""

    functions: tuple[str, ...]
    words: str
    sql: str


PROOFS = (
    Proof(
        ("receivables",),
        "What customers owe is the sum of the ledger",
        """with owed as (select customer_id, currency, sum(outstanding) as said from receivables.aging group by all),
                booked as (select customer_id, currency, sum(amount) as found from receivables.ledger group by all)
           select count(*) as checked, count(*) filter (coalesce(said, 0) <> coalesce(found, 0)) as wrong
             from booked full join owed using (customer_id, currency)""",
    ),
    Proof(
        ("fulfillment", "procurement", "category"),
        "Stock on hand is the sum of its movements",
        """with moved as (select stock_id as id, sum(on_hand) as found from fulfillment.stock_movements group by all)
           select count(*) as checked, count(*) filter (quantity_on_hand is distinct from found) as wrong
             from fulfillment.finished_goods_inventory left join moved using (id)""",
    ),
    Proof(
        ("orders", "customers", "fulfillment"),
        "An order's total is the sum of its lines",
        """with lines as (select order_id as id, sum(gross) as found from orders.order_items group by all)
           select count(*) as checked, count(*) filter (total is distinct from found) as wrong
             from orders.orders left join lines using (id)""",
    ),
)

"""procurement.lead_times: how long goods took, not how long they were said to take."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from warehouse.events.category import ProductCreated, Specifications
from warehouse.events.procurement import (
    PurchaseOrderCreated,
    PurchaseOrderLine,
    PurchaseOrderReceived,
    PurchaseOrderSent,
    ReceiptLine,
    SupplierCreated,
)

D = Decimal
FIRST = date(2026, 1, 5)


@pytest.fixture
def bought(small_lake):
    """Makes products known and buys: `bought("pump", "maker", days=9)` is sent on a day and arrives 9 days later."""
    lake, count = small_lake, iter(range(1, 1_000))
    known: set[str] = set()

    def buy(product: str, supplier: str, days: int | None = None) -> None:
        if product not in known:
            catalog(product)
        number = next(count)
        sent = FIRST + timedelta(days=number)
        order = f"order {number}"
        line = {"line_no": 1, "product_id": lake.id(product), "sku": product.upper(), "quantity": 5, "unit_cost": D(2)}
        lake.given(order, sent, PurchaseOrderCreated(
            number=f"PO-{number}", supplier_id=lake.id(supplier), currency="USD", location="main", total_cost=D(10),
            lines=(PurchaseOrderLine(**line, line_total=D(10)),), needs_approval=False,
        ), PurchaseOrderSent())  # fmt: skip
        if days is not None:
            arrived = sent + timedelta(days=days)
            receipt = {"receipt_id": lake.id(f"receipt {number}"), "location": "main", "is_complete": True}
            lake.given(
                order, arrived, PurchaseOrderReceived(**receipt, lines=(ReceiptLine(**line),), received_on=arrived)
            )

    def catalog(product: str) -> None:
        known.add(product)
        lake.given(product, FIRST, ProductCreated(
            sku=product.upper(), name=product, category="accessory", specifications=Specifications(), base_price=D(10),
            currency="USD", pack_quantity=1,
        ))  # fmt: skip

    buy.catalog = catalog
    buy.promise = lambda supplier, days: lake.given(
        supplier, FIRST, SupplierCreated(name=supplier, lead_time_days=days)
    )
    return buy


def lead_time(lake, product: str) -> tuple[str, list[int], int]:
    (row,) = lake.table("procurement.lead_times").filter(product_id=str(lake.id(product))).to_dicts()
    return row["lead_time_source"], row["lead_time_days"], row["receipts_count"]


def test_what_a_product_s_own_receipts_took_is_spread_over_ten_equally_likely_times(small_lake, bought):
    bought.promise("maker", 3)
    for days in (30, 10, 12, 14, 16, 18, 20, 22, 24, 28):
        bought("pump", "maker", days)
    assert lead_time(small_lake, "pump") == ("product", [10, 12, 14, 16, 18, 20, 22, 24, 28, 30], 10)


def test_a_product_with_few_receipts_takes_its_supplier_s(small_lake, bought):
    bought.promise("maker", 3)
    for _ in range(6):
        bought("other", "maker", 11)
    bought("pump", "maker", 9)
    source, days, count = lead_time(small_lake, "pump")
    assert (source, count, min(days), max(days)) == ("supplier", 7, 9, 11)


def test_without_receipts_the_promise_holds_then_the_company_s_habit_then_the_setting(small_lake, bought):
    bought.promise("maker", 3)
    bought("promised", "maker")
    bought.catalog("unbought")
    assert lead_time(small_lake, "promised") == ("promise", [3] * 10, 0)
    assert lead_time(small_lake, "unbought") == ("default", [14] * 10, 0)
    for _ in range(5):
        bought("seen", "stranger", 8)
    assert lead_time(small_lake, "unbought") == ("company", [8] * 10, 5)


def test_only_the_newest_twenty_receipts_count_and_only_the_latest_supplier(small_lake, bought):
    bought("pump", "former", 90)
    for _ in range(12):
        bought("pump", "maker", 60)
    for _ in range(20):
        bought("pump", "maker", 7)
    assert lead_time(small_lake, "pump") == ("product", [7] * 10, 20)

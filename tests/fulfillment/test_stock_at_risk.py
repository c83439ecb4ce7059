"""fulfillment.stock_at_risk: what would run out before its supplier can deliver."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from warehouse.events.fulfillment import InventoryReceived
from warehouse.events.orders import OrderLine, OrderPlaced
from warehouse.events.procurement import PurchaseOrderCreated, PurchaseOrderLine, PurchaseOrderSent

D = Decimal


@pytest.fixture
def shop(small_lake):
    """Eight weeks of ten pumps a week."""
    pump = small_lake.id("pump")
    for week in range(1, 9):
        line = OrderLine(
            line_no=1, kind="product", sku="TP-1", product_id=pump, description="Pump", quantity=10,
            unit_price=D(1), tax_rate=D(0), net=D(10), tax=D(0), gross=D(10),
        )  # fmt: skip
        placed = OrderPlaced(
            number="SO", customer_id=small_lake.id("ann"), customer_type="dealer", channel="api", currency="USD",
            prices_include_tax=False, lines=(line,), net=D(10), tax=D(0), total=D(10), terms="net_30", location="main",
        )  # fmt: skip
        small_lake.given(f"order {week}", small_lake.today - timedelta(days=7 * week), placed)
    return small_lake


def stock(lake, quantity: int) -> None:
    shelf = {"product_id": lake.id("pump"), "sku": "TP-1", "location": "main", "source": "opening"}
    lake.given("shelf", lake.today - timedelta(days=70), InventoryReceived(**shelf, quantity=quantity))


@pytest.mark.parametrize(("quantity", "weeks"), [(39, [D("3.9")]), (40, []), (500, [])])
def test_less_than_four_weeks_of_supply_is_at_risk(shop, quantity, weeks):
    stock(shop, quantity)
    assert shop.table("fulfillment.stock_at_risk")["weeks_of_supply"].to_list() == weeks


def test_what_is_on_its_way_counts(shop):
    stock(shop, 30)
    line = PurchaseOrderLine(
        line_no=1, product_id=shop.id("pump"), sku="TP-1", quantity=20, unit_cost=D(1), line_total=D(20)
    )
    bought = PurchaseOrderCreated(
        number="PO", supplier_id=shop.id("s"), currency="USD", lines=(line,), total_cost=D(20), location="main",
        needs_approval=False,
    )  # fmt: skip
    shop.given("po", shop.today, bought)
    assert shop.table("fulfillment.stock_at_risk").height == 1, "a draft brings nothing"
    shop.given("po", shop.today, PurchaseOrderSent())
    assert shop.table("fulfillment.stock_at_risk").is_empty()

"""procurement.purchase_orders and suppliers say of a stream what the rules' own fold says of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.procurement.state import PURCHASE_ORDER
from warehouse.events.event import Recorded, Ref
from warehouse.events.procurement import (
    PurchaseOrderApproved,
    PurchaseOrderCancelled,
    PurchaseOrderConfirmed,
    PurchaseOrderCreated,
    PurchaseOrderLine,
    PurchaseOrderReceived,
    PurchaseOrderSent,
    PurchaseOrderShortClosed,
    ReceiptLine,
    SupplierCreated,
    SupplierDeactivated,
    SupplierUpdated,
)

D = Decimal
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
KINDS = ["approve", "send", "confirm", "receive", "short", "cancel"]
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 2), st.integers(1, 9)), max_size=9)


def created(lake, quantities: list[int]) -> PurchaseOrderCreated:
    lines = tuple(
        PurchaseOrderLine(
            line_no=no, product_id=lake.id(f"product {no}"), sku=f"SKU-{no}", quantity=quantity, unit_cost=D("2.5000"),
            line_total=D("2.50") * quantity,
        )
        for no, quantity in enumerate(quantities, start=1)
    )  # fmt: skip
    return PurchaseOrderCreated(
        number="PO-1", supplier_id=lake.id("supplier"), currency="USD", lines=lines, location="main",
        total_cost=sum((line.line_total for line in lines), D(0)), needs_approval=False,
    )  # fmt: skip


def fact(lake, order, step: str, which: int, number: int):
    open_lines = [line for line in order.lines if line.open_quantity]
    match step:
        case "approve":
            return PurchaseOrderApproved()
        case "send":
            return PurchaseOrderSent()
        case "confirm":
            return PurchaseOrderConfirmed(expected_on=date(2026, 4, number), supplier_reference=f"R-{number}")
        case "receive" if open_lines:
            line = open_lines[which % len(open_lines)]
            quantity = min(number, line.open_quantity)
            came = ReceiptLine(
                line_no=line.line_no, product_id=line.product_id, sku=line.sku, quantity=quantity, unit_cost=D(3)
            )
            is_complete = sum(one.open_quantity for one in open_lines) == quantity
            return PurchaseOrderReceived(
                receipt_id=lake.id(f"receipt {number} {which}"), lines=(came,), location="main",
                received_on=date(2026, 3, 10 + number), is_complete=is_complete,
            )  # fmt: skip
        case "short":
            return PurchaseOrderShortClosed(reason="late")
        case "cancel":
            return PurchaseOrderCancelled(reason="asked")
    return None


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 12), min_size=1, max_size=3), STEPS)
def test_a_purchase_order_stands_in_the_table_as_its_own_fold(small_lake, quantities, steps):
    lake = type(small_lake)(small_lake.connection)
    found = "select table_name from duckdb_tables() where schema_name = 'facts' and table_name like 'purchase%'"
    for (table,) in lake.connection.execute(found).fetchall():
        lake.connection.execute(f"delete from facts.{table}")
    order, version, ref = PURCHASE_ORDER.initial, 0, Ref("purchase_order", lake.id("po"))
    for step in [created(lake, quantities), *steps]:
        event = fact(lake, order, *step) if isinstance(step, tuple) else step
        if event is not None:
            version += 1
            at = START + timedelta(minutes=version)
            lake.given("po", at, event)
            order = PURCHASE_ORDER.evolve(order, Recorded(event, ref.id, ref, version, at, "u", ref.id, ref.id))
    (row,) = lake.table("procurement.purchase_orders").to_dicts()
    assert (row["status"], row["is_open"], row["version"]) == (order.status, order.is_open, version)
    assert (row["expected_delivery_date"], row["supplier_reference"]) == (order.expected_on, order.supplier_reference)
    assert [(i["quantity_received"], i["quantity_open"]) for i in row["items"]] == [
        (line.received_quantity, line.open_quantity) for line in order.lines
    ]


def test_a_new_promise_for_the_rest_leaves_an_order_partially_received(small_lake):
    order, promise = created(small_lake, [5]), PurchaseOrderConfirmed(expected_on=date(2026, 4, 9))
    line = order.lines[0]
    came = ReceiptLine(line_no=1, product_id=line.product_id, sku=line.sku, quantity=2, unit_cost=D(3))
    receipt = PurchaseOrderReceived(
        receipt_id=small_lake.id("r"), lines=(came,), location="main", received_on=START.date(), is_complete=False
    )
    small_lake.given("po", START, order, PurchaseOrderSent(), promise)
    assert small_lake.table("procurement.purchase_orders")["status"].to_list() == ["confirmed"]
    small_lake.given("po", START + timedelta(days=1), receipt, promise)
    assert small_lake.table("procurement.purchase_orders")["status"].to_list() == ["partially_received"]


def test_an_open_order_past_its_promised_day_is_late(small_lake):
    promised = PurchaseOrderConfirmed(expected_on=small_lake.today - timedelta(days=1))
    small_lake.given("po", START, created(small_lake, [5]), PurchaseOrderSent(), promised)
    assert small_lake.table("procurement.purchase_orders")["is_late"].to_list() == [True]


def test_a_supplier_s_lead_time_is_measured_from_its_first_receipts(small_lake):
    lake = small_lake
    lake.given("supplier", START, SupplierCreated(name="Rotor Ltd", lead_time_days=7))
    lake.given("supplier", START + timedelta(days=1), SupplierUpdated(name="Rotor GmbH", payment_terms="net_60"))
    for number, days in enumerate([10, 13]):
        order = created(lake, [4])
        lake.given(f"po {number}", START, order, PurchaseOrderSent())
        for late, quantity in ((0, 1), (5, 3)):
            line = order.lines[0]
            came = ReceiptLine(line_no=1, product_id=line.product_id, sku=line.sku, quantity=quantity, unit_cost=D(3))
            receipt = PurchaseOrderReceived(
                receipt_id=lake.id(f"r {number} {late}"), lines=(came,), location="main",
                received_on=START.date() + timedelta(days=days + late), is_complete=late > 0,
            )  # fmt: skip
            lake.given(f"po {number}", START + timedelta(days=days + late), receipt)
    (row,) = lake.table("procurement.suppliers").to_dicts()
    assert (row["name"], row["payment_terms"], row["measured_lead_time_days"]) == ("Rotor GmbH", "net_60", D("11.5"))
    lake.given("supplier", START + timedelta(days=2), SupplierDeactivated(reason="closed"))
    assert lake.table("procurement.suppliers")["active"].to_list() == [False]

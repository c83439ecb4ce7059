"""orders.orders and orders.order_items say of an order what the rules' own fold says of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.orders.state import ORDER
from warehouse.events.event import Recorded, Ref
from warehouse.events.fulfillment import ShipmentShipped
from warehouse.events.orders import (
    LineQuantity,
    OrderCancelled,
    OrderConfirmed,
    OrderCredited,
    OrderExpired,
    OrderFulfilled,
    OrderHeld,
    OrderLine,
    OrderLineDelivered,
    OrderLineReturned,
    OrderLineShipped,
    OrderLineShortClosed,
    OrderPaymentApplied,
    OrderPlaced,
    OrderReleased,
    OrderReturnClosed,
    OrderReturnRequested,
    OrderShipmentCancelled,
    OrderShipmentPlanned,
)

D = Decimal
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def placed(lake, lines: list[OrderLine], **changes) -> OrderPlaced:
    net, tax = sum((line.net for line in lines), D(0)), sum((line.tax for line in lines), D(0))
    fields = {
        "number": "SO-1", "customer_id": lake.id("ann"), "customer_type": "dealer", "channel": "api", "currency": "USD",
        "prices_include_tax": False, "lines": tuple(lines), "net": net, "tax": tax, "total": net + tax,
        "terms": "net_30", "location": "main",
    }  # fmt: skip
    return OrderPlaced(**fields | changes)


def line(lake, line_no: int, quantity: int, unit_price: str, kind: str = "product") -> OrderLine:
    net = (D(unit_price) * quantity).quantize(D("0.01"))
    tax = (net * D("0.1")).quantize(D("0.01"))
    product = lake.id(f"product {line_no}") if kind == "product" else None
    return OrderLine(
        line_no=line_no, kind=kind, sku=f"SKU-{line_no}", product_id=product, description="Pump", quantity=quantity,
        unit_price=D(unit_price), tax_rate=D("0.1"), net=net, tax=tax, gross=net + tax,
    )  # fmt: skip


def moved(line_no: int, quantity: int) -> tuple[LineQuantity, ...]:
    return (LineQuantity(line_no=line_no, quantity=quantity),)


LINES = st.lists(
    st.tuples(
        st.integers(1, 40),
        st.decimals(D("0.01"), D(300), places=2),
        st.sampled_from(["product", "product", "charge", "discount"]),
    ),
    min_size=1,
    max_size=4,
)
OTHERS = {
    "hold": lambda lake, no, n: OrderHeld(cause="manual", reason="asked"),
    "release": lambda lake, no, n: OrderReleased(reason="fine"),
    "confirm": lambda lake, no, n: OrderConfirmed(),
    "credit": lambda lake, no, n: OrderCredited(credit_note_id=lake.id("c"), amount=D(n)),
    "plan": lambda lake, no, n: OrderShipmentPlanned(shipment_id=lake.id("s"), lines=moved(no, n)),
    "unplan": lambda lake, no, n: OrderShipmentCancelled(shipment_id=lake.id("s")),
    "ask": lambda lake, no, n: OrderReturnRequested(return_id=lake.id("r"), lines=moved(no, n)),
    "close": lambda lake, no, n: OrderReturnClosed(return_id=lake.id("r")),
}
MOVES = st.lists(
    st.tuples(
        st.sampled_from(
            ["ship", "deliver", "return", "short", "pay", "refund", "hold", "release", "confirm", "end", *OTHERS]
        ),
        st.integers(0, 3),
        st.integers(1, 40),
    ),
    max_size=14,
)


def happenings(lake, lines: list[OrderLine], moves) -> list:
    """Moves turned into facts where the quantities allow them."""
    shipped, delivered, returned, short = ({one.line_no: 0 for one in lines} for _ in range(4))
    paid, facts = D(0), []
    for kind, which, number in moves:
        chosen = lines[which % len(lines)]
        no = chosen.line_no
        match kind:
            case "ship" if (rest := chosen.quantity - shipped[no] - short[no]) > 0:
                shipped[no] += (n := min(number, rest))
                facts.append(OrderLineShipped(shipment_id=lake.id("s"), lines=moved(no, n)))
            case "deliver" if (rest := shipped[no] - delivered[no]) > 0:
                delivered[no] += (n := min(number, rest))
                facts.append(OrderLineDelivered(shipment_id=lake.id("s"), lines=moved(no, n)))
            case "return" if (rest := delivered[no] - returned[no]) > 0:
                returned[no] += (n := min(number, rest))
                facts.append(OrderLineReturned(return_id=lake.id("r"), lines=moved(no, n)))
            case "short" if (rest := chosen.quantity - shipped[no] - short[no]) > 0:
                short[no] += (n := min(number, rest))
                facts.append(OrderLineShortClosed(line_no=no, quantity=n, reason="gone"))
            case "pay":
                paid += D(number)
                facts.append(OrderPaymentApplied(payment_id=lake.id("p"), amount=D(number)))
            case "refund" | "unpay" if paid > 0:
                paid -= (n := min(D(number), paid))
                facts.append(OrderPaymentApplied(payment_id=lake.id("p"), amount=-n, is_refund=kind == "refund"))
            case _ if kind in OTHERS:
                facts.append(OTHERS[kind](lake, no, number))
            case "end":
                facts.append([OrderCancelled(reason="asked"), OrderExpired(), OrderFulfilled()][which % 3])
    return facts


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(LINES, MOVES), min_size=1, max_size=6))
def test_every_order_stands_in_the_table_as_its_own_fold(small_lake, orders):
    lake = type(small_lake)(small_lake.connection)
    clear(lake)
    folds = {}
    for number, (wishes, moves) in enumerate(orders):
        lines = [line(lake, no, n, str(price), kind) for no, (n, price, kind) in enumerate(wishes, start=1)]
        state, name = ORDER.initial, f"order {number}"
        for version, fact in enumerate([placed(lake, lines), *happenings(lake, lines, moves)], start=1):
            at, ref = START + timedelta(minutes=version), Ref("order", lake.id(name))
            lake.given(name, at, fact)
            state = ORDER.evolve(state, Recorded(fact, ref.id, ref, version, at, "user:test", ref.id, ref.id))
        folds[str(lake.id(name))] = (state, version)
    rows = {row["id"]: row for row in lake.table("orders.orders").to_dicts()}
    assert rows.keys() == folds.keys()
    for id, (state, version) in folds.items():
        row = rows[id]
        said = {name: row[name] for name in ("status", "lifecycle", "fulfillment_status", "payment_status", "version")}
        assert said == {
            "status": state.status,
            "lifecycle": state.lifecycle,
            "fulfillment_status": state.fulfillment,
            "payment_status": state.payment,
            "version": version,
        }
        amounts = row["due_amount"], row["paid_amount"], row["refunded_amount"], row["total"]
        assert amounts == (state.due, state.paid, state.refunded, state.total)
        assert (row["shipped_at"], row["delivered_at"]) == (state.shipped_at, state.delivered_at)
    items = lake.sql("select * from orders.order_items").to_dicts()
    assert {(i["order_id"], i["line_no"]): counts(i) for i in items} == {
        (id, one.line_no): (one.shipped, one.delivered, one.returned, one.short_closed)
        for id, (state, _) in folds.items()
        for one in state.lines
    }


def counts(item: dict) -> tuple[int, ...]:
    return tuple(item[f"quantity_{way}"] for way in ("shipped", "delivered", "returned", "short_closed"))


def clear(lake) -> None:
    """Hypothesis runs many examples over one fixture."""
    found = lake.connection.execute(
        "select table_name from duckdb_tables() where database_name = 'lake' and schema_name = 'facts' "
        "and (table_name like 'order%')"
    ).fetchall()
    for (table,) in found:
        lake.connection.execute(f"delete from facts.{table}")


def test_shipping_is_what_the_charges_come_to_and_subtotal_the_rest(small_lake):
    lake = small_lake
    lines = [line(lake, 1, 2, "10.00"), line(lake, 2, 1, "7.50", "charge"), line(lake, 3, 1, "-1.00", "discount")]
    lake.given("order", START, placed(lake, lines))
    (row,) = lake.table("orders.orders").to_dicts()
    assert (row["subtotal"], row["shipping"], row["tax"], row["total"]) == (D("19"), D("7.5"), D("2.65"), D("29.15"))
    assert [item["sku"] for item in row["items"]] == ["SKU-1", "SKU-2", "SKU-3"]


def test_the_tracking_number_is_the_newest_shipment_s(small_lake):
    lake = small_lake
    lake.given("order", START, placed(lake, [line(lake, 1, 2, "10.00")]))
    for number, tracking in enumerate(["T-1", None, "T-2", None]):
        sent = ShipmentShipped(
            order_id=lake.id("order"), customer_id=lake.id("ann"), location="main", lines=(), tracking_number=tracking
        )
        lake.given(f"shipment {number}", START + timedelta(hours=number), sent)
    assert lake.table("orders.orders")["tracking_number"].to_list() == ["T-2"]


@pytest.mark.parametrize(("zone", "day"), [("UTC", "2026-03-02"), ("Pacific/Auckland", "2026-03-03")])
def test_the_day_of_an_order_is_the_company_s_calendar_day(small_lake, zone, day):
    small_lake.settings = small_lake.settings.model_copy(update={"time_zone": zone})
    small_lake.given("order", START.replace(hour=20), placed(small_lake, [line(small_lake, 1, 1, "1.00")]))
    (row,) = small_lake.table("orders.orders").to_dicts()
    assert str(row["placed_on"]) == day

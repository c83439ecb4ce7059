"""fulfillment.finished_goods_inventory says of a shelf what the rules' own fold says of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from api.fulfillment.state import STOCK
from warehouse.events.event import Recorded, Ref
from warehouse.events.fulfillment import (
    InventoryAdjusted,
    InventoryCounted,
    InventoryQuarantined,
    InventoryReceived,
    InventoryReleased,
    InventoryReservationConfirmed,
    InventoryReserved,
    InventoryShipped,
    InventoryTransferredIn,
    InventoryTransferredOut,
)

START = datetime(2026, 3, 30, 9, tzinfo=UTC)
EVENING = datetime(2026, 3, 31, 18, tzinfo=UTC)  # when the small lake is refreshed
KINDS = ["receive", "adjust", "count", "reserve", "confirm", "release", "ship", "out", "in", "quarantine"]
MOVES = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 2), st.integers(1, 50), st.sampled_from([None, -1, 1])),
    max_size=20,
)


def fact(lake, stock, kind: str, which: int, number: int, hours: int | None):
    """A wish as a fact, or None where the shelf does not allow it."""
    shelf = {"product_id": lake.id("pump"), "sku": "TP-1", "location": "main"}
    order = lake.id(f"order {which}")
    held = stock.reserved_for(order)
    expires_at = None if hours is None else EVENING + timedelta(hours=hours)
    match kind:
        case "receive":
            return InventoryReceived(**shelf, quantity=number, unit_cost=Decimal(number), source="opening")
        case "adjust":
            return InventoryAdjusted(**shelf, quantity=number, reason="found")
        case "count":
            return InventoryCounted(**shelf, counted_quantity=number, difference=number - stock.on_hand)
        case "reserve":
            return InventoryReserved(**shelf, order_id=order, quantity=number, expires_at=expires_at)
        case "confirm" if held:
            return InventoryReservationConfirmed(**shelf, order_id=order)
        case "release" if held:
            return InventoryReleased(**shelf, order_id=order, quantity=min(number, held), reason="cancelled")
        case "ship" if held and stock.on_hand >= (gone := min(number, held)):
            return InventoryShipped(**shelf, order_id=order, shipment_id=lake.id("s"), quantity=gone)
        case "out" if stock.on_hand >= number:
            there = {"to_location": "north", "transfer_id": lake.id("t")}
            return InventoryTransferredOut(**shelf, **there, quantity=number)
        case "in":
            return InventoryTransferredIn(**shelf, from_location="north", transfer_id=lake.id("t"), quantity=number)
        case "quarantine":
            return InventoryQuarantined(**shelf, quantity=number, reason="damaged")
    return None


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MOVES)
@example([("reserve", 0, 1, None), ("confirm", 0, 1, None)])
def test_a_shelf_stands_in_the_table_as_its_own_fold(small_lake, moves):
    lake = type(small_lake)(small_lake.connection)
    clear(lake)
    stock, version, ref = STOCK.initial, 0, Ref("stock", lake.id("shelf"))
    for wish in moves:
        event = fact(lake, stock, *wish)
        if event is not None:
            version += 1
            at = START + timedelta(minutes=version)
            lake.given("shelf", at, event)
            stock = STOCK.evolve(stock, Recorded(event, ref.id, ref, version, at, "user:test", ref.id, ref.id))
    broken = {checked.about for checked in lake.built("fulfillment.finished_goods_inventory") if not checked.has_passed}
    assert broken <= {"quantity_in_transit >= 0"}, "transfers are made up one-sided here"
    rows = lake.sql("from fulfillment.finished_goods_inventory").to_dicts()
    columns = ("quantity_on_hand", "quantity_reserved", "quantity_available", "quantity_quarantined", "version")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        (stock.on_hand, stock.reserved(EVENING), stock.available(EVENING), stock.quarantined, version)
    ] * bool(version)


def clear(lake) -> None:
    """Hypothesis runs many examples over one fixture."""
    found = "select table_name from duckdb_tables() where schema_name = 'facts' and table_name like 'inventory%'"
    for (table,) in lake.connection.execute(found).fetchall():
        lake.connection.execute(f"delete from facts.{table}")


def test_pieces_between_two_locations_are_in_transit_to_the_second(small_lake):
    lake = small_lake
    pump = {"product_id": lake.id("pump"), "sku": "TP-1"}
    for location in ("main", "north"):
        lake.given(location, START, InventoryReceived(**pump, location=location, quantity=10, source="opening"))
    sent = {"to_location": "north", "transfer_id": lake.id("t")}
    came = {"from_location": "main", "transfer_id": lake.id("t")}
    lake.given("main", START + timedelta(hours=1), InventoryTransferredOut(**pump, location="main", **sent, quantity=4))
    lake.given(
        "north", START + timedelta(hours=2), InventoryTransferredIn(**pump, location="north", **came, quantity=3)
    )
    rows = {row["warehouse_location"]: row for row in lake.table("fulfillment.finished_goods_inventory").to_dicts()}
    assert {name: (row["quantity_on_hand"], row["quantity_in_transit"]) for name, row in rows.items()} == {
        "main": (6, 0),
        "north": (13, 1),
    }

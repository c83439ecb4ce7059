"""The rules of stock: what is on hand, what is set aside, and what may be promised."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from api.category.commands import product_id
from api.fulfillment.commands import (
    AcceptTransfer,
    AdjustStock,
    ConfirmReservation,
    CountStock,
    QuarantineStock,
    ReceiveStock,
    ReleaseStock,
    ReserveStock,
    ShipStock,
    TransferStock,
)
from api.fulfillment.state import STOCK
from warehouse.events.fulfillment import (
    InventoryAdjusted,
    InventoryCounted,
    InventoryQuarantined,
    InventoryReceived,
    InventoryReleased,
    InventoryReservationConfirmed,
    InventoryShipped,
    InventoryTransferredIn,
    InventoryTransferredOut,
)
from warehouse.ids import named

HOUR = timedelta(hours=1)
MOVE = named("transfer", "1")


def reserve(shop, quantity, order=None, **more):
    return ReserveStock(sku="P-1", order_id=order or shop.order, quantity=quantity, **more)


def ship(shop, quantity):
    return ShipStock(sku="P-1", order_id=shop.order, shipment_id=shop.shipment, quantity=quantity)


def set_aside(history, shop, quantity, **more):
    return shop.opened(history).given(shop.reserved(quantity, **more), of=shop.stock("P-1"))


def move(quantity, to="shop"):
    return TransferStock(sku="P-1", to_location=to, transfer_id=MOVE, quantity=quantity)


# what comes in and what is there


@pytest.mark.parametrize(
    "command",
    [
        ReceiveStock(sku="NOPE", quantity=1, source="opening"),
        AdjustStock(sku="NOPE", quantity=1, reason="found"),
        CountStock(sku="NOPE", counted_quantity=1),
        QuarantineStock(sku="NOPE", quantity=1, reason="broken"),
    ],
    ids=lambda command: type(command).__name__,
)
def test_only_what_is_in_the_catalog_has_a_stock(history, shop, command):
    assert "NOPE" in shop.opened(history).when(command).refused("unknown_sku").message


def test_pieces_received_can_be_promised(history, shop, noon):
    command = ReceiveStock(sku="P-1", quantity=5, unit_cost=Decimal("7.5"), source="production", source_id=MOVE)

    outcome = shop.opened(history).when(command)

    cost = Decimal("7.5")
    outcome.then(InventoryReceived(**shop.where(), quantity=5, unit_cost=cost, source="production", source_id=MOVE))
    assert (outcome.state.on_hand, outcome.state.available(noon)) == (15, 15)


def test_the_cost_of_a_piece_is_the_moving_average(history, shop):
    pump = {"of": shop.stock("P-1")}
    first = history.given(shop.received(quantity=3, unit_cost="10.00"), **pump)
    assert first.state(STOCK, shop.stock("P-1")).unit_cost == 10
    second = first.given(shop.received(quantity=1, unit_cost="11.0001"), **pump)
    assert second.state(STOCK, shop.stock("P-1")).unit_cost == Decimal("10.2500")
    unknown = second.given(shop.received(quantity=5), **pump)
    assert unknown.state(STOCK, shop.stock("P-1")).unit_cost == Decimal("10.2500")
    emptied = unknown.given(InventoryAdjusted(**shop.where(), quantity=-9, reason="fire"), **pump)
    again = emptied.given(shop.received(quantity=1, unit_cost="20.00"), **pump)
    assert again.state(STOCK, shop.stock("P-1")).unit_cost == 20


def test_the_books_are_put_right_by_pieces_found_or_lost(history, shop):
    opened = shop.opened(history)
    found = opened.when(AdjustStock(sku="P-1", quantity=2, reason="found"))
    assert found.then(InventoryAdjusted(**shop.where(), quantity=2, reason="found")).state.on_hand == 12
    opened.when(AdjustStock(sku="P-1", quantity=0, reason="none")).then()
    assert opened.when(AdjustStock(sku="P-1", quantity=-10, reason="lost")).state.on_hand == 0
    refusal = opened.when(AdjustStock(sku="P-1", quantity=-11, reason="lost")).refused("stock_negative")
    assert "P-1 at main" in refusal.message


def test_a_count_tells_what_is_there_and_how_far_the_books_were_off(history, shop):
    outcome = shop.opened(history).when(CountStock(sku="P-1", counted_quantity=8))

    outcome.then(InventoryCounted(**shop.where(), counted_quantity=8, difference=-2))
    assert outcome.state.on_hand == 8


def test_what_is_set_aside_cannot_be_written_off_or_counted_away(history, shop, noon):
    waiting = set_aside(history, shop, 6, expires_at=noon + HOUR)
    lose = AdjustStock(sku="P-1", quantity=-5, reason="lost")
    assert "release 1 " in waiting.when(lose).refused("stock_reserved").message
    waiting.when(CountStock(sku="P-1", counted_quantity=5)).refused("stock_reserved")
    assert waiting.when(CountStock(sku="P-1", counted_quantity=6)).events
    assert waiting.when(lose, at=noon + HOUR).events


def test_pieces_found_are_welcome_while_backorders_wait(history, shop):
    waiting = set_aside(history, shop, 20)

    assert waiting.when(AdjustStock(sku="P-1", quantity=1, reason="found")).state.on_hand == 11


def test_pieces_that_may_not_be_sold_are_kept_apart(history, shop, noon):
    outcome = shop.opened(history).when(QuarantineStock(sku="P-1", quantity=2, reason="wet", source_id=MOVE))

    outcome.then(InventoryQuarantined(**shop.where(), quantity=2, reason="wet", source_id=MOVE))
    assert (outcome.state.quarantined, outcome.state.available(noon)) == (2, 10)


# promises


def test_pieces_are_set_aside_as_far_as_they_are_available(history, shop, noon):
    opened = shop.opened(history)
    outcome = opened.when(reserve(shop, 10, expires_at=noon + HOUR))
    outcome.then(shop.reserved(10, expires_at=noon + HOUR))
    assert outcome.state.available(noon) == 0
    assert "10 available" in opened.when(reserve(shop, 11)).refused("insufficient_stock").message
    assert "0 available" in set_aside(history, shop, 11).when(reserve(shop, 1)).refused("insufficient_stock").message


def test_a_backorder_may_wait_for_more_than_is_there(history, shop, noon):
    outcome = shop.opened(history).when(reserve(shop, 12, backorder=True)).then(shop.reserved(12))

    assert outcome.state.available(noon) == -2


def test_a_second_reservation_of_an_order_adds_to_the_first_while_that_lives(history, shop, noon):
    first = set_aside(history, shop, 4, expires_at=noon + HOUR)
    assert first.when(reserve(shop, 3)).state.reserved_for(shop.order) == 7
    lapsed = first.when(reserve(shop, 3), at=noon + HOUR)
    assert lapsed.state.reserved_for(shop.order) == 3


def test_a_reservation_lapses_by_comparison_of_times_unless_it_is_confirmed(history, shop, noon):
    waiting = set_aside(history, shop, 4, expires_at=noon + HOUR)
    confirm = ConfirmReservation(sku="P-1", order_id=shop.order)
    firm = waiting.when(confirm).then(InventoryReservationConfirmed(**shop.where(), order_id=shop.order))
    assert firm.state.available(noon + HOUR) == 6
    firm.when(confirm).then()
    assert waiting.state(STOCK, shop.stock("P-1")).available(noon + HOUR) == 10
    late = waiting.when(confirm, at=noon + HOUR).refused("reservation_lapsed")
    assert str(shop.order) in late.message
    shop.opened(history).when(confirm).refused("reservation_lapsed")


def test_a_release_frees_no_more_than_was_set_aside(history, shop):
    waiting = set_aside(history, shop, 4)
    free = ReleaseStock(sku="P-1", order_id=shop.order, quantity=3, reason="cut")
    freed = {"order_id": shop.order, "reason": "cut"}
    some = waiting.when(free).then(InventoryReleased(**shop.where(), quantity=3, **freed))
    rest = some.when(free).then(InventoryReleased(**shop.where(), quantity=1, **freed))
    assert rest.state.reservations == {}
    rest.when(free).then()


def test_pieces_set_aside_leave_at_their_average_cost(history, shop):
    pump = {"of": shop.stock("P-1")}
    held = set_aside(history, shop, 4).given(shop.received(quantity=10, unit_cost="3.00"), **pump)
    others = held.given(shop.reserved(2, shop.other_order), **pump)

    outcome = others.when(ship(shop, 3))

    left = InventoryShipped(
        **shop.where(), order_id=shop.order, shipment_id=shop.shipment, quantity=3, unit_cost=Decimal("3.00")
    )
    outcome.then(left)
    assert (outcome.state.on_hand, outcome.state.reserved_for(shop.order)) == (17, 1)
    assert outcome.state.reserved_for(shop.other_order) == 2


def test_only_what_is_set_aside_and_there_leaves(history, shop):
    assert "4 are set aside" in set_aside(history, shop, 4).when(ship(shop, 5)).refused("not_reserved").message
    assert "10 are on hand" in set_aside(history, shop, 12).when(ship(shop, 11)).refused("insufficient_stock").message


# transfers


def test_pieces_moved_arrive_at_the_other_location_in_the_same_breath(history, shop):
    priced = shop.opened(history).given(shop.received(quantity=10, unit_cost="3.00"), of=shop.stock("P-1"))

    outcome = priced.when(move(4))

    facts = {"transfer_id": MOVE, "quantity": 4, "unit_cost": Decimal("3.00")}
    outcome.then(InventoryTransferredOut(**shop.where(), to_location="shop", **facts))
    accept = AcceptTransfer(sku="P-1", location="shop", from_location="main", **facts)
    outcome.causes(accept)
    there = outcome.when(accept).then(
        InventoryTransferredIn(**shop.where(location="shop"), from_location="main", **facts)
    )
    assert (outcome.state.on_hand, there.state.on_hand, there.state.unit_cost) == (16, 4, Decimal("3.00"))


def test_what_is_promised_stays(history, shop):
    waiting = set_aside(history, shop, 4)
    assert "6 are available" in waiting.when(move(7)).refused("insufficient_stock").message
    assert waiting.when(move(6)).events


def test_a_transfer_goes_somewhere_else(history, shop):
    shop.opened(history).when(move(1, to="main")).refused("same_location")


def test_a_stock_is_known_by_its_product_and_place(history, shop):
    stock = shop.opened(history).state(STOCK, shop.stock("P-1"))

    assert (stock.product_id, stock.sku, stock.location) == (product_id("P-1"), "P-1", "main")

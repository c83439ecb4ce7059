"""The rules of stock; those of shipments and returns are in shipments.py and returns.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict, assert_never
from uuid import UUID

from api.category.state import PRODUCT
from api.command import Command, Peek, Reads
from api.decider import Decider
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
    stock_id,
)
from api.fulfillment.returns import decide_return, reads_of_return
from api.fulfillment.shipments import decide_shipment, reads_of_shipment
from api.fulfillment.state import RETURN, SHIPMENT, STOCK, Stock
from api.given import Given
from api.refusals import Refusal
from warehouse.events.event import Event
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

StockCommand = (
    ReceiveStock
    | AdjustStock
    | CountStock
    | ReserveStock
    | ConfirmReservation
    | ReleaseStock
    | ShipStock
    | QuarantineStock
    | TransferStock
    | AcceptTransfer
)


class _Where(TypedDict):
    product_id: UUID
    sku: str
    location: str


def decide_stock(stock: Stock, command: StockCommand, given: Given) -> Sequence[Event]:
    """What follows from a command on one product's stock at one location."""
    if isinstance(command, ReceiveStock | AdjustStock | CountStock | QuarantineStock):
        _refuse_unknown(command.sku, command.product_id, given)
    where: _Where = {"product_id": command.product_id, "sku": command.sku, "location": command.location}
    match command:
        case ReceiveStock(quantity=quantity, unit_cost=cost, source=source, source_id=source_id):
            return [InventoryReceived(**where, quantity=quantity, unit_cost=cost, source=source, source_id=source_id)]
        case AdjustStock(quantity=quantity, reason=reason):
            _refuse_below_reserved(stock, command, stock.on_hand + quantity, given)
            return [InventoryAdjusted(**where, quantity=quantity, reason=reason)] if quantity else []
        case CountStock(counted_quantity=counted):
            _refuse_below_reserved(stock, command, counted, given)
            return [InventoryCounted(**where, counted_quantity=counted, difference=counted - stock.on_hand)]
        case ReserveStock(order_id=order_id, quantity=quantity, expires_at=expires_at):
            _refuse_oversell(stock, command, given)
            return [InventoryReserved(**where, order_id=order_id, quantity=quantity, expires_at=expires_at)]
        case ConfirmReservation():
            return _confirmed(stock, command, where, given)
        case ReleaseStock(order_id=order_id, quantity=quantity, reason=reason):
            free = min(quantity, stock.reserved_for(order_id))
            return [InventoryReleased(**where, order_id=order_id, quantity=free, reason=reason)] if free else []
        case ShipStock(order_id=order_id, shipment_id=shipment_id, quantity=quantity):
            _refuse_missing(stock, command)
            cost = stock.unit_cost
            left = InventoryShipped(
                **where, order_id=order_id, shipment_id=shipment_id, quantity=quantity, unit_cost=cost
            )
            return [left]
        case QuarantineStock(quantity=quantity, reason=reason, source_id=source_id):
            return [InventoryQuarantined(**where, quantity=quantity, reason=reason, source_id=source_id)]
        case TransferStock(to_location=to_location, transfer_id=transfer_id, quantity=quantity):
            _refuse_immovable(stock, command, given)
            cost = stock.unit_cost
            sent = InventoryTransferredOut(
                **where, to_location=to_location, transfer_id=transfer_id, quantity=quantity, unit_cost=cost
            )
            return [sent]
        case AcceptTransfer(from_location=from_location, transfer_id=transfer_id, quantity=quantity, unit_cost=cost):
            got = InventoryTransferredIn(
                **where, from_location=from_location, transfer_id=transfer_id, quantity=quantity, unit_cost=cost
            )
            return [got]
        case _:
            assert_never(command)


def reads_of_stock(command: Command, _peek: Peek) -> Reads:
    """What comes in or is counted must be in the catalog; a transfer moves the stock at the other location too."""
    match command:
        case TransferStock(sku=sku, to_location=location):
            return Reads(locked=(STOCK.ref(stock_id(sku, location)),))
        case ReceiveStock() | AdjustStock() | CountStock() | QuarantineStock():
            return Reads(shared=(PRODUCT.ref(command.product_id),))
        case _:
            return Reads()


def _refuse_unknown(sku: str, product_id: UUID, given: Given) -> None:
    if not given.state(PRODUCT, product_id).exists:
        raise Refusal("unknown_sku", f"There is no product {sku}; put it into the catalog first.")


def _refuse_below_reserved(stock: Stock, command: AdjustStock | CountStock, on_hand: int, given: Given) -> None:
    reserved = stock.reserved(given.at)
    where = f"{command.sku} at {command.location}"
    if on_hand < 0:
        message = f"{where}: {stock.on_hand} on hand, it cannot go to {on_hand}; count the shelf."
        raise Refusal("stock_negative", message)
    if on_hand < reserved and on_hand < stock.on_hand:
        message = (
            f"{where}: {reserved} of {stock.on_hand} are set aside for orders; release {reserved - on_hand} first."
        )
        raise Refusal("stock_reserved", message)


def _refuse_oversell(stock: Stock, command: ReserveStock, given: Given) -> None:
    available = max(0, stock.available(given.at))
    if command.quantity > available and not command.backorder:
        message = f"{command.sku}: {command.quantity} wanted, {available} available; take fewer or wait for more."
        raise Refusal("insufficient_stock", message)


def _confirmed(stock: Stock, command: ConfirmReservation, where: _Where, given: Given) -> Sequence[Event]:
    found = stock.reservations.get(command.order_id)
    if found is None or not found.is_live(given.at):
        message = f"{command.sku} is no longer set aside for order {command.order_id}; place the order again."
        raise Refusal("reservation_lapsed", message)
    firm = InventoryReservationConfirmed(**where, order_id=command.order_id)
    return [firm] if found.expires_at is not None else []


def _refuse_missing(stock: Stock, command: ShipStock) -> None:
    what, reserved = f"{command.sku} at {command.location}", stock.reserved_for(command.order_id)
    if command.quantity > reserved:
        message = f"{what}: {command.quantity} are to ship, {reserved} are set aside for order {command.order_id}."
        raise Refusal("not_reserved", message)
    if command.quantity > stock.on_hand:
        message = f"{what}: {command.quantity} are to ship, {stock.on_hand} are on hand; receive or count it first."
        raise Refusal("insufficient_stock", message)


def _refuse_immovable(stock: Stock, command: TransferStock, given: Given) -> None:
    if command.to_location == command.location:
        raise Refusal("same_location", f"{command.sku} is at {command.location} already; name another location.")
    available = max(0, stock.available(given.at))
    if command.quantity > available:
        message = f"{command.sku} at {command.location}: {command.quantity} are to move, {available} are available."
        raise Refusal("insufficient_stock", message)


DECIDERS = (
    Decider(STOCK, decide_stock, reads_of_stock),
    Decider(SHIPMENT, decide_shipment, reads_of_shipment),
    Decider(RETURN, decide_return, reads_of_return),
)

"""The rules of stock and shipments; those of returns are in returns.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never
from uuid import UUID

from api.category.state import PRODUCT
from api.command import Command, Peek, Reads
from api.customers.state import CUSTOMER
from api.decider import Decider
from api.fulfillment.commands import (
    AcceptTransfer,
    AdjustStock,
    CancelShipment,
    ConfirmReservation,
    CountStock,
    CreateShipment,
    DeliverShipment,
    PackShipment,
    PickShipment,
    QuarantineStock,
    ReceiveStock,
    ReleaseStock,
    ReserveStock,
    ShipShipment,
    ShipStock,
    TransferStock,
    stock_id,
)
from api.fulfillment.returns import decide_return, reads_of_return
from api.fulfillment.state import RETURN, SHIPMENT, STOCK, Shipment, Stock
from api.given import Given
from api.orders.policy import refuse_unready
from api.orders.state import ORDER, Order
from api.receivables.commands import account_id, series_id
from api.receivables.policy import INVOICES
from api.receivables.state import ACCOUNT, SERIES
from api.refusals import Refusal, not_found
from warehouse.events.event import Event, Ref
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
    ShipmentCancelled,
    ShipmentCreated,
    ShipmentDelivered,
    ShipmentLine,
    ShipmentPacked,
    ShipmentPicked,
    ShipmentShipped,
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
ShipmentCommand = CreateShipment | PickShipment | PackShipment | ShipShipment | DeliverShipment | CancelShipment


def decide_stock(stock: Stock, command: StockCommand, given: Given) -> Sequence[Event]:
    """What follows from a command on one product's stock at one location."""
    if isinstance(command, ReceiveStock | AdjustStock | CountStock | QuarantineStock):
        _refuse_unknown(command.sku, command.product_id, given)
    where = {"product_id": command.product_id, "sku": command.sku, "location": command.location}
    match command:
        case ReceiveStock(quantity=quantity, unit_cost=cost, source=source, source_id=source_id):
            return [InventoryReceived(**where, quantity=quantity, unit_cost=cost, source=source, source_id=source_id)]
        case AdjustStock():
            _refuse_below_reserved(stock, stock.on_hand + command.quantity, given)
            return (
                [InventoryAdjusted(**where, quantity=command.quantity, reason=command.reason)]
                if command.quantity
                else []
            )
        case CountStock(counted_quantity=counted):
            _refuse_below_reserved(stock, counted, given)
            return [InventoryCounted(**where, counted_quantity=counted, difference=counted - stock.on_hand)]
        case ReserveStock():
            _refuse_oversell(stock, command, given)
            return [
                InventoryReserved(
                    **where, order_id=command.order_id, quantity=command.quantity, expires_at=command.expires_at
                )
            ]
        case ConfirmReservation(order_id=order_id):
            _refuse_lapsed(stock, command, given)
            return [InventoryReservationConfirmed(**where, order_id=order_id)]
        case ReleaseStock(order_id=order_id, quantity=quantity, reason=reason):
            free = min(quantity, stock.reserved_for(order_id))
            return [InventoryReleased(**where, order_id=order_id, quantity=free, reason=reason)] if free else []
        case ShipStock(order_id=order_id, shipment_id=shipment_id, quantity=quantity):
            _refuse_missing(stock, command)
            return [
                InventoryShipped(
                    **where, order_id=order_id, shipment_id=shipment_id, quantity=quantity, unit_cost=stock.unit_cost
                )
            ]
        case QuarantineStock(quantity=quantity, reason=reason, source_id=source_id):
            return [InventoryQuarantined(**where, quantity=quantity, reason=reason, source_id=source_id)]
        case TransferStock():
            return [_transferred_out(stock, command, given)]
        case AcceptTransfer():
            return [
                InventoryTransferredIn(
                    **where,
                    from_location=command.from_location,
                    transfer_id=command.transfer_id,
                    quantity=command.quantity,
                    unit_cost=command.unit_cost,
                )
            ]
        case _:
            assert_never(command)


def reads_of_stock(command: Command, peek: Peek) -> Reads:
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
        raise Refusal("unknown_sku", f"There is no product {sku}.")


def _refuse_below_reserved(stock: Stock, on_hand: int, given: Given) -> None:
    reserved = stock.reserved(given.at)
    if on_hand < 0:
        raise Refusal("stock_negative", f"{stock.sku} has {stock.on_hand} on hand; it cannot go to {on_hand}.")
    if on_hand < reserved and on_hand < stock.on_hand:
        message = (
            f"{stock.sku}: {reserved} of {stock.on_hand} are set aside for orders; release {reserved - on_hand} first."
        )
        raise Refusal("stock_reserved", message)


def _refuse_oversell(stock: Stock, command: ReserveStock, given: Given) -> None:
    available = stock.available(given.at)
    if command.quantity > available and not command.backorder:
        message = f"{command.sku}: {command.quantity} wanted, {max(0, available)} available."
        raise Refusal("insufficient_stock", message)


def _refuse_lapsed(stock: Stock, command: ConfirmReservation, given: Given) -> None:
    found = stock.reservations.get(command.order_id)
    if found is None or not found.is_live(given.at):
        raise Refusal("reservation_lapsed", f"{command.sku} is no longer set aside for order {command.order_id}.")


def _refuse_missing(stock: Stock, command: ShipStock) -> None:
    if command.quantity > stock.reserved_for(command.order_id):
        message = f"{command.sku}: {stock.reserved_for(command.order_id)} set aside for the order, {command.quantity} to ship."
        raise Refusal("not_reserved", message)
    if command.quantity > stock.on_hand:
        raise Refusal("insufficient_stock", f"{command.sku}: {stock.on_hand} on hand, {command.quantity} to ship.")


def _transferred_out(stock: Stock, command: TransferStock, given: Given) -> InventoryTransferredOut:
    if command.to_location == command.location:
        raise Refusal("same_location", f"{command.sku} is at {command.location} already; name another location.")
    available = stock.available(given.at)
    if command.quantity > available:
        raise Refusal(
            "insufficient_stock", f"{command.sku}: {max(0, available)} available, {command.quantity} to move."
        )
    return InventoryTransferredOut(
        product_id=command.product_id,
        sku=command.sku,
        location=command.location,
        to_location=command.to_location,
        transfer_id=command.transfer_id,
        quantity=command.quantity,
        unit_cost=stock.unit_cost,
    )


def decide_shipment(shipment: Shipment, command: ShipmentCommand, given: Given) -> Sequence[Event]:
    """What follows from a command on a shipment."""
    if isinstance(command, CreateShipment):
        return [_created(command, given)]
    if shipment.order_id is None:
        raise not_found("shipment", given.ref.id)
    order = given.state(ORDER, shipment.order_id)
    match command:
        case PickShipment():
            _refuse_unless(shipment, "created")
            refuse_unready(order)
            return [ShipmentPicked()]
        case PackShipment(packages=packages):
            _refuse_unless(shipment, "picked")
            refuse_unready(order)
            return [ShipmentPacked(packages=packages)]
        case ShipShipment():
            return [_shipped(shipment, order, command, given)]
        case DeliverShipment():
            _refuse_unless(shipment, "shipped")
            return [ShipmentDelivered(order_id=shipment.order_id, lines=shipment.lines)]
        case CancelShipment(reason=reason):
            _refuse_unless(shipment, "created", "picked")
            return [ShipmentCancelled(reason=reason)]
        case _:
            assert_never(command)


def reads_of_shipment(command: ShipmentCommand, peek: Peek) -> Reads:
    """A shipment's order; when it leaves, also its stocks, the buyer's account and the number of its invoice."""
    if isinstance(command, CreateShipment):
        order: Order = peek(ORDER, command.order_id)
        return Reads(locked=(ORDER.ref(command.order_id), *stock_refs(order.demand(), order.location)))
    shipment: Shipment = peek(SHIPMENT, command.shipment_id)
    if shipment.order_id is None or shipment.customer_id is None:
        return Reads()
    order_ref = ORDER.ref(shipment.order_id)
    if not isinstance(command, ShipShipment):
        return Reads(locked=(order_ref,))
    return Reads(
        shared=(CUSTOMER.ref(shipment.customer_id),),
        locked=(
            order_ref,
            ACCOUNT.ref(account_id(shipment.customer_id)),
            SERIES.ref(series_id(INVOICES)),
            *stock_refs((line.sku for line in shipment.lines), shipment.location),
        ),
    )


def _created(command: CreateShipment, given: Given) -> ShipmentCreated:
    if given.exists:
        raise Refusal("shipment_exists", f"Shipment {given.ref.id} was created before.")
    order = given.state(ORDER, command.order_id)
    if order.id is None or order.customer_id is None:
        raise not_found("order", command.order_id)
    refuse_unready(order)
    lines = tuple(_everything_ready(order, given) if command.lines is None else _chosen(order, command))
    has_only_charges = not any(line.kind == "product" for line in order.lines) and not order.shipments
    if not lines and not has_only_charges:
        raise Refusal("nothing_to_ship", f"Order {order.number} has nothing open that is in stock.")
    return ShipmentCreated(
        order_id=command.order_id, customer_id=order.customer_id, location=order.location, lines=lines
    )


def _everything_ready(order: Order, given: Given) -> Iterator[ShipmentLine]:
    """Open lines, in order, as far as the stock set aside for the order is really there."""
    left: dict[str, int] = {}
    for line in order.lines:
        if line.kind != "product" or line.open <= 0 or line.product_id is None or order.id is None:
            continue
        stock = given.state(STOCK, stock_id(line.sku, order.location))
        ready = left.get(line.sku, min(stock.on_hand, stock.reserved_for(order.id)))
        quantity = min(ready, line.open)
        left[line.sku] = ready - quantity
        if quantity:
            yield ShipmentLine(line_no=line.line_no, product_id=line.product_id, sku=line.sku, quantity=quantity)


def _chosen(order: Order, command: CreateShipment) -> Iterator[ShipmentLine]:
    for one in command.lines or ():
        line = order.line(one.line_no)
        if line is None or line.product_id is None:
            raise Refusal("unknown_line", f"Order {order.number} has no product on line {one.line_no}.")
        if not 0 < one.quantity <= line.open:
            raise Refusal("more_than_open", f"Line {one.line_no} of order {order.number} has {line.open} open.")
        yield ShipmentLine(line_no=line.line_no, product_id=line.product_id, sku=line.sku, quantity=one.quantity)


def _shipped(shipment: Shipment, order: Order, command: ShipShipment, given: Given) -> ShipmentShipped:
    _refuse_unless(shipment, "packed")
    refuse_unready(order)
    assert shipment.order_id is not None and shipment.customer_id is not None
    account = given.state(ACCOUNT, account_id(shipment.customer_id))
    limit = given.state(CUSTOMER, shipment.customer_id).credit_limit
    if order.is_on_credit and not order.is_released:
        if account.is_held:
            raise Refusal("account_held", "The buyer's account is on hold; release it or the order first.")
        if limit is not None and account.exposure > limit:
            message = (
                f"The buyer owes {account.exposure}, over the limit of {limit}; hold the order and have it released."
            )
            raise Refusal("credit_exceeded", message)
    return ShipmentShipped(
        order_id=shipment.order_id,
        customer_id=shipment.customer_id,
        location=shipment.location,
        lines=shipment.lines,
        carrier=command.carrier,
        tracking_number=command.tracking_number,
    )


def _refuse_unless(shipment: Shipment, *statuses: str) -> None:
    if shipment.status not in statuses:
        message = f"The shipment is {shipment.status}; this needs it to be {' or '.join(statuses)}."
        raise Refusal("shipment_not_ready", message)


def stock_refs(skus: Iterable[str], location: str) -> Iterator[Ref]:
    return (STOCK.ref(stock_id(sku, location)) for sku in skus)


DECIDERS = (
    Decider(STOCK, decide_stock, reads_of_stock),
    Decider(SHIPMENT, decide_shipment, reads_of_shipment),
    Decider(RETURN, decide_return, reads_of_return),
)

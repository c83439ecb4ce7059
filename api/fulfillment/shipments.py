"""The rules of shipments: what may be planned of an order, and what may leave. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from api.command import Peek, Reads
from api.customers.state import CUSTOMER
from api.fulfillment.commands import (
    CancelShipment,
    CreateShipment,
    DeliverShipment,
    PackShipment,
    PickShipment,
    ShipShipment,
    stock_id,
)
from api.fulfillment.state import SHIPMENT, STOCK, Shipment, Stock
from api.given import Given
from api.orders.policy import refuse_twice, refuse_unready
from api.orders.state import ORDER, Order
from api.receivables.commands import account_id, series_id
from api.receivables.policy import INVOICES
from api.receivables.state import ACCOUNT, SERIES
from api.refusals import Refusal, not_found
from warehouse.events.event import Event, Ref
from warehouse.events.fulfillment import (
    ShipmentCancelled,
    ShipmentCreated,
    ShipmentDelivered,
    ShipmentLine,
    ShipmentPacked,
    ShipmentPicked,
    ShipmentShipped,
)
from warehouse.events.orders import LineQuantity
from warehouse.money import ZERO

ShipmentCommand = CreateShipment | PickShipment | PackShipment | ShipShipment | DeliverShipment | CancelShipment


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
        return Reads(locked=(ORDER.ref(command.order_id), *_stock_refs(order.demand(), order.location)))
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
            *_stock_refs((line.sku for line in shipment.lines), shipment.location),
        ),
    )


def _created(command: CreateShipment, given: Given) -> ShipmentCreated:
    order = given.state(ORDER, command.order_id)
    if given.exists:
        raise Refusal("shipment_exists", f"Shipment {given.ref.id} was created before; take a new id.")
    if order.id is None or order.customer_id is None:
        raise not_found("order", command.order_id)
    refuse_unready(order)
    lines = tuple(_everything_ready(order, given) if command.lines is None else _chosen(order, command.lines))
    has_goods = any(line.kind == "product" for line in order.lines)
    if not lines and (has_goods or order.shipments or order.planned):
        raise Refusal("nothing_to_ship", f"Order {order.number} has nothing to ship that is open and in stock.")
    _refuse_below_discounts(order, lines)
    return ShipmentCreated(
        order_id=command.order_id, customer_id=order.customer_id, location=order.location, lines=lines
    )


def _everything_ready(order: Order, given: Given) -> Iterator[ShipmentLine]:
    """Open lines, in order, as far as the stock set aside for the order is really there."""
    plannable, planned = order.plannable(), order.planned_demand()
    ready: dict[str, int] = {}
    for line in order.lines:
        if line.product_id is None or order.id is None:
            continue
        if line.sku not in ready:
            stock = given.state(STOCK, stock_id(line.sku, order.location)) if line.open else Stock()
            ready[line.sku] = stock.ready_for(order.id) - planned.get(line.sku, 0)
        quantity = max(0, min(ready[line.sku], plannable[line.line_no]))
        ready[line.sku] -= quantity
        if quantity:
            yield ShipmentLine(line_no=line.line_no, product_id=line.product_id, sku=line.sku, quantity=quantity)


def _chosen(order: Order, chosen: tuple[LineQuantity, ...]) -> Iterator[ShipmentLine]:
    refuse_twice(one.line_no for one in chosen)
    plannable = order.plannable()
    for one in chosen:
        line = order.line(one.line_no)
        if line is None or line.product_id is None:
            raise Refusal("unknown_line", f"Order {order.number} has no product on line {one.line_no}; see its lines.")
        if not 0 < one.quantity <= plannable[one.line_no]:
            message = (
                f"Line {one.line_no} of order {order.number}: {plannable[one.line_no]} can ship, not {one.quantity}."
            )
            raise Refusal("more_than_open", message)
        yield ShipmentLine(line_no=line.line_no, product_id=line.product_id, sku=line.sku, quantity=one.quantity)


def _refuse_below_discounts(order: Order, lines: tuple[ShipmentLine, ...]) -> None:
    """The first shipment takes the order's charges and discounts along; its invoice must not be negative."""
    if order.shipments or not any(line.kind == "discount" for line in order.lines):
        return
    pieces = {one.line_no: one.quantity for one in lines}
    goods = (line.amounts(pieces[line.line_no], 0)[2] for line in order.lines if line.line_no in pieces)
    others = (line.gross for line in order.lines if line.kind != "product" and line.open)
    total = sum(goods, ZERO) + sum(others, ZERO)
    if total < 0:
        message = f"With the discounts of order {order.number} this first shipment comes to {total}; ship more at once."
        raise Refusal("invoice_negative", message)


def _shipped(shipment: Shipment, order: Order, command: ShipShipment, given: Given) -> ShipmentShipped:
    _refuse_unless(shipment, "packed")
    refuse_unready(order)
    assert shipment.order_id is not None and shipment.customer_id is not None
    account = given.state(ACCOUNT, account_id(shipment.customer_id))
    limit = given.state(CUSTOMER, shipment.customer_id).credit_limit
    if order.is_on_credit and not order.is_credit_covered:
        if account.is_held:
            held = f"The account of the buyer of order {order.number} is on hold"
            raise Refusal("account_held", f"{held}; release it, or hold the order and have it released.")
        if limit is not None and account.exposure > limit:
            owes = f"The buyer of order {order.number} owes {account.exposure}, over the limit of {limit}"
            message = f"{owes}; hold the order and have it released."
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
        message = f"Shipment {shipment.id} is {shipment.status}; this needs it to be {' or '.join(statuses)}."
        raise Refusal("shipment_not_ready", message)


def _stock_refs(skus: Iterable[str], location: str) -> Iterator[Ref]:
    return (STOCK.ref(stock_id(sku, location)) for sku in skus)

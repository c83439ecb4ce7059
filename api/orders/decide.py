"""The rules of an order's life. Placing, the long one, is in placing.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from api.command import Command, Peek, Reads
from api.customers.state import CUSTOMER
from api.decider import Decider
from api.fulfillment.commands import stock_id
from api.fulfillment.state import SHIPMENT, STOCK
from api.given import Given
from api.orders.commands import (
    CancelOrder,
    ExpireOrder,
    HoldOrder,
    PlaceOrder,
    RecordCredit,
    RecordDelivery,
    RecordPayment,
    RecordPicking,
    RecordReturn,
    RecordReturnRequest,
    RecordShipment,
    RecordShipmentCancellation,
    RecordShipmentPlan,
    ReleaseOrder,
    ShortCloseLine,
)
from api.orders.lines import Line, moved
from api.orders.placing import credit_hold, decide_placing, reads_of_placing
from api.orders.policy import refuse_unready
from api.orders.state import ORDER, Order
from api.receivables.commands import account_id
from api.receivables.state import ACCOUNT
from api.refusals import Refusal, not_found
from warehouse.events.event import Event
from warehouse.events.orders import (
    LineQuantity,
    OrderCancelled,
    OrderConfirmed,
    OrderCredited,
    OrderExpired,
    OrderFulfilled,
    OrderHeld,
    OrderLineDelivered,
    OrderLineReturned,
    OrderLineShipped,
    OrderLineShortClosed,
    OrderPaymentApplied,
    OrderPickingStarted,
    OrderReleased,
    OrderReturnClosed,
    OrderReturnRequested,
    OrderShipmentCancelled,
    OrderShipmentPlanned,
)
from warehouse.money import ZERO

OrderCommand = (
    PlaceOrder
    | HoldOrder
    | ReleaseOrder
    | CancelOrder
    | ExpireOrder
    | ShortCloseLine
    | RecordShipmentPlan
    | RecordShipmentCancellation
    | RecordPicking
    | RecordShipment
    | RecordDelivery
    | RecordReturnRequest
    | RecordReturn
    | RecordCredit
    | RecordPayment
)


def decide_order(order: Order, command: OrderCommand, given: Given) -> Sequence[Event]:
    """What follows from a command on an order."""
    if isinstance(command, PlaceOrder):
        return decide_placing(command, given)
    _refuse_stranger(order, given)
    match command:
        case HoldOrder():
            return _hold(order, command, given)
        case ReleaseOrder():
            return _release(order, command, given)
        case CancelOrder():
            return _cancel(order, command, given)
        case ExpireOrder():
            return _expire(order, given)
        case ShortCloseLine():
            return _short_close(order, command, given)
        case RecordShipmentPlan(shipment_id=id, lines=lines):
            return [OrderShipmentPlanned(shipment_id=id, lines=lines)]
        case RecordShipmentCancellation(shipment_id=id):
            return [OrderShipmentCancelled(shipment_id=id)]
        case RecordPicking(shipment_id=id):
            return [OrderPickingStarted(shipment_id=id)]
        case RecordShipment():
            return _ship(order, command)
        case RecordDelivery():
            return _deliver(order, command)
        case RecordReturnRequest(return_id=id, lines=lines):
            return [OrderReturnRequested(return_id=id, lines=lines)]
        case RecordReturn():
            return _return(order, command)
        case RecordCredit(credit_note_id=id, amount=amount):
            return [OrderCredited(credit_note_id=id, amount=amount)]
        case RecordPayment():
            return _pay(order, command, given)
        case _:
            assert_never(command)


def reads_of_order(command: Command, peek: Peek) -> Reads:
    """Placing declares the most; what moves stock, credit or shipments declares those of the order."""
    match command:
        case PlaceOrder():
            return reads_of_placing(command)
        case ReleaseOrder() | CancelOrder() | ExpireOrder() | ShortCloseLine() | RecordPayment():
            order: Order = peek(ORDER, command.order_id)
            if order.customer_id is None:
                return Reads()
            stocks = (STOCK.ref(stock_id(sku, order.location)) for sku in order.demand())
            shipments = (SHIPMENT.ref(planned.shipment_id) for planned in order.planned)
            account = ACCOUNT.ref(account_id(order.customer_id))
            return Reads(shared=(CUSTOMER.ref(order.customer_id),), locked=(account, *stocks, *shipments))
        case _:
            return Reads()


def _refuse_stranger(order: Order, given: Given) -> None:
    """An order that does not exist, or not for this buyer."""
    if order.id is None or (given.by.is_buyer() and given.by.id != order.customer_id):
        raise not_found("order", given.ref.id)


def _hold(order: Order, command: HoldOrder, given: Given) -> Sequence[Event]:
    if order.lifecycle == "held":
        return []
    is_open = any(line.open for line in order.lines)
    if order.lifecycle not in ("placed", "confirmed") or order.has_lapsed(given.at) or not is_open:
        message = f"Order {order.number} is {order.status} and nothing of it waits; only what is open can be held."
        raise Refusal("order_not_holdable", message)
    return [OrderHeld(cause="manual", reason=command.reason)]


def _release(order: Order, command: ReleaseOrder, given: Given) -> Sequence[Event]:
    if order.lifecycle != "held":
        raise Refusal("order_not_held", f"Order {order.number} is {order.lifecycle}; only a held order is released.")
    _refuse_lapsed(order, given)
    if not order.is_on_credit:
        released = OrderReleased(reason=command.reason)
        return [released, OrderConfirmed()] if order.net_paid >= order.due else [released]
    assert order.customer_id is not None
    is_committed = order.id in given.state(ACCOUNT, account_id(order.customer_id)).commitments
    more = ZERO if is_committed else order.uninvoiced
    hold = credit_hold(given.state(CUSTOMER, order.customer_id), more, given)
    if hold and not given.by.works_in("receivables"):
        message = f"{hold.reason} Releasing order {order.number} needs the right in receivables."
        raise Refusal("credit_exceeded", message, kind="forbidden")
    is_covered = given.by.works_in("receivables")
    return [OrderReleased(reason=command.reason, is_credit_covered=is_covered), OrderConfirmed()]


def _cancel(order: Order, command: CancelOrder, given: Given) -> Sequence[Event]:
    if order.lifecycle in ("cancelled", "expired"):
        return []
    if order.shipments:
        raise Refusal("order_shipped", f"Order {order.number} has shipped; ask for a return instead.")
    if order.is_picking and given.by.is_buyer():
        raise Refusal("order_in_picking", f"Order {order.number} is being picked; please call us to stop it.")
    for planned in order.planned:
        if given.state(SHIPMENT, planned.shipment_id).status == "packed":
            message = f"Order {order.number} stands packed in shipment {planned.shipment_id}; take it back as a return."
            raise Refusal("order_packed", message)
    return [OrderCancelled(reason=command.reason)]


def _expire(order: Order, given: Given) -> Sequence[Event]:
    if order.lifecycle == "expired":
        return []
    if not order.has_lapsed(given.at):
        message = f"Order {order.number} is not waiting for its money any longer, or not yet long enough."
        raise Refusal("order_not_lapsed", message)
    return [OrderExpired()]


def _short_close(order: Order, command: ShortCloseLine, given: Given) -> Sequence[Event]:
    _refuse_lapsed(order, given)
    line = _line(order, command.line_no)
    rest = order.plannable().get(line.line_no, line.open)
    if order.lifecycle not in ("placed", "held", "confirmed") or line.kind == "discount" or rest <= 0:
        message = f"Line {line.line_no} of order {order.number} has nothing open that no shipment under way is to take."
        raise Refusal("line_not_open", message)
    closed = OrderLineShortClosed(line_no=line.line_no, quantity=rest, reason=command.reason)
    short = (LineQuantity(line_no=line.line_no, quantity=rest),)
    return [closed, *_ending(replace(order, lines=moved(order.lines, short, "short_closed")), command.reason)]


def _ending(order: Order, reason: str) -> Sequence[Event]:
    """What an order comes to when less of it is to come: an end, or goods that are paid for now."""
    if not order.shipments and not any(line.open for line in order.goods):
        return [OrderCancelled(reason=reason)]
    if order.shipments and all(line.delivered >= line.expected for line in order.goods):
        return [OrderFulfilled()]
    return [OrderConfirmed()] if _is_paid_for(order) else []


def _is_paid_for(order: Order) -> bool:
    """Whether an order that waited for its money has it."""
    return order.lifecycle == "placed" and not order.is_on_credit and order.net_paid >= order.due


def _ship(order: Order, command: RecordShipment) -> Sequence[Event]:
    refuse_unready(order)
    for one in command.lines:
        open_pieces = _line(order, one.line_no).open
        if one.quantity > open_pieces:
            message = f"Line {one.line_no} of order {order.number}: {one.quantity} are to ship, {open_pieces} are open."
            raise Refusal("more_than_open", message)
    with_first = [line for line in order.lines if line.kind != "product" and line.open and not order.shipments]
    charges = [LineQuantity(line_no=line.line_no, quantity=line.open) for line in with_first]
    lines = sorted((*command.lines, *charges), key=lambda one: one.line_no)
    return [OrderLineShipped(shipment_id=command.shipment_id, lines=tuple(lines))]


def _deliver(order: Order, command: RecordDelivery) -> Sequence[Event]:
    for one in command.lines:
        line = _line(order, one.line_no)
        if line.delivered + one.quantity > line.shipped:
            message = f"Line {one.line_no} of order {order.number}: {line.shipped} shipped, more would be delivered."
            raise Refusal("more_than_shipped", message)
    with_first = [line for line in order.lines if line.kind != "product" and line.shipped > line.delivered]
    charges = [LineQuantity(line_no=line.line_no, quantity=line.shipped) for line in with_first]
    lines = tuple(sorted((*command.lines, *charges), key=lambda one: one.line_no))
    delivered = OrderLineDelivered(shipment_id=command.shipment_id, lines=lines)
    after = replace(order, lines=moved(order.lines, lines, "delivered"))
    is_done = all(line.delivered >= line.expected for line in after.goods)
    return [delivered, OrderFulfilled()] if is_done else [delivered]


def _return(order: Order, command: RecordReturn) -> Sequence[Event]:
    for one in command.lines:
        line = _line(order, one.line_no)
        if line.returned + one.quantity > line.delivered:
            back = f"{line.delivered} delivered, {line.returned} back already, {one.quantity} more would be too many."
            raise Refusal("more_than_delivered", f"Line {one.line_no} of order {order.number}: {back}")
    if not command.lines:
        return [OrderReturnClosed(return_id=command.return_id)]
    return [OrderLineReturned(return_id=command.return_id, lines=command.lines)]


def _pay(order: Order, command: RecordPayment, given: Given) -> Sequence[Event]:
    applied = OrderPaymentApplied(payment_id=command.payment_id, amount=command.amount, is_refund=command.is_refund)
    after = replace(order, paid=order.paid + command.amount)
    is_in_time = command.amount > 0 and not order.has_lapsed(given.at)
    return [applied, OrderConfirmed()] if is_in_time and _is_paid_for(after) else [applied]


def _refuse_lapsed(order: Order, given: Given) -> None:
    if order.has_lapsed(given.at):
        message = f"Order {order.number} was not paid in time and its pieces are free; place it again."
        raise Refusal("order_expired", message)


def _line(order: Order, line_no: int) -> Line:
    line = order.line(line_no)
    if line is None:
        raise Refusal("unknown_line", f"Order {order.number} has no line {line_no}.")
    return line


DECIDERS = (Decider(ORDER, decide_order, reads_of_order),)

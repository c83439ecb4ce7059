"""The rules of an order's life. Placing, the long one, is in placing.py."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import assert_never

from api.command import Command, Peek, Reads
from api.customers.state import CUSTOMER
from api.decider import Decider
from api.fulfillment.commands import stock_id
from api.fulfillment.state import STOCK
from api.given import Given
from api.orders.commands import (
    CancelOrder,
    ExpireOrder,
    HoldOrder,
    PlaceOrder,
    RecordDelivery,
    RecordPayment,
    RecordPicking,
    RecordReturn,
    RecordShipment,
    ReleaseOrder,
    ShortCloseLine,
)
from api.orders.placing import credit_hold, decide_placing, reads_of_placing
from api.orders.policy import refuse_unready
from api.orders.state import ORDER, Line, Order
from api.receivables.commands import account_id
from api.receivables.state import ACCOUNT
from api.refusals import Refusal, not_found
from warehouse.events.event import Event
from warehouse.events.orders import (
    LineQuantity,
    OrderCancelled,
    OrderConfirmed,
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
)

OrderCommand = (
    PlaceOrder
    | HoldOrder
    | ReleaseOrder
    | CancelOrder
    | ExpireOrder
    | ShortCloseLine
    | RecordPicking
    | RecordShipment
    | RecordDelivery
    | RecordReturn
    | RecordPayment
)


def decide_order(order: Order, command: OrderCommand, given: Given) -> Sequence[Event]:
    """What follows from a command on an order."""
    if isinstance(command, PlaceOrder):
        return decide_placing(command, given)
    _refuse_stranger(order, given)
    match command:
        case HoldOrder():
            return _hold(order, command)
        case ReleaseOrder():
            return _release(order, command, given)
        case CancelOrder():
            return _cancel(order, command, given)
        case ExpireOrder():
            return _expire(order, given)
        case ShortCloseLine():
            return _short_close(order, command)
        case RecordPicking():
            return _pick(order, command)
        case RecordShipment():
            return _ship(order, command)
        case RecordDelivery():
            return _deliver(order, command)
        case RecordReturn():
            return _return(order, command)
        case RecordPayment():
            return _pay(order, command, given)
        case _:
            assert_never(command)


def reads_of_order(command: Command, peek: Peek) -> Reads:
    """Placing declares the most; what frees stock or credit declares the order's stocks and its buyer's account."""
    match command:
        case PlaceOrder():
            return reads_of_placing(command, peek)
        case ReleaseOrder() | CancelOrder() | ExpireOrder() | ShortCloseLine() | RecordPayment():
            order: Order = peek(ORDER, command.order_id)
            if order.customer_id is None:
                return Reads()
            stocks = (STOCK.ref(stock_id(sku, order.location)) for sku in order.demand())
            account = ACCOUNT.ref(account_id(order.customer_id))
            return Reads(shared=(CUSTOMER.ref(order.customer_id),), locked=(account, *stocks))
        case _:
            return Reads()


def _refuse_stranger(order: Order, given: Given) -> None:
    """An order that does not exist, or not for this buyer."""
    if order.id is None or (given.by.is_buyer() and given.by.id != order.customer_id):
        raise not_found("order", given.ref.id)


def _hold(order: Order, command: HoldOrder) -> Sequence[Event]:
    if order.lifecycle == "held":
        return []
    if order.lifecycle not in ("placed", "confirmed") or order.shipments or order.picking:
        raise Refusal(
            "order_not_holdable", f"Order {order.number} is {order.status}; only an unpicked order can be held."
        )
    return [OrderHeld(cause="manual", reason=command.reason)]


def _release(order: Order, command: ReleaseOrder, given: Given) -> Sequence[Event]:
    if order.lifecycle != "held":
        raise Refusal("order_not_held", f"Order {order.number} is not held.")
    released = OrderReleased(reason=command.reason)
    if not order.is_on_credit:
        return [released, OrderConfirmed()] if order.net_paid >= order.due else [released]
    assert order.customer_id is not None
    committed = order.id in given.state(ACCOUNT, account_id(order.customer_id)).commitments
    hold = credit_hold(given.state(CUSTOMER, order.customer_id), Decimal(0) if committed else order.due, given)
    if hold and not given.by.works_in("receivables"):
        raise Refusal(
            "credit_exceeded", f"{hold.reason} Releasing it needs the right in receivables.", kind="forbidden"
        )
    return [released, OrderConfirmed()]


def _cancel(order: Order, command: CancelOrder, given: Given) -> Sequence[Event]:
    if order.lifecycle in ("cancelled", "expired"):
        return []
    if order.shipments:
        raise Refusal("order_shipped", f"Order {order.number} has shipped; ask for a return instead.")
    if order.picking and given.by.is_buyer():
        raise Refusal("order_in_picking", f"Order {order.number} is being picked; please call us to stop it.")
    return [OrderCancelled(reason=command.reason)]


def _expire(order: Order, given: Given) -> Sequence[Event]:
    if order.lifecycle == "expired":
        return []
    if not order.has_lapsed(given.at):
        raise Refusal(
            "order_not_lapsed", f"Order {order.number} is not waiting for its money any longer, or not yet long enough."
        )
    return [OrderExpired()]


def _short_close(order: Order, command: ShortCloseLine) -> Sequence[Event]:
    line = _line(order, command.line_no)
    if order.lifecycle not in ("placed", "held", "confirmed") or line.open <= 0:
        raise Refusal("line_not_open", f"Line {command.line_no} of order {order.number} has nothing open.")
    closed = OrderLineShortClosed(line_no=line.line_no, quantity=line.open, reason=command.reason)
    rest = [other for other in order.lines if other is not line and other.kind == "product"]
    is_done = order.shipments and line.delivered == line.shipped and all(_is_delivered(other) for other in rest)
    return [closed, OrderFulfilled()] if is_done else [closed]


def _pick(order: Order, command: RecordPicking) -> Sequence[Event]:
    refuse_unready(order)
    return [OrderPickingStarted(shipment_id=command.shipment_id)]


def _ship(order: Order, command: RecordShipment) -> Sequence[Event]:
    refuse_unready(order)
    for one in command.lines:
        if one.quantity > _line(order, one.line_no).open:
            open_ = _line(order, one.line_no).open
            message = f"Line {one.line_no} of order {order.number} has {open_} open, {one.quantity} were to ship."
            raise Refusal("more_than_open", message)
    with_first = [] if order.shipments else [line for line in order.lines if line.kind != "product"]
    charges = [LineQuantity(line_no=line.line_no, quantity=line.open) for line in with_first]
    lines = sorted((*command.lines, *charges), key=lambda one: one.line_no)
    return [OrderLineShipped(shipment_id=command.shipment_id, lines=tuple(lines))]


def _deliver(order: Order, command: RecordDelivery) -> Sequence[Event]:
    delivered = {one.line_no: one.quantity for one in command.lines}
    for line_no, quantity in delivered.items():
        line = _line(order, line_no)
        if line.delivered + quantity > line.shipped:
            raise Refusal("more_than_shipped", f"Line {line_no} of order {order.number}: only {line.shipped} shipped.")
    event = OrderLineDelivered(shipment_id=command.shipment_id, lines=command.lines)
    goods = [line for line in order.lines if line.kind == "product"]
    is_done = all(_is_delivered(line, delivered.get(line.line_no, 0)) for line in goods)
    return [event, OrderFulfilled()] if is_done else [event]


def _is_delivered(line: Line, more: int = 0) -> bool:
    return line.delivered + more >= line.quantity - line.short_closed


def _return(order: Order, command: RecordReturn) -> Sequence[Event]:
    for one in command.lines:
        line = _line(order, one.line_no)
        if line.returned + one.quantity > line.delivered:
            message = (
                f"Line {one.line_no} of order {order.number}: {line.delivered} delivered, {line.returned} back already."
            )
            raise Refusal("more_than_delivered", message)
    return [OrderLineReturned(return_id=command.return_id, lines=command.lines)]


def _pay(order: Order, command: RecordPayment, given: Given) -> Sequence[Event]:
    if command.amount > 0 and order.has_lapsed(given.at):
        raise Refusal("order_expired", f"Order {order.number} has expired; please order again.")
    if command.amount > 0 and order.lifecycle == "cancelled":
        raise Refusal("order_cancelled", f"Order {order.number} was cancelled; keep the money on account.")
    applied = OrderPaymentApplied(payment_id=command.payment_id, amount=command.amount)
    waits = order.lifecycle == "placed" and not order.is_on_credit
    if waits and order.net_paid + command.amount >= order.due:
        return [applied, OrderConfirmed()]
    return [applied]


def _line(order: Order, line_no: int) -> Line:
    line = order.line(line_no)
    if line is None:
        raise Refusal("unknown_line", f"Order {order.number} has no line {line_no}.")
    return line


DECIDERS = (Decider(ORDER, decide_order, reads_of_order),)

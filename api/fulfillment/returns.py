"""The rules of returns: what may come back, and what inspection makes of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from api.category.state import PRODUCT
from api.command import Peek, Reads
from api.customers.state import CUSTOMER
from api.fulfillment.commands import ApproveReturn, CloseReturn, InspectReturn, ReceiveReturn, RequestReturn, stock_id
from api.fulfillment.state import RETURN, STOCK, Return
from api.given import Given
from api.orders.policy import refuse_twice
from api.orders.state import ORDER
from api.receivables.commands import account_id, series_id
from api.receivables.policy import CREDIT_NOTES
from api.receivables.state import ACCOUNT, SERIES
from api.refusals import Refusal, not_found
from warehouse.events.event import Event
from warehouse.events.fulfillment import (
    InspectedLine,
    ReturnApproved,
    ReturnClosed,
    ReturnInspected,
    ReturnLine,
    ReturnReceived,
    ReturnRequested,
)

ReturnCommand = RequestReturn | ApproveReturn | ReceiveReturn | InspectReturn | CloseReturn


def decide_return(back: Return, command: ReturnCommand, given: Given) -> Sequence[Event]:
    """What follows from a command on a return."""
    if isinstance(command, RequestReturn):
        return [_requested(command, given)]
    if back.order_id is None or (given.by.is_buyer() and given.by.id != back.customer_id):
        raise not_found("return", given.ref.id)
    match command:
        case ApproveReturn():
            _refuse_return_unless(back, "requested")
            return [ReturnApproved()]
        case ReceiveReturn():
            _refuse_return_unless(back, "approved")
            return [ReturnReceived()]
        case InspectReturn():
            return [_inspected(back, command)]
        case CloseReturn(reason=reason):
            _refuse_return_unless(back, "requested", "approved")
            return [ReturnClosed(reason=reason)]
        case _:
            assert_never(command)


def reads_of_return(command: ReturnCommand, peek: Peek) -> Reads:
    """The order it comes from; inspection also moves stock, the buyer's account and the credit notes' numbers.

    The products are looked at by what goes back on the shelf, and the buyer by the credit note.
    """
    if isinstance(command, RequestReturn):
        return Reads(locked=(ORDER.ref(command.order_id),))
    back: Return = peek(RETURN, command.return_id)
    if back.order_id is None or back.customer_id is None:
        return Reads()
    if isinstance(command, CloseReturn):
        return Reads(locked=(ORDER.ref(back.order_id),))
    if not isinstance(command, InspectReturn):
        return Reads()
    return Reads(
        shared=(CUSTOMER.ref(back.customer_id), *(PRODUCT.ref(line.product_id) for line in back.lines)),
        locked=(
            ORDER.ref(back.order_id),
            ACCOUNT.ref(account_id(back.customer_id)),
            SERIES.ref(series_id(CREDIT_NOTES)),
            *(STOCK.ref(stock_id(line.sku, back.location)) for line in back.lines),
        ),
    )


def _requested(command: RequestReturn, given: Given) -> ReturnRequested:
    order = given.state(ORDER, command.order_id)
    if given.exists:
        raise Refusal("return_exists", f"Return {given.ref.id} was requested before; take a new id.")
    if order.id is None or order.customer_id is None or (given.by.is_buyer() and given.by.id != order.customer_id):
        raise not_found("order", command.order_id)
    refuse_twice(one.line_no for one in command.lines)
    returnable = order.returnable()
    lines = []
    for one in command.lines:
        line = order.line(one.line_no)
        if line is None or line.product_id is None:
            raise Refusal("unknown_line", f"Order {order.number} has no product on line {one.line_no}; see its lines.")
        if one.quantity > returnable[one.line_no]:
            back = f"{returnable[one.line_no]} can come back, not {one.quantity}."
            raise Refusal("more_than_delivered", f"Line {one.line_no} of order {order.number}: {back}")
        lines.append(
            ReturnLine(
                line_no=line.line_no,
                product_id=line.product_id,
                sku=line.sku,
                quantity=one.quantity,
                reason=one.reason,
            )
        )
    return ReturnRequested(
        order_id=command.order_id, customer_id=order.customer_id, location=order.location, lines=tuple(lines)
    )


def _inspected(back: Return, command: InspectReturn) -> ReturnInspected:
    _refuse_return_unless(back, "received")
    refuse_twice(finding.line_no for finding in command.findings)
    findings = {finding.line_no: finding for finding in command.findings}
    if set(findings) != {line.line_no for line in back.lines}:
        wanted = ", ".join(str(line.line_no) for line in back.lines)
        raise Refusal("findings_incomplete", f"Return {back.id} needs a finding for each of its lines {wanted} alone.")
    assert back.order_id is not None and back.customer_id is not None
    return ReturnInspected(
        order_id=back.order_id,
        customer_id=back.customer_id,
        location=back.location,
        lines=tuple(
            InspectedLine(
                line_no=line.line_no,
                product_id=line.product_id,
                sku=line.sku,
                quantity=line.quantity,
                outcome=findings[line.line_no].outcome,
                is_saleable=findings[line.line_no].is_saleable,
            )
            for line in back.lines
        ),
    )


def _refuse_return_unless(back: Return, *statuses: str) -> None:
    if back.status not in statuses:
        message = f"Return {back.id} is {back.status}; this needs it to be {' or '.join(statuses)}."
        raise Refusal("return_not_ready", message)

"""Drawing up invoices and credit notes from an order's frozen lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from api.given import Given
from api.orders.state import ORDER, Line, Order
from api.receivables.commands import GenerateInvoice, IssueCreditNote, series_id
from api.receivables.policy import CREDIT_NOTES, INVOICES, allocations, document_number, due_on
from api.receivables.state import SERIES, Account
from api.refusals import Refusal, not_found
from warehouse.events.event import Event
from warehouse.events.receivables import (
    CreditNoteAllocated,
    CreditNoteIssued,
    CreditNoteRefunded,
    CreditReleased,
    InvoiceGenerated,
    InvoiceLine,
    PaymentAllocated,
)
from warehouse.ids import derived
from warehouse.money import ZERO


def decide_invoice(account: Account, command: GenerateInvoice, given: Given) -> Sequence[Event]:
    """The invoice of what one shipment took along; credit it had committed is free, money paid for the order settles it."""
    order = given.state(ORDER, command.order_id)
    shipped = {one.line_no: one.quantity for one in command.lines}
    lines = tuple(
        _document_line(line, line.shipped, line.shipped - shipped[line.line_no])
        for line in order.lines
        if line.line_no in shipped
    )
    total = sum((line.gross for line in lines), ZERO)
    invoice = InvoiceGenerated(
        invoice_id=command.invoice_id,
        number=document_number(INVOICES, given.state(SERIES, series_id(INVOICES)).count + 1),
        customer_id=command.customer_id,
        order_id=command.order_id,
        order_number=order.number,
        shipment_id=command.shipment_id,
        currency=order.currency,
        lines=lines,
        net=sum((line.net for line in lines), ZERO),
        tax=sum((line.tax for line in lines), ZERO),
        total=total,
        terms=order.terms,
        issued_on=given.today,
        due_on=due_on(given.today, order.terms),
    )
    return [*_released(account, order, command, invoice), invoice, *_prepaid(account, command, invoice)]


def _document_line(line: Line, after: int, before: int) -> InvoiceLine:
    net, tax, gross = line.amounts(after, before)
    return InvoiceLine(
        line_no=line.line_no,
        kind=line.kind,
        sku=line.sku,
        description=line.description,
        quantity=after - before,
        unit_price=line.unit_price,
        tax_rate=line.tax_rate,
        net=net,
        tax=tax,
        gross=gross,
    )


def _released(account: Account, order: Order, command: GenerateInvoice, invoice: InvoiceGenerated) -> Iterator[Event]:
    """The credit this invoice takes over from its order; the last invoice frees whatever rounding left."""
    committed = account.commitments.get(command.order_id, ZERO)
    is_last = all(line.open <= 0 for line in order.lines)
    amount = committed if is_last else min(committed, invoice.total)
    if amount > 0:
        yield CreditReleased(order_id=command.order_id, amount=amount, cause="invoiced")


def _prepaid(account: Account, command: GenerateInvoice, invoice: InvoiceGenerated) -> Iterator[Event]:
    """Money that came in for this order, put against its invoice."""
    open_amount = invoice.total
    for payment_id, rest in sorted(account.payments.items()):
        share = min(rest.left, open_amount)
        if rest.order_id == command.order_id and share > 0:
            open_amount -= share
            yield PaymentAllocated(
                payment_id=payment_id,
                invoice_id=command.invoice_id,
                order_id=command.order_id,
                amount=share,
                is_prepaid=True,
            )


def decide_credit_note(account: Account, command: IssueCreditNote, given: Given) -> Sequence[Event]:
    """The credit note; it settles open invoices (its order's, else the oldest due) and the rest is paid out if so asked."""
    order = given.state(ORDER, command.order_id) if command.order_id else None
    if order is not None and order.customer_id != command.customer_id:
        raise not_found("order", command.order_id)
    lines = (*_credited(order, command), *command.stand_alone_lines)
    total = sum((line.gross for line in lines), ZERO)
    if total <= 0:
        raise Refusal("credit_not_positive", f"A credit note must come to more than nothing, not {total}.")
    note = CreditNoteIssued(
        credit_note_id=command.credit_note_id,
        number=document_number(CREDIT_NOTES, given.state(SERIES, series_id(CREDIT_NOTES)).count + 1),
        customer_id=command.customer_id,
        invoice_id=derived(order.shipments[-1], "invoice") if order and order.shipments else None,
        order_id=command.order_id,
        return_id=command.return_id,
        currency=given.rules.currency,
        lines=lines,
        net=sum((line.net for line in lines), ZERO),
        tax=sum((line.tax for line in lines), ZERO),
        total=total,
        issued_on=given.today,
        reason=command.reason,
    )
    return [note, *_settled(account, command, note, given)]


def _credited(order: Order | None, command: IssueCreditNote) -> Iterator[InvoiceLine]:
    """Returned pieces at exactly the amounts they were invoiced at."""
    if command.lines and (order is None or command.return_id is None):
        raise Refusal("return_missing", "Lines of an order are credited through a return; other credit stands alone.")
    for one in command.lines:
        line = order.line(one.line_no) if order else None
        if line is None:
            raise Refusal("unknown_line", f"The order has no line {one.line_no}.")
        yield _document_line(line, line.returned + one.quantity, line.returned)


def _settled(account: Account, command: IssueCreditNote, note: CreditNoteIssued, given: Given) -> Iterator[Event]:
    """Against the order's own invoices first, then the oldest due; what remains stays on account or is paid out."""
    oldest = account.oldest_due_first()
    own_first = sorted(oldest, key=lambda invoice: command.order_id is None or invoice.order_id != command.order_id)
    left = note.total
    for invoice, share in allocations(note.total, own_first):
        left -= share
        yield CreditNoteAllocated(
            credit_note_id=note.credit_note_id, invoice_id=invoice.id, order_id=invoice.order_id, amount=share
        )
    if left > 0 and command.refund_by is not None:
        yield CreditNoteRefunded(
            credit_note_id=note.credit_note_id,
            order_id=command.order_id,
            amount=left,
            method=command.refund_by,
            paid_on=given.today,
        )

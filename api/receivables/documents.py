"""Drawing up invoices and credit notes from an order's frozen lines. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from uuid import UUID

from api.customers.state import CUSTOMER, Customer
from api.given import Given
from api.orders.lines import Line
from api.orders.policy import refuse_twice
from api.orders.state import ORDER, Order
from api.receivables.commands import GenerateInvoice, IssueCreditNote, series_id
from api.receivables.policy import CREDIT_NOTES, INVOICES, allocations, document_number, due_on
from api.receivables.state import SERIES, Account, Invoice
from api.refusals import Refusal, not_found
from warehouse.events.event import Event
from warehouse.events.receivables import (
    BillTo,
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
    """The invoice of what a shipment took along; money paid for its order settles it, committed credit becomes it."""
    order = given.state(ORDER, command.order_id)
    if order.customer_id != command.customer_id:
        raise not_found("order", command.order_id)
    if command.shipment_id not in order.shipments or account.known_invoice(command.invoice_id) is not None:
        message = (
            f"Shipment {command.shipment_id} of order {order.number} has not shipped or is invoiced; nothing is to do."
        )
        raise Refusal("not_invoiceable", message)
    shipped = {one.line_no: one.quantity for one in command.lines}
    lines = tuple(
        _document_line(line, line.shipped, line.shipped - shipped[line.line_no])
        for line in order.lines
        if line.line_no in shipped
    )
    total = sum((line.gross for line in lines), ZERO)
    if total < 0:
        message = f"The invoice of this shipment of order {order.number} would come to {total}; ship more at once."
        raise Refusal("invoice_negative", message)
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
        bill_to=_bill_to(order, given.state(CUSTOMER, command.customer_id)),
    )
    return [*_released(account, order, command, invoice), invoice, *_prepaid(account, command, invoice)]


def _bill_to(order: Order, customer: Customer) -> BillTo | None:
    """The customer as they are called today, at their first address, else where the goods go."""
    if customer.is_erased or not customer.name:
        return None
    address = customer.addresses[0].address if customer.addresses else order.shipping_address
    return BillTo(name=customer.company_name or customer.name, address=address)


def _document_line(line: Line, after: int, before: int) -> InvoiceLine:
    return _line_of(line, after - before, *line.amounts(after, before))


def _line_of(line: Line, quantity: int, net: Decimal, tax: Decimal, gross: Decimal) -> InvoiceLine:
    return InvoiceLine(
        line_no=line.line_no,
        kind=line.kind,
        sku=line.sku,
        description=line.description,
        quantity=quantity,
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
                from_order_id=command.order_id,
            )


def decide_credit_note(account: Account, command: IssueCreditNote, given: Given) -> Sequence[Event]:
    """The credit note; it settles open invoices (its order's, else the oldest due); the rest is paid out if asked."""
    refuse_unknown_customer(command.customer_id, given)
    order = given.state(ORDER, command.order_id) if command.order_id else None
    if order is not None and order.customer_id != command.customer_id:
        raise not_found("order", command.order_id)
    if command.credit_note_id in account.credit_notes:
        raise Refusal("credit_note_exists", f"Credit note {command.credit_note_id} was issued before; take a new id.")
    _refuse_unbalanced(command.stand_alone_lines)
    lines = (*_credited(order, command), *command.stand_alone_lines)
    total = sum((line.gross for line in lines), ZERO)
    if total <= 0 and command.return_id is not None:
        return []  # free goods came back
    if total <= 0:
        message = f"A credit note must come to more than nothing, not {total}; name lines to give credit for."
        raise Refusal("credit_not_positive", message)
    if order is not None and command.return_id is None:
        _refuse_over_invoiced(order, total)
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
    return [note, *_settled(account, order, command, note)]


def refuse_unknown_customer(customer_id: UUID, given: Given) -> None:
    """An account belongs to somebody we know."""
    if not given.state(CUSTOMER, customer_id).exists:
        raise not_found("customer", customer_id)


def _refuse_over_invoiced(order: Order, total: Decimal) -> None:
    """Credit without a return is an allowance on what was invoiced; all of them come to no more than that."""
    invoiced = order.due - order.uninvoiced
    if total > invoiced:
        message = f"{invoiced} of order {order.number} is invoiced and not credited yet; {total} is more."
        raise Refusal("more_than_invoiced", message)


def _refuse_unbalanced(lines: Iterable[InvoiceLine]) -> None:
    for line in lines:
        if line.net + line.tax != line.gross:
            message = f"Line {line.line_no}: {line.net} net and {line.tax} tax are not {line.gross} gross; correct it."
            raise Refusal("line_unbalanced", message)


def _credited(order: Order | None, command: IssueCreditNote) -> Iterator[InvoiceLine]:
    """Returned pieces at exactly the amounts they were invoiced at, less their share of the order's discounts."""
    if not command.lines:
        return
    if order is None or command.return_id is None:
        message = f"Lines of order {command.order_id} are credited through a return; other credit stands alone."
        raise Refusal("return_missing", message)
    refuse_twice(one.line_no for one in command.lines)
    goods = ZERO
    for one in command.lines:
        line = order.line(one.line_no)
        if line is None:
            raise Refusal("unknown_line", f"Order {order.number} has no line {one.line_no}; see its lines.")
        credited = _document_line(line, line.returned + one.quantity, line.returned)
        goods += credited.gross
        yield credited
    yield from _discounts_back(order, goods)


def _discounts_back(order: Order, goods: Decimal) -> Iterator[InvoiceLine]:
    """What the buyer had been let off on returned goods worth so much."""
    before = sum((line.amounts(line.returned, 0)[2] for line in order.lines if line.returned), ZERO)
    for line_no, (net, tax, gross) in order.discounts(before + goods, before).items():
        line = order.line(line_no)
        if line is not None and gross:
            yield _line_of(line, line.quantity, net, tax, gross)


def _settled(
    account: Account, order: Order | None, command: IssueCreditNote, note: CreditNoteIssued
) -> Iterator[Event]:
    """What the note settles of the order's invoices, then of others; what it pays out; the rest stays on account."""
    invoices = account.oldest_due_first()
    own = [invoice for invoice in invoices if order and invoice.order_id == command.order_id]
    left = note.total
    for invoice, share in allocations(left, own):
        left -= share
        yield _credit_allocated(note, invoice, share)
    left = left if order is None else min(left, max(ZERO, order.net_paid))  # a debt written off is not paid out
    if command.refund_by is not None:
        if (amount := min(left, _refundable(command, note))) > 0:
            yield CreditNoteRefunded(
                credit_note_id=note.credit_note_id,
                order_id=command.order_id,
                amount=amount,
                method=command.refund_by,
                paid_on=note.issued_on,
            )
        return
    others = [invoice for invoice in invoices if not order or invoice.order_id != command.order_id]
    for invoice, share in allocations(left, others):
        yield _credit_allocated(note, invoice, share)


def _refundable(command: IssueCreditNote, note: CreditNoteIssued) -> Decimal:
    """What may be paid out: all of a note without lines of an order, else the lines marked."""
    if not command.lines:
        return note.total
    kept = {one.line_no for one in command.lines if not one.is_refunded}
    return sum((line.gross for line in note.lines if line.line_no not in kept), ZERO)


def _credit_allocated(note: CreditNoteIssued, invoice: Invoice, amount: Decimal) -> CreditNoteAllocated:
    return CreditNoteAllocated(
        credit_note_id=note.credit_note_id,
        invoice_id=invoice.id,
        order_id=invoice.order_id,
        amount=amount,
        from_order_id=note.order_id,
    )

"""The rules of a customer's account. Documents (invoices, credit notes) are drawn up in documents.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import assert_never
from uuid import UUID

from api.command import Peek, Reads
from api.customers.state import CUSTOMER
from api.decider import Decider
from api.given import Given
from api.orders.state import ORDER, Order
from api.receivables.commands import (
    AllocateCreditNote,
    AllocatePayment,
    AssignDocumentNumber,
    CommitCredit,
    DisputeInvoice,
    GenerateInvoice,
    HoldAccount,
    IssueCreditNote,
    ReceivePayment,
    RefundCreditNote,
    RefundPayment,
    ReleaseAccount,
    ReleaseCredit,
    SendInvoice,
    SendReminder,
    UnallocatePayment,
    WriteOffInvoice,
    series_id,
)
from api.receivables.documents import decide_credit_note, decide_invoice, refuse_unknown_customer
from api.receivables.policy import CREDIT_NOTES, INVOICES, allocations, document_number, reminder_level
from api.receivables.state import ACCOUNT, SERIES, Account, Invoice, OnAccount, Series
from api.refusals import Refusal, not_found
from warehouse.events.event import Event, Ref
from warehouse.events.receivables import (
    AccountHeld,
    AccountReleased,
    CreditCommitted,
    CreditNoteAllocated,
    CreditNoteRefunded,
    CreditReleased,
    DocumentNumberAssigned,
    InvoiceDisputed,
    InvoiceSent,
    InvoiceWrittenOff,
    PaymentAllocated,
    PaymentReceived,
    PaymentRefunded,
    PaymentUnallocated,
    ReminderSent,
)
from warehouse.money import ZERO

InvoiceCommand = GenerateInvoice | SendInvoice | DisputeInvoice | WriteOffInvoice | SendReminder
MoneyCommand = (
    ReceivePayment
    | AllocatePayment
    | UnallocatePayment
    | RefundPayment
    | IssueCreditNote
    | AllocateCreditNote
    | RefundCreditNote
)
StandingCommand = CommitCredit | ReleaseCredit | HoldAccount | ReleaseAccount
AccountCommand = InvoiceCommand | MoneyCommand | StandingCommand


def decide_account(account: Account, command: AccountCommand, given: Given) -> Sequence[Event]:
    """What follows from a command on a customer's account."""
    if account.currency is not None and account.currency != given.rules.currency:
        message = (
            f"The account is in {account.currency}, the ledger in {given.rules.currency}; one ledger never mixes two."
        )
        raise Refusal("currency_mixed", message)
    if given.by.is_buyer() and given.by.id != command.customer_id:
        raise not_found("account", command.customer_id)
    match command:
        case GenerateInvoice():
            return decide_invoice(account, command, given)
        case SendInvoice(invoice_id=id, channel=channel):
            _known_invoice(account, id)
            return [InvoiceSent(invoice_id=id, channel=channel)]
        case DisputeInvoice(invoice_id=id, reason=reason):
            return [] if _open_invoice(account, id).is_disputed else [InvoiceDisputed(invoice_id=id, reason=reason)]
        case WriteOffInvoice(invoice_id=id, reason=reason):
            invoice = _open_invoice(account, id)
            return [InvoiceWrittenOff(invoice_id=id, order_id=invoice.order_id, amount=invoice.open, reason=reason)]
        case SendReminder():
            return _remind(account, command, given)
        case ReceivePayment():
            return list(_receive(account, command, given))
        case AllocatePayment():
            return _allocate(account, command)
        case UnallocatePayment():
            return _unallocate(account, command)
        case RefundPayment():
            return _refund(account, command)
        case IssueCreditNote():
            return decide_credit_note(account, command, given)
        case AllocateCreditNote():
            return _allocate_credit(account, command)
        case RefundCreditNote():
            return _refund_credit(account, command, given)
        case CommitCredit(order_id=order_id, amount=amount):
            if order_id in account.commitments:
                return []
            return [CreditCommitted(customer_id=command.customer_id, order_id=order_id, amount=amount)]
        case ReleaseCredit(order_id=order_id, amount=amount, cause=cause):
            free = min(amount, account.commitments.get(order_id, ZERO))
            return [CreditReleased(order_id=order_id, amount=free, cause=cause)] if free > 0 else []
        case HoldAccount(reason=reason):
            refuse_unknown_customer(command.customer_id, given)
            return [] if account.is_held else [AccountHeld(customer_id=command.customer_id, reason=reason)]
        case ReleaseAccount(reason=reason):
            return [AccountReleased(reason=reason)] if account.is_held else []
        case _:
            assert_never(command)


def reads_of_account(command: AccountCommand, peek: Peek) -> Reads:
    """The customer, the orders that money or documents will touch, and the series that gives a document its number."""
    customer = CUSTOMER.ref(command.customer_id)
    match command:
        case GenerateInvoice(order_id=order_id):
            return Reads(shared=(customer,), locked=(ORDER.ref(order_id), SERIES.ref(series_id(INVOICES))))
        case IssueCreditNote(order_id=order_id):
            return Reads(shared=(customer,), locked=(*_orders(order_id), SERIES.ref(series_id(CREDIT_NOTES))))
        case HoldAccount():
            return Reads(shared=(customer,))
        case ReceivePayment():
            account: Account = peek(ACCOUNT, command.account_id)
            shares = allocations(command.amount, _targets(account, command))
            return Reads(
                shared=(customer,), locked=_orders(command.order_id, *(invoice.order_id for invoice, _ in shares))
            )
        case AllocatePayment() | UnallocatePayment() | RefundPayment():
            account = peek(ACCOUNT, command.account_id)
            return Reads(locked=_orders(*_orders_of(account, account.payments.get(command.payment_id), command)))
        case AllocateCreditNote() | RefundCreditNote():
            account = peek(ACCOUNT, command.account_id)
            return Reads(
                locked=_orders(*_orders_of(account, account.credit_notes.get(command.credit_note_id), command))
            )
        case _:
            return Reads()


def _orders(*ids: UUID | None) -> tuple[Ref, ...]:
    return tuple({ORDER.ref(id) for id in ids if id is not None})


def _orders_of(
    account: Account,
    rest: OnAccount | None,
    command: AllocatePayment | UnallocatePayment | RefundPayment | AllocateCreditNote | RefundCreditNote,
) -> tuple[UUID | None, ...]:
    """The order that money or credit is for, and the order of the invoice it is put against or taken from."""
    if isinstance(command, RefundPayment | RefundCreditNote):
        return (rest.order_id,) if rest else ()
    invoice = account.known_invoice(command.invoice_id)
    return (rest.order_id if rest else None, invoice.order_id if invoice else None)


def _remind(account: Account, command: SendReminder, given: Given) -> Sequence[Event]:
    invoice = _open_invoice(account, command.invoice_id)
    overdue = (given.today - invoice.due_on).days
    if invoice.is_disputed:
        raise Refusal("invoice_disputed", f"Invoice {invoice.number} is disputed; settle the dispute first.")
    if command.level <= invoice.reminder_level:
        return []
    if command.level > reminder_level(overdue):
        raise Refusal(
            "too_early",
            f"Invoice {invoice.number} is {max(0, overdue)} days overdue, too few for level {command.level}; wait.",
        )
    return [ReminderSent(invoice_id=command.invoice_id, level=command.level, days_overdue=overdue)]


def _receive(account: Account, command: ReceivePayment, given: Given) -> Iterator[Event]:
    _refuse_unplaceable(account, command, given)
    yield PaymentReceived(
        payment_id=command.payment_id,
        customer_id=command.customer_id,
        amount=command.amount,
        currency=given.rules.currency,
        method=command.method,
        reference=command.reference,
        received_on=command.received_on,
        order_id=command.order_id,
        provider=command.provider,
        provider_reference=command.provider_reference,
    )
    for invoice, share in allocations(command.amount, _targets(account, command)):
        yield _payment_allocated(command.payment_id, command.order_id, invoice, share)


def _payment_allocated(payment_id: UUID, came_for: UUID | None, invoice: Invoice, amount: Decimal) -> PaymentAllocated:
    return PaymentAllocated(
        payment_id=payment_id,
        invoice_id=invoice.id,
        order_id=invoice.order_id,
        amount=amount,
        is_prepaid=came_for is not None and came_for == invoice.order_id,
        from_order_id=came_for,
    )


def _targets(account: Account, command: ReceivePayment) -> list[Invoice]:
    """The invoices a payment is for: the one named, those of the order named, or all, oldest due first."""
    if command.invoice_id is not None:
        return [invoice for invoice in account.invoices.values() if invoice.id == command.invoice_id]
    if command.order_id is not None:
        return [invoice for invoice in account.oldest_due_first() if invoice.order_id == command.order_id]
    return account.oldest_due_first()


def _refuse_unplaceable(account: Account, command: ReceivePayment, given: Given) -> None:
    refuse_unknown_customer(command.customer_id, given)
    standing = (*account.invoices.values(), *account.settled)
    if command.payment_id in account.payments or any(command.payment_id in one.payments for one in standing):
        raise Refusal("payment_exists", f"Payment {command.payment_id} was recorded before; take a new id.")
    if f"{command.provider}:{command.provider_reference}" in account.provider_references:
        message = (
            f"Payment {command.provider_reference} of {command.provider} was recorded before; nothing is to be done."
        )
        raise Refusal("provider_payment_taken", message)
    if command.invoice_id is not None:
        _open_invoice(account, command.invoice_id)
    if command.order_id is not None:
        _refuse_unpayable(given.state(ORDER, command.order_id), command, given)


def _refuse_unpayable(order: Order, command: ReceivePayment, given: Given) -> None:
    if order.customer_id != command.customer_id:
        raise not_found("order", command.order_id)
    if order.has_lapsed(given.at):
        message = f"Order {order.number} was not paid in time; place it again, or keep the money without an order."
        raise Refusal("order_expired", message)
    if order.lifecycle == "cancelled":
        message = f"Order {order.number} was cancelled; keep the money without an order, or give it back."
        raise Refusal("order_cancelled", message)


def _allocate(account: Account, command: AllocatePayment) -> Sequence[Event]:
    rest = _rest(account.payments.get(command.payment_id), "payment", command.payment_id, command.amount)
    invoice = _open_invoice(account, command.invoice_id)
    _refuse_over(command.amount, invoice)
    return [_payment_allocated(command.payment_id, rest.order_id, invoice, command.amount)]


def _unallocate(account: Account, command: UnallocatePayment) -> Sequence[Event]:
    invoice = _known_invoice(account, command.invoice_id)
    applied = invoice.payments.get(command.payment_id)
    if applied is None or command.amount > applied.amount:
        there = applied.amount if applied else ZERO
        message = f"Invoice {invoice.number} has {there} of payment {command.payment_id}, not {command.amount}."
        raise Refusal("not_allocated", message)
    return [
        PaymentUnallocated(
            payment_id=command.payment_id,
            invoice_id=command.invoice_id,
            order_id=invoice.order_id,
            amount=command.amount,
            is_prepaid=applied.from_order_id is not None and applied.from_order_id == invoice.order_id,
            from_order_id=applied.from_order_id,
            reason=command.reason,
        )
    ]


def _refund(account: Account, command: RefundPayment) -> Sequence[Event]:
    rest = _rest(account.payments.get(command.payment_id), "payment", command.payment_id, command.amount)
    return [
        PaymentRefunded(
            payment_id=command.payment_id,
            order_id=rest.order_id,
            amount=command.amount,
            method=command.method,
            reason=command.reason,
        )
    ]


def _allocate_credit(account: Account, command: AllocateCreditNote) -> Sequence[Event]:
    note_id = command.credit_note_id
    rest = _rest(account.credit_notes.get(note_id), "credit note", note_id, command.amount)
    invoice = _open_invoice(account, command.invoice_id)
    _refuse_over(command.amount, invoice)
    return [
        CreditNoteAllocated(
            credit_note_id=note_id,
            invoice_id=command.invoice_id,
            order_id=invoice.order_id,
            amount=command.amount,
            from_order_id=rest.order_id,
        )
    ]


def _refund_credit(account: Account, command: RefundCreditNote, given: Given) -> Sequence[Event]:
    note_id = command.credit_note_id
    rest = _rest(account.credit_notes.get(note_id), "credit note", note_id, command.amount)
    if rest.order_id is not None:
        order = given.state(ORDER, rest.order_id)
        if command.amount > order.net_paid:
            message = f"{order.net_paid} is paid for order {order.number} and not given back; {command.amount} is more."
            raise Refusal("more_than_paid", message)
    return [
        CreditNoteRefunded(
            credit_note_id=note_id,
            order_id=rest.order_id,
            amount=command.amount,
            method=command.method,
            paid_on=given.today,
        )
    ]


def _rest(rest: OnAccount | None, what: str, id: UUID, amount: Decimal) -> OnAccount:
    if rest is None:
        raise Refusal("nothing_on_account", f"Nothing is left of {what} {id}, or there is none; see the account.")
    if amount > rest.left:
        raise Refusal("more_than_left", f"{rest.left} is left of {what} {id}, not {amount}; ask for less.")
    return rest


def _refuse_over(amount: Decimal, invoice: Invoice) -> None:
    if amount > invoice.open:
        raise Refusal(
            "more_than_open", f"Invoice {invoice.number} has {invoice.open} open, not {amount}; ask for less."
        )


def _open_invoice(account: Account, id: UUID) -> Invoice:
    invoice = _known_invoice(account, id)
    if invoice.open <= 0:
        raise Refusal("invoice_settled", f"Invoice {invoice.number} is settled; nothing is open on it.")
    return invoice


def _known_invoice(account: Account, id: UUID) -> Invoice:
    invoice = account.known_invoice(id)
    if invoice is None:
        raise not_found("invoice", id)
    return invoice


def decide_series(series: Series, command: AssignDocumentNumber, _given: Given) -> Sequence[Event]:
    """The document's number must be the very next one; the document and its number stand or fall together."""
    expected = document_number(command.series, series.count + 1)
    assert command.number == expected, f"{command.number} was drawn, {expected} is next"
    return [DocumentNumberAssigned(series=command.series, number=command.number, document_id=command.document_id)]


DECIDERS = (Decider(ACCOUNT, decide_account, reads_of_account), Decider(SERIES, decide_series))

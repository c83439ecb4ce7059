"""The rules of a customer's account. Documents (invoices, credit notes) are drawn up in documents.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import assert_never
from uuid import UUID

from api.command import Peek, Reads
from api.decider import Decider
from api.given import Given
from api.orders.state import ORDER
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
from api.receivables.documents import decide_credit_note, decide_invoice
from api.receivables.policy import CREDIT_NOTES, INVOICES, allocations, document_number, reminder_level
from api.receivables.state import ACCOUNT, SERIES, Account, Invoice, OnAccount, Series
from api.refusals import Refusal, not_found
from warehouse.events.event import Event
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
            return [] if order_id in account.commitments else [CreditCommitted(order_id=order_id, amount=amount)]
        case ReleaseCredit(order_id=order_id, amount=amount, cause=cause):
            free = min(amount, account.commitments.get(order_id, ZERO))
            return [CreditReleased(order_id=order_id, amount=free, cause=cause)] if free > 0 else []
        case HoldAccount(reason=reason):
            return [] if account.is_held else [AccountHeld(reason=reason)]
        case ReleaseAccount(reason=reason):
            return [AccountReleased(reason=reason)] if account.is_held else []
        case _:
            assert_never(command)


def reads_of_account(command: AccountCommand, peek: Peek) -> Reads:
    """The orders that money or documents will touch, and the series that gives a document its number."""
    match command:
        case GenerateInvoice(order_id=order_id):
            return Reads(locked=(ORDER.ref(order_id), SERIES.ref(series_id(INVOICES))))
        case IssueCreditNote():
            orders = (ORDER.ref(command.order_id),) if command.order_id else ()
            return Reads(locked=(*orders, SERIES.ref(series_id(CREDIT_NOTES))))
        case ReceivePayment():
            account: Account = peek(ACCOUNT, command.account_id)
            touched = {invoice.order_id for invoice, _ in allocations(command.amount, _targets(account, command))}
            return Reads(locked=tuple(ORDER.ref(id) for id in {*touched, command.order_id} if id))
        case _:
            return Reads()


def _remind(account: Account, command: SendReminder, given: Given) -> Sequence[Event]:
    invoice = _open_invoice(account, command.invoice_id)
    overdue = (given.today - invoice.due_on).days
    if invoice.is_disputed:
        raise Refusal("invoice_disputed", f"Invoice {invoice.number} is disputed; it is not dunned.")
    if command.level <= invoice.reminder_level:
        return []
    if command.level > reminder_level(overdue):
        raise Refusal(
            "too_early",
            f"Invoice {invoice.number} is {max(0, overdue)} days overdue, too few for level {command.level}.",
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
        yield PaymentAllocated(
            payment_id=command.payment_id,
            invoice_id=invoice.id,
            order_id=invoice.order_id,
            amount=share,
            is_prepaid=command.order_id is not None,
        )


def _targets(account: Account, command: ReceivePayment) -> list[Invoice]:
    """The invoices a payment is for: the one named, those of the order named, or all, oldest due first."""
    if command.invoice_id is not None:
        return [invoice for invoice in account.invoices.values() if invoice.id == command.invoice_id]
    if command.order_id is not None:
        return [invoice for invoice in account.oldest_due_first() if invoice.order_id == command.order_id]
    return account.oldest_due_first()


def _refuse_unplaceable(account: Account, command: ReceivePayment, given: Given) -> None:
    if command.payment_id in account.payments:
        raise Refusal("payment_exists", f"Payment {command.payment_id} was recorded before.")
    if f"{command.provider}:{command.provider_reference}" in account.provider_references:
        raise Refusal("provider_payment_taken", f"Payment {command.provider_reference} was recorded before.")
    if command.invoice_id is not None:
        _open_invoice(account, command.invoice_id)
    if command.order_id is not None and given.state(ORDER, command.order_id).customer_id != command.customer_id:
        raise not_found("order", command.order_id)


def _allocate(account: Account, command: AllocatePayment) -> Sequence[Event]:
    rest = _rest(account.payments.get(command.payment_id), "payment", command.payment_id, command.amount)
    invoice = _open_invoice(account, command.invoice_id)
    _refuse_over(command.amount, invoice)
    return [
        PaymentAllocated(
            payment_id=command.payment_id,
            invoice_id=command.invoice_id,
            order_id=invoice.order_id,
            amount=command.amount,
            is_prepaid=rest.order_id is not None and rest.order_id == invoice.order_id,
        )
    ]


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
            is_prepaid=applied.is_prepaid,
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
    _rest(account.credit_notes.get(command.credit_note_id), "credit note", command.credit_note_id, command.amount)
    invoice = _open_invoice(account, command.invoice_id)
    _refuse_over(command.amount, invoice)
    return [
        CreditNoteAllocated(
            credit_note_id=command.credit_note_id,
            invoice_id=command.invoice_id,
            order_id=invoice.order_id,
            amount=command.amount,
        )
    ]


def _refund_credit(account: Account, command: RefundCreditNote, given: Given) -> Sequence[Event]:
    rest = _rest(
        account.credit_notes.get(command.credit_note_id), "credit note", command.credit_note_id, command.amount
    )
    return [
        CreditNoteRefunded(
            credit_note_id=command.credit_note_id,
            order_id=rest.order_id,
            amount=command.amount,
            method=command.method,
            paid_on=given.today,
        )
    ]


def _rest(rest: OnAccount | None, what: str, id: UUID, amount: Decimal) -> OnAccount:
    if rest is None:
        raise Refusal("nothing_on_account", f"The account has no {what} {id} with anything left of it.")
    if amount > rest.left:
        raise Refusal("more_than_left", f"{rest.left} is left of {what} {id}, not {amount}.")
    return rest


def _refuse_over(amount: Decimal, invoice: Invoice) -> None:
    if amount > invoice.open:
        raise Refusal("more_than_open", f"Invoice {invoice.number} has {invoice.open} open, not {amount}.")


def _open_invoice(account: Account, id: UUID) -> Invoice:
    invoice = _known_invoice(account, id)
    if invoice.open <= 0:
        raise Refusal("invoice_settled", f"Invoice {invoice.number} is settled.")
    return invoice


def _known_invoice(account: Account, id: UUID) -> Invoice:
    invoice = account.known_invoice(id)
    if invoice is None:
        raise not_found("invoice", id)
    return invoice


def decide_series(series: Series, command: AssignDocumentNumber, given: Given) -> Sequence[Event]:
    """The document's number must be the very next one; the document and its number stand or fall together."""
    expected = document_number(command.series, series.count + 1)
    assert command.number == expected, f"{command.number} was drawn, {expected} is next"
    return [DocumentNumberAssigned(series=command.series, number=command.number, document_id=command.document_id)]


DECIDERS = (Decider(ACCOUNT, decide_account, reads_of_account), Decider(SERIES, decide_series))

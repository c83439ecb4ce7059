"""What a customer's account and a document series amount to. Settled items leave, so that an account stays small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, assert_never
from uuid import UUID

from api.replace import replace
from api.stream import Stream
from warehouse.events.event import Happened
from warehouse.events.receivables import (
    AccountHeld,
    AccountReleased,
    CreditCommitted,
    CreditNoteAllocated,
    CreditNoteIssued,
    CreditNoteRefunded,
    CreditReleased,
    DocumentNumberAssigned,
    InvoiceDisputed,
    InvoiceGenerated,
    InvoiceSent,
    InvoiceWrittenOff,
    PaymentAllocated,
    PaymentReceived,
    PaymentRefunded,
    PaymentUnallocated,
    ReminderSent,
)
from warehouse.money import ZERO

AccountEvent = (
    InvoiceGenerated
    | InvoiceSent
    | InvoiceDisputed
    | InvoiceWrittenOff
    | PaymentReceived
    | PaymentAllocated
    | PaymentUnallocated
    | PaymentRefunded
    | CreditNoteIssued
    | CreditNoteAllocated
    | CreditNoteRefunded
    | CreditCommitted
    | CreditReleased
    | AccountHeld
    | AccountReleased
    | ReminderSent
)

SETTLED_KEPT_MAX = 100  # 25 KB; an allocation can be taken back while its invoice is among the latest settled ones


@dataclass(frozen=True)
class Applied:
    """What one payment put against an invoice, and the order it had come in for."""

    amount: Decimal
    from_order_id: UUID | None


@dataclass(frozen=True)
class Invoice:
    """An invoice as far as the account still cares."""

    id: UUID
    number: str
    order_id: UUID | None
    total: Decimal
    open: Decimal
    issued_on: date
    due_on: date
    is_disputed: bool = False
    reminder_level: int = 0
    payments: Mapping[UUID, Applied] = field(default_factory=dict)


@dataclass(frozen=True)
class OnAccount:
    """What is left of a payment (that came in for an order) or of a credit note (that was given for one)."""

    left: Decimal
    order_id: UUID | None


@dataclass(frozen=True)
class Account:
    """One customer's account: open invoices, money and credit on account, credit committed to orders."""

    customer_id: UUID | None = None
    currency: str | None = None
    invoices: Mapping[UUID, Invoice] = field(default_factory=dict)
    settled: tuple[Invoice, ...] = ()
    payments: Mapping[UUID, OnAccount] = field(default_factory=dict)
    credit_notes: Mapping[UUID, OnAccount] = field(default_factory=dict)
    commitments: Mapping[UUID, Decimal] = field(default_factory=dict)
    provider_references: tuple[str, ...] = ()
    is_held: bool = False

    @property
    def open_amount(self) -> Decimal:
        """What is open on invoices."""
        return sum((invoice.open for invoice in self.invoices.values()), ZERO)

    @property
    def unapplied_amount(self) -> Decimal:
        """Money and credit that stands against no invoice yet."""
        rests = (*self.payments.values(), *self.credit_notes.values())
        return sum((rest.left for rest in rests), ZERO)

    @property
    def exposure(self) -> Decimal:
        """What the company risks: open invoices and orders on terms not yet invoiced, less unapplied money and credit.

        Money that came in for an order stands against that order alone: what a prepaid order awaits covers no other.
        """
        kept: dict[UUID, Decimal] = {}
        for rest in self.payments.values():
            if rest.order_id is not None:
                kept[rest.order_id] = kept.get(rest.order_id, ZERO) + rest.left
        covered = sum((min(left, self._owed_for(order_id)) for order_id, left in kept.items()), ZERO)
        free = self.unapplied_amount - sum(kept.values(), ZERO)
        return self.open_amount + sum(self.commitments.values(), ZERO) - free - covered

    def _owed_for(self, order_id: UUID) -> Decimal:
        invoiced = (invoice.open for invoice in self.invoices.values() if invoice.order_id == order_id)
        return sum(invoiced, self.commitments.get(order_id, ZERO))

    def oldest_due_first(self) -> list[Invoice]:
        """Open invoices by due date, then number."""
        return sorted(self.invoices.values(), key=lambda invoice: (invoice.due_on, invoice.number))

    def known_invoice(self, id: UUID) -> Invoice | None:
        """An open invoice, or one of the latest settled ones."""
        return self.invoices.get(id) or next((invoice for invoice in self.settled if invoice.id == id), None)


def evolve_account(account: Account, recorded: Happened[Any]) -> Account:
    """The account after one more of its events."""
    event: AccountEvent = recorded.event
    match event:
        case InvoiceGenerated():
            return _invoiced(account, event)
        case InvoiceSent():
            return account
        case InvoiceDisputed():
            return _with_invoice(account, event.invoice_id, is_disputed=True)
        case InvoiceWrittenOff():
            return _reduced(account, event.invoice_id, event.amount)
        case PaymentReceived():
            return _received(account, event)
        case PaymentAllocated():
            return _allocated(account, event)
        case PaymentUnallocated():
            return _unallocated(account, event)
        case PaymentRefunded():
            return replace(account, payments=_less(account.payments, event.payment_id, event.amount))
        case CreditNoteIssued():
            rest = OnAccount(event.total, event.order_id)
            account = replace(account, customer_id=event.customer_id, currency=event.currency)
            return replace(account, credit_notes={**account.credit_notes, event.credit_note_id: rest})
        case CreditNoteAllocated():
            rests = _less(account.credit_notes, event.credit_note_id, event.amount)
            return replace(_reduced(account, event.invoice_id, event.amount), credit_notes=rests)
        case CreditNoteRefunded():
            return replace(account, credit_notes=_less(account.credit_notes, event.credit_note_id, event.amount))
        case CreditCommitted():
            commitments = {**account.commitments, event.order_id: event.amount}
            return replace(account, customer_id=event.customer_id, commitments=commitments)
        case CreditReleased():
            return replace(account, commitments=_uncommitted(account.commitments, event))
        case AccountHeld():
            return replace(account, customer_id=event.customer_id, is_held=True)
        case AccountReleased():
            return replace(account, is_held=False)
        case ReminderSent():
            return _with_invoice(account, event.invoice_id, reminder_level=event.level)
        case _:
            assert_never(event)


def _invoiced(account: Account, event: InvoiceGenerated) -> Account:
    account = replace(account, customer_id=event.customer_id, currency=event.currency)
    invoice = Invoice(
        event.invoice_id, event.number, event.order_id, event.total, event.total, event.issued_on, event.due_on
    )
    return _placed(account, invoice)


def _placed(account: Account, invoice: Invoice) -> Account:
    """The account with an invoice where it belongs: among the open, or last among the latest settled."""
    others = {key: one for key, one in account.invoices.items() if key != invoice.id}
    settled = tuple(one for one in account.settled if one.id != invoice.id)
    if invoice.open > 0:
        return replace(account, invoices={**others, invoice.id: invoice}, settled=settled)
    return replace(account, invoices=others, settled=(*settled, invoice)[-SETTLED_KEPT_MAX:])


def _with_invoice(account: Account, id: UUID, **changes: Any) -> Account:
    return replace(account, invoices={**account.invoices, id: replace(account.invoices[id], **changes)})


def _reduced(account: Account, id: UUID, amount: Decimal) -> Account:
    invoice = account.invoices[id]
    return _placed(account, replace(invoice, open=invoice.open - amount))


def _received(account: Account, event: PaymentReceived) -> Account:
    rest = OnAccount(event.amount, event.order_id)
    references = account.provider_references
    if event.provider_reference is not None:
        references = (*references, f"{event.provider}:{event.provider_reference}")
    return replace(
        account,
        customer_id=event.customer_id,
        currency=event.currency,
        payments={**account.payments, event.payment_id: rest},
        provider_references=references,
    )


def _allocated(account: Account, event: PaymentAllocated) -> Account:
    invoice = account.invoices[event.invoice_id]
    before = invoice.payments.get(event.payment_id, Applied(ZERO, event.from_order_id))
    applied = {**invoice.payments, event.payment_id: replace(before, amount=before.amount + event.amount)}
    paid = replace(invoice, open=invoice.open - event.amount, payments=applied)
    payments = _less(account.payments, event.payment_id, event.amount)
    return _placed(replace(account, payments=payments), paid)


def _unallocated(account: Account, event: PaymentUnallocated) -> Account:
    invoice = account.known_invoice(event.invoice_id)
    assert invoice is not None
    before = invoice.payments[event.payment_id]
    others = {id: one for id, one in invoice.payments.items() if id != event.payment_id}
    if before.amount > event.amount:
        others[event.payment_id] = replace(before, amount=before.amount - event.amount)
    rest = account.payments.get(event.payment_id, OnAccount(ZERO, event.from_order_id))
    rests = {**account.payments, event.payment_id: replace(rest, left=rest.left + event.amount)}
    unpaid = replace(invoice, open=invoice.open + event.amount, payments=others)
    return _placed(replace(account, payments=rests), unpaid)


def _less(rests: Mapping[UUID, OnAccount], id: UUID, amount: Decimal) -> Mapping[UUID, OnAccount]:
    left = rests[id].left - amount
    others = {key: rest for key, rest in rests.items() if key != id}
    return {**others, id: replace(rests[id], left=left)} if left > 0 else others


def _uncommitted(commitments: Mapping[UUID, Decimal], event: CreditReleased) -> Mapping[UUID, Decimal]:
    left = commitments.get(event.order_id, ZERO) - event.amount
    others = {id: amount for id, amount in commitments.items() if id != event.order_id}
    return {**others, event.order_id: left} if left > 0 else others


@dataclass(frozen=True)
class Series:
    """A series of document numbers: how many it has given out."""

    series: str = ""
    count: int = 0


def evolve_series(series: Series, recorded: Happened[Any]) -> Series:
    """The series after one more number."""
    event: DocumentNumberAssigned = recorded.event
    return Series(event.series, series.count + 1)


ACCOUNT: Stream[Account] = Stream(
    name="account",
    initial=Account(),
    evolve=evolve_account,
    status=lambda account: "held" if account.is_held else "open",
    owner=lambda account: account.customer_id,
    claims=lambda account: [("provider_payment", reference) for reference in account.provider_references],
)
SERIES: Stream[Series] = Stream(
    name="document_series", initial=Series(), evolve=evolve_series, status=lambda series: series.series
)

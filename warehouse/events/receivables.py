"""Facts of what customers owe: streams `account` (one per customer) and `document_series` (gap-free numbers)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from warehouse.events.customers import Address, PaymentTerms
from warehouse.events.event import Amount, Event, Part, Personal, Rate, UnitPrice
from warehouse.events.orders import LineKind

PaymentMethod = Literal["bank_transfer", "card", "cash", "cheque", "sandbox"]


class InvoiceLine(Part):
    """One line of an invoice or a credit note; amounts on a credit note are what is given back, positive."""

    line_no: int = Field(description="The line of the order, or its place in a document without an order.")
    kind: LineKind
    sku: str
    description: str
    quantity: int
    unit_price: UnitPrice
    tax_rate: Rate
    net: Amount
    tax: Amount
    gross: Amount


class BillTo(Part):
    """Who an invoice is made out to, as the law wants it on the document."""

    name: str
    address: Address | None


class DocumentNumberAssigned(Event):
    """The next number of a series was given out. The number is the stream's version, so there can be no gap."""

    stream: ClassVar[str] = "document_series"
    type: ClassVar[str] = "document_number.assigned"

    series: str = Field(description="`INV` for invoices, `CN` for credit notes.")
    number: str
    document_id: UUID


class InvoiceGenerated(Event):
    """An invoice was issued; from here on it is immutable."""

    stream: ClassVar[str] = "account"
    type: ClassVar[str] = "invoice.generated"
    subject: ClassVar[str | None] = "customer_id"

    invoice_id: UUID
    number: str
    customer_id: UUID
    order_id: UUID | None
    order_number: str | None
    shipment_id: UUID | None
    currency: str
    lines: tuple[InvoiceLine, ...]
    net: Amount
    tax: Amount
    total: Amount
    terms: PaymentTerms
    issued_on: date
    due_on: date
    bill_to: Annotated[BillTo | None, Personal(in_books=True)] = Field(
        None, description="Who it is made out to; readable while the books of its year must be kept."
    )


class InvoiceSent(Event):
    """An invoice went to the customer."""

    stream: ClassVar[str] = "account"
    type: ClassVar[str] = "invoice.sent"

    invoice_id: UUID
    channel: Literal["email", "post", "portal"]


class InvoiceDisputed(Event):
    """A customer contests an invoice; it still ages, it is never dunned."""

    stream: ClassVar[str] = "account"
    type: ClassVar[str] = "invoice.disputed"

    invoice_id: UUID
    reason: str


class InvoiceWrittenOff(Event):
    """What is open on an invoice is given up."""

    stream: ClassVar[str] = "account"
    type: ClassVar[str] = "invoice.written_off"

    invoice_id: UUID
    order_id: UUID | None
    amount: Amount
    reason: str


class PaymentReceived(Event):
    """Money came in."""

    stream: ClassVar[str] = "account"
    type: ClassVar[str] = "payment.received"
    subject: ClassVar[str | None] = "customer_id"

    payment_id: UUID
    customer_id: UUID
    amount: Amount
    currency: str
    method: PaymentMethod
    reference: str | None = None
    received_on: date
    order_id: UUID | None = Field(None, description="Set when it was paid for this order before its invoice.")
    provider: str | None = None
    provider_reference: str | None = Field(None, description="The provider's id of the payment; unique with provider.")


class PaymentAllocated(Event):
    """Part of a payment was put against an invoice."""

    stream: ClassVar[str] = "account"
    type: ClassVar[str] = "payment.allocated"

    payment_id: UUID
    invoice_id: UUID
    order_id: UUID | None
    amount: Amount
    is_prepaid: bool = Field(description="The order already counts this money: it was paid for the order beforehand.")
    from_order_id: UUID | None = Field(None, description="The order the money came in for, if it came in for one.")


class PaymentUnallocated(Event):
    """An allocation was taken back; the money is on account again."""

    stream: ClassVar[str] = "account"
    type: ClassVar[str] = "payment.unallocated"

    payment_id: UUID
    invoice_id: UUID
    order_id: UUID | None
    amount: Amount
    is_prepaid: bool
    from_order_id: UUID | None = Field(None, description="The order the money came in for, if it came in for one.")
    reason: str


class PaymentRefunded(Event):
    """Money on account went back to the customer."""

    stream: ClassVar[str] = "account"
    type: ClassVar[str] = "payment.refunded"

    payment_id: UUID
    order_id: UUID | None
    amount: Amount
    method: PaymentMethod
    reason: str


class CreditNoteIssued(Event):
    """A credit note corrects an invoice, or stands alone."""

    stream: ClassVar[str] = "account"
    type: ClassVar[str] = "credit_note.issued"
    subject: ClassVar[str | None] = "customer_id"

    credit_note_id: UUID
    number: str
    customer_id: UUID
    invoice_id: UUID | None = Field(description="The invoice it corrects; none stands alone.")
    order_id: UUID | None
    return_id: UUID | None
    currency: str
    lines: tuple[InvoiceLine, ...]
    net: Amount
    tax: Amount
    total: Amount
    issued_on: date
    reason: str


class CreditNoteAllocated(Event):
    """Part of a credit note was put against an invoice."""

    stream: ClassVar[str] = "account"
    type: ClassVar[str] = "credit_note.allocated"

    credit_note_id: UUID
    invoice_id: UUID
    order_id: UUID | None
    amount: Amount
    from_order_id: UUID | None = Field(None, description="The order the credit was given for.")


class CreditNoteRefunded(Event):
    """Part of a credit note was paid out."""

    stream: ClassVar[str] = "account"
    type: ClassVar[str] = "credit_note.refunded"

    credit_note_id: UUID
    order_id: UUID | None = Field(description="The order the credit was given for.")
    amount: Amount
    method: PaymentMethod
    paid_on: date


class CreditCommitted(Event):
    """An order on terms took up part of the customer's credit."""

    stream: ClassVar[str] = "account"
    type: ClassVar[str] = "credit.committed"
    subject: ClassVar[str | None] = "customer_id"

    customer_id: UUID
    order_id: UUID
    amount: Amount


class CreditReleased(Event):
    """An order gave back credit: it was invoiced, called off or cut short."""

    stream: ClassVar[str] = "account"
    type: ClassVar[str] = "credit.released"

    order_id: UUID
    amount: Amount
    cause: Literal["invoiced", "cancelled", "short_closed", "expired"]


class AccountHeld(Event):
    """The customer gets nothing more on terms until released."""

    stream: ClassVar[str] = "account"
    type: ClassVar[str] = "account.held"
    subject: ClassVar[str | None] = "customer_id"

    customer_id: UUID
    reason: str


class AccountReleased(Event):
    """The customer's account is open again."""

    stream: ClassVar[str] = "account"
    type: ClassVar[str] = "account.released"

    reason: str


class ReminderSent(Event):
    """A customer was reminded of an overdue invoice."""

    stream: ClassVar[str] = "account"
    type: ClassVar[str] = "reminder.sent"

    invoice_id: UUID
    level: int
    days_overdue: int

"""What may be asked of a customer's account."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from api.category.commands import Reason
from api.command import Command
from warehouse.events.event import Amount, PositiveAmount
from warehouse.events.orders import LineQuantity
from warehouse.events.receivables import InvoiceLine, PaymentMethod
from warehouse.ids import named

Positive = PositiveAmount
Reference = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)]


def account_id(customer_id: UUID) -> UUID:
    """An account's id is a function of its customer."""
    return named("account", str(customer_id))


def series_id(series: str) -> UUID:
    """The stream of a document series (`INV`, `CN`)."""
    return named("document_series", series)


class _AccountCommand(Command):
    stream: ClassVar[str] = "account"
    key: ClassVar[str] = "account_id"

    customer_id: UUID

    @property
    def account_id(self) -> UUID:
        """The customer's account."""
        return account_id(self.customer_id)


class AssignDocumentNumber(Command):
    """Record that a document took the next number of its series; by reaction only."""

    stream: ClassVar[str] = "document_series"
    key: ClassVar[str] = "series_id"

    series: str
    number: str
    document_id: UUID

    @property
    def series_id(self) -> UUID:
        """The series' stream."""
        return series_id(self.series)


class GenerateInvoice(_AccountCommand):
    """Invoice what a shipment of an order took along, and the order's charges with the first one."""

    invoice_id: UUID
    order_id: UUID
    shipment_id: UUID
    lines: tuple[LineQuantity, ...]


class SendInvoice(_AccountCommand):
    """Send an invoice to the customer."""

    invoice_id: UUID
    channel: Literal["email", "post", "portal"] = "email"


class DisputeInvoice(_AccountCommand):
    """The customer contests an invoice."""

    invoice_id: UUID
    reason: Reason


class WriteOffInvoice(_AccountCommand):
    """Give up what is open on an invoice."""

    invoice_id: UUID
    reason: Reason


class ReceivePayment(_AccountCommand):
    """Money came in. Put against the given invoice, or kept for the given order, or against the oldest due first."""

    payment_id: UUID
    amount: Positive
    method: PaymentMethod = "bank_transfer"
    reference: Reference | None = None
    received_on: date
    invoice_id: UUID | None = None
    order_id: UUID | None = None
    provider: Annotated[str, StringConstraints(max_length=50)] | None = None
    provider_reference: Reference | None = None


class AllocatePayment(_AccountCommand):
    """Put money on account against an invoice."""

    payment_id: UUID
    invoice_id: UUID
    amount: Positive


class UnallocatePayment(_AccountCommand):
    """Take an allocation back."""

    payment_id: UUID
    invoice_id: UUID
    amount: Positive
    reason: Reason


class RefundPayment(_AccountCommand):
    """Give money on account back to the customer."""

    payment_id: UUID
    amount: Positive
    method: PaymentMethod = "bank_transfer"
    reason: Reason


class CreditedLine(Command):
    """So many pieces of an order's line to give credit for."""

    line_no: int
    quantity: int = Field(ge=1)
    is_refunded: bool = Field(False, description="What the order's invoices leave of it is paid out (see refund_by).")


class IssueCreditNote(_AccountCommand):
    """Give credit: for returned lines of an order (at the invoice's rounded amounts), or for lines that stand alone.

    Lines that stand alone with an order are an allowance on what was invoiced: so much less is due of it.

    It settles the order's open invoices at once, without an order or a refund also others, the oldest due first. By
    `refund_by` the rest is paid out: of lines of an order those marked, never more than was paid for the order.
    """

    credit_note_id: UUID
    order_id: UUID | None = None
    return_id: UUID | None = None
    lines: tuple[CreditedLine, ...] = ()
    stand_alone_lines: tuple[InvoiceLine, ...] = ()
    reason: Reason
    refund_by: PaymentMethod | None = None


class AllocateCreditNote(_AccountCommand):
    """Put what is left of a credit note against an invoice."""

    credit_note_id: UUID
    invoice_id: UUID
    amount: Positive


class RefundCreditNote(_AccountCommand):
    """Pay out what is left of a credit note."""

    credit_note_id: UUID
    amount: Positive
    method: PaymentMethod = "bank_transfer"


class CommitCredit(_AccountCommand):
    """An order on terms takes up credit; by reaction only."""

    order_id: UUID
    amount: Amount


class ReleaseCredit(_AccountCommand):
    """An order gives credit back; by reaction only."""

    order_id: UUID
    amount: Amount
    cause: Literal["cancelled", "short_closed", "expired"]


class HoldAccount(_AccountCommand):
    """Give the customer nothing more on terms."""

    reason: Reason


class ReleaseAccount(_AccountCommand):
    """Open the customer's account again."""

    reason: Reason


class SendReminder(_AccountCommand):
    """Remind the customer of an overdue invoice; once per level and invoice."""

    invoice_id: UUID
    level: int = Field(ge=1, le=3)

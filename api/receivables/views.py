"""What callers see of invoices and accounts: buyers their own, staff all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import Field

from api.actor import Actor
from api.customers.views import AddressView
from api.receivables.state import Account, OnAccount
from api.views import Shown, View
from warehouse.events.customers import PaymentTerms
from warehouse.events.orders import LineKind
from warehouse.events.receivables import InvoiceGenerated
from warehouse.money import ZERO

InvoiceStatus = Literal["open", "disputed", "settled"]


class InvoiceLineView(Shown):
    """One line of an invoice."""

    line_no: int
    kind: LineKind
    sku: str
    description: str
    quantity: int
    unit_price: Decimal
    tax_rate: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal


class BillToView(Shown):
    """Who an invoice is made out to."""

    name: str
    address: AddressView | None


class InvoiceView(View):
    """An invoice as issued, and what is open on it now. `version` is its account's."""

    number: str = Field(examples=["INV-000042"])
    customer_id: UUID
    order_id: UUID | None
    order_number: str | None
    shipment_id: UUID | None
    currency: str
    lines: tuple[InvoiceLineView, ...]
    net: Decimal
    tax: Decimal
    total: Decimal
    open_amount: Decimal
    terms: PaymentTerms
    issued_on: date
    due_on: date
    bill_to: BillToView | None
    status: InvoiceStatus
    reminder_level: int


class OpenInvoiceView(Shown):
    """An invoice on which something is open."""

    id: UUID
    number: str
    order_id: UUID | None
    total: Decimal
    open: Decimal
    issued_on: date
    due_on: date
    is_disputed: bool
    reminder_level: int


class OnAccountView(Shown):
    """What is left of a payment or a credit note; of an order when it was paid for it beforehand."""

    id: UUID
    left: Decimal
    order_id: UUID | None


class CommitmentView(Shown):
    """Credit that an order takes up until it is invoiced."""

    order_id: UUID
    amount: Decimal


class AccountView(View):
    """What a customer owes and has paid, at this moment."""

    customer_id: UUID
    currency: str | None = Field(description="Null before the first document or payment.")
    open_amount: Decimal = Field(description="Open on invoices.")
    unapplied_amount: Decimal = Field(description="Money and credit that stands against no invoice.")
    exposure: Decimal = Field(description="Open less unapplied, plus orders on credit not yet invoiced.")
    is_held: bool
    invoices: tuple[OpenInvoiceView, ...] = Field(description="Those with something open, the oldest due first.")
    payments: tuple[OnAccountView, ...]
    credit_notes: tuple[OnAccountView, ...]
    commitments: tuple[CommitmentView, ...]

    @classmethod
    def of(cls, id: UUID, version: int, state: Account, by: Actor) -> Self:  # noqa: ARG003 - it hides nothing from anyone
        """The account as it stands, alike for all who may see it."""
        return cls(
            id=id,
            version=version,
            customer_id=_known(state.customer_id),
            currency=state.currency,
            open_amount=state.open_amount,
            unapplied_amount=state.unapplied_amount,
            exposure=state.exposure,
            is_held=state.is_held,
            invoices=tuple(OpenInvoiceView.model_validate(invoice) for invoice in state.oldest_due_first()),
            payments=_rests(state.payments),
            credit_notes=_rests(state.credit_notes),
            commitments=tuple(CommitmentView(order_id=key, amount=one) for key, one in state.commitments.items()),
        )


class PaymentView(View):
    """A payment as taken in, and the account after it. `version` is the account's."""

    customer_id: UUID
    amount: Decimal
    left: Decimal = Field(description="Still on account, against no invoice.")
    account: AccountView


def invoice_view(issued: InvoiceGenerated, version: int, account: Account) -> InvoiceView:
    """An invoice and what its account says of it."""
    standing = account.invoices.get(issued.invoice_id)
    status: InvoiceStatus = "settled" if standing is None else "disputed" if standing.is_disputed else "open"
    return InvoiceView(
        id=issued.invoice_id,
        version=version,
        number=issued.number,
        customer_id=issued.customer_id,
        order_id=issued.order_id,
        order_number=issued.order_number,
        shipment_id=issued.shipment_id,
        currency=issued.currency,
        lines=tuple(InvoiceLineView.model_validate(line) for line in issued.lines),
        net=issued.net,
        tax=issued.tax,
        total=issued.total,
        open_amount=ZERO if standing is None else standing.open,
        terms=issued.terms,
        issued_on=issued.issued_on,
        due_on=issued.due_on,
        bill_to=BillToView.model_validate(issued.bill_to) if issued.bill_to else None,
        status=status,
        reminder_level=0 if standing is None else standing.reminder_level,
    )


def _rests(rests: Mapping[UUID, OnAccount]) -> tuple[OnAccountView, ...]:
    return tuple(OnAccountView(id=key, left=rest.left, order_id=rest.order_id) for key, rest in rests.items())


def _known(value: Any) -> Any:
    assert value is not None, "an account begins with its first event, which names its customer"
    return value

"""What follows in other streams from what happens on an account, and what an account does about shipped goods."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID

from api.command import Command
from api.decider import React
from api.given import Given
from api.orders.commands import RecordCredit, RecordPayment
from api.orders.state import ORDER
from api.receivables.commands import AssignDocumentNumber, GenerateInvoice
from api.receivables.policy import CREDIT_NOTES, INVOICES
from warehouse.events.event import Event, Recorded
from warehouse.events.orders import OrderLineShipped
from warehouse.events.receivables import (
    CreditNoteAllocated,
    CreditNoteIssued,
    CreditNoteRefunded,
    InvoiceGenerated,
    PaymentAllocated,
    PaymentReceived,
    PaymentRefunded,
    PaymentUnallocated,
)
from warehouse.ids import derived


def invoice(recorded: Recorded[OrderLineShipped], given: Given) -> Iterator[Command]:
    """Goods shipped are invoiced, one invoice a shipment."""
    customer_id = given.state(ORDER, recorded.ref.id).customer_id
    assert customer_id is not None
    yield GenerateInvoice(
        customer_id=customer_id,
        invoice_id=derived(recorded.event.shipment_id, "invoice"),
        order_id=recorded.ref.id,
        shipment_id=recorded.event.shipment_id,
        lines=recorded.event.lines,
    )


def number_invoice(recorded: Recorded[InvoiceGenerated], given: Given) -> Iterator[Command]:
    """The series records which document took its number."""
    event = recorded.event
    yield AssignDocumentNumber(series=INVOICES, number=event.number, document_id=event.invoice_id)


def book_credit_note(recorded: Recorded[CreditNoteIssued], given: Given) -> Iterator[Command]:
    """The series records which document took its number, and less is due of the order it is for."""
    event = recorded.event
    yield AssignDocumentNumber(series=CREDIT_NOTES, number=event.number, document_id=event.credit_note_id)
    if event.order_id is not None:
        yield RecordCredit(order_id=event.order_id, credit_note_id=event.credit_note_id, amount=event.total)


def count_prepayment(recorded: Recorded[PaymentReceived], given: Given) -> Iterator[Command]:
    """Money paid for an order counts for it at once, invoiced or not."""
    event = recorded.event
    if event.order_id is not None:
        yield RecordPayment(order_id=event.order_id, payment_id=event.payment_id, amount=event.amount)


def count_allocation(recorded: Recorded[PaymentAllocated], given: Given) -> Iterator[Command]:
    """Money put against an order's invoice counts for that order, no longer for the one it had come in for."""
    event = recorded.event
    yield from _moved(event.payment_id, event.from_order_id, event.order_id, event.amount)


def discount_allocation(recorded: Recorded[PaymentUnallocated], given: Given) -> Iterator[Command]:
    """Money taken off an order's invoice no longer counts for that order, but for the one it had come in for."""
    event = recorded.event
    yield from _moved(event.payment_id, event.order_id, event.from_order_id, event.amount)


def count_credit(recorded: Recorded[CreditNoteAllocated], given: Given) -> Iterator[Command]:
    """Credit put against an order's invoice counts for that order, no longer for the one it was given for.

    Against the invoice of its own order it changes nothing: what came back or was allowed is not due any more.
    """
    event = recorded.event
    yield from _moved(event.credit_note_id, event.from_order_id, event.order_id, event.amount)


def count_refund(recorded: Recorded[PaymentRefunded], given: Given) -> Iterator[Command]:
    """Money given back no longer counts for the order it was paid for."""
    event = recorded.event
    if event.order_id is not None:
        yield RecordPayment(order_id=event.order_id, payment_id=event.payment_id, amount=-event.amount, is_refund=True)


def count_credit_refund(recorded: Recorded[CreditNoteRefunded], given: Given) -> Iterator[Command]:
    """Credit paid out is money given back for its order."""
    event = recorded.event
    if event.order_id is not None:
        yield RecordPayment(
            order_id=event.order_id, payment_id=event.credit_note_id, amount=-event.amount, is_refund=True
        )


def _moved(payment_id: UUID, giver: UUID | None, taker: UUID | None, amount: Decimal) -> Iterator[Command]:
    """Money that counted for one order counts for another."""
    if giver == taker:
        return
    if giver is not None:
        yield RecordPayment(order_id=giver, payment_id=payment_id, amount=-amount)
    if taker is not None:
        yield RecordPayment(order_id=taker, payment_id=payment_id, amount=amount)


REACTIONS: dict[type[Event], React] = {
    OrderLineShipped: invoice,
    InvoiceGenerated: number_invoice,
    CreditNoteIssued: book_credit_note,
    PaymentReceived: count_prepayment,
    PaymentAllocated: count_allocation,
    PaymentUnallocated: discount_allocation,
    CreditNoteAllocated: count_credit,
    PaymentRefunded: count_refund,
    CreditNoteRefunded: count_credit_refund,
}

"""Doors of receivables: invoices, payments, credit, accounts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response

from api.actor import Actor
from api.auth.enter import Who
from api.command import Command
from api.house import Here
from api.paging import Page, Paged
from api.reading import find, shown
from api.receivables.commands import (
    AllocatePayment,
    DisputeInvoice,
    HoldAccount,
    IssueCreditNote,
    ReceivePayment,
    RefundPayment,
    ReleaseAccount,
    SendInvoice,
    SendReminder,
    UnallocatePayment,
    WriteOffInvoice,
    account_id,
)
from api.receivables.invoices import credited, issued_invoice, newest_invoices, standing
from api.receivables.state import ACCOUNT, Account
from api.receivables.views import AccountView, InvoiceView, PaymentView, invoice_view
from api.refusals import not_found
from api.views import routed
from api.writing import Answer, Asked, write
from warehouse.events.receivables import InvoiceGenerated
from warehouse.ids import derived
from warehouse.money import ZERO

ROUTER = routed("/api/v1", "receivables")
_INVOICE = "/ar/invoices/{invoice_id}"


@ROUTER.get("/ar/invoices")
def list_invoices(
    here: Here,
    by: Who,
    paging: Paged,
    customer_id: Annotated[UUID | None, Query(description="For staff; buyers see their own.")] = None,
    status: Annotated[Literal["open"] | None, Query(description="`open`: something is open on it.")] = None,
) -> Page[InvoiceView]:
    """Invoices, the newest first: buyers their own, staff all."""
    whose = by.id if by.is_buyer() else customer_id
    with here.reading(by) as connection:
        invoices, following = newest_invoices(connection, paging, whose, only_open=status is not None)
    return Page[InvoiceView](items=tuple(invoices), next=following)


@ROUTER.get(_INVOICE)
def show_invoice(here: Here, by: Who, response: Response, invoice_id: UUID) -> InvoiceView:
    """One invoice and what is open on it."""
    with here.reading(by) as connection:
        view = standing(connection, issued_invoice(connection, invoice_id, by))
    response.headers["ETag"] = f'"{view.version}"'
    return view


@ROUTER.get("/ar/accounts/{customer_id}")
def show_account(here: Here, by: Who, response: Response, customer_id: UUID) -> AccountView:
    """A customer's account: what is open, what is unapplied, what is committed."""
    with here.reading(by) as connection:
        row = find(connection, ACCOUNT, account_id(customer_id))
    if row is None:
        raise not_found("account", customer_id)
    return shown(AccountView, row, by, response)


@ROUTER.get("/dealers/account")
def show_own_account(here: Here, by: Who, response: Response) -> AccountView:
    """The dealer's own account; all zeros before the first order."""
    assert by.id is not None
    id = account_id(by.id)
    with here.reading(by) as connection:
        row = find(connection, ACCOUNT, id)
    if row is None:
        return AccountView.of(id, 0, replace(ACCOUNT.initial, customer_id=by.id), by)
    return shown(AccountView, row, by, response)


def _issued(asked: Asked) -> InvoiceGenerated:
    """The invoice a door is about; an issued invoice never changes."""
    with asked.here.reading(asked.by) as connection:
        return issued_invoice(connection, asked.told["invoice_id"], asked.by)


def _about_invoice(command: type[Command]) -> Callable[[Asked], Command]:
    """The command with the customer whose invoice it is."""
    return lambda asked: command.model_validate({"customer_id": _issued(asked).customer_id, **asked.told})


def _as_invoice(asked: Asked) -> Answer:
    issued = _issued(asked)

    def answer(_: UUID, version: int, account: Account, _by: Actor) -> InvoiceView:
        return invoice_view(issued, version, account)

    return answer


def _payment_of_invoice(asked: Asked) -> ReceivePayment:
    customer_id = _issued(asked).customer_id
    return ReceivePayment(customer_id=customer_id, payment_id=derived(asked.id, "payment"), **asked.told)


def _payment(asked: Asked) -> ReceivePayment:
    return ReceivePayment(payment_id=derived(asked.id, "payment"), **asked.told)


def _as_payment(asked: Asked) -> Answer:
    def answer(id: UUID, version: int, account: Any, by: Actor) -> PaymentView:
        payment_id = derived(asked.id, "payment")
        rest = account.payments.get(payment_id)
        return PaymentView(
            id=payment_id,
            version=version,
            customer_id=account.customer_id,
            amount=asked.told["amount"],
            left=rest.left if rest else ZERO,
            account=AccountView.of(id, version, account, by),
        )

    return answer


def _credit_note(asked: Asked) -> IssueCreditNote:
    """Credit for lines of an invoice, at its own rounded amounts; goods that come back are credited by their return."""
    issued = _issued(asked)
    lines = tuple(credited(issued, one.line_no, one.quantity) for one in asked.told["lines"])
    return IssueCreditNote(
        customer_id=issued.customer_id,
        credit_note_id=derived(asked.id, "credit_note"),
        order_id=issued.order_id,
        stand_alone_lines=lines,
        reason=asked.told["reason"],
        refund_by=asked.told["refund_by"],
    )


def _invoice_door(path: str, command: type[Command]) -> None:
    write(
        ROUTER, "POST", _INVOICE + path, command, InvoiceView,
        supplied=["customer_id"], build=_about_invoice(command), answer=_as_invoice,
    )  # fmt: skip


_invoice_door("/send", SendInvoice)
_invoice_door("/dispute", DisputeInvoice)
_invoice_door("/write-off", WriteOffInvoice)
_invoice_door("/remind", SendReminder)
write(
    ROUTER, "POST", f"{_INVOICE}/record-payment", ReceivePayment, PaymentView,
    supplied=["customer_id", "payment_id", "order_id"], build=_payment_of_invoice, answer=_as_payment, status=201,
    name="RecordInvoicePayment",
)  # fmt: skip
write(
    ROUTER, "POST", f"{_INVOICE}/credit-note", IssueCreditNote, AccountView,
    supplied=["customer_id", "credit_note_id", "order_id", "return_id", "stand_alone_lines"],
    build=_credit_note, status=201,
)  # fmt: skip
write(
    ROUTER, "POST", "/ar/payments", ReceivePayment, PaymentView,
    supplied=["payment_id"], build=_payment, answer=_as_payment, status=201,
)  # fmt: skip
for _path, _command in (("allocate", AllocatePayment), ("unallocate", UnallocatePayment)):
    write(
        ROUTER, "POST", f"/ar/payments/{{payment_id}}/{_path}", _command, AccountView,
        supplied=["customer_id"], build=_about_invoice(_command),
    )  # fmt: skip
write(ROUTER, "POST", "/ar/payments/{payment_id}/refund", RefundPayment, AccountView)
write(ROUTER, "POST", "/ar/accounts/{customer_id}/hold", HoldAccount, AccountView)
write(ROUTER, "POST", "/ar/accounts/{customer_id}/release", ReleaseAccount, AccountView)

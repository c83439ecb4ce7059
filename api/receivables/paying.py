"""Paying: what a processor's word sets in motion, the same whether it came through the door or from our own page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from api.actor import system
from api.handle import Request, handle
from api.house import House
from api.orders.state import ORDER, Order
from api.reading import find
from api.receivables.commands import ReceivePayment
from api.receivables.payment_port import (
    PaymentDeclined,
    PaymentEvent,
    PaymentProvider,
    PaymentSucceeded,
    WebhookRefused,
    intent_for,
)
from api.receivables.sandbox import Sandbox
from api.refusals import Refusal, not_found
from warehouse.clock import calendar_date
from warehouse.events.event import Ref
from warehouse.ids import named
from warehouse.log.append import receipts

_PAYMENTS = system("payments")
"""Who acts on a processor's word: its signature is what lets it in, and no caller of ours is behind it."""
Result = Literal["paid", "kept_on_account", "declined"]
_NOT_FOR_THE_ORDER = frozenset({"order_expired", "order_cancelled", "order_not_found"})
_RECORDED = frozenset({"payment_exists", "provider_payment_taken"})


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a payment; `words` are for the buyer."""

    result: Result
    words: str
    is_repeated: bool = False


def providers(here: House) -> Mapping[str, PaymentProvider]:
    """The processors this house takes money through, by name."""
    return {Sandbox.name: Sandbox(here.mac_key)} if here.settings.takes_test_payments else {}


def asked_order(here: House, order_id: UUID) -> Order | None:
    """The order that a signed payment intent is about; the intent is the right to see what is to be paid for it."""
    with here.reading(_PAYMENTS) as connection:
        row = find(connection, ORDER, order_id)
    return None if row is None else row.state


def provider_named(name: str, here: House) -> PaymentProvider:
    """The processor of that name; raises Refusal."""
    found = providers(here).get(name)
    if found is None:
        raise not_found("payment provider", name)
    return found


def settle_webhook(here: House, provider: PaymentProvider, body: bytes, signature: str, at: datetime) -> Settled:
    """Do what a processor's message says, once however often it comes. Raises Refusal."""
    try:
        event = provider.parse_webhook(body, signature, at)
    except WebhookRefused as refused:
        raise Refusal("webhook_refused", str(refused), kind="forbidden") from refused
    return settle(here, provider, event, at)


def settle(here: House, provider: PaymentProvider, event: PaymentEvent, at: datetime) -> Settled:
    """Record money that came in: for its order while that waits for it, else on the customer's account."""
    if isinstance(event, PaymentDeclined):
        return Settled("declined", f"{event.reason} Nothing was paid; you can try again.")
    _refuse_mismatch(here, event)
    with here.reading(_PAYMENTS) as connection:
        order = find(connection, ORDER, event.intent.order_id)  # first: whoever paid it just now left a receipt too
        before = receipts(connection, [_command_id(provider, event, result) for result in ("paid", "kept_on_account")])
    if before:
        _, response = next(iter(before.values()))
        return _settled(response["result"], event, is_repeated=True)
    if order is not None and order.state.net_paid < order.state.due:
        try:
            return _receive(here, provider, event, at, "paid")
        except Refusal as refusal:
            if refusal.code not in _NOT_FOR_THE_ORDER:
                raise
    return _receive(here, provider, event, at, "kept_on_account")


def _receive(here: House, provider: PaymentProvider, event: PaymentSucceeded, at: datetime, result: Result) -> Settled:
    """Record the money; the processor's reference names it, so that it is recorded once."""

    def answer(_: Ref, __: int, ___: Any) -> Mapping[str, Any]:
        return {"result": result}

    command = ReceivePayment(
        customer_id=event.intent.customer_id,
        payment_id=named("payment", provider.name, event.reference),
        amount=event.amount,
        method=provider.method,
        reference=event.intent.order_number,
        received_on=calendar_date(at, here.settings.time_zone),
        order_id=event.intent.order_id if result == "paid" else None,
        provider=provider.name,
        provider_reference=event.reference,
    )
    said = f"{provider.name} {event.reference} {event.amount} {event.currency}"
    id = _command_id(provider, event, result)
    try:
        handled = handle(here.engine, Request(command, id, _PAYMENTS, at, answer, said=said), here.rules)
    except Refusal as refusal:
        if refusal.code not in _RECORDED:  # by hand, or by the same message at the same moment
            raise
        return _settled(result, event, is_repeated=True)
    return _settled(result, event, is_repeated=handled.is_repeated)


def _refuse_mismatch(here: House, event: PaymentSucceeded) -> None:
    """Raise when the processor speaks of another amount or currency than we asked for."""
    asked, ledger = event.intent, here.rules.currency
    if (event.amount, event.currency) != (asked.amount, asked.currency) or asked.currency != ledger:
        message = (
            f"{event.amount} {event.currency} came for order {asked.order_number}, {asked.amount} {ledger} is asked."
        )
        raise Refusal("payment_mismatch", f"{message} Look into it with the processor.")


def _command_id(provider: PaymentProvider, event: PaymentSucceeded, result: str) -> UUID:
    return named("command", "payment", provider.name, event.reference, result)


def _settled(result: Result, event: PaymentSucceeded, *, is_repeated: bool) -> Settled:
    number = event.intent.order_number
    words = {
        "paid": f"Thank you. Order {number} is paid.",
        "kept_on_account": f"Order {number} was no longer waiting for money. "
        "We keep what you paid on your account; write to us if you want it back.",
    }
    return Settled(result, words[result], is_repeated)


def pay_address(here: House, order: Order, at: datetime) -> str | None:
    """Where the rest of an order can be paid; None when nothing is to be paid, or nobody takes cards."""
    waits = order.lifecycle in {"placed", "held", "confirmed", "closed"} and not order.has_lapsed(at)
    provider = next(iter(providers(here).values()), None)
    if provider is None or not waits or order.net_paid >= order.due:
        return None
    return provider.begin(intent_for(order, order.currency), at)

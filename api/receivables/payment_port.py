"""The payment port: what the house asks of a card processor, and what a processor may tell it."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Protocol
from uuid import UUID

import jwt

from api.orders.state import Order
from warehouse.events.receivables import PaymentMethod
from warehouse.ids import derived

INTENT_LIFETIME = timedelta(hours=1)  # the order's page makes a new one
SIGNATURE_TOLERANCE = timedelta(minutes=5)
_ISSUER = "jovey payments"
_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class Intent:
    """What is to be paid for an order. Its id is a function of the order and of what was paid before.

    Two pages that pay the same rest carry the same intent, and of one intent a processor takes money once.
    """

    id: UUID
    order_id: UUID
    order_number: str
    customer_id: UUID
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class PaymentSucceeded:
    """Money came in. `reference` is the processor's own id of the payment."""

    intent: Intent
    reference: str
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class PaymentDeclined:
    """No money came in; the buyer may try again."""

    intent: Intent
    reason: str


PaymentEvent = PaymentSucceeded | PaymentDeclined


class WebhookRefused(Exception):
    """What came in was not said by the processor, or not just now; the message says which."""


class IntentRefused(Exception):
    """The text is no intent of ours, or one that is over; the message is for the buyer."""


class PaymentProvider(Protocol):
    """A card processor. Card numbers are its business alone: the house neither sees, keeps nor logs one."""

    name: ClassVar[str]
    method: ClassVar[PaymentMethod]
    signature_header: ClassVar[str]

    def begin(self, intent: Intent, at: datetime) -> str:
        """The address where the buyer pays."""
        ...

    def parse_webhook(self, body: bytes, signature: str, at: datetime) -> PaymentEvent:
        """What the processor says happened; raises WebhookRefused unless it is proven to say so now."""
        ...


def intent_for(order: Order, currency: str) -> Intent:
    """An intent to pay the rest of an order; what was paid and given back before is another one."""
    assert order.id is not None and order.customer_id is not None
    id = derived(order.id, "payment intent", str(order.paid), str(order.refunded), str(order.due))
    return Intent(id, order.id, order.number, order.customer_id, order.due - order.net_paid, currency)


def sealed(intent: Intent, key: bytes, at: datetime) -> str:
    """The intent as a token that nobody else can make; it says what is to be paid and holds for an hour."""
    payload = {
        "iss": _ISSUER,
        "jti": str(intent.id),
        "order": str(intent.order_id),
        "number": intent.order_number,
        "customer": str(intent.customer_id),
        "amount": str(intent.amount),
        "currency": intent.currency,
        "exp": at + INTENT_LIFETIME,
    }
    return jwt.encode(payload, _subkey(key, "intent"), algorithm=_ALGORITHM)


def opened(token: str, key: bytes, *, is_late_welcome: bool = False) -> Intent:
    """The intent a token holds; raises IntentRefused. Money that comes in late is still welcome."""
    options: Any = {"require": ["jti", "exp", "iss"], "verify_exp": not is_late_welcome}
    try:
        said = jwt.decode(token, _subkey(key, "intent"), algorithms=[_ALGORITHM], issuer=_ISSUER, options=options)
        return Intent(
            id=UUID(said["jti"]),
            order_id=UUID(said["order"]),
            order_number=said["number"],
            customer_id=UUID(said["customer"]),
            amount=Decimal(said["amount"]),
            currency=said["currency"],
        )
    except jwt.ExpiredSignatureError as error:
        raise IntentRefused("This payment page has expired; open it again from your order.") from error
    except (jwt.InvalidTokenError, ValueError, TypeError, KeyError, InvalidOperation) as error:
        raise IntentRefused("This is no payment page of ours; open it from your order.") from error


def signature(body: bytes, key: bytes, provider: str, at: datetime) -> str:
    """`t=<seconds>,v1=<HMAC-SHA256 of "t.body">`, the form that Stripe made common."""
    seconds = int(at.timestamp())
    return f"t={seconds},v1={_mac(body, key, provider, str(seconds))}"


def refuse_unsigned(body: bytes, given: str, key: bytes, provider: str, at: datetime) -> None:
    """Raise WebhookRefused unless the body was signed with the provider's key within the last minutes."""
    parts = dict(part.partition("=")[::2] for part in given.split(","))
    seconds, mac = parts.get("t", ""), parts.get("v1", "")
    expected = _mac(body, key, provider, seconds)
    if not hmac.compare_digest(mac.encode(), expected.encode()):
        raise WebhookRefused("The signature does not belong to this body.")
    if abs(at.timestamp() - int(seconds)) > SIGNATURE_TOLERANCE.total_seconds():
        raise WebhookRefused("The signature is too old, or of a clock that is wrong.")


def _mac(body: bytes, key: bytes, provider: str, seconds: str) -> str:
    return hmac.new(_subkey(key, f"webhook {provider}"), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()


def _subkey(key: bytes, purpose: str) -> bytes:
    """A key of its own for each purpose, so that a token of one is never a token of another."""
    return hmac.new(key, f"payments: {purpose}".encode(), hashlib.sha256).digest()

"""Sandbox: a card processor that moves no money, on a page of our own origin, for trying things out and for tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import ClassVar, Literal

from api.receivables.payment_port import (
    Intent,
    IntentRefused,
    PaymentDeclined,
    PaymentEvent,
    PaymentSucceeded,
    WebhookRefused,
    opened,
    refuse_unsigned,
    sealed,
    signature,
)
from warehouse.events.receivables import PaymentMethod

Outcome = Literal["approved", "declined", "insufficient_funds"]
TEST_CARDS: dict[str, Outcome] = {
    "4242424242424242": "approved",
    "4000000000000002": "declined",
    "4000000000009995": "insufficient_funds",
}
"""The numbers that processors' documentation made common; every other number is refused and forgotten."""
_REASONS: dict[Outcome, str] = {
    "declined": "The bank declined the card.",
    "insufficient_funds": "The card has insufficient funds.",
}


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The built-in provider; `key` is the installation's."""

    key: bytes
    name: ClassVar[str] = "sandbox"
    method: ClassVar[PaymentMethod] = "sandbox"
    signature_header: ClassVar[str] = "Webhook-Signature"

    def begin(self, intent: Intent, at: datetime) -> str:
        """The address of the hosted page, on our own origin."""
        return f"/pay/{sealed(intent, self.key, at)}"

    def webhook(self, token: str, outcome: Outcome, at: datetime) -> tuple[bytes, str]:
        """What the sandbox says of a payment: the body and its signature. One intent is paid under one reference."""
        intent = opened(token, self.key)
        said = {
            "type": "payment.succeeded" if outcome == "approved" else "payment.declined",
            "intent": token,
            "reference": f"sbx_{intent.id.hex}",
            "amount": str(intent.amount),
            "currency": intent.currency,
            "reason": _REASONS.get(outcome, ""),
        }
        body = json.dumps(said).encode()
        return body, signature(body, self.key, self.name, at)

    def parse_webhook(self, body: bytes, signature: str, at: datetime) -> PaymentEvent:
        """What a signed body says."""
        refuse_unsigned(body, signature, self.key, self.name, at)
        try:
            said = json.loads(body)
            intent = opened(said["intent"], self.key, is_late_welcome=True)
            if said["type"] == "payment.succeeded":
                return PaymentSucceeded(intent, said["reference"], Decimal(said["amount"]), said["currency"])
            return PaymentDeclined(intent, said["reason"])
        except (IntentRefused, ValueError, TypeError, KeyError, InvalidOperation) as error:
            raise WebhookRefused("The body is not what this processor sends.") from error


def outcome_of(card_number: str) -> Outcome | None:
    """What the sandbox does with a card number as typed; None for one that is no test card."""
    return TEST_CARDS.get("".join(card_number.split()).replace("-", ""))

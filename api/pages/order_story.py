"""The story of an order: what happened to it, in words for its buyer, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, select

from api.orders.state import Order
from api.pages.words import money, plural
from warehouse.events.orders import (
    OrderCancelled,
    OrderConfirmed,
    OrderCredited,
    OrderExpired,
    OrderHeld,
    OrderLineDelivered,
    OrderLineReturned,
    OrderLineShipped,
    OrderLineShortClosed,
    OrderPaymentApplied,
    OrderPickingStarted,
    OrderPlaced,
    OrderReleased,
    OrderReturnRequested,
)
from warehouse.log.tables import history

Kind = Literal["good", "bad", "note"]
STORY_EVENTS_MAX = 200


@dataclass(frozen=True, slots=True)
class Chapter:
    """One thing that happened."""

    at: datetime
    words: str
    more: str = ""
    kind: Kind = "good"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an order is, in a few words and a sentence."""

    kind: Literal["good", "low", "bad", "plain"]
    words: str
    sentence: str


def story_of(connection: Connection, order_id: UUID, currency: str) -> Sequence[Chapter]:
    """What happened to an order, the newest first."""
    wanted = select(history.c.event_type, history.c.effective_at, history.c.data).where(
        history.c.aggregate_id == order_id, history.c.event_type.in_(_WORDS)
    )
    rows = connection.execute(wanted.order_by(history.c.version.desc()).limit(STORY_EVENTS_MAX))
    return [_chapter(row.event_type, row.effective_at, row.data, currency) for row in rows]


def standing_of(order: Order, at: datetime) -> Standing:
    """Where an order is now."""
    if order.lifecycle == "cancelled":
        return Standing("bad", "Cancelled", "Nothing will be sent. What was paid stands on your account.")
    if order.has_lapsed(at):
        return Standing("bad", "Lapsed", "It was not paid in time, so its pieces are free again. You can order anew.")
    if order.lifecycle == "held":
        return Standing("low", "On hold", _held(order))
    if order.lifecycle == "placed":
        return Standing("low", "Waiting for payment", "We keep the pieces for you until then.")
    return _STANDINGS[order.fulfillment]


def is_cancellable(order: Order, at: datetime) -> bool:
    """Whether its buyer may still call it off, as the rule will say (api/orders/decide.py)."""
    is_open = order.lifecycle in {"placed", "held", "confirmed"} and not order.has_lapsed(at)
    return is_open and not order.shipments and not order.is_picking


def is_final(order: Order) -> bool:
    """Whether nothing more is awaited."""
    return order.lifecycle in {"cancelled", "expired", "closed"}


def _held(order: Order) -> str:
    if order.hold_cause == "credit":
        return f"{order.hold_reason} Pay open invoices or this order, or we release it; nothing is lost meanwhile."
    if order.hold_cause == "account":
        return "Your account is on hold. Please settle what is overdue or write to us; your pieces stay reserved."
    return f"A colleague looks into it: {order.hold_reason}"


_STANDINGS = {
    "unfulfilled": Standing("good", "Confirmed", "We are getting it ready to leave."),
    "partially_shipped": Standing("good", "Partly on its way", "The rest follows."),
    "shipped": Standing("good", "On its way", "The carrier has it."),
    "delivered": Standing("good", "Delivered", "It arrived."),
    "partially_returned": Standing("plain", "Partly returned", "Some pieces came back to us."),
    "returned": Standing("plain", "Returned", "Everything came back to us."),
}
_WORDS: dict[str, tuple[str, Kind]] = {
    OrderPlaced.type: ("Order placed", "good"),
    OrderHeld.type: ("Put on hold", "note"),
    OrderReleased.type: ("Released", "good"),
    OrderConfirmed.type: ("Confirmed", "good"),
    OrderPickingStarted.type: ("Being packed", "good"),
    OrderLineShipped.type: ("Left our house", "good"),
    OrderLineDelivered.type: ("Delivered", "good"),
    OrderPaymentApplied.type: ("Payment received", "good"),
    OrderReturnRequested.type: ("Return asked for", "note"),
    OrderLineReturned.type: ("Pieces came back", "note"),
    OrderLineShortClosed.type: ("A line was cut short", "note"),
    OrderCredited.type: ("Credit given", "good"),
    OrderCancelled.type: ("Cancelled", "bad"),
    OrderExpired.type: ("Lapsed: it was not paid in time", "bad"),
}


def _chapter(event_type: str, at: datetime, data: dict[str, Any], currency: str) -> Chapter:
    words, kind = _WORDS[event_type]
    if event_type == OrderPaymentApplied.type:
        amount = OrderPaymentApplied.model_validate(data).amount
        back = "Money given back" if data.get("is_refund") else "Payment put elsewhere"
        return Chapter(at, back if amount < 0 else words, money(abs(amount), currency), kind)
    if event_type in {OrderLineShipped.type, OrderLineDelivered.type, OrderLineReturned.type}:
        return Chapter(at, words, plural(sum(one["quantity"] for one in data["lines"]), "piece"), kind)
    if event_type == OrderHeld.type and data.get("cause") == "manual":
        return Chapter(at, words, data["reason"], kind)
    return Chapter(at, words, "", kind)

"""What an order amounts to: its lines, its place in life, and the two axes derived from quantities and amounts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, assert_never
from uuid import UUID

from api.orders.lines import Line, Planned, Returning, as_agreed, less, moved
from api.replace import replace
from api.stream import Stream
from warehouse.events.customers import Address, PaymentTerms
from warehouse.events.event import Happened
from warehouse.events.orders import (
    LineQuantity,
    OrderCancelled,
    OrderConfirmed,
    OrderCredited,
    OrderExpired,
    OrderFulfilled,
    OrderHeld,
    OrderLineDelivered,
    OrderLineReturned,
    OrderLineShipped,
    OrderLineShortClosed,
    OrderPaymentApplied,
    OrderPickingStarted,
    OrderPlaced,
    OrderReleased,
    OrderReturnClosed,
    OrderReturnRequested,
    OrderShipmentCancelled,
    OrderShipmentPlanned,
)
from warehouse.money import ZERO

Lifecycle = Literal["none", "placed", "held", "confirmed", "closed", "cancelled", "expired"]
Fulfillment = Literal["unfulfilled", "partially_shipped", "shipped", "delivered", "partially_returned", "returned"]
Payment = Literal["pending", "partial", "paid", "refunded"]
Status = Literal["pending", "processing", "shipped", "delivered", "cancelled"]

OrderEvent = (
    OrderPlaced
    | OrderHeld
    | OrderReleased
    | OrderConfirmed
    | OrderShipmentPlanned
    | OrderShipmentCancelled
    | OrderPickingStarted
    | OrderLineShipped
    | OrderLineDelivered
    | OrderReturnRequested
    | OrderReturnClosed
    | OrderLineReturned
    | OrderLineShortClosed
    | OrderCredited
    | OrderPaymentApplied
    | OrderCancelled
    | OrderExpired
    | OrderFulfilled
)


@dataclass(frozen=True)
class Order:
    """One order. `lifecycle` moves by events; fulfillment, payment and status are derived, never set."""

    id: UUID | None = None
    number: str = ""
    customer_id: UUID | None = None
    customer_type: Literal["consumer", "dealer"] = "consumer"
    channel: str = "api"
    currency: str = ""
    prices_include_tax: bool = False
    terms: PaymentTerms = "immediate"
    location: str = ""
    shipping_address: Address | None = None
    backorder: bool = False
    reference: str | None = None
    notes: str | None = None
    lines: tuple[Line, ...] = ()
    net: Decimal = ZERO
    tax: Decimal = ZERO
    total: Decimal = ZERO
    credited: Decimal = ZERO
    paid: Decimal = ZERO
    refunded: Decimal = ZERO
    lifecycle: Lifecycle = "none"
    hold_reason: str | None = None
    hold_cause: Literal["credit", "account", "manual"] | None = None
    is_credit_covered: bool = False
    planned: tuple[Planned, ...] = ()
    shipments: tuple[UUID, ...] = ()
    returning: tuple[Returning, ...] = ()
    placed_at: datetime | None = None
    expires_at: datetime | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None

    @property
    def is_on_credit(self) -> bool:
        """Whether it is delivered before it is paid."""
        return self.terms != "immediate"

    @property
    def goods(self) -> list[Line]:
        """The lines that say how far the order is: its products, or all lines when it has none."""
        return [line for line in self.lines if line.kind == "product"] or list(self.lines)

    @property
    def is_picking(self) -> bool:
        """Whether pieces are being taken from the shelves for it."""
        return any(one.is_picking for one in self.planned)

    @property
    def due(self) -> Decimal:
        """What the buyer owes in all, less what will not come and what was credited."""
        short = (line.amounts(line.quantity, line.expected)[2] for line in self.lines if line.short_closed)
        return self.total - sum(short, ZERO) - self.credited

    @property
    def uninvoiced(self) -> Decimal:
        """What is still to be invoiced: everything that has not shipped and will."""
        return sum((line.amounts(line.expected, line.shipped)[2] for line in self.lines if line.open), ZERO)

    def discounts(self, after: Decimal, before: Decimal) -> dict[int, tuple[Decimal, Decimal, Decimal]]:
        """Net, tax and gross by line of the discounts that fall on goods worth from `before` to `after` gross."""
        worth = sum((line.amounts(line.expected, 0)[2] for line in self.lines if line.kind == "product"), ZERO)
        if worth == 0:
            return {}
        return {
            line.line_no: line.amounts(line.expected * after / worth, line.expected * before / worth)
            for line in self.lines
            if line.kind == "discount"
        }

    @property
    def net_paid(self) -> Decimal:
        """Money and credit put against it, less what was given back."""
        return self.paid - self.refunded

    @property
    def fulfillment(self) -> Fulfillment:
        """How far its goods are, from quantities alone."""
        if self._are_all("returned"):
            return "returned"
        if any(line.returned for line in self.goods):
            return "partially_returned"
        if self._are_all("delivered"):
            return "delivered"
        if self._are_all("shipped"):
            return "shipped"
        return "partially_shipped" if any(line.shipped for line in self.goods) else "unfulfilled"

    def _are_all(self, stage: Literal["shipped", "delivered", "returned"]) -> bool:
        """Whether something shipped, and everything that will come has reached a stage."""
        pieces = [(getattr(line, stage), line.expected) for line in self.goods]
        return any(done for done, _ in pieces) and all(done >= expected for done, expected in pieces)

    @property
    def payment(self) -> Payment:
        """How far it is paid, from amounts alone."""
        if self.refunded and self.net_paid <= 0:
            return "refunded"
        if self.net_paid >= self.due:
            return "paid"
        return "partial" if self.net_paid > 0 else "pending"

    @property
    def status(self) -> Status:
        """The design document's one word."""
        if self.lifecycle in ("cancelled", "expired"):
            return "cancelled"
        if self._are_all("delivered"):
            return "delivered"
        if self._are_all("shipped"):
            return "shipped"
        return "processing" if self.lifecycle in ("confirmed", "closed") else "pending"

    def has_lapsed(self, at: datetime) -> bool:
        """Whether it waited too long for its money, recorded or not."""
        if self.lifecycle not in ("placed", "held"):
            return self.lifecycle == "expired"
        return self.expires_at is not None and self.expires_at <= at and self.net_paid < self.due

    def plannable(self) -> dict[int, int]:
        """Open pieces by line of product that no shipment under way is to take."""
        pieces = {line.line_no: line.open for line in self.lines if line.kind == "product"}
        return less(pieces, (one.lines for one in self.planned))

    def planned_demand(self) -> dict[str, int]:
        """Pieces by SKU that shipments under way are to take."""
        taken: dict[str, int] = {}
        for one in (one for planned in self.planned for one in planned.lines):
            sku = self.lines[one.line_no - 1].sku
            taken[sku] = taken.get(sku, 0) + one.quantity
        return taken

    def returnable(self) -> dict[int, int]:
        """Delivered pieces by line of product that have not come back and that no return under way is about."""
        pieces = {line.line_no: line.delivered - line.returned for line in self.lines if line.kind == "product"}
        return less(pieces, (one.lines for one in self.returning))

    def demand(self) -> dict[str, int]:
        """Open pieces by SKU, summed over the lines."""
        wanted: dict[str, int] = {}
        for line in self.lines:
            if line.kind == "product" and line.open > 0:
                wanted[line.sku] = wanted.get(line.sku, 0) + line.open
        return wanted

    def line(self, line_no: int) -> Line | None:
        """The line of that number; lines are numbered from 1 in order."""
        return self.lines[line_no - 1] if 0 < line_no <= len(self.lines) else None


def evolve_order(order: Order, recorded: Happened[Any]) -> Order:
    """The order after one more of its events."""
    event: OrderEvent = recorded.event
    match event:
        case OrderPlaced():
            return _placed(event, recorded)
        case OrderHeld():
            return replace(order, lifecycle="held", hold_cause=event.cause, hold_reason=event.reason)
        case OrderReleased():
            covered = order.is_credit_covered or event.is_credit_covered
            return replace(order, lifecycle="placed", hold_cause=None, hold_reason=None, is_credit_covered=covered)
        case OrderConfirmed():
            return replace(order, lifecycle="confirmed")
        case OrderShipmentPlanned():
            return replace(order, planned=(*order.planned, Planned(event.shipment_id, event.lines)))
        case OrderShipmentCancelled():
            return replace(order, planned=tuple(_other_shipments(order, event.shipment_id)))
        case OrderPickingStarted():
            return replace(order, planned=tuple(_picking(order, event.shipment_id)))
        case OrderLineShipped():
            return _shipped(order, event, recorded)
        case OrderLineDelivered():
            lines = moved(order.lines, event.lines, "delivered")
            return replace(order, lines=lines, delivered_at=recorded.effective_at)
        case OrderReturnRequested():
            return replace(order, returning=(*order.returning, Returning(event.return_id, event.lines)))
        case OrderReturnClosed():
            return replace(order, returning=tuple(_other_returns(order, event.return_id)))
        case OrderLineReturned():
            lines = moved(order.lines, event.lines, "returned")
            return replace(order, lines=lines, returning=tuple(_other_returns(order, event.return_id)))
        case OrderLineShortClosed():
            short = (LineQuantity(line_no=event.line_no, quantity=event.quantity),)
            return replace(order, lines=moved(order.lines, short, "short_closed"))
        case OrderCredited():
            return replace(order, credited=order.credited + event.amount)
        case OrderPaymentApplied():
            if event.is_refund:
                return replace(order, refunded=order.refunded - event.amount)
            return replace(order, paid=order.paid + event.amount)
        case OrderCancelled():
            return replace(order, lifecycle="cancelled")
        case OrderExpired():
            return replace(order, lifecycle="expired")
        case OrderFulfilled():
            return replace(order, lifecycle="closed")
        case _:
            assert_never(event)


def _shipped(order: Order, event: OrderLineShipped, recorded: Happened[Any]) -> Order:
    return replace(
        order,
        lines=moved(order.lines, event.lines, "shipped"),
        shipments=(*order.shipments, event.shipment_id),
        planned=tuple(_other_shipments(order, event.shipment_id)),
        shipped_at=recorded.effective_at,
    )


def _placed(event: OrderPlaced, recorded: Happened[Any]) -> Order:
    return Order(
        id=recorded.ref.id,
        number=event.number,
        customer_id=event.customer_id,
        customer_type=event.customer_type,
        channel=event.channel,
        currency=event.currency,
        prices_include_tax=event.prices_include_tax,
        terms=event.terms,
        location=event.location,
        shipping_address=event.shipping_address,
        backorder=event.backorder,
        reference=event.reference,
        notes=event.notes,
        lines=tuple(as_agreed(line) for line in event.lines),
        net=event.net,
        tax=event.tax,
        total=event.total,
        lifecycle="placed",
        placed_at=recorded.effective_at,
        expires_at=event.expires_at,
    )


def _other_shipments(order: Order, shipment_id: UUID) -> Iterator[Planned]:
    return (one for one in order.planned if one.shipment_id != shipment_id)


def _picking(order: Order, shipment_id: UUID) -> Iterator[Planned]:
    return (replace(one, is_picking=True) if one.shipment_id == shipment_id else one for one in order.planned)


def _other_returns(order: Order, return_id: UUID) -> Iterator[Returning]:
    return (one for one in order.returning if one.return_id != return_id)


ORDER: Stream[Order] = Stream(
    name="order",
    initial=Order(),
    evolve=evolve_order,
    status=lambda order: order.lifecycle,
    owner=lambda order: order.customer_id,
    claims=lambda order: [("order_number", order.number)] if order.number else [],
)

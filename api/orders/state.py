"""What an order amounts to: its lines, its place in life, and the two axes derived from quantities and amounts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, assert_never
from uuid import UUID

from api.stream import Stream
from warehouse.events.customers import Address, PaymentTerms
from warehouse.events.event import Recorded
from warehouse.events.orders import (
    LineKind,
    LineQuantity,
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderFulfilled,
    OrderHeld,
    OrderLine,
    OrderLineDelivered,
    OrderLineReturned,
    OrderLineShipped,
    OrderLineShortClosed,
    OrderPaymentApplied,
    OrderPickingStarted,
    OrderPlaced,
    OrderReleased,
)
from warehouse.money import ZERO, rounded

Lifecycle = Literal["none", "placed", "held", "confirmed", "closed", "cancelled", "expired"]
Fulfillment = Literal["unfulfilled", "partially_shipped", "shipped", "delivered", "partially_returned", "returned"]
Payment = Literal["pending", "partial", "paid", "refunded"]
Status = Literal["pending", "processing", "shipped", "delivered", "cancelled"]

OrderEvent = (
    OrderPlaced
    | OrderHeld
    | OrderReleased
    | OrderConfirmed
    | OrderPickingStarted
    | OrderLineShipped
    | OrderLineDelivered
    | OrderLineReturned
    | OrderLineShortClosed
    | OrderPaymentApplied
    | OrderCancelled
    | OrderExpired
    | OrderFulfilled
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line as agreed, and how many of its pieces went where."""

    line_no: int
    kind: LineKind
    sku: str
    product_id: UUID | None
    description: str
    quantity: int
    unit_price: Decimal
    tax_rate: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal
    reference: str | None = None
    shipped: int = 0
    delivered: int = 0
    returned: int = 0
    short_closed: int = 0

    @property
    def open(self) -> int:
        """Pieces still to ship."""
        return self.quantity - self.short_closed - self.shipped

    def amounts(self, after: int, before: int) -> tuple[Decimal, Decimal, Decimal]:
        """Net, tax and gross of the pieces from `before` to `after`; over a whole line they sum to the line's own.

        Each is the difference of two rounded shares, so partial invoices and credits never gain or lose a cent.
        """
        gross = self._share(self.gross, after) - self._share(self.gross, before)
        net = self._share(self.net, after) - self._share(self.net, before)
        return net, gross - net, gross

    def _share(self, amount: Decimal, pieces: int) -> Decimal:
        return rounded(amount * pieces / self.quantity)


@dataclass(frozen=True, slots=True)
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
    paid: Decimal = ZERO
    refunded: Decimal = ZERO
    lifecycle: Lifecycle = "none"
    hold_reason: str | None = None
    hold_cause: Literal["credit", "account", "manual"] | None = None
    is_released: bool = False
    shipments: tuple[UUID, ...] = ()
    picking: tuple[UUID, ...] = ()
    placed_at: datetime | None = None
    expires_at: datetime | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None

    @property
    def is_on_credit(self) -> bool:
        """Whether it is delivered before it is paid."""
        return self.terms != "immediate"

    @property
    def due(self) -> Decimal:
        """What the buyer owes in all, less what will not come."""
        short = (line.amounts(line.quantity, line.quantity - line.short_closed)[2] for line in self.lines)
        return self.total - sum(short, ZERO)

    @property
    def net_paid(self) -> Decimal:
        """Money and credit put against it, less what was given back."""
        return self.paid - self.refunded

    @property
    def fulfillment(self) -> Fulfillment:
        """How far its goods are, from quantities alone."""
        goods = [line for line in self.lines if line.kind == "product"] or list(self.lines)
        expected = sum(line.quantity - line.short_closed for line in goods)
        shipped, delivered, returned = (sum(getattr(g, n) for g in goods) for n in ("shipped", "delivered", "returned"))
        if returned:
            return "returned" if returned >= delivered else "partially_returned"
        if shipped and delivered >= expected:
            return "delivered"
        if shipped:
            return "shipped" if shipped >= expected else "partially_shipped"
        return "unfulfilled"

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
        if self.fulfillment in ("delivered", "partially_returned", "returned"):
            return "delivered"
        if self.fulfillment == "shipped":
            return "shipped"
        return "processing" if self.lifecycle in ("confirmed", "closed") else "pending"

    def has_lapsed(self, at: datetime) -> bool:
        """Whether it waited too long for its money, recorded or not."""
        return self.lifecycle == "expired" or (
            self.lifecycle == "placed" and self.expires_at is not None and self.expires_at <= at
        )

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


def evolve_order(order: Order, recorded: Recorded[Any]) -> Order:
    """The order after one more of its events."""
    event: OrderEvent = recorded.event
    match event:
        case OrderPlaced():
            return _placed(event, recorded)
        case OrderHeld():
            return replace(order, lifecycle="held", hold_cause=event.cause, hold_reason=event.reason)
        case OrderReleased():
            return replace(order, lifecycle="placed", hold_cause=None, hold_reason=None, is_released=True)
        case OrderConfirmed():
            return replace(order, lifecycle="confirmed")
        case OrderPickingStarted():
            return replace(order, picking=(*order.picking, event.shipment_id))
        case OrderLineShipped():
            return replace(
                order,
                lines=_moved(order.lines, event.lines, "shipped"),
                shipments=(*order.shipments, event.shipment_id),
                picking=tuple(id for id in order.picking if id != event.shipment_id),
                shipped_at=recorded.effective_at,
            )
        case OrderLineDelivered():
            lines = _moved(order.lines, event.lines, "delivered")
            return replace(order, lines=lines, delivered_at=recorded.effective_at)
        case OrderLineReturned():
            return replace(order, lines=_moved(order.lines, event.lines, "returned"))
        case OrderLineShortClosed():
            moved = (LineQuantity(line_no=event.line_no, quantity=event.quantity),)
            return replace(order, lines=_moved(order.lines, moved, "short_closed"))
        case OrderPaymentApplied():
            if event.amount < 0:
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


def _placed(event: OrderPlaced, recorded: Recorded[Any]) -> Order:
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
        lines=tuple(_line(line) for line in event.lines),
        net=event.net,
        tax=event.tax,
        total=event.total,
        lifecycle="placed",
        placed_at=recorded.effective_at,
        expires_at=event.expires_at,
    )


def _line(line: OrderLine) -> Line:
    return Line(
        line.line_no,
        line.kind,
        line.sku,
        line.product_id,
        line.description,
        line.quantity,
        line.unit_price,
        line.tax_rate,
        line.net,
        line.tax,
        line.gross,
        line.reference,
    )


def _moved(lines: tuple[Line, ...], quantities: Iterable[LineQuantity], field: str) -> tuple[Line, ...]:
    moved: Mapping[int, int] = {one.line_no: one.quantity for one in quantities}
    return tuple(
        replace(line, **{field: getattr(line, field) + moved[line.line_no]}) if line.line_no in moved else line
        for line in lines
    )


ORDER: Stream[Order] = Stream(
    name="order",
    initial=Order(),
    evolve=evolve_order,
    status=lambda order: order.lifecycle,
    owner=lambda order: order.customer_id,
    claims=lambda order: [("order_number", order.number)] if order.number else [],
)

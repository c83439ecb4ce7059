"""What stock, shipments and returns amount to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, assert_never
from uuid import UUID

from api.replace import replace
from api.stream import Stream
from warehouse.events.event import Happened
from warehouse.events.fulfillment import (
    InspectedLine,
    InventoryAdjusted,
    InventoryCounted,
    InventoryQuarantined,
    InventoryReceived,
    InventoryReleased,
    InventoryReservationConfirmed,
    InventoryReserved,
    InventoryShipped,
    InventoryTransferredIn,
    InventoryTransferredOut,
    ReturnApproved,
    ReturnClosed,
    ReturnInspected,
    ReturnLine,
    ReturnReceived,
    ReturnRequested,
    ShipmentCancelled,
    ShipmentCreated,
    ShipmentDelivered,
    ShipmentLine,
    ShipmentPacked,
    ShipmentPicked,
    ShipmentShipped,
)

StockEvent = (
    InventoryReceived
    | InventoryAdjusted
    | InventoryCounted
    | InventoryReserved
    | InventoryReservationConfirmed
    | InventoryReleased
    | InventoryShipped
    | InventoryTransferredOut
    | InventoryTransferredIn
    | InventoryQuarantined
)
ShipmentEvent = (
    ShipmentCreated | ShipmentPicked | ShipmentPacked | ShipmentShipped | ShipmentDelivered | ShipmentCancelled
)
ReturnEvent = ReturnRequested | ReturnApproved | ReturnReceived | ReturnInspected | ReturnClosed

_COST_PLACES = Decimal("0.0001")


@dataclass(frozen=True)
class Reservation:
    """Pieces set aside for one order, until `expires_at` if there is one."""

    quantity: int
    expires_at: datetime | None = None

    def is_live(self, at: datetime) -> bool:
        """Lapsing needs no job: it is a comparison of times."""
        return self.expires_at is None or self.expires_at > at


@dataclass(frozen=True)
class Stock:
    """One product at one location. `unit_cost` is the moving average; quarantined pieces are not part of `on_hand`."""

    product_id: UUID | None = None
    sku: str = ""
    location: str = ""
    on_hand: int = 0
    quarantined: int = 0
    unit_cost: Decimal | None = None
    reservations: Mapping[UUID, Reservation] = field(default_factory=dict)

    def reserved(self, at: datetime) -> int:
        """Pieces set aside at an instant."""
        return sum(one.quantity for one in self.reservations.values() if one.is_live(at))

    def available(self, at: datetime) -> int:
        """Pieces that may be promised at an instant; negative while backorders wait."""
        return self.on_hand - self.reserved(at)

    def reserved_for(self, order_id: UUID) -> int:
        """Pieces set aside for one order, lapsed or not."""
        found = self.reservations.get(order_id)
        return found.quantity if found else 0

    def ready_for(self, order_id: UUID) -> int:
        """Pieces set aside for one order that are really there."""
        return min(self.on_hand, self.reserved_for(order_id))


def evolve_stock(stock: Stock, recorded: Happened[Any]) -> Stock:
    """The stock after one more of its events."""
    event: StockEvent = recorded.event
    if stock.product_id is None:
        stock = replace(stock, product_id=event.product_id, sku=event.sku, location=event.location)
    match event:
        case InventoryReceived() | InventoryTransferredIn():
            cost = _moving_average(stock, event.quantity, event.unit_cost)
            return replace(stock, on_hand=stock.on_hand + event.quantity, unit_cost=cost)
        case InventoryAdjusted():
            return replace(stock, on_hand=stock.on_hand + event.quantity)
        case InventoryCounted():
            return replace(stock, on_hand=event.counted_quantity)
        case InventoryReserved():
            before = stock.reservations.get(event.order_id)
            live = before.quantity if before and before.is_live(recorded.effective_at) else 0
            reservation = Reservation(live + event.quantity, event.expires_at)
            return replace(stock, reservations={**stock.reservations, event.order_id: reservation})
        case InventoryReservationConfirmed():
            firm = Reservation(stock.reserved_for(event.order_id))
            return replace(stock, reservations={**stock.reservations, event.order_id: firm})
        case InventoryReleased():
            return replace(stock, reservations=_less_reserved(stock, event.order_id, event.quantity))
        case InventoryShipped():
            rest = _less_reserved(stock, event.order_id, event.quantity)
            return replace(stock, on_hand=stock.on_hand - event.quantity, reservations=rest)
        case InventoryTransferredOut():
            return replace(stock, on_hand=stock.on_hand - event.quantity)
        case InventoryQuarantined():
            return replace(stock, quarantined=stock.quarantined + event.quantity)
        case _:
            assert_never(event)


def _moving_average(stock: Stock, quantity: int, unit_cost: Decimal | None) -> Decimal | None:
    if unit_cost is None:
        return stock.unit_cost
    if stock.unit_cost is None or stock.on_hand <= 0:
        return unit_cost
    worth = stock.on_hand * stock.unit_cost + quantity * unit_cost
    return (worth / (stock.on_hand + quantity)).quantize(_COST_PLACES)


def _less_reserved(stock: Stock, order_id: UUID, quantity: int) -> Mapping[UUID, Reservation]:
    rest = stock.reserved_for(order_id) - quantity
    others = {id: one for id, one in stock.reservations.items() if id != order_id}
    if rest <= 0:
        return others
    return {**others, order_id: replace(stock.reservations[order_id], quantity=rest)}


@dataclass(frozen=True)
class Shipment:
    """One shipment of one order."""

    id: UUID | None = None
    order_id: UUID | None = None
    customer_id: UUID | None = None
    location: str = ""
    lines: tuple[ShipmentLine, ...] = ()
    status: Literal["none", "created", "picked", "packed", "shipped", "delivered", "cancelled"] = "none"
    packages: int = 0
    carrier: str | None = None
    tracking_number: str | None = None


def evolve_shipment(shipment: Shipment, recorded: Happened[Any]) -> Shipment:
    """The shipment after one more of its events."""
    event: ShipmentEvent = recorded.event
    match event:
        case ShipmentCreated():
            return Shipment(
                recorded.ref.id, event.order_id, event.customer_id, event.location, event.lines, status="created"
            )
        case ShipmentPicked():
            return replace(shipment, status="picked")
        case ShipmentPacked():
            return replace(shipment, status="packed", packages=event.packages)
        case ShipmentShipped():
            return replace(shipment, status="shipped", carrier=event.carrier, tracking_number=event.tracking_number)
        case ShipmentDelivered():
            return replace(shipment, status="delivered")
        case ShipmentCancelled():
            return replace(shipment, status="cancelled")
        case _:
            assert_never(event)


@dataclass(frozen=True)
class Return:
    """One return of goods of one order."""

    id: UUID | None = None
    order_id: UUID | None = None
    customer_id: UUID | None = None
    location: str = ""
    lines: tuple[ReturnLine, ...] = ()
    findings: tuple[InspectedLine, ...] = ()
    status: Literal["none", "requested", "approved", "received", "inspected", "closed"] = "none"


def evolve_return(back: Return, recorded: Happened[Any]) -> Return:
    """The return after one more of its events."""
    event: ReturnEvent = recorded.event
    match event:
        case ReturnRequested():
            return Return(
                recorded.ref.id, event.order_id, event.customer_id, event.location, event.lines, status="requested"
            )
        case ReturnApproved():
            return replace(back, status="approved")
        case ReturnReceived():
            return replace(back, status="received")
        case ReturnInspected():
            return replace(back, status="inspected", findings=event.lines)
        case ReturnClosed():
            return replace(back, status="closed")
        case _:
            assert_never(event)


STOCK: Stream[Stock] = Stream(
    name="stock",
    initial=Stock(),
    evolve=evolve_stock,
    status=lambda stock: "in_stock" if stock.on_hand > 0 else "out_of_stock",
)
SHIPMENT: Stream[Shipment] = Stream(
    name="shipment",
    initial=Shipment(),
    evolve=evolve_shipment,
    status=lambda shipment: shipment.status,
    owner=lambda shipment: shipment.customer_id,
)
RETURN: Stream[Return] = Stream(
    name="return",
    initial=Return(),
    evolve=evolve_return,
    status=lambda back: back.status,
    owner=lambda back: back.customer_id,
)

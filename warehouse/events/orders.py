"""Facts of an order: stream `order`. What other streams do to it comes in by reaction: its status folds from here."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from warehouse.events.customers import Address, PaymentTerms
from warehouse.events.event import Amount, Event, Part, Personal, PersonalText, Rate, UnitPrice

LineKind = Literal["product", "charge", "discount"]


class OrderLine(Part):
    """One line as agreed: the price is frozen here. Charges (postage, bank) and discounts hold no stock."""

    line_no: int
    kind: LineKind = "product"
    sku: str = Field(description="The product's SKU, or the code of the charge or discount.")
    product_id: UUID | None = Field(None, description="None on charges and discounts.")
    description: str
    quantity: int
    unit_price: UnitPrice
    tax_rate: Rate
    net: Amount
    tax: Amount
    gross: Amount
    reference: str | None = Field(None, description="The buyer's own reference.")


class LineQuantity(Part):
    """So many pieces of a line."""

    line_no: int
    quantity: int


class OrderPlaced(Event):
    """A buyer ordered; stock is reserved and, on terms, credit is committed in the same transaction."""

    stream: ClassVar[str] = "order"
    type: ClassVar[str] = "order.placed"
    subject: ClassVar[str | None] = "customer_id"

    number: str
    customer_id: UUID
    customer_type: Literal["consumer", "dealer"]
    channel: Literal["storefront", "api", "bulk", "staff", "import"]
    currency: str
    prices_include_tax: bool
    lines: tuple[OrderLine, ...]
    net: Amount
    tax: Amount
    total: Amount
    terms: PaymentTerms
    location: str = Field(description="The warehouse that serves the order.")
    shipping_address: Annotated[Address | None, Personal()] = None
    backorder: bool = Field(False, description="Lines beyond the stock wait for it instead of being refused.")
    reference: str | None = None
    notes: PersonalText | None = None
    expires_at: datetime | None = Field(
        None, description="Unpaid by this instant the order has lapsed; none on credit terms."
    )


class OrderHeld(Event):
    """An order waits for a person: over the credit limit, or put there by hand."""

    stream: ClassVar[str] = "order"
    type: ClassVar[str] = "order.held"

    cause: Literal["credit", "account", "manual"]
    reason: str


class OrderReleased(Event):
    """A person with the right let a held order go on."""

    stream: ClassVar[str] = "order"
    type: ClassVar[str] = "order.released"

    reason: str
    is_credit_covered: bool = Field(
        False, description="By somebody with the right in receivables: credit is not asked again when it ships."
    )


class OrderConfirmed(Event):
    """The order may be picked: paid for, or within the credit."""

    stream: ClassVar[str] = "order"
    type: ClassVar[str] = "order.confirmed"


class OrderShipmentPlanned(Event):
    """A shipment of the order was planned: its pieces are spoken for until it leaves or is called off."""

    stream: ClassVar[str] = "order"
    type: ClassVar[str] = "order.shipment_planned"

    shipment_id: UUID
    lines: tuple[LineQuantity, ...]


class OrderShipmentCancelled(Event):
    """A planned shipment of the order was called off; its pieces can be planned anew."""

    stream: ClassVar[str] = "order"
    type: ClassVar[str] = "order.shipment_cancelled"

    shipment_id: UUID


class OrderPickingStarted(Event):
    """A shipment of the order is being picked; the buyer can no longer cancel."""

    stream: ClassVar[str] = "order"
    type: ClassVar[str] = "order.picking_started"

    shipment_id: UUID


class OrderLineShipped(Event):
    """Lines left the warehouse in one shipment; charges and discounts go with the first."""

    stream: ClassVar[str] = "order"
    type: ClassVar[str] = "order.line_shipped"

    shipment_id: UUID
    lines: tuple[LineQuantity, ...]


class OrderLineDelivered(Event):
    """Lines of one shipment reached the buyer."""

    stream: ClassVar[str] = "order"
    type: ClassVar[str] = "order.line_delivered"

    shipment_id: UUID
    lines: tuple[LineQuantity, ...]


class OrderReturnRequested(Event):
    """The buyer wants to send pieces back; nobody can ask for the same pieces again meanwhile."""

    stream: ClassVar[str] = "order"
    type: ClassVar[str] = "order.return_requested"

    return_id: UUID
    lines: tuple[LineQuantity, ...]


class OrderReturnClosed(Event):
    """A return ended and nothing was taken back."""

    stream: ClassVar[str] = "order"
    type: ClassVar[str] = "order.return_closed"

    return_id: UUID


class OrderLineReturned(Event):
    """Lines came back."""

    stream: ClassVar[str] = "order"
    type: ClassVar[str] = "order.line_returned"

    return_id: UUID
    lines: tuple[LineQuantity, ...]


class OrderLineShortClosed(Event):
    """The open rest of a line will not come."""

    stream: ClassVar[str] = "order"
    type: ClassVar[str] = "order.line_short_closed"

    line_no: int
    quantity: int
    reason: str


class OrderCredited(Event):
    """Credit was given on what was invoiced, for goods that came back or as an allowance: so much less is due."""

    stream: ClassVar[str] = "order"
    type: ClassVar[str] = "order.credited"

    credit_note_id: UUID
    amount: Amount


class OrderPaymentApplied(Event):
    """Money was put against the order; negative when it was taken back."""

    stream: ClassVar[str] = "order"
    type: ClassVar[str] = "order.payment_applied"

    payment_id: UUID = Field(description="The payment, or the credit note, that covered it.")
    amount: Amount
    is_refund: bool = Field(False, description="The money went back to the buyer (the amount is negative).")


class OrderCancelled(Event):
    """The order was called off; its stock and credit are free again."""

    stream: ClassVar[str] = "order"
    type: ClassVar[str] = "order.cancelled"

    reason: str


class OrderExpired(Event):
    """The order was not paid in time. Its stock was free from that instant on; this records it."""

    stream: ClassVar[str] = "order"
    type: ClassVar[str] = "order.expired"


class OrderFulfilled(Event):
    """Everything that will come has been delivered; the order is closed."""

    stream: ClassVar[str] = "order"
    type: ClassVar[str] = "order.fulfilled"

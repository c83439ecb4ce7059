"""A small shop as facts: two pumps in stock, a dealer on terms, a consumer, and orders at any point of their life."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import pytest

from api.category.commands import product_id
from api.fulfillment.commands import stock_id
from api.receivables.commands import account_id
from warehouse.events.category import ProductCreated
from warehouse.events.customers import CustomerRegistered, DealerApproved
from warehouse.events.fulfillment import (
    InspectedLine,
    InventoryReceived,
    InventoryReserved,
    ReturnInspected,
    ReturnLine,
    ReturnRequested,
    ShipmentCreated,
    ShipmentLine,
)
from warehouse.events.orders import (
    LineQuantity,
    OrderConfirmed,
    OrderLine,
    OrderLineDelivered,
    OrderLineShipped,
    OrderPaymentApplied,
    OrderPlaced,
    OrderShipmentPlanned,
)
from warehouse.events.receivables import (
    CreditCommitted,
    CreditNoteIssued,
    InvoiceGenerated,
    InvoiceLine,
    PaymentAllocated,
    PaymentReceived,
)
from warehouse.ids import named
from warehouse.money import ZERO, net_and_tax, rounded

TENTH = Decimal("0.10")


@dataclass(frozen=True)
class Shop:
    """Names of things, and facts about them. Amounts: P-1 costs 100.00 and P-2 19.99, tax is a tenth."""

    noon: datetime
    dealer: ClassVar[UUID] = named("customer", "dealer")
    consumer: ClassVar[UUID] = named("customer", "consumer")
    order: ClassVar[UUID] = named("order", "1")
    other_order: ClassVar[UUID] = named("order", "2")
    shipment: ClassVar[UUID] = named("shipment", "1")
    back: ClassVar[UUID] = named("return", "1")
    invoice: ClassVar[UUID] = named("invoice", "1")
    payment: ClassVar[UUID] = named("payment", "1")
    note: ClassVar[UUID] = named("note", "1")

    def opened(self, history: Any, *, on_hand: int = 10, **terms: Any) -> Any:
        """The shop with its pumps, its stock and its buyers; `terms` are the dealer's."""
        for sku, price in (("P-1", "100.00"), ("P-2", "19.99")):
            product = ProductCreated(
                sku=sku, name=f"Pump {sku}", category="tank_pump", base_price=Decimal(price), currency="USD"
            )
            history = history.given(product, of=product_id(sku)).given(self.received(sku, on_hand), of=self.stock(sku))
        asked: dict[str, Any] = {
            "tier": "standard",
            "discount_rate": Decimal(0),
            "credit_limit": Decimal(1000),
            "terms": "net_30",
        }
        trade = CustomerRegistered(user_type="dealer", name="Dara Pumps")
        history = history.given(trade, DealerApproved(**asked | terms), of=self.dealer)
        return history.given(CustomerRegistered(user_type="consumer", name="Ana"), of=self.consumer)

    def stock(self, sku: str, location: str = "main") -> UUID:
        return stock_id(sku, location)

    def account(self, customer: UUID | None = None) -> UUID:
        return account_id(customer or self.dealer)

    def where(self, sku: str = "P-1", location: str = "main") -> dict[str, Any]:
        return {"product_id": product_id(sku), "sku": sku, "location": location}

    def received(self, sku: str = "P-1", quantity: int = 10, unit_cost: str | None = None) -> InventoryReceived:
        cost = None if unit_cost is None else Decimal(unit_cost)
        return InventoryReceived(**self.where(sku), quantity=quantity, unit_cost=cost, source="opening")

    def reserved(self, quantity: int, order: UUID | None = None, sku: str = "P-1", **more: Any) -> InventoryReserved:
        return InventoryReserved(**self.where(sku), order_id=order or self.order, quantity=quantity, **more)

    # orders

    def line(
        self,
        number: int,
        sku: str = "P-1",
        quantity: int = 1,
        price: str = "100.00",
        *,
        kind: str = "product",
        rate: Decimal = TENTH,
        includes_tax: bool = False,
    ) -> OrderLine:
        extended = rounded(Decimal(price) * quantity)
        net, tax = net_and_tax(extended, rate) if includes_tax else (extended, rounded(extended * rate))
        return OrderLine(
            line_no=number,
            kind=kind,
            sku=sku,
            product_id=product_id(sku) if kind == "product" else None,
            description=f"Pump {sku}" if kind == "product" else sku,
            quantity=quantity,
            unit_price=Decimal(price),
            tax_rate=rate,
            net=net,
            tax=tax,
            gross=net + tax,
        )

    def placed(self, *lines: OrderLine, **more: Any) -> OrderPlaced:
        """By the dealer on terms: three of P-1 and two of P-2, unless told otherwise."""
        lines = lines or (self.line(1, "P-1", 3), self.line(2, "P-2", 2, "19.99"))
        asked: dict[str, Any] = {
            "number": "SO-1",
            "customer_id": self.dealer,
            "customer_type": "dealer",
            "channel": "api",
            "currency": "USD",
            "prices_include_tax": False,
            "terms": "net_30",
            "location": "main",
        }
        return OrderPlaced(
            **asked | more,
            lines=lines,
            net=sum((line.net for line in lines), ZERO),
            tax=sum((line.tax for line in lines), ZERO),
            total=sum((line.gross for line in lines), ZERO),
        )

    def prepaid(self, *lines: OrderLine, **more: Any) -> OrderPlaced:
        """By the consumer, to be paid within a day of noon: one of P-1 at 100.00 with tax, unless told otherwise."""
        lines = lines or (self.line(1, "P-1", 1, "100.00", includes_tax=True),)
        asked: dict[str, Any] = {
            "customer_id": self.consumer,
            "customer_type": "consumer",
            "prices_include_tax": True,
            "terms": "immediate",
            "expires_at": self.noon + timedelta(hours=1),
        }
        return self.placed(*lines, **asked | more)

    def pieces(self, *pieces: tuple[int, int]) -> tuple[LineQuantity, ...]:
        return tuple(LineQuantity(line_no=line_no, quantity=quantity) for line_no, quantity in pieces)

    def applied(self, amount: str, **more: Any) -> OrderPaymentApplied:
        return OrderPaymentApplied(payment_id=self.payment, amount=Decimal(amount), **more)

    def planned(self, *pieces: tuple[int, int], shipment: UUID | None = None) -> OrderShipmentPlanned:
        return OrderShipmentPlanned(shipment_id=shipment or self.shipment, lines=self.pieces(*pieces))

    def shipped(self, *pieces: tuple[int, int], shipment: UUID | None = None) -> OrderLineShipped:
        return OrderLineShipped(shipment_id=shipment or self.shipment, lines=self.pieces(*pieces))

    def delivered(self, *pieces: tuple[int, int], shipment: UUID | None = None) -> OrderLineDelivered:
        return OrderLineDelivered(shipment_id=shipment or self.shipment, lines=self.pieces(*pieces))

    def sold(self, history: Any, placed: OrderPlaced | None = None, *more: Any) -> Any:
        """The shop with the order placed and confirmed, its pieces set aside, and what happened to it since."""
        order = placed or self.placed()
        for line in order.lines:
            if line.kind == "product":
                history = history.given(self.reserved(line.quantity, sku=line.sku), of=self.stock(line.sku))
        if order.terms != "immediate":
            committed = CreditCommitted(customer_id=order.customer_id, order_id=self.order, amount=order.total)
            history = history.given(committed, of=self.account(order.customer_id))
        return history.given(order, OrderConfirmed(), *more, of=self.order)

    # shipments and returns

    def shipment_line(self, line_no: int, quantity: int, sku: str = "P-1") -> ShipmentLine:
        return ShipmentLine(line_no=line_no, product_id=product_id(sku), sku=sku, quantity=quantity)

    def created(self, *lines: ShipmentLine) -> ShipmentCreated:
        return ShipmentCreated(
            order_id=self.order, customer_id=self.dealer, location="main", lines=lines or (self.shipment_line(1, 3),)
        )

    def requested(self, *pieces: tuple[int, int, str]) -> ReturnRequested:
        """Lines by number, quantity and SKU; one piece of line 1 unless told otherwise."""
        lines = tuple(
            ReturnLine(line_no=line_no, product_id=product_id(sku), sku=sku, quantity=quantity, reason="too loud")
            for line_no, quantity, sku in pieces or ((1, 1, "P-1"),)
        )
        return ReturnRequested(order_id=self.order, customer_id=self.dealer, location="main", lines=lines)

    def inspected(self, *found: tuple[int, int, str, str, bool]) -> ReturnInspected:
        """Lines by number, quantity, SKU, outcome and whether they can be sold."""
        lines = tuple(
            InspectedLine(
                line_no=line_no,
                product_id=product_id(sku),
                sku=sku,
                quantity=quantity,
                outcome=outcome,
                is_saleable=is_saleable,
            )
            for line_no, quantity, sku, outcome, is_saleable in found
        )
        return ReturnInspected(order_id=self.order, customer_id=self.dealer, location="main", lines=lines)

    # the account

    def invoiced(self, total: str, number: int = 1, **more: Any) -> InvoiceGenerated:
        """An invoice of the order over so much, untaxed, due at noon's date."""
        asked: dict[str, Any] = {
            "invoice_id": named("invoice", str(number)),
            "number": f"INV-{number:06d}",
            "customer_id": self.dealer,
            "order_id": self.order,
            "order_number": "SO-1",
            "shipment_id": self.shipment,
            "currency": "USD",
            "lines": (),
            "net": Decimal(total),
            "tax": ZERO,
            "total": Decimal(total),
            "terms": "net_30",
            "issued_on": self.noon.date() - timedelta(days=30),
            "due_on": self.noon.date(),
        }
        return InvoiceGenerated(**asked | more)

    def paid(self, amount: str, **more: Any) -> PaymentReceived:
        asked: dict[str, Any] = {
            "payment_id": self.payment,
            "customer_id": self.dealer,
            "currency": "USD",
            "method": "bank_transfer",
            "received_on": self.noon.date(),
        }
        return PaymentReceived(**asked | more, amount=Decimal(amount))

    def allocated(self, amount: str, **more: Any) -> PaymentAllocated:
        asked: dict[str, Any] = {
            "payment_id": self.payment,
            "invoice_id": self.invoice,
            "order_id": self.order,
            "is_prepaid": False,
        }
        return PaymentAllocated(**asked | more, amount=Decimal(amount))

    def credited(self, total: str, **more: Any) -> CreditNoteIssued:
        asked: dict[str, Any] = {
            "credit_note_id": self.note,
            "number": "CN-000001",
            "customer_id": self.dealer,
            "invoice_id": None,
            "order_id": None,
            "return_id": None,
            "currency": "USD",
            "lines": (),
            "net": Decimal(total),
            "tax": ZERO,
            "total": Decimal(total),
            "issued_on": self.noon.date(),
            "reason": "sorry",
        }
        return CreditNoteIssued(**asked | more)

    def document_line(self, line_no: int, gross: str, *, tax: str = "0.00", **more: Any) -> InvoiceLine:
        asked: dict[str, Any] = {
            "kind": "charge",
            "sku": "GOODWILL",
            "description": "sorry",
            "quantity": 1,
            "unit_price": Decimal(gross) - Decimal(tax),
            "tax_rate": ZERO,
        }
        net = Decimal(gross) - Decimal(tax)
        return InvoiceLine(line_no=line_no, net=net, tax=Decimal(tax), gross=Decimal(gross), **asked | more)


@pytest.fixture
def shop(noon: datetime) -> Shop:
    """Names and facts of a small shop."""
    return Shop(noon)

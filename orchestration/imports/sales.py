"""Invoices that sell, as requests: customers, orders, shipments, money; and the goods that come in beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID

from api.category.commands import CreateProduct
from api.customers.commands import ApproveDealer, RegisterCustomer
from api.fulfillment.commands import (
    AdjustStock,
    CreateShipment,
    DeliverShipment,
    PackShipment,
    PickShipment,
    ReceiveStock,
    ShipShipment,
)
from api.handle import Request
from api.orders.commands import OrderedLine, PlaceOrder
from api.receivables.commands import ReceivePayment
from orchestration.imports.clerk import Clerk
from orchestration.imports.invoices import BAD_DEBT, Invoice, Line, order_id, shipment_id
from orchestration.imports.plan import Month
from orchestration.imports.source import ORDERED
from warehouse.ids import derived
from warehouse.money import ZERO

UNTAXED = Decimal(0)  # the file's prices are without tax and it names none
_REASONS = {"found": "found, the file says no more", "write_off": "written off, the file says no more"}


def opening(clerk: Clerk, month: Month) -> Iterator[Request]:
    """A month's new products and the pieces it will need."""
    for entry in month.products:
        product = CreateProduct(sku=entry.code, name=entry.name, category="accessory", base_price=entry.price)
        yield clerk.asks(month.at, product, entry.code)
    for code, pieces in month.receipts:
        yield clerk.asks(month.at, ReceiveStock(sku=code, quantity=pieces, source="opening"), code)


def registration(clerk: Clerk, invoice: Invoice) -> Iterator[Request]:
    """A customer's first invoice makes them known: those with a number as dealers on terms, walk-ins as consumers."""
    id, at = invoice.customer_id, invoice.at
    name = f"Walk-in {invoice.number}" if invoice.is_walk_in else f"Customer {invoice.customer}"
    yield clerk.asks(
        at,
        RegisterCustomer(
            customer_id=id,
            user_type="consumer" if invoice.is_walk_in else "dealer",
            name="Bad debt adjustments" if id == BAD_DEBT else name,
            country=invoice.country,
        ),
        str(id),
    )
    if not invoice.is_walk_in:
        yield clerk.asks(
            at, ApproveDealer(customer_id=id, discount_rate=Decimal(0), credit_limit=None, terms="net_30"), str(id)
        )


def sale(clerk: Clerk, invoice: Invoice, lines: tuple[Line, ...]) -> Iterator[Request]:
    """The lines as one order at the invoice's prices, shipped whole and delivered; a walk-in pays before it ships."""
    id, total = order_id(invoice.number, invoice.at), sum((line.amount for line in lines), ZERO)
    order = PlaceOrder(
        order_id=id,
        customer_id=invoice.customer_id,
        channel="import",
        lines=tuple(_ordered(line) for line in lines),
        reference=invoice.number,
    )
    yield clerk.asks(invoice.at, order, invoice.number)
    if invoice.is_walk_in and total > 0:
        yield clerk.asks(invoice.at, _payment(invoice, id, total), invoice.number)
    shipment = shipment_id(id)
    for command in (
        CreateShipment(shipment_id=shipment, order_id=id),
        PickShipment(shipment_id=shipment),
        PackShipment(shipment_id=shipment),
        ShipShipment(shipment_id=shipment),
        DeliverShipment(shipment_id=shipment),
    ):
        yield clerk.asks(invoice.at, command, invoice.number)


def adjustments(clerk: Clerk, invoice: Invoice) -> Iterator[Request]:
    """Pieces found and written off, line by line, with the file's words as the reason."""
    for line in invoice.of("found", "write_off"):
        reason = line.description or _REASONS[line.treatment]
        yield clerk.asks(invoice.at, AdjustStock(sku=line.code, quantity=line.quantity, reason=reason), line.row)


def _ordered(line: Line) -> OrderedLine:
    assert line.treatment in (*ORDERED, "bad_debt"), line
    return OrderedLine(
        kind="product" if line.treatment in ("sale", "free_goods") else "charge",
        sku=line.code,
        quantity=line.quantity,
        description=line.description,
        agreed_unit_price=line.price,
        agreed_tax_rate=UNTAXED,
    )


def _payment(invoice: Invoice, order_id: UUID, total: Decimal) -> ReceivePayment:
    return ReceivePayment(
        customer_id=invoice.customer_id,
        payment_id=derived(order_id, "payment"),
        amount=total,
        method="card",
        reference=invoice.number,
        received_on=invoice.at.date(),
        order_id=order_id,
    )

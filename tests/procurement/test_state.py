"""Figures of buying, and how suppliers and orders are listed, stored and found."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from api.category.commands import product_id
from api.procurement.policy import line_total, order_total, purchase_order_number, receivable_quantity
from api.procurement.state import PURCHASE_ORDER, SUPPLIER, PurchaseLine, PurchaseOrder, Supplier

ACME, ORDER = UUID(int=3), UUID(int=9)
NUMBER = "PO-260302-00000009"
DRAFT = PurchaseOrder(
    number=NUMBER,
    supplier_id=ACME,
    lines=(PurchaseLine(1, product_id("JP-1"), "JP-1", 10, Decimal("1.2345"), 3),),
    expected_on=date(2026, 3, 2),
    receipts=(UUID(int=1),),
)


def test_a_line_is_rounded_once_and_half_away_from_zero():
    assert line_total(3, Decimal("0.3350")) == Decimal("1.01")  # 1.005
    assert order_total([Decimal("1.01"), Decimal("2.00")]) == Decimal("3.01")
    assert order_total([]) == Decimal(0)


def test_a_tolerance_is_of_whole_pieces():
    assert [receivable_quantity(10, got, Decimal("0.05")) for got in (0, 9, 10, 11)] == [10, 1, 0, 0]
    assert receivable_quantity(20, 0, Decimal("0.05")) == 21


def test_an_order_is_numbered_by_its_day_and_its_id():
    assert purchase_order_number(ORDER, date(2026, 3, 2)) == NUMBER


def test_a_number_stands_for_one_order_and_a_reference_for_one_of_its_supplier():
    number, reference = ("purchase_order_number", NUMBER), ("supplier_reference", f"{ACME} A-1")

    assert list(PURCHASE_ORDER.claims(PurchaseOrder())) == []
    assert list(PURCHASE_ORDER.claims(DRAFT)) == [number]
    assert list(PURCHASE_ORDER.claims(replace(DRAFT, supplier_reference="A-1"))) == [number, reference]


def test_orders_and_suppliers_survive_being_stored():
    acme = Supplier(name="Acme", quality_rating=Decimal("4.5"), is_active=True)

    assert PURCHASE_ORDER.parse(PURCHASE_ORDER.dump(DRAFT)) == DRAFT
    assert SUPPLIER.parse(SUPPLIER.dump(acme)) == acme


def test_orders_and_suppliers_are_listed_by_where_they_stand():
    assert [SUPPLIER.status(Supplier(is_active=True)), SUPPLIER.status(Supplier())] == ["active", "inactive"]
    assert PURCHASE_ORDER.status(replace(DRAFT, status="sent")) == "sent"

"""Doors of buying: suppliers, and orders to them from draft to receipt."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from api.auth.enter import Who
from api.house import Here
from api.paging import Page, Paged
from api.procurement.commands import (
    ApprovePurchaseOrder,
    CancelPurchaseOrder,
    ConfirmPurchaseOrder,
    CreatePurchaseOrder,
    CreateSupplier,
    DeactivateSupplier,
    ReceivePurchaseOrder,
    SendPurchaseOrder,
    ShortClosePurchaseOrder,
    UpdateSupplier,
)
from api.procurement.state import PURCHASE_ORDER, SUPPLIER, PurchaseOrderStatus
from api.procurement.views import PurchaseOrderView, SupplierView
from api.reading import by_text, listed, newest, seen, shown, state_text, with_status
from api.views import routed
from api.writing import Asked, write
from warehouse.ids import derived

ROUTER = routed("/api/v1/procurement", "procurement")
_ORDER = "/purchase-orders/{purchase_order_id}"


@ROUTER.get("/suppliers")
def list_suppliers(
    here: Here,
    by: Who,
    paging: Paged,
    search: Annotated[str | None, Query(max_length=100, description="Part of the name.")] = None,
) -> Page[SupplierView]:
    """Suppliers by name."""
    where = [state_text("name").icontains(search, autoescape=True)] if search else []
    with here.reading(by) as connection:
        return listed(SupplierView, *by_text(connection, SUPPLIER, paging, "name", *where), by)


@ROUTER.get("/suppliers/{supplier_id}")
def show_supplier(here: Here, by: Who, response: Response, supplier_id: UUID) -> SupplierView:
    """One supplier."""
    with here.reading(by) as connection:
        return shown(SupplierView, seen(connection, SUPPLIER, supplier_id, by), by, response)


@ROUTER.get("/purchase-orders")
def list_purchase_orders(
    here: Here,
    by: Who,
    paging: Paged,
    status: PurchaseOrderStatus | None = None,
    supplier_id: UUID | None = None,
) -> Page[PurchaseOrderView]:
    """Purchase orders, the newest first."""
    where = [*with_status(status)]
    if supplier_id is not None:
        where.append(state_text("supplier_id") == str(supplier_id))
    with here.reading(by) as connection:
        return listed(PurchaseOrderView, *newest(connection, PURCHASE_ORDER, paging, *where), by)


@ROUTER.get(_ORDER)
def show_purchase_order(here: Here, by: Who, response: Response, purchase_order_id: UUID) -> PurchaseOrderView:
    """One purchase order."""
    with here.reading(by) as connection:
        return shown(PurchaseOrderView, seen(connection, PURCHASE_ORDER, purchase_order_id, by), by, response)


def _supplier(asked: Asked) -> CreateSupplier:
    return CreateSupplier(supplier_id=derived(asked.id, "supplier"), **asked.told)


def _draft(asked: Asked) -> CreatePurchaseOrder:
    return CreatePurchaseOrder(purchase_order_id=derived(asked.id, "purchase_order"), **asked.told)


def _receipt(asked: Asked) -> ReceivePurchaseOrder:
    return ReceivePurchaseOrder(receipt_id=derived(asked.id, "receipt"), **asked.told)


write(
    ROUTER, "POST", "/suppliers", CreateSupplier, SupplierView,
    supplied=["supplier_id"], build=_supplier, status=201,
)  # fmt: skip
write(ROUTER, "PUT", "/suppliers/{supplier_id}", UpdateSupplier, SupplierView)
write(
    ROUTER, "DELETE", "/suppliers/{supplier_id}", DeactivateSupplier, SupplierView,
    defaults={"reason": "nothing more is ordered"},
)  # fmt: skip
write(
    ROUTER, "POST", "/purchase-orders", CreatePurchaseOrder, PurchaseOrderView,
    supplied=["purchase_order_id"], build=_draft, status=201,
)  # fmt: skip
write(ROUTER, "POST", f"{_ORDER}/approve", ApprovePurchaseOrder, PurchaseOrderView)
write(ROUTER, "POST", f"{_ORDER}/send", SendPurchaseOrder, PurchaseOrderView)
write(ROUTER, "POST", f"{_ORDER}/confirm", ConfirmPurchaseOrder, PurchaseOrderView)
write(
    ROUTER,
    "POST",
    f"{_ORDER}/receive",
    ReceivePurchaseOrder,
    PurchaseOrderView,
    supplied=["receipt_id"],
    build=_receipt,
)
write(ROUTER, "POST", f"{_ORDER}/short-close", ShortClosePurchaseOrder, PurchaseOrderView)
write(ROUTER, "POST", f"{_ORDER}/cancel", CancelPurchaseOrder, PurchaseOrderView)

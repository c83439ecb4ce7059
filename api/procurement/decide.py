"""The rules of buying: suppliers, and orders to them from draft to receipt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NoReturn, assert_never
from uuid import UUID

from api.category.commands import product_id
from api.category.state import PRODUCT
from api.command import Peek, Reads
from api.decider import Decider
from api.fulfillment.commands import stock_id
from api.given import Given
from api.procurement.commands import (
    ApprovePurchaseOrder,
    CancelPurchaseOrder,
    ConfirmPurchaseOrder,
    CreatePurchaseOrder,
    CreateSupplier,
    DeactivateSupplier,
    ReceivedLine,
    ReceivePurchaseOrder,
    SendPurchaseOrder,
    ShortClosePurchaseOrder,
    UpdateSupplier,
)
from api.procurement.policy import line_total, order_total, purchase_order_number, receivable_quantity
from api.procurement.state import PURCHASE_ORDER, SUPPLIER, PurchaseOrder, Supplier
from api.refusals import Fault, Refusal, not_found
from warehouse.events.event import Event, Ref
from warehouse.events.procurement import (
    PurchaseOrderApproved,
    PurchaseOrderCancelled,
    PurchaseOrderConfirmed,
    PurchaseOrderCreated,
    PurchaseOrderLine,
    PurchaseOrderReceived,
    PurchaseOrderSent,
    PurchaseOrderShortClosed,
    ReceiptLine,
    SupplierCreated,
    SupplierDeactivated,
    SupplierUpdated,
)

TOTAL_MAX = Decimal(10) ** 12  # beyond any pump order; amounts hold 16 digits before the point

SupplierCommand = CreateSupplier | UpdateSupplier | DeactivateSupplier
PurchaseOrderCommand = (
    CreatePurchaseOrder
    | ApprovePurchaseOrder
    | SendPurchaseOrder
    | ConfirmPurchaseOrder
    | ReceivePurchaseOrder
    | ShortClosePurchaseOrder
    | CancelPurchaseOrder
)


def decide_supplier(supplier: Supplier, command: SupplierCommand, given: Given) -> Sequence[Event]:
    """What follows from a wish about a supplier; one that was left can be taken on again."""
    if not given.exists and not isinstance(command, CreateSupplier):
        raise not_found("supplier", command.supplier_id)
    match command:
        case CreateSupplier():
            if supplier.is_active:
                raise Refusal("supplier_exists", f"{supplier.name} is a supplier already; update what is known of it.")
            return [SupplierCreated(**_profile(command))]
        case UpdateSupplier():
            known = {name: getattr(supplier, name) for name in SupplierUpdated.model_fields}
            return [] if known == _profile(command) else [SupplierUpdated(**_profile(command))]
        case DeactivateSupplier(reason=reason):
            return [SupplierDeactivated(reason=reason)] if supplier.is_active else []
        case never:
            assert_never(never)


def _profile(command: CreateSupplier | UpdateSupplier) -> dict[str, Any]:
    return command.model_dump(exclude={"supplier_id"})


def decide_purchase_order(order: PurchaseOrder, command: PurchaseOrderCommand, given: Given) -> Sequence[Event]:
    """What follows from a wish about a purchase order."""
    if isinstance(command, CreatePurchaseOrder):
        return _create(command, given)
    if not given.exists:
        raise not_found("purchase order", command.purchase_order_id)
    match command:
        case ApprovePurchaseOrder(reason=reason):
            return _approve(order, reason, given)
        case SendPurchaseOrder():
            return _send(order, given)
        case ConfirmPurchaseOrder():
            return _confirm(order, command)
        case ReceivePurchaseOrder():
            return _receive(order, command, given)
        case ShortClosePurchaseOrder(reason=reason):
            if order.status != "partially_received":
                _refuse(order, "only a partly received order has a rest to give up; cancel it if nothing arrived")
            return [PurchaseOrderShortClosed(reason=reason)]
        case CancelPurchaseOrder(reason=reason):
            return _cancel(order, reason)
        case never:
            assert_never(never)


def _create(command: CreatePurchaseOrder, given: Given) -> Sequence[Event]:
    if given.exists:
        raise Refusal("purchase_order_exists", f"Purchase order {command.purchase_order_id} was drafted before.")
    _refuse_left_supplier(command.supplier_id, given)
    _refuse_unknown_products(command, given)
    lines = tuple(
        PurchaseOrderLine(
            line_no=line_no,
            product_id=product_id(line.sku),
            sku=line.sku,
            quantity=line.quantity,
            unit_cost=line.unit_cost,
            line_total=line_total(line.quantity, line.unit_cost),
        )
        for line_no, line in enumerate(command.lines, start=1)
    )
    total = order_total(line.line_total for line in lines)
    if total > TOTAL_MAX:
        raise Refusal(
            "total_too_large", f"The order comes to {total}, more than {TOTAL_MAX:f}; check quantities and costs."
        )
    return [
        PurchaseOrderCreated(
            number=purchase_order_number(command.purchase_order_id, given.today),
            supplier_id=command.supplier_id,
            currency=given.rules.currency,
            lines=lines,
            total_cost=total,
            location=command.location,
            expected_on=command.expected_on,
            needs_approval=total > given.rules.purchase_approval_threshold,
            notes=command.notes,
        )
    ]


def _refuse_left_supplier(supplier_id: UUID, given: Given) -> None:
    supplier = given.state(SUPPLIER, supplier_id)
    if not supplier.name:
        raise not_found("supplier", supplier_id)
    if not supplier.is_active:
        raise Refusal("supplier_inactive", f"Nothing more is ordered from {supplier.name}; take it on again first.")


def _refuse_unknown_products(command: CreatePurchaseOrder, given: Given) -> None:
    faults: list[Fault] = []
    for place, line in enumerate(command.lines):
        product = given.state(PRODUCT, product_id(line.sku))
        if not product.exists:
            faults.append(Fault(f"lines.{place}.sku", "product_not_found", f"There is no product {line.sku}."))
        elif not product.is_active:
            faults.append(Fault(f"lines.{place}.sku", "product_inactive", f"{line.sku} is out of the catalog."))
    if faults:
        raise Refusal("lines_refused", f"{len(faults)} of the lines cannot be ordered; see them.", faults=tuple(faults))


def _approve(order: PurchaseOrder, reason: str, given: Given) -> Sequence[Event]:
    if order.status == "approved":
        return []
    if order.status != "draft":
        _refuse(order, "only a draft is approved")
    if order.created_by == given.by.signature:
        message = f"Nobody approves their own order; ask a colleague to approve {order.number}."
        raise Refusal("own_purchase_order", message, kind="forbidden")
    return [PurchaseOrderApproved(reason=reason)]


def _send(order: PurchaseOrder, given: Given) -> Sequence[Event]:
    if order.status == "sent":
        return []
    if order.status not in {"draft", "approved"}:
        _refuse(order, "only a draft or an approved order is sent")
    if order.needs_approval and order.status != "approved":
        limit = given.rules.purchase_approval_threshold
        message = f"{order.number} over {order.total_cost} is above {limit}; have it approved first."
        raise Refusal("approval_needed", message)
    assert order.supplier_id is not None, "a purchase order has a supplier from the beginning"
    _refuse_left_supplier(order.supplier_id, given)
    return [PurchaseOrderSent()]


def _confirm(order: PurchaseOrder, command: ConfirmPurchaseOrder) -> Sequence[Event]:
    if not order.is_open:
        _refuse(order, "only an order that was sent and not yet received is confirmed")
    reference = command.supplier_reference or order.supplier_reference
    is_known = (command.expected_on, reference) == (order.expected_on, order.supplier_reference)
    if is_known and order.status != "sent":
        return []
    return [PurchaseOrderConfirmed(expected_on=command.expected_on, supplier_reference=command.supplier_reference)]


def _receive(order: PurchaseOrder, command: ReceivePurchaseOrder, given: Given) -> Sequence[Event]:
    if not order.is_open:
        _refuse(order, "only an order that was sent and not yet received is received")
    if command.receipt_id in order.receipts:
        raise Refusal("receipt_exists", f"Receipt {command.receipt_id} of {order.number} was recorded before.")
    arrived = _arrived(order, command.lines, given.rules.over_receipt_rate)
    is_complete = all(line.open_quantity <= arrived[line.line_no] for line in order.lines)
    return [
        PurchaseOrderReceived(
            receipt_id=command.receipt_id,
            lines=tuple(
                ReceiptLine(
                    line_no=line.line_no,
                    product_id=line.product_id,
                    sku=line.sku,
                    quantity=arrived[line.line_no],
                    unit_cost=line.unit_cost,
                )
                for line in order.lines
                if arrived[line.line_no]
            ),
            location=order.location,
            received_on=given.today,
            delivery_note=command.delivery_note,
            is_complete=is_complete,
        )
    ]


def _arrived(order: PurchaseOrder, lines: Sequence[ReceivedLine] | None, over_receipt_rate: Decimal) -> Counter[int]:
    """Pieces by line: all that is open when no lines are given. Refuses unknown lines and more than may arrive."""
    if lines is None:
        return Counter({line.line_no: line.open_quantity for line in order.lines})
    arrived: Counter[int] = Counter()
    for line in lines:
        arrived[line.line_no] += line.quantity
    room = {
        line.line_no: receivable_quantity(line.quantity, line.received_quantity, over_receipt_rate)
        for line in order.lines
    }
    faults = tuple(_receipt_faults(lines, arrived, room))
    if faults:
        code = "line_not_found" if any(fault.code == "line_not_found" for fault in faults) else "over_receipt"
        raise Refusal(code, f"{faults[0].message} {order.number} was not changed.", faults=faults)
    if not arrived:
        raise Refusal(
            "nothing_received", f"The receipt of {order.number} names no line; leave lines out for all of them."
        )
    return arrived


def _receipt_faults(lines: Sequence[ReceivedLine], arrived: Counter[int], room: dict[int, int]) -> Iterable[Fault]:
    for place, line in enumerate(lines):
        if line.line_no not in room:
            yield Fault(f"lines.{place}.line_no", "line_not_found", f"There is no line {line.line_no}.")
        elif arrived[line.line_no] > room[line.line_no]:
            message = f"Of line {line.line_no} at most {room[line.line_no]} may arrive, not {arrived[line.line_no]}."
            yield Fault(f"lines.{place}.quantity", "over_receipt", message)


def _cancel(order: PurchaseOrder, reason: str) -> Sequence[Event]:
    if order.status == "cancelled":
        return []
    if order.status not in {"draft", "approved", "sent", "confirmed"}:
        _refuse(order, "goods have arrived; give up the open rest instead")
    return [PurchaseOrderCancelled(reason=reason)]


def _refuse(order: PurchaseOrder, why: str) -> NoReturn:
    """The status does not allow it; the code names the status, such as `purchase_order_is_cancelled`."""
    standing = order.status.replace("_", " ")
    raise Refusal(f"purchase_order_is_{order.status}", f"{order.number} is {standing}: {why}.")


def reads_of_purchase_order(command: PurchaseOrderCommand, peek: Peek) -> Reads:
    """Drafting and sending look at the supplier, drafting at the products; receiving moves their stocks."""
    match command:
        case CreatePurchaseOrder():
            products = dict.fromkeys(PRODUCT.ref(product_id(line.sku)) for line in command.lines)
            return Reads(shared=(SUPPLIER.ref(command.supplier_id), *products))
        case SendPurchaseOrder():
            supplier_id = peek(PURCHASE_ORDER, command.purchase_order_id).supplier_id
            return Reads(shared=(SUPPLIER.ref(supplier_id),) if supplier_id else ())
        case ReceivePurchaseOrder():
            order: PurchaseOrder = peek(PURCHASE_ORDER, command.purchase_order_id)
            return Reads(
                shared=tuple(PRODUCT.ref(line.product_id) for line in order.lines),
                locked=tuple(Ref("stock", stock_id(line.sku, order.location)) for line in order.lines),
            )
        case _:
            return Reads()


DECIDERS: tuple[Decider[Supplier] | Decider[PurchaseOrder], ...] = (
    Decider(SUPPLIER, decide_supplier),
    Decider(PURCHASE_ORDER, decide_purchase_order, reads_of_purchase_order),
)

"""The rules of buying."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from api.category.commands import product_id
from api.fulfillment.commands import ReceiveStock
from api.procurement.commands import (
    ApprovePurchaseOrder,
    CancelPurchaseOrder,
    ConfirmPurchaseOrder,
    CreatePurchaseOrder,
    CreateSupplier,
    DeactivateSupplier,
    PurchasedLine,
    ReceivedLine,
    ReceivePurchaseOrder,
    SendPurchaseOrder,
    ShortClosePurchaseOrder,
    UpdateSupplier,
)
from api.procurement.state import Supplier
from warehouse.events.category import ProductCreated, ProductDeactivated
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

ACME, ORDER = UUID(int=3), UUID(int=9)
PROFILE = {"name": "Acme", "country": "DE", "lead_time_days": 21}
TAKEN_ON = SupplierCreated(**PROFILE)
NUMBER = "PO-260302-00000009"
SMALL = {"JP-1": (10, "100"), "JP-2": (4, "2.5050")}  # sku -> quantity, unit cost
LARGE = {"JP-1": (60, "100")}
APPROVE = ApprovePurchaseOrder(purchase_order_id=ORDER)
SEND = SendPurchaseOrder(purchase_order_id=ORDER)
CONFIRM = ConfirmPurchaseOrder(purchase_order_id=ORDER, expected_on=date(2026, 3, 20))
CANCEL = CancelPurchaseOrder(purchase_order_id=ORDER, reason="changed our mind")
SHORT_CLOSE = ShortClosePurchaseOrder(purchase_order_id=ORDER, reason="sold out there")


def receive(*lines, receipt=1, **fields):
    told = tuple(ReceivedLine(line_no=line_no, quantity=quantity) for line_no, quantity in lines) or None
    return ReceivePurchaseOrder(purchase_order_id=ORDER, receipt_id=UUID(int=receipt), lines=told, **fields)


def draft(lines=SMALL, **fields):
    wanted = tuple(
        PurchasedLine(sku=sku, quantity=quantity, unit_cost=Decimal(cost)) for sku, (quantity, cost) in lines.items()
    )
    return CreatePurchaseOrder(purchase_order_id=ORDER, supplier_id=ACME, lines=wanted, **fields)


@pytest.fixture
def ready(history):
    """A supplier, and products to buy from it."""
    told = history.given(TAKEN_ON, of=ACME)
    for sku in ("JP-1", "JP-2"):
        created = ProductCreated(sku=sku, name=sku, category="tank_pump", base_price=Decimal(200), currency="USD")
        told = told.given(created, of=product_id(sku))
    return told


@pytest.fixture
def drafted(ready):
    """An order small enough to need no approval."""
    return ready.when(draft())


@pytest.fixture
def sent(drafted):
    """The small order, gone out."""
    return drafted.when(SEND)


# suppliers


def test_a_supplier_is_taken_on_left_and_taken_on_again(history):
    wish, leave = CreateSupplier(supplier_id=ACME, **PROFILE), DeactivateSupplier(supplier_id=ACME, reason="late")

    taken = history.when(wish).then(TAKEN_ON)
    left = taken.when(leave).then(SupplierDeactivated(reason="late"))

    taken.when(wish).refused("supplier_exists")
    left.when(leave).then()
    assert left.when(wish).then(TAKEN_ON).state.is_active


def test_what_is_known_of_a_supplier_is_written_anew(history):
    wish = UpdateSupplier(supplier_id=ACME, **PROFILE | {"lead_time_days": 30}, quality_rating=Decimal("4.5"))
    fact = SupplierUpdated(**PROFILE | {"lead_time_days": 30}, payment_terms="net_30", quality_rating=Decimal("4.5"))

    outcome = history.given(TAKEN_ON).when(wish).then(fact)

    assert outcome.state == Supplier(
        name="Acme", country="DE", lead_time_days=30, quality_rating=Decimal("4.5"), is_active=True
    )
    outcome.when(wish).then()


@pytest.mark.parametrize(
    "wish", [UpdateSupplier(supplier_id=ACME, **PROFILE), DeactivateSupplier(supplier_id=ACME, reason="late")]
)
def test_who_was_never_taken_on_is_not_found(history, wish):
    history.when(wish).refused("supplier_not_found", "not_found")


# drafting


def test_an_order_is_drafted_with_its_costs_rounded_once_a_line(ready, actors):
    created = PurchaseOrderCreated(
        number=NUMBER,
        supplier_id=ACME,
        currency="USD",
        lines=(
            PurchaseOrderLine(
                line_no=1,
                product_id=product_id("JP-1"),
                sku="JP-1",
                quantity=10,
                unit_cost=Decimal(100),
                line_total=Decimal(1000),
            ),
            PurchaseOrderLine(
                line_no=2,
                product_id=product_id("JP-2"),
                sku="JP-2",
                quantity=4,
                unit_cost=Decimal("2.505"),
                line_total=Decimal("10.02"),
            ),
        ),
        total_cost=Decimal("1010.02"),
        location="main",
        expected_on=date(2026, 3, 30),
        needs_approval=False,
    )

    outcome = ready.when(draft(expected_on=date(2026, 3, 30)), by=actors.staff("procurement")).then(created)

    assert outcome.state.created_by == actors.staff("procurement").signature
    outcome.when(draft()).refused("purchase_order_exists")


def test_an_order_is_numbered_by_the_company_s_calendar(ready):
    late = ready.under(time_zone="Pacific/Kiritimati").when(draft())

    assert late.state.number == "PO-260303-00000009"


def test_orders_go_to_suppliers_that_are_not_left(history, ready):
    history.when(draft()).refused("supplier_not_found", "not_found")
    ready.given(SupplierDeactivated(reason="late"), of=ACME).when(draft()).refused("supplier_inactive")


def test_every_line_that_cannot_be_ordered_is_named(ready):
    gone = ready.given(ProductDeactivated(reason="old"), of=product_id("JP-2"))

    refusal = gone.when(draft(SMALL | {"JP-9": (1, "1")})).refused("lines_refused")

    assert [(fault.field, fault.code) for fault in refusal.faults] == [
        ("lines.1.sku", "product_inactive"),
        ("lines.2.sku", "product_not_found"),
    ]


def test_an_order_beyond_all_measure_is_a_slip(ready):
    ready.when(draft({"JP-1": (10_000_000, "100000.0001")})).refused("total_too_large")
    assert ready.when(draft({"JP-1": (10_000_000, "100000")})).events


# approving and sending


@pytest.mark.parametrize(("cost", "needs_approval"), [("5000", False), ("5000.01", True)])
def test_an_order_above_the_threshold_needs_approval(ready, cost, needs_approval):
    assert ready.when(draft({"JP-1": (1, cost)})).state.needs_approval is needs_approval


def test_a_large_order_goes_out_once_it_is_approved(ready, actors):
    large = ready.when(draft(LARGE))

    assert "5000" in large.when(SEND).refused("approval_needed").message
    approved = large.when(APPROVE, by=actors.staff("procurement")).then(PurchaseOrderApproved())
    approved.when(APPROVE).then()
    approved.when(SEND).then(PurchaseOrderSent()).when(SEND).then()


def test_nobody_approves_their_own_order(ready, actors):
    ada = actors.staff("procurement", name="Ada")

    drafted = ready.when(draft(LARGE), by=ada)

    drafted.when(APPROVE, by=ada).refused("own_purchase_order", "forbidden")
    assert drafted.when(APPROVE, by=actors.staff("procurement", name="Bob")).events


def test_a_small_order_goes_out_without_approval(drafted):
    drafted.when(SEND).then(PurchaseOrderSent())


def test_nothing_goes_out_to_a_supplier_left_meanwhile(drafted):
    left = drafted.history.given(SupplierDeactivated(reason="late"), of=ACME)

    left.when(SEND).refused("supplier_inactive")


# confirming


def test_the_supplier_promises_a_day(sent):
    confirmed = sent.when(CONFIRM).then(PurchaseOrderConfirmed(expected_on=date(2026, 3, 20)))

    assert (confirmed.state.status, confirmed.state.expected_on) == ("confirmed", date(2026, 3, 20))
    confirmed.when(CONFIRM).then()


def test_a_promise_is_kept_with_its_reference_until_a_new_one(sent):
    named = CONFIRM.model_copy(update={"supplier_reference": "A-1"})

    outcome = sent.when(named).when(receive((1, 5))).when(CONFIRM.model_copy(update={"expected_on": date(2026, 4, 1)}))

    assert (outcome.state.status, outcome.state.supplier_reference) == ("partially_received", "A-1")
    assert outcome.state.expected_on == date(2026, 4, 1)


def test_a_reference_that_comes_later_is_news(sent):
    late = CONFIRM.model_copy(update={"supplier_reference": "A-1"})

    late_fact = PurchaseOrderConfirmed(expected_on=date(2026, 3, 20), supplier_reference="A-1")
    sent.when(CONFIRM).when(late).then(late_fact).when(late).then()


def test_a_promise_of_the_day_asked_for_is_still_a_promise(ready):
    outcome = ready.when(draft(expected_on=CONFIRM.expected_on)).when(SEND).when(CONFIRM)

    assert outcome.state.status == "confirmed"


# receiving


def test_everything_open_arrives_when_no_lines_are_named(sent, noon):
    received = sent.when(receive(delivery_note="DN 7")).then(
        PurchaseOrderReceived(
            receipt_id=UUID(int=1),
            lines=(arrived(1, "JP-1", 10, "100"), arrived(2, "JP-2", 4, "2.505")),
            location="main",
            received_on=noon.date(),
            delivery_note="DN 7",
            is_complete=True,
        )
    )

    received.causes(into_stock("JP-1", 10, "100"), into_stock("JP-2", 4, "2.505"))
    assert received.state.status == "received"


def test_goods_arrive_in_parts(sent):
    first = sent.when(receive((1, 3), (1, 2)))
    second = first.when(receive(receipt=2))

    first.causes(into_stock("JP-1", 5, "100"))
    second.causes(into_stock("JP-1", 5, "100"), into_stock("JP-2", 4, "2.505"))
    assert [first.state.status, second.state.status] == ["partially_received", "received"]
    assert [line.open_quantity for line in first.state.lines] == [5, 4]


def test_a_receipt_is_recorded_once(sent):
    sent.when(receive((1, 3))).when(receive((1, 3))).refused("receipt_exists")


def test_no_more_arrives_than_was_ordered(sent):
    refusal = sent.when(receive((2, 4), (1, 6), (1, 5))).refused("over_receipt")

    assert [(fault.field, fault.code) for fault in refusal.faults] == [
        ("lines.1.quantity", "over_receipt"),
        ("lines.2.quantity", "over_receipt"),
    ]


def test_a_tolerance_lets_a_little_more_arrive(sent):
    kind = sent.history.under(over_receipt_rate=Decimal("0.1"))

    kind.when(receive((1, 12))).refused("over_receipt")
    complete = kind.when(receive((1, 11), (2, 4)))

    assert (complete.state.status, complete.state.lines[0].open_quantity) == ("received", 0)


def test_a_line_nobody_ordered_does_not_arrive(sent):
    refusal = sent.when(receive((1, 99), (7, 1))).refused("line_not_found")

    assert [fault.code for fault in refusal.faults] == ["over_receipt", "line_not_found"]


def test_an_empty_receipt_is_a_slip(sent):
    empty = ReceivePurchaseOrder(purchase_order_id=ORDER, receipt_id=UUID(int=1), lines=())

    sent.when(empty).refused("nothing_received")


# ending


def test_the_open_rest_is_given_up(sent):
    part = sent.when(receive((1, 3)))

    closed = part.when(SHORT_CLOSE).then(PurchaseOrderShortClosed(reason="sold out there"))

    closed.when(receive(receipt=2)).refused("purchase_order_is_short_closed")


@pytest.mark.parametrize("steps", [[], [SEND], [SEND, CONFIRM]])
def test_an_order_is_called_off_before_anything_arrives(drafted, steps):
    outcome = drafted
    for step in steps:
        outcome = outcome.when(step)

    cancelled = outcome.when(CANCEL).then(PurchaseOrderCancelled(reason="changed our mind"))

    cancelled.when(CANCEL).then()
    for wish in (APPROVE, SEND, CONFIRM, receive(), SHORT_CLOSE):
        cancelled.when(wish).refused("purchase_order_is_cancelled")


def test_what_arrived_is_not_called_off(sent):
    sent.when(receive((1, 3))).when(CANCEL).refused("purchase_order_is_partially_received")
    sent.when(receive()).when(CANCEL).refused("purchase_order_is_received")


@pytest.mark.parametrize("wish", [CONFIRM, receive(), SHORT_CLOSE])
def test_a_draft_awaits_nothing(drafted, wish):
    drafted.when(wish).refused("purchase_order_is_draft")


@pytest.mark.parametrize("wish", [APPROVE, SHORT_CLOSE])
def test_what_went_out_is_past_approving_and_has_no_rest_yet(sent, wish):
    sent.when(wish).refused("purchase_order_is_sent")


def test_what_was_confirmed_is_not_sent_again(sent):
    sent.when(CONFIRM).when(SEND).refused("purchase_order_is_confirmed")


@pytest.mark.parametrize("wish", [APPROVE, SEND, CONFIRM, receive(), SHORT_CLOSE, CANCEL])
def test_an_order_never_drafted_is_not_found(history, wish):
    history.when(wish).refused("purchase_order_not_found", "not_found")


def arrived(line_no, sku, quantity, cost):
    return ReceiptLine(line_no=line_no, product_id=product_id(sku), sku=sku, quantity=quantity, unit_cost=Decimal(cost))


def into_stock(sku, quantity, cost):
    return ReceiveStock(
        sku=sku, quantity=quantity, unit_cost=Decimal(cost), source="purchase_order", source_id=ORDER, location="main"
    )

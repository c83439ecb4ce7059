"""The rules of shipments: what may be planned of an order, and what may leave the house."""

from __future__ import annotations

from decimal import Decimal

import pytest

from api.fulfillment.commands import (
    CancelShipment,
    CreateShipment,
    DeliverShipment,
    PackShipment,
    PickShipment,
    ShipShipment,
    ShipStock,
)
from api.fulfillment.state import SHIPMENT
from api.orders.commands import (
    RecordDelivery,
    RecordPicking,
    RecordShipment,
    RecordShipmentCancellation,
    RecordShipmentPlan,
)
from warehouse.events.fulfillment import (
    InventoryAdjusted,
    InventoryCounted,
    ShipmentCancelled,
    ShipmentDelivered,
    ShipmentPacked,
    ShipmentPicked,
    ShipmentShipped,
)
from warehouse.events.orders import (
    OrderCancelled,
    OrderConfirmed,
    OrderCredited,
    OrderHeld,
    OrderLineReturned,
    OrderReleased,
)
from warehouse.events.receivables import AccountHeld
from warehouse.ids import named

HELD = OrderHeld(cause="manual", reason="Please wait.")
TOLD = {"carrier": "Own van", "tracking_number": "T1"}


def create(shop, *pieces):
    lines = shop.pieces(*pieces) if pieces else None
    return CreateShipment(shipment_id=shop.shipment, order_id=shop.order, lines=lines)


def planned(history, shop, *steps, order=None, **terms):
    """An order with a shipment of three of P-1, as far as the steps say."""
    sold = shop.sold(shop.opened(history, **terms), order, shop.planned((1, 3)))
    return sold.given(shop.created(), *steps, of=shop.shipment)


def leave(shop):
    return ShipShipment(shipment_id=shop.shipment, **TOLD)


PACKED = (ShipmentPicked(), ShipmentPacked())


# planning


def test_a_shipment_takes_everything_that_is_open_and_there(history, shop):
    outcome = shop.sold(shop.opened(history)).when(create(shop))

    outcome.then(shop.created(shop.shipment_line(1, 3), shop.shipment_line(2, 2, "P-2")))
    outcome.causes(
        RecordShipmentPlan(order_id=shop.order, shipment_id=shop.shipment, lines=shop.pieces((1, 3), (2, 2)))
    )


def test_what_is_not_there_yet_waits(history, shop):
    order = shop.placed(shop.line(1, "P-1", 8), shop.line(2, "P-1", 7), shop.line(3, "P-2", 1))
    sold = shop.sold(shop.opened(history), order)
    gone = InventoryAdjusted(**shop.where("P-2"), quantity=-10, reason="fire")

    outcome = sold.given(gone, of=shop.stock("P-2")).when(create(shop))

    outcome.then(shop.created(shop.shipment_line(1, 8), shop.shipment_line(2, 2)))


def test_a_shipment_takes_nothing_that_another_one_under_way_takes(history, shop):
    sold = shop.sold(shop.opened(history), None, shop.planned((1, 2), shipment=named("shipment", "2")))
    sold.when(create(shop)).then(shop.created(shop.shipment_line(1, 1), shop.shipment_line(2, 2, "P-2")))
    assert "1 can ship" in sold.when(create(shop, (1, 2))).refused("more_than_open").message


def test_pieces_on_the_shelf_that_another_shipment_takes_are_not_there(history, shop):
    order = shop.placed(shop.line(1, "P-1", 8), shop.line(2, "P-1", 7))
    other = shop.planned((1, 8), shipment=named("shipment", "2"))

    shop.sold(shop.opened(history), order, other).when(create(shop)).then(shop.created(shop.shipment_line(2, 2)))


def test_what_has_shipped_does_not_ship_again(history, shop):
    facts = (shop.shipped((1, 3), (2, 1)),)

    shop.sold(shop.opened(history), None, *facts).when(create(shop)).then(shop.created(shop.shipment_line(2, 1, "P-2")))


def test_a_shipment_takes_the_lines_chosen(history, shop):
    shop.sold(shop.opened(history)).when(create(shop, (2, 1))).then(shop.created(shop.shipment_line(2, 1, "P-2")))


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        (((1, 4),), "more_than_open"),
        (((1, 0),), "more_than_open"),
        (((9, 1),), "unknown_line"),
        (((3, 1),), "unknown_line"),
        (((1, 1), (1, 1)), "line_twice"),
    ],
    ids=["too many", "none", "no such line", "a charge", "twice"],
)
def test_lines_that_cannot_ship_are_refused(history, shop, pieces, code):
    order = shop.placed(shop.line(1, "P-1", 3), shop.line(2, "P-2"), shop.line(3, "POST", 1, "5.00", kind="charge"))

    shop.sold(shop.opened(history), order).when(create(shop, *pieces)).refused(code)


def test_a_shipment_is_created_once_and_of_an_order(history, shop):
    planned(history, shop).when(create(shop)).refused("shipment_exists")
    shop.opened(history).when(create(shop)).refused("order_not_found", "not_found")


def test_a_shipment_of_nothing_is_refused(history, shop):
    shop.sold(shop.opened(history), None, shop.shipped((1, 3), (2, 2))).when(create(shop)).refused("nothing_to_ship")
    empty = shop.sold(shop.opened(history)).given(
        InventoryCounted(**shop.where(), counted_quantity=0, difference=-10), of=shop.stock("P-1")
    )
    one = empty.given(InventoryCounted(**shop.where("P-2"), counted_quantity=0, difference=-10), of=shop.stock("P-2"))
    one.when(create(shop)).refused("nothing_to_ship")


def test_charges_alone_ship_once(history, shop):
    visit = shop.placed(shop.line(1, "VISIT", 1, "50.00", kind="charge"))
    sold = shop.sold(shop.opened(history), visit)
    assert sold.when(create(shop)).state.lines == ()
    sold.given(shop.planned(shipment=named("shipment", "2")), of=shop.order).when(create(shop)).refused(
        "nothing_to_ship"
    )
    sold.given(shop.shipped((1, 1)), of=shop.order).when(create(shop)).refused("nothing_to_ship")


def test_the_first_shipment_is_worth_more_than_the_discounts_that_go_with_it(history, shop):
    order = shop.placed(
        shop.line(1, "P-1", 3, "100.00"),
        shop.line(2, "OFF", 1, "-150.00", kind="discount"),
        shop.line(3, "POST", 1, "10.00", kind="charge"),
    )
    sold = shop.sold(shop.opened(history), order)
    assert "-44.00" in sold.when(create(shop, (1, 1))).refused("invoice_negative").message
    assert sold.when(create(shop, (1, 2))).events
    later = sold.given(shop.shipped((1, 2), (2, 1), (3, 1)), of=shop.order)
    assert later.when(create(shop, (1, 1))).events


@pytest.mark.parametrize(
    ("facts", "code"),
    [((HELD,), "order_held"), ((OrderCancelled(reason="x"),), "order_not_confirmed")],
    ids=["held", "cancelled"],
)
def test_only_a_confirmed_order_is_touched(history, shop, facts, code):
    sold = shop.sold(shop.opened(history), None, *facts)
    assert "SO-1" in sold.when(create(shop)).refused(code).message
    under_way = planned(history, shop).given(*facts, of=shop.order)
    under_way.when(PickShipment(shipment_id=shop.shipment)).refused(code)
    picked = under_way.given(ShipmentPicked(), of=shop.shipment)
    picked.when(PackShipment(shipment_id=shop.shipment)).refused(code)
    picked.given(ShipmentPacked(), of=shop.shipment).when(leave(shop)).refused(code)


def test_goods_whose_money_went_back_do_not_leave(history, shop):
    back = shop.applied("-100.00", is_refund=True)
    sold = shop.sold(shop.opened(history), shop.prepaid(), shop.applied("100.00"), back)

    assert "100.00" in sold.when(create(shop)).refused("order_unpaid").message


def test_what_came_back_and_was_refunded_does_not_stop_the_rest(history, shop):
    order = shop.prepaid(shop.line(1, "P-1", 2, "100.00", includes_tax=True))
    facts = (shop.applied("200.00"), shop.shipped((1, 1)), shop.delivered((1, 1)))
    sold = shop.sold(shop.opened(history), order, *facts)
    back = sold.given(
        OrderLineReturned(return_id=shop.back, lines=shop.pieces((1, 1))),
        OrderCredited(credit_note_id=shop.note, amount=Decimal("100.00")),
        shop.applied("-100.00", is_refund=True),
        of=shop.order,
    )

    assert back.when(create(shop)).events


# the way out


def test_a_shipment_is_picked_packed_shipped_and_delivered_in_that_order(history, shop):
    id = shop.shipment
    created = planned(history, shop)
    pick = created.when(PickShipment(shipment_id=id)).then(ShipmentPicked())
    pick.causes(RecordPicking(order_id=shop.order, shipment_id=id))
    pack = pick.when(PackShipment(shipment_id=id, packages=2)).then(ShipmentPacked(packages=2))
    ship = pack.when(leave(shop))
    gone = {"order_id": shop.order, "customer_id": shop.dealer, "location": "main"}
    ship.then(ShipmentShipped(**gone, lines=(shop.shipment_line(1, 3),), **TOLD))
    ship.causes(
        ShipStock(sku="P-1", order_id=shop.order, shipment_id=id, quantity=3),
        RecordShipment(order_id=shop.order, shipment_id=id, lines=shop.pieces((1, 3))),
    )
    arrive = ship.when(DeliverShipment(shipment_id=id))
    arrive.then(ShipmentDelivered(order_id=shop.order, lines=(shop.shipment_line(1, 3),)))
    arrive.causes(RecordDelivery(order_id=shop.order, shipment_id=id, lines=shop.pieces((1, 3))))
    state = arrive.state
    assert (state.status, state.packages, state.carrier, state.tracking_number) == ("delivered", 2, "Own van", "T1")


def test_pieces_of_one_product_leave_the_stock_together(history, shop):
    order = shop.placed(shop.line(1, "P-1", 2), shop.line(2, "P-1", 3))
    lines = (shop.shipment_line(1, 2), shop.shipment_line(2, 3))
    sold = shop.sold(shop.opened(history), order, shop.planned((1, 2), (2, 3)))

    outcome = sold.given(shop.created(*lines), *PACKED, of=shop.shipment).when(leave(shop))

    ids = {"order_id": shop.order, "shipment_id": shop.shipment}
    outcome.causes(ShipStock(sku="P-1", quantity=5, **ids), RecordShipment(**ids, lines=shop.pieces((1, 2), (2, 3))))


SKIPS = {
    "packed before picked": ((), PackShipment),
    "shipped before packed": ((ShipmentPicked(),), ShipShipment),
    "delivered before shipped": (PACKED, DeliverShipment),
    "picked twice": ((ShipmentPicked(),), PickShipment),
    "cancelled when packed": (PACKED, None),
}


@pytest.mark.parametrize("case", SKIPS)
def test_no_step_is_left_out_or_done_twice(history, shop, case):
    steps, step = SKIPS[case]
    command = step(shipment_id=shop.shipment) if step else CancelShipment(shipment_id=shop.shipment, reason="x")

    refusal = planned(history, shop, *steps).when(command).refused("shipment_not_ready")

    assert str(shop.shipment) in refusal.message


@pytest.mark.parametrize("steps", [(), (ShipmentPicked(),)], ids=["created", "picked"])
def test_a_shipment_is_called_off_until_it_is_packed(history, shop, steps):
    outcome = planned(history, shop, *steps).when(CancelShipment(shipment_id=shop.shipment, reason="x"))

    outcome.then(ShipmentCancelled(reason="x"))
    assert outcome.state.status == "cancelled"
    outcome.causes(RecordShipmentCancellation(order_id=shop.order, shipment_id=shop.shipment))


@pytest.mark.parametrize("step", [PickShipment, ShipShipment, DeliverShipment])
def test_a_shipment_that_does_not_exist_goes_nowhere(history, shop, step):
    shop.opened(history).when(step(shipment_id=shop.shipment)).refused("shipment_not_found", "not_found")


# credit at the door


def test_nothing_leaves_over_the_credit_limit(history, shop):
    over = planned(history, shop, *PACKED, credit_limit=Decimal("373.97"))
    assert "373.98" in over.when(leave(shop)).refused("credit_exceeded").message
    assert planned(history, shop, *PACKED, credit_limit=Decimal("373.98")).when(leave(shop)).events
    assert planned(history, shop, *PACKED, credit_limit=None).when(leave(shop)).events


def test_nothing_leaves_on_terms_for_an_account_on_hold(history, shop):
    on_hold = AccountHeld(customer_id=shop.dealer, reason="late")
    held = planned(history, shop, *PACKED).given(on_hold, of=shop.account())
    held.when(leave(shop)).refused("account_held")
    covered = held.given(OrderReleased(reason="x", is_credit_covered=True), OrderConfirmed(), of=shop.order)
    assert covered.when(leave(shop)).events
    uncovered = held.given(OrderReleased(reason="x"), OrderConfirmed(), of=shop.order)
    uncovered.when(leave(shop)).refused("account_held")


def test_paid_goods_leave_whatever_the_account_says(history, shop):
    on_hold = AccountHeld(customer_id=shop.dealer, reason="late")
    order = shop.prepaid(shop.line(1, "P-1", 3), customer_id=shop.dealer)
    paid = planned(history, shop, *PACKED, order=order, credit_limit=Decimal(0))
    paid = paid.given(shop.applied("330.00"), of=shop.order).given(on_hold, of=shop.account())

    assert paid.when(leave(shop)).events


def test_a_shipment_belongs_to_an_order_and_its_buyer(history, shop):
    shipment = planned(history, shop).state(SHIPMENT, shop.shipment)

    assert (shipment.id, shipment.order_id, shipment.customer_id) == (shop.shipment, shop.order, shop.dealer)

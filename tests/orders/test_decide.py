"""The rules of an order's life, after it was placed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from api.fulfillment.commands import CancelShipment, ConfirmReservation, ReleaseStock
from api.orders.commands import (
    CancelOrder,
    ExpireOrder,
    HoldOrder,
    RecordDelivery,
    RecordPayment,
    RecordPicking,
    RecordReturn,
    RecordReturnRequest,
    RecordShipment,
    RecordShipmentCancellation,
    RecordShipmentPlan,
    ReleaseOrder,
    ShortCloseLine,
)
from api.receivables.commands import CommitCredit, GenerateInvoice, ReleaseCredit
from warehouse.events.fulfillment import ShipmentPacked, ShipmentPicked
from warehouse.events.orders import (
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderFulfilled,
    OrderHeld,
    OrderLineReturned,
    OrderLineShipped,
    OrderLineShortClosed,
    OrderPickingStarted,
    OrderReleased,
    OrderReturnClosed,
    OrderReturnRequested,
    OrderShipmentCancelled,
)
from warehouse.events.receivables import AccountHeld
from warehouse.ids import derived, named

DAY = timedelta(days=1)
HELD = OrderHeld(cause="manual", reason="please wait")


def hold(shop):
    return HoldOrder(order_id=shop.order, reason="please wait")


def release(shop):
    return ReleaseOrder(order_id=shop.order, reason="known customer")


def cancel(shop):
    return CancelOrder(order_id=shop.order, reason="changed my mind")


def close(shop, line_no):
    return ShortCloseLine(order_id=shop.order, line_no=line_no, reason="no longer made")


def pay(shop, amount, **more):
    return RecordPayment(order_id=shop.order, payment_id=shop.payment, amount=Decimal(amount), **more)


def short(line_no, quantity):
    return OrderLineShortClosed(line_no=line_no, quantity=quantity, reason="no longer made")


# whose order


def test_nothing_can_be_done_to_an_order_that_does_not_exist(history, shop):
    others = (ExpireOrder(order_id=shop.order), close(shop, 1), pay(shop, "1.00"))
    for command in (hold(shop), release(shop), cancel(shop), *others):
        history.when(command).refused("order_not_found", "not_found")


def test_to_a_buyer_other_peoples_orders_do_not_exist(history, shop, actors):
    stranger = actors.dealer(named("customer", "stranger"))

    shop.sold(shop.opened(history)).when(cancel(shop), stranger).refused("order_not_found", "not_found")


# holding and releasing


def test_a_held_order_waits_for_a_person(history, shop):
    outcome = shop.sold(shop.opened(history)).when(hold(shop)).then(HELD)

    assert (outcome.state.lifecycle, outcome.state.hold_reason) == ("held", "please wait")


def test_an_order_held_already_is_not_held_again(history, shop):
    shop.sold(shop.opened(history), None, HELD).when(hold(shop)).then()


def test_the_rest_of_a_partly_shipped_order_can_be_held(history, shop):
    facts = (shop.planned((1, 3)), shop.shipped((1, 3)))

    shop.sold(shop.opened(history), None, *facts).when(hold(shop)).then(HELD)


def test_an_order_of_which_everything_shipped_cannot_be_held(history, shop):
    refusal = (
        shop.sold(shop.opened(history), None, shop.shipped((1, 3), (2, 2)))
        .when(hold(shop))
        .refused("order_not_holdable")
    )

    assert "SO-1" in refusal.message


def test_an_order_that_is_over_or_lapsed_cannot_be_held(history, shop, noon):
    sold = shop.sold(shop.opened(history), None, OrderCancelled(reason="x"))
    sold.when(hold(shop)).refused("order_not_holdable")
    waiting = shop.opened(history).given(shop.prepaid(), of=shop.order)
    waiting.when(hold(shop)).then(HELD)
    waiting.when(hold(shop), at=noon + DAY).refused("order_not_holdable")


def test_only_a_held_order_is_released(history, shop):
    shop.sold(shop.opened(history)).when(release(shop)).refused("order_not_held")


def test_an_order_within_its_credit_is_released_by_anybody_and_confirmed(history, shop, actors):
    held = shop.sold(shop.opened(history), None, HELD)

    outcome = held.when(release(shop), actors.staff("orders"))

    outcome.then(OrderReleased(reason="known customer"), OrderConfirmed())
    assert (outcome.state.lifecycle, outcome.state.hold_reason) == ("confirmed", None)


def test_a_release_within_credit_commits_what_is_not_yet_committed(history, shop):
    held = shop.opened(history).given(shop.placed(), OrderHeld(cause="credit", reason="over"), of=shop.order)

    outcome = held.when(release(shop)).then(
        OrderReleased(reason="known customer", is_credit_covered=True), OrderConfirmed()
    )

    outcome.causes(CommitCredit(customer_id=shop.dealer, order_id=shop.order, amount=Decimal("373.98")))


def test_over_the_credit_limit_release_needs_the_right_in_receivables(history, shop, actors):
    over = OrderHeld(cause="credit", reason="over")
    held = shop.opened(history, credit_limit=Decimal(300)).given(shop.placed(), over, of=shop.order)

    refusal = held.when(release(shop), actors.staff("orders")).refused("credit_exceeded", "forbidden")
    assert "by 73.98" in refusal.message and "SO-1" in refusal.message
    boss = held.when(release(shop), actors.staff("orders", "receivables"))
    boss.then(OrderReleased(reason="known customer", is_credit_covered=True), OrderConfirmed())
    assert boss.state.is_credit_covered


def test_a_committed_order_counts_once_when_it_is_released(history, shop, actors):
    held = shop.sold(shop.opened(history, credit_limit=Decimal("373.98")), None, HELD)

    held.when(release(shop), actors.staff("orders")).then(OrderReleased(reason="known customer"), OrderConfirmed())


def test_on_an_account_on_hold_release_needs_the_right_in_receivables(history, shop, actors):
    held = shop.sold(shop.opened(history), None, HELD)
    held = held.given(AccountHeld(customer_id=shop.dealer, reason="late"), of=shop.account())

    assert "on hold" in held.when(release(shop), actors.staff("orders")).refused("credit_exceeded", "forbidden").message


def test_cover_for_credit_is_not_lost_by_a_later_hold(history, shop, actors):
    facts = (HELD, OrderReleased(reason="known", is_credit_covered=True), OrderConfirmed(), HELD)
    held = shop.sold(shop.opened(history), None, *facts)

    assert held.when(release(shop), actors.staff("orders")).state.is_credit_covered


def test_an_unpaid_order_released_goes_on_waiting_for_its_money(history, shop):
    held = shop.opened(history).given(shop.prepaid(), HELD, of=shop.order)

    assert held.when(release(shop)).then(OrderReleased(reason="known customer")).state.lifecycle == "placed"


def test_an_order_paid_while_it_was_held_is_confirmed_by_release(history, shop, noon):
    held = shop.opened(history).given(shop.prepaid(), HELD, shop.applied("100.00"), of=shop.order)

    held.when(release(shop), at=noon + DAY).then(OrderReleased(reason="known customer"), OrderConfirmed())


def test_an_order_that_lapsed_while_it_was_held_is_not_released(history, shop, noon):
    held = shop.opened(history).given(shop.prepaid(), HELD, shop.applied("99.99"), of=shop.order)

    held.when(release(shop), at=noon + DAY).refused("order_expired")


# calling off and lapsing


def test_a_cancelled_order_frees_its_pieces_and_its_credit(history, shop):
    outcome = shop.sold(shop.opened(history)).when(cancel(shop)).then(OrderCancelled(reason="changed my mind"))

    freed = {"location": "main", "order_id": shop.order, "reason": "order cancelled"}
    outcome.causes(
        ReleaseStock(sku="P-1", quantity=3, **freed),
        ReleaseStock(sku="P-2", quantity=2, **freed),
        ReleaseCredit(customer_id=shop.dealer, order_id=shop.order, amount=Decimal("373.98"), cause="cancelled"),
    )


def test_a_cancelled_prepaid_order_has_no_credit_to_free(history, shop):
    waiting = shop.opened(history).given(shop.prepaid(), of=shop.order)

    waiting.when(cancel(shop)).causes(
        ReleaseStock(sku="P-1", location="main", order_id=shop.order, quantity=1, reason="order cancelled")
    )


@pytest.mark.parametrize("over", [OrderCancelled(reason="before"), OrderExpired()])
def test_an_order_that_is_over_is_not_cancelled_again(history, shop, over):
    shop.sold(shop.opened(history), None, over).when(cancel(shop)).then()


def test_a_shipped_order_cannot_be_cancelled(history, shop):
    shop.sold(shop.opened(history), None, shop.shipped((1, 1))).when(cancel(shop)).refused("order_shipped")


def test_the_buyer_cancels_until_picking_starts_and_staff_until_packing(history, shop, actors):
    buyer = actors.dealer(shop.dealer)
    planned = shop.sold(shop.opened(history), None, shop.planned((1, 3)))
    planned = planned.given(shop.created(), of=shop.shipment)
    planned.when(cancel(shop), buyer).then(OrderCancelled(reason="changed my mind"))
    picking = planned.given(OrderPickingStarted(shipment_id=shop.shipment), of=shop.order)
    picking = picking.given(ShipmentPicked(), of=shop.shipment)
    picking.when(cancel(shop), buyer).refused("order_in_picking")
    outcome = picking.when(cancel(shop)).then(OrderCancelled(reason="changed my mind"))
    freed = {"location": "main", "order_id": shop.order, "reason": "order cancelled"}
    outcome.causes(
        ReleaseStock(sku="P-1", quantity=3, **freed),
        ReleaseStock(sku="P-2", quantity=2, **freed),
        ReleaseCredit(customer_id=shop.dealer, order_id=shop.order, amount=Decimal("373.98"), cause="cancelled"),
        CancelShipment(shipment_id=shop.shipment, reason="order cancelled"),
    )
    packed = picking.given(ShipmentPacked(), of=shop.shipment)
    assert str(shop.shipment) in packed.when(cancel(shop)).refused("order_packed").message


def test_an_unpaid_order_lapses_by_comparison_of_times_and_is_then_recorded_so(history, shop, noon):
    waiting = shop.opened(history).given(shop.prepaid(), of=shop.order)
    expire = ExpireOrder(order_id=shop.order)
    waiting.when(expire).refused("order_not_lapsed")
    outcome = waiting.when(expire, at=noon + timedelta(hours=1)).then(OrderExpired())
    assert outcome.state.status == "cancelled"
    outcome.causes(ReleaseStock(sku="P-1", location="main", order_id=shop.order, quantity=1, reason="order expired"))
    outcome.when(expire, at=noon + DAY).then()


def test_a_held_order_lapses_like_any_other_and_a_paid_one_never(history, shop, noon):
    expire = ExpireOrder(order_id=shop.order)
    held = shop.opened(history).given(shop.prepaid(), HELD, of=shop.order)
    held.when(expire, at=noon + DAY).then(OrderExpired())
    paid = held.given(shop.applied("100.00"), of=shop.order)
    paid.when(expire, at=noon + DAY).refused("order_not_lapsed")
    shop.sold(shop.opened(history)).when(expire, at=noon + 1000 * DAY).refused("order_not_lapsed")


# cutting short


def test_a_line_cut_short_frees_its_pieces_and_its_credit(history, shop):
    outcome = shop.sold(shop.opened(history), None, shop.shipped((1, 1))).when(close(shop, 1)).then(short(1, 2))

    outcome.causes(
        ReleaseStock(sku="P-1", location="main", order_id=shop.order, quantity=2, reason="line short-closed"),
        ReleaseCredit(customer_id=shop.dealer, order_id=shop.order, amount=Decimal("220.00"), cause="short_closed"),
    )
    assert outcome.state.due == Decimal("153.98")


def test_what_a_shipment_under_way_takes_cannot_be_cut_short(history, shop):
    planned = shop.sold(shop.opened(history), None, shop.planned((1, 2)))
    planned.when(close(shop, 1)).then(short(1, 1)).when(close(shop, 1)).refused("line_not_open")
    again = planned.when(close(shop, 1)).history.given(OrderShipmentCancelled(shipment_id=shop.shipment), of=shop.order)
    outcome = again.when(close(shop, 1)).then(short(1, 2))
    outcome.causes(
        ReleaseStock(sku="P-1", location="main", order_id=shop.order, quantity=2, reason="line short-closed"),
        ReleaseCredit(customer_id=shop.dealer, order_id=shop.order, amount=Decimal("220.00"), cause="short_closed"),
    )


def test_an_order_of_which_nothing_is_left_is_cancelled(history, shop):
    freight = shop.line(3, "FREIGHT", 1, "5.00", kind="charge")
    order = shop.placed(shop.line(1), shop.line(2, "P-2"), freight)
    sold = shop.sold(shop.opened(history), order)

    sold.when(close(shop, 1)).then(short(1, 1)).when(close(shop, 2)).then(
        short(2, 1), OrderCancelled(reason="no longer made")
    )


def test_the_last_open_line_cut_short_ends_an_order_that_is_delivered(history, shop):
    delivered = (shop.shipped((1, 3), (2, 1)), shop.delivered((1, 3), (2, 1)))
    sold = shop.sold(shop.opened(history), None, *delivered)
    outcome = sold.when(close(shop, 2)).then(short(2, 1), OrderFulfilled())
    assert (outcome.state.lifecycle, outcome.state.fulfillment) == ("closed", "delivered")
    on_the_way = shop.sold(shop.opened(history), None, shop.shipped((1, 3), (2, 1)))
    assert on_the_way.when(close(shop, 2)).then(short(2, 1)).state.fulfillment == "shipped"


def test_an_order_paid_for_in_part_is_confirmed_when_the_unpaid_rest_is_cut(history, shop, noon):
    order = shop.prepaid(shop.line(1), shop.line(2, "P-2", 1, "20.00"))
    waiting = shop.opened(history).given(order, shop.applied("110.00"), of=shop.order)
    waiting.when(close(shop, 2)).then(short(2, 1), OrderConfirmed()).causes(
        ReleaseStock(sku="P-2", location="main", order_id=shop.order, quantity=1, reason="line short-closed"),
        ConfirmReservation(sku="P-1", location="main", order_id=shop.order),
    )
    waiting.when(close(shop, 2), at=noon + DAY).refused("order_expired")


def test_a_charge_can_be_given_up_and_a_discount_cannot(history, shop):
    freight = shop.line(2, "FREIGHT", 1, "5.00", kind="charge")
    welcome = shop.line(3, "WELCOME", 1, "-5.00", kind="discount")
    sold = shop.sold(shop.opened(history), shop.placed(shop.line(1), freight, welcome))

    sold.when(close(shop, 3)).refused("line_not_open")
    outcome = sold.when(close(shop, 2)).then(short(2, 1))
    outcome.causes(
        ReleaseCredit(customer_id=shop.dealer, order_id=shop.order, amount=Decimal("5.50"), cause="short_closed")
    )
    left = RecordShipment(order_id=shop.order, shipment_id=shop.shipment, lines=shop.pieces((1, 1)))
    outcome.when(left).then(shop.shipped((1, 1), (3, 1)))


def test_a_charge_without_price_cut_short_frees_no_credit(history, shop):
    free = shop.line(2, "FREIGHT", 1, "0.00", kind="charge")

    shop.sold(shop.opened(history), shop.placed(shop.line(1), free)).when(close(shop, 2)).then(short(2, 1)).causes()


@pytest.mark.parametrize("over", [OrderCancelled(reason="x"), OrderFulfilled()])
def test_a_line_of_an_order_that_is_over_is_not_open(history, shop, over):
    shop.sold(shop.opened(history), None, over).when(close(shop, 1)).refused("line_not_open")


@pytest.mark.parametrize("line_no", [0, 3, -1])
def test_a_line_that_is_not_there_cannot_be_cut_short(history, shop, line_no):
    assert "SO-1" in shop.sold(shop.opened(history)).when(close(shop, line_no)).refused("unknown_line").message


# what shipments tell


def test_an_order_knows_the_shipments_under_way(history, shop):
    sold = shop.sold(shop.opened(history))
    ids = {"order_id": shop.order, "shipment_id": shop.shipment}
    planned = sold.when(RecordShipmentPlan(**ids, lines=shop.pieces((1, 2)))).then(shop.planned((1, 2)))
    assert planned.state.plannable() == {1: 1, 2: 2}
    assert planned.state.planned_demand() == {"P-1": 2}
    picking = planned.when(RecordPicking(**ids)).then(OrderPickingStarted(shipment_id=shop.shipment))
    assert picking.state.is_picking
    cancelled = picking.when(RecordShipmentCancellation(**ids))
    cancelled.then(OrderShipmentCancelled(shipment_id=shop.shipment))
    assert (cancelled.state.is_picking, cancelled.state.plannable()) == (False, {1: 3, 2: 2})


def test_picking_one_shipment_says_nothing_about_another(history, shop):
    other = named("shipment", "2")
    planned = shop.sold(shop.opened(history), None, shop.planned((1, 1)), shop.planned((1, 1), shipment=other))
    picking = planned.when(RecordPicking(order_id=shop.order, shipment_id=other))
    assert [one.is_picking for one in picking.state.planned] == [False, True]
    left = picking.when(RecordShipment(order_id=shop.order, shipment_id=other, lines=shop.pieces((1, 1))))
    assert [one.shipment_id for one in left.state.planned] == [shop.shipment]


def test_charges_and_discounts_go_with_the_first_shipment(history, shop):
    freight = shop.line(1, "FREIGHT", 1, "5.00", kind="charge")
    sold = shop.sold(shop.opened(history), shop.placed(freight, shop.line(2, "P-1", 2)))
    first = RecordShipment(order_id=shop.order, shipment_id=shop.shipment, lines=shop.pieces((2, 1)))
    outcome = sold.when(first).then(shop.shipped((1, 1), (2, 1)))
    outcome.causes(
        GenerateInvoice(
            customer_id=shop.dealer,
            invoice_id=derived(shop.shipment, "invoice"),
            order_id=shop.order,
            shipment_id=shop.shipment,
            lines=shop.pieces((1, 1), (2, 1)),
        )
    )
    second = named("shipment", "2")
    then = RecordShipment(order_id=shop.order, shipment_id=second, lines=shop.pieces((2, 1)))
    outcome.when(then).then(OrderLineShipped(shipment_id=second, lines=shop.pieces((2, 1))))


def test_no_more_ships_than_is_open(history, shop):
    command = RecordShipment(order_id=shop.order, shipment_id=shop.shipment, lines=shop.pieces((2, 3)))

    assert "2 are open" in shop.sold(shop.opened(history)).when(command).refused("more_than_open").message


def test_a_held_order_ships_nothing(history, shop):
    command = RecordShipment(order_id=shop.order, shipment_id=shop.shipment, lines=shop.pieces((1, 1)))

    assert "please wait" in shop.sold(shop.opened(history), None, HELD).when(command).refused("order_held").message


def test_an_order_is_fulfilled_when_everything_that_will_come_arrived(history, shop):
    facts = (shop.shipped((1, 3), (2, 1)), short(2, 1))
    sold = shop.sold(shop.opened(history), None, *facts)
    some = RecordDelivery(order_id=shop.order, shipment_id=shop.shipment, lines=shop.pieces((1, 3)))
    outcome = sold.when(some).then(shop.delivered((1, 3)))
    rest = RecordDelivery(order_id=shop.order, shipment_id=shop.shipment, lines=shop.pieces((2, 1)))
    assert outcome.when(rest).then(shop.delivered((2, 1)), OrderFulfilled()).state.lifecycle == "closed"


def test_charges_arrive_with_the_first_delivery(history, shop):
    freight = shop.line(1, "FREIGHT", 1, "5.00", kind="charge")
    facts = (shop.shipped((1, 1), (2, 2)),)
    sold = shop.sold(shop.opened(history), shop.placed(freight, shop.line(2, "P-1", 2)), *facts)
    some = RecordDelivery(order_id=shop.order, shipment_id=shop.shipment, lines=shop.pieces((2, 1)))

    outcome = sold.when(some).then(shop.delivered((1, 1), (2, 1)))

    outcome.when(some).then(shop.delivered((2, 1)), OrderFulfilled())


def test_an_order_of_charges_alone_is_delivered_too(history, shop):
    sold = shop.sold(shop.opened(history), shop.placed(shop.line(1, "VISIT", 1, "50.00", kind="charge")))
    ids = {"order_id": shop.order, "shipment_id": shop.shipment, "lines": ()}
    left = sold.when(RecordShipment(**ids)).then(shop.shipped((1, 1)))
    done = left.when(RecordDelivery(**ids)).then(shop.delivered((1, 1)), OrderFulfilled())
    assert (done.state.fulfillment, done.state.status) == ("delivered", "delivered")


def test_no_more_arrives_than_left(history, shop):
    sold = shop.sold(shop.opened(history), None, shop.shipped((1, 2)))
    command = RecordDelivery(order_id=shop.order, shipment_id=shop.shipment, lines=shop.pieces((1, 3)))

    assert "2 shipped" in sold.when(command).refused("more_than_shipped").message


# what returns tell


def test_pieces_on_their_way_back_cannot_be_asked_back_again(history, shop):
    sold = shop.sold(shop.opened(history), None, shop.shipped((1, 3)), shop.delivered((1, 3)))
    ids = {"order_id": shop.order, "return_id": shop.back}
    asked = sold.when(RecordReturnRequest(**ids, lines=shop.pieces((1, 2))))
    asked.then(OrderReturnRequested(return_id=shop.back, lines=shop.pieces((1, 2))))
    assert asked.state.returnable() == {1: 1, 2: 0}
    taken = asked.when(RecordReturn(**ids, lines=shop.pieces((1, 1))))
    taken.then(OrderLineReturned(return_id=shop.back, lines=shop.pieces((1, 1))))
    assert (taken.state.returnable(), taken.state.returning) == ({1: 2, 2: 0}, ())
    closed = asked.when(RecordReturn(**ids, lines=())).then(OrderReturnClosed(return_id=shop.back))
    assert closed.state.returnable() == {1: 3, 2: 0}


def test_one_return_ends_and_another_goes_on(history, shop):
    other = named("return", "2")
    facts = [OrderReturnRequested(return_id=id, lines=shop.pieces((1, 1))) for id in (shop.back, other)]
    sold = shop.sold(shop.opened(history), None, shop.shipped((1, 3)), shop.delivered((1, 3)), *facts)

    state = sold.when(RecordReturn(order_id=shop.order, return_id=shop.back, lines=())).state

    assert [one.return_id for one in state.returning] == [other]


def test_no_more_comes_back_than_arrived(history, shop):
    sold = shop.sold(shop.opened(history), None, shop.shipped((1, 3)), shop.delivered((1, 2)))
    command = RecordReturn(order_id=shop.order, return_id=shop.back, lines=shop.pieces((1, 3)))

    assert "2 delivered" in sold.when(command).refused("more_than_delivered").message


# what money does


def test_an_order_is_confirmed_when_it_is_paid_for_and_keeps_its_pieces(history, shop):
    waiting = shop.opened(history).given(shop.prepaid(), of=shop.order)
    some = waiting.when(pay(shop, "40.00")).then(shop.applied("40.00"))
    assert some.state.payment == "partial"
    outcome = some.when(pay(shop, "60.00")).then(shop.applied("60.00"), OrderConfirmed())
    outcome.causes(ConfirmReservation(sku="P-1", location="main", order_id=shop.order))
    assert outcome.state.payment == "paid"


def test_an_order_placed_by_staff_has_no_reservation_to_confirm(history, shop):
    waiting = shop.opened(history).given(shop.prepaid(expires_at=None), of=shop.order)

    waiting.when(pay(shop, "100.00")).then(shop.applied("100.00"), OrderConfirmed()).causes()


def test_an_order_paid_while_it_is_held_keeps_its_pieces_and_stays_held(history, shop):
    held = shop.opened(history).given(shop.prepaid(), HELD, of=shop.order)
    held.when(pay(shop, "99.99")).then(shop.applied("99.99")).causes()
    outcome = held.when(pay(shop, "100.00")).then(shop.applied("100.00"))
    outcome.causes(ConfirmReservation(sku="P-1", location="main", order_id=shop.order))


def test_money_for_an_order_that_lapsed_does_not_bring_it_back(history, shop, noon):
    waiting = shop.opened(history).given(shop.prepaid(), of=shop.order)

    waiting.when(pay(shop, "100.00"), at=noon + DAY).then(shop.applied("100.00"))


def test_money_for_an_order_on_terms_confirms_nothing(history, shop):
    outcome = shop.sold(shop.opened(history)).when(pay(shop, "373.98")).then(shop.applied("373.98")).causes()

    assert outcome.state.payment == "paid"


def test_money_taken_back_leaves_it_unpaid_and_money_given_back_refunded(history, shop):
    paid = shop.sold(shop.opened(history), None, shop.applied("373.98"))
    taken = paid.when(pay(shop, "-373.98")).then(shop.applied("-373.98"))
    assert (taken.state.payment, taken.state.refunded) == ("pending", 0)
    back = paid.when(pay(shop, "-373.98", is_refund=True)).then(shop.applied("-373.98", is_refund=True))
    assert (back.state.payment, back.state.refunded) == ("refunded", Decimal("373.98"))


def test_a_commitment_is_what_is_still_to_be_invoiced(history, shop):
    facts = (shop.shipped((1, 2)), short(2, 1), HELD)
    held = shop.sold(shop.opened(history), None, *facts)

    outcome = held.when(release(shop))

    outcome.causes(CommitCredit(customer_id=shop.dealer, order_id=shop.order, amount=Decimal("131.99")))


def test_an_order_for_nothing_commits_no_credit(history, shop):
    held = shop.opened(history).given(shop.placed(shop.line(1, "P-1", 1, "0.00")), HELD, of=shop.order)

    held.when(release(shop)).causes()

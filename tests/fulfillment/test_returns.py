"""The rules of returns: what may come back, and what becomes of it."""

from __future__ import annotations

import pytest

from api.fulfillment.commands import (
    ApproveReturn,
    CloseReturn,
    InspectionFinding,
    InspectReturn,
    QuarantineStock,
    ReceiveReturn,
    ReceiveStock,
    RequestedReturnLine,
    RequestReturn,
)
from api.orders.commands import RecordReturn, RecordReturnRequest
from api.receivables.commands import CreditedLine, IssueCreditNote
from warehouse.events.fulfillment import ReturnApproved, ReturnClosed, ReturnReceived
from warehouse.events.orders import OrderReturnRequested
from warehouse.ids import derived, named

ARRIVED = (ReturnApproved(), ReturnReceived())


def ask(shop, *pieces):
    lines = tuple(RequestedReturnLine(line_no=no, quantity=quantity, reason="too loud") for no, quantity in pieces)
    return RequestReturn(return_id=shop.back, order_id=shop.order, lines=lines or (wanted(1, 1),))


def wanted(line_no, quantity):
    return RequestedReturnLine(line_no=line_no, quantity=quantity, reason="too loud")


def inspect(shop, *found):
    findings = tuple(
        InspectionFinding(line_no=line_no, outcome=outcome, is_saleable=is_saleable)
        for line_no, outcome, is_saleable in found
    )
    return InspectReturn(return_id=shop.back, findings=findings)


def arrived(history, shop, order=None):
    """An order with three of P-1 and one of P-2 delivered."""
    facts = (shop.shipped((1, 3), (2, 1)), shop.delivered((1, 3), (2, 1)))
    return shop.sold(shop.opened(history), order, *facts)


def coming(history, shop, *steps, lines=((1, 1, "P-1"),)):
    """The same with a return, as far as the steps say."""
    asked = OrderReturnRequested(return_id=shop.back, lines=shop.pieces(*((no, q) for no, q, _ in lines)))
    told = arrived(history, shop).given(asked, of=shop.order)
    return told.given(shop.requested(*lines), *steps, of=shop.back)


def test_the_buyer_asks_to_send_back_what_arrived(history, shop, actors):
    outcome = arrived(history, shop).when(ask(shop, (1, 3)), actors.dealer(shop.dealer))

    outcome.then(shop.requested((1, 3, "P-1")))
    assert outcome.state.status == "requested"
    outcome.causes(RecordReturnRequest(order_id=shop.order, return_id=shop.back, lines=shop.pieces((1, 3))))


def test_no_more_comes_back_than_arrived(history, shop):
    assert "3 can come back" in arrived(history, shop).when(ask(shop, (1, 4))).refused("more_than_delivered").message


def test_the_same_pieces_are_not_asked_back_twice(history, shop):
    pending = OrderReturnRequested(return_id=named("return", "2"), lines=shop.pieces((1, 2)))
    told = arrived(history, shop).given(pending, of=shop.order)
    told.when(ask(shop, (1, 2))).refused("more_than_delivered")
    assert told.when(ask(shop, (1, 1))).events
    told.when(ask(shop, (1, 1), (1, 1))).refused("line_twice")


@pytest.mark.parametrize("line_no", [3, 9])
def test_only_products_of_the_order_come_back(history, shop, line_no):
    post = shop.line(3, "POST", 1, "5.00", kind="charge")
    order = shop.placed(shop.line(1, "P-1", 3), shop.line(2, "P-2"), post)

    assert "SO-1" in arrived(history, shop, order).when(ask(shop, (line_no, 1))).refused("unknown_line").message


def test_a_return_is_asked_for_once_of_ones_own_order(history, shop, actors):
    coming(history, shop).when(ask(shop)).refused("return_exists")
    shop.opened(history).when(ask(shop)).refused("order_not_found", "not_found")
    stranger = actors.consumer(named("customer", "x"))
    arrived(history, shop).when(ask(shop), stranger).refused("order_not_found", "not_found")
    coming(history, shop).when(ApproveReturn(return_id=shop.back), stranger).refused("return_not_found", "not_found")


@pytest.mark.parametrize("step", [ApproveReturn, ReceiveReturn])
def test_a_return_that_does_not_exist_goes_nowhere(history, shop, step):
    shop.opened(history).when(step(return_id=shop.back)).refused("return_not_found", "not_found")
    found = inspect(shop, (1, "return", True))
    shop.opened(history).when(found).refused("return_not_found", "not_found")


def test_a_return_is_approved_received_and_inspected_in_that_order(history, shop):
    id = shop.back
    told = coming(history, shop)
    told.when(ReceiveReturn(return_id=id)).refused("return_not_ready")
    approved = told.when(ApproveReturn(return_id=id)).then(ReturnApproved())
    approved.when(ApproveReturn(return_id=id)).refused("return_not_ready")
    approved.when(inspect(shop, (1, "return", True))).refused("return_not_ready")
    received = approved.when(ReceiveReturn(return_id=id)).then(ReturnReceived())
    inspected = received.when(inspect(shop, (1, "return", True)))
    inspected.then(shop.inspected((1, 1, "P-1", "return", True)))
    assert inspected.state.findings[0].outcome == "return"
    assert str(id) in inspected.when(inspect(shop, (1, "return", True))).refused("return_not_ready").message


@pytest.mark.parametrize("steps", [(), (ReturnApproved(),)], ids=["requested", "approved"])
def test_a_return_ends_before_it_arrives_and_the_pieces_stay_with_the_buyer(history, shop, steps):
    outcome = coming(history, shop, *steps).when(CloseReturn(return_id=shop.back, reason="kept"))

    outcome.then(ReturnClosed(reason="kept"))
    assert outcome.state.status == "closed"
    outcome.causes(RecordReturn(order_id=shop.order, return_id=shop.back, lines=()))


def test_what_arrived_is_inspected_not_closed(history, shop):
    close = CloseReturn(return_id=shop.back, reason="kept")

    coming(history, shop, *ARRIVED).when(close).refused("return_not_ready")


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (((1, "return", True),), "findings_incomplete"),
        (((1, "return", True), (2, "return", True), (3, "return", True)), "findings_incomplete"),
        (((1, "return", True), (1, "reject", True), (2, "return", True)), "line_twice"),
    ],
    ids=["too few", "too many", "twice"],
)
def test_every_line_gets_one_finding(history, shop, found, code):
    told = coming(history, shop, *ARRIVED, lines=((1, 1, "P-1"), (2, 1, "P-2")))

    told.when(inspect(shop, *found)).refused(code)


def test_goods_taken_back_are_credited_and_go_on_the_shelf_or_into_quarantine(history, shop):
    told = coming(history, shop, *ARRIVED, lines=((1, 2, "P-1"), (2, 1, "P-2")))

    outcome = told.when(inspect(shop, (1, "return", True), (2, "return", False)))

    outcome.causes(
        ReceiveStock(sku="P-1", quantity=2, source="return", source_id=shop.back),
        QuarantineStock(sku="P-2", quantity=1, reason="returned goods", source_id=shop.back),
        IssueCreditNote(
            customer_id=shop.dealer,
            credit_note_id=derived(shop.back, "credit_note"),
            order_id=shop.order,
            return_id=shop.back,
            lines=(CreditedLine(line_no=1, quantity=2), CreditedLine(line_no=2, quantity=1)),
            reason="returned goods",
        ),
        RecordReturn(order_id=shop.order, return_id=shop.back, lines=shop.pieces((1, 2), (2, 1))),
    )


def test_only_the_lines_found_so_are_paid_out(history, shop):
    told = coming(history, shop, *ARRIVED, lines=((1, 2, "P-1"), (2, 1, "P-2")))

    outcome = told.when(inspect(shop, (1, "return", True), (2, "refund", True)))

    outcome.causes(
        ReceiveStock(sku="P-1", quantity=2, source="return", source_id=shop.back),
        ReceiveStock(sku="P-2", quantity=1, source="return", source_id=shop.back),
        IssueCreditNote(
            customer_id=shop.dealer,
            credit_note_id=derived(shop.back, "credit_note"),
            order_id=shop.order,
            return_id=shop.back,
            lines=(CreditedLine(line_no=1, quantity=2), CreditedLine(line_no=2, quantity=1, is_refunded=True)),
            reason="returned goods",
            refund_by="bank_transfer",
        ),
        RecordReturn(order_id=shop.order, return_id=shop.back, lines=shop.pieces((1, 2), (2, 1))),
    )


@pytest.mark.parametrize("outcome", ["repair", "reject"])
def test_what_goes_back_to_the_buyer_moves_no_stock_and_no_money(history, shop, outcome):
    found = coming(history, shop, *ARRIVED).when(inspect(shop, (1, outcome, True)))

    found.causes(RecordReturn(order_id=shop.order, return_id=shop.back, lines=()))


def test_a_piece_that_is_replaced_stays_here_and_gives_no_credit(history, shop):
    found = coming(history, shop, *ARRIVED).when(inspect(shop, (1, "replace", False)))

    found.causes(
        QuarantineStock(sku="P-1", quantity=1, reason="returned goods", source_id=shop.back),
        RecordReturn(order_id=shop.order, return_id=shop.back, lines=()),
    )

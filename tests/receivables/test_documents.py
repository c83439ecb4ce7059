"""The rules of documents: invoices of what shipped, credit notes for what came back or went wrong."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from api.orders.commands import RecordCredit, RecordPayment
from api.receivables.commands import AssignDocumentNumber, CreditedLine, GenerateInvoice, IssueCreditNote
from warehouse.events.orders import OrderCredited, OrderLineReturned
from warehouse.events.receivables import (
    BillTo,
    CreditNoteAllocated,
    CreditNoteIssued,
    CreditNoteRefunded,
    CreditReleased,
    DocumentNumberAssigned,
    InvoiceGenerated,
    InvoiceLine,
    InvoiceWrittenOff,
)
from warehouse.ids import derived, named
from warehouse.money import ZERO

CENT = Decimal("0.01")


def generate(shop, *pieces, shipment=None, customer=None):
    shipment = shipment or shop.shipment
    return GenerateInvoice(
        customer_id=customer or shop.dealer,
        invoice_id=derived(shipment, "invoice"),
        order_id=shop.order,
        shipment_id=shipment,
        lines=shop.pieces(*pieces),
    )


def issue(shop, *lines, **more):
    """Credit for returned pieces of the order, by line, quantity and whether they are paid out."""
    asked = {"customer_id": shop.dealer, "credit_note_id": shop.note, "reason": "returned goods"}
    if lines:
        asked |= {"order_id": shop.order, "return_id": shop.back}
    credited = tuple(CreditedLine(line_no=no, quantity=q, is_refunded=back) for no, q, back in lines)
    return IssueCreditNote(**asked | more, lines=credited)


def goodwill(shop, gross="12.00", **more):
    return issue(shop, stand_alone_lines=(shop.document_line(1, gross),), **more)


def document_line(line, quantity, net, tax):
    net, tax = Decimal(net), Decimal(tax)
    shared = line.model_dump(include={"line_no", "kind", "sku", "description", "unit_price", "tax_rate"})
    return InvoiceLine(**shared, quantity=quantity, net=net, tax=tax, gross=net + tax)


# invoices


def test_what_ships_is_invoiced_and_takes_over_its_credit(history, shop, noon):
    sold = shop.sold(shop.opened(history), None, shop.shipped((1, 2)))

    outcome = sold.when(generate(shop, (1, 2)))

    line = shop.placed().lines[0]
    invoice_id = derived(shop.shipment, "invoice")
    outcome.then(
        CreditReleased(order_id=shop.order, amount=Decimal("220.00"), cause="invoiced"),
        InvoiceGenerated(
            invoice_id=invoice_id,
            number="INV-000001",
            customer_id=shop.dealer,
            order_id=shop.order,
            order_number="SO-1",
            shipment_id=shop.shipment,
            currency="USD",
            lines=(document_line(line, 2, "200.00", "20.00"),),
            net=Decimal("200.00"),
            tax=Decimal("20.00"),
            total=Decimal("220.00"),
            terms="net_30",
            issued_on=noon.date(),
            due_on=noon.date() + timedelta(days=30),
            bill_to=BillTo(name="Dara Pumps", address=None),
        ),
    )
    outcome.causes(AssignDocumentNumber(series="INV", number="INV-000001", document_id=invoice_id))
    assert outcome.state.exposure == Decimal("373.98")


def test_the_number_is_the_next_of_the_series(history, shop):
    from api.receivables.commands import series_id

    given_out = DocumentNumberAssigned(series="INV", number="INV-000001", document_id=shop.invoice)
    sold = shop.sold(shop.opened(history), None, shop.shipped((1, 2))).given(given_out, of=series_id("INV"))

    assert sold.when(generate(shop, (1, 2))).events[-1].number == "INV-000002"


def test_partial_invoices_sum_to_the_order_and_the_last_frees_what_credit_is_left(history, shop):
    order = shop.placed(shop.line(1, "P-1", 3, "3.3350"))
    told, totals = shop.sold(shop.opened(history), order), []
    for number in range(3):
        shipment = named("shipment", str(number))
        told = told.given(shop.shipped((1, 1), shipment=shipment), of=shop.order)
        outcome = told.when(generate(shop, (1, 1), shipment=shipment))
        told = outcome.history
        totals.append(outcome.events[-1].total)
    assert sum(totals) == order.total == Decimal("11.01")
    assert outcome.state.commitments == {}
    assert outcome.state.open_amount == order.total


def test_prices_that_include_tax_are_split_on_every_line_and_document(history, shop):
    order = shop.prepaid(shop.line(1, "P-1", 3, "0.99", includes_tax=True))
    told = shop.sold(shop.opened(history), order, shop.shipped((1, 2)))

    invoice = told.when(generate(shop, (1, 2), customer=shop.consumer)).events[-1]

    assert (invoice.net, invoice.tax, invoice.total) == tuple(map(Decimal, ("1.80", "0.18", "1.98")))
    assert all(line.net + line.tax == line.gross for line in invoice.lines)


def test_money_paid_for_the_order_settles_its_invoice(history, shop):
    order = shop.prepaid(shop.line(1, "P-1", 2, "100.00", includes_tax=True))
    paying = {"customer_id": shop.consumer, "order_id": shop.order}
    other = shop.paid("60.00", **paying | {"payment_id": named("payment", "2"), "order_id": shop.other_order})
    told = shop.sold(shop.opened(history), order, shop.shipped((1, 1)))
    told = told.given(shop.paid("150.00", **paying), other, of=shop.account(shop.consumer))

    outcome = told.when(generate(shop, (1, 1), customer=shop.consumer))

    settled = {"invoice_id": derived(shop.shipment, "invoice"), "is_prepaid": True, "from_order_id": shop.order}
    assert outcome.events[1:] == (shop.allocated("100.00", **settled),)
    assert outcome.state.open_amount == 0
    assert outcome.state.payments[shop.payment].left == 50


def test_money_in_parts_settles_an_invoice_as_far_as_it_goes(history, shop):
    order = shop.prepaid(shop.line(1, "P-1", 1, "100.00", includes_tax=True))
    parts = [
        shop.paid("60.00", payment_id=named("payment", str(n)), customer_id=shop.consumer, order_id=shop.order)
        for n in range(3)
    ]
    told = shop.sold(shop.opened(history), order, shop.shipped((1, 1))).given(*parts, of=shop.account(shop.consumer))

    state = told.when(generate(shop, (1, 1), customer=shop.consumer)).state

    assert state.open_amount == 0
    assert sum(rest.left for rest in state.payments.values()) == 80


def test_a_shipment_is_invoiced_once_and_not_before_it_left(history, shop):
    sold = shop.sold(shop.opened(history))
    assert "SO-1" in sold.when(generate(shop, (1, 2))).refused("not_invoiceable").message
    told = sold.given(shop.shipped((1, 2)), of=shop.order).when(generate(shop, (1, 2)))
    told.when(generate(shop, (1, 2))).refused("not_invoiceable")


def test_an_invoice_is_for_an_order_of_the_customer(history, shop):
    sold = shop.sold(shop.opened(history), None, shop.shipped((1, 2)))

    sold.when(generate(shop, (1, 2), customer=shop.consumer)).refused("order_not_found", "not_found")


def test_no_invoice_is_negative(history, shop):
    order = shop.placed(shop.line(1, "P-1", 3), shop.line(2, "OFF", 1, "-200.00", kind="discount"))
    sold = shop.sold(shop.opened(history), order, shop.shipped((1, 1), (2, 1)))

    assert "-110.00" in sold.when(generate(shop, (1, 1), (2, 1))).refused("invoice_negative").message


# credit notes


def returned(history, shop, *facts, order=None, open_amount=None):
    """An order with everything delivered; what is open on its invoice, if anything."""
    pieces = ((1, 3), (2, 2))
    told = shop.sold(shop.opened(history), order, shop.shipped(*pieces), shop.delivered(*pieces), *facts)
    return told if open_amount is None else told.given(shop.invoiced(open_amount), of=shop.account())


def test_returned_pieces_are_credited_at_the_amounts_they_were_invoiced_at(history, shop, noon):
    told = returned(history, shop, open_amount="373.98")

    outcome = told.when(issue(shop, (2, 1, False)))

    line = shop.placed().lines[1]
    note = CreditNoteIssued(
        credit_note_id=shop.note,
        number="CN-000001",
        customer_id=shop.dealer,
        invoice_id=derived(shop.shipment, "invoice"),
        order_id=shop.order,
        return_id=shop.back,
        currency="USD",
        lines=(document_line(line, 1, "19.99", "2.00"),),
        net=Decimal("19.99"),
        tax=Decimal("2.00"),
        total=Decimal("21.99"),
        issued_on=noon.date(),
        reason="returned goods",
    )
    settled = CreditNoteAllocated(
        credit_note_id=shop.note,
        invoice_id=shop.invoice,
        order_id=shop.order,
        amount=Decimal("21.99"),
        from_order_id=shop.order,
    )
    outcome.then(note, settled)
    outcome.causes(
        AssignDocumentNumber(series="CN", number="CN-000001", document_id=shop.note),
        RecordCredit(order_id=shop.order, credit_note_id=shop.note, amount=Decimal("21.99")),
    )


def test_the_first_and_the_last_piece_back_sum_to_the_line(history, shop):
    order = shop.placed(shop.line(1, "P-1", 3, "3.3350"), shop.line(2, "P-2", 2, "0.0050"))
    told = returned(history, shop, order=order)
    first = told.when(issue(shop, (1, 1, False))).events[0]
    back = OrderLineReturned(return_id=shop.back, lines=shop.pieces((1, 1)))
    rest = told.given(back, of=shop.order).when(issue(shop, (1, 2, False))).events[0]
    assert first.total + rest.total == order.lines[0].gross


def test_a_credit_takes_its_share_of_the_orders_discounts_back(history, shop):
    order = shop.placed(
        shop.line(1, "P-1", 3, "10.00"),
        shop.line(2, "P-2", 2, "35.00"),
        shop.line(3, "OFF", 1, "-10.01", kind="discount"),
    )
    told = returned(history, shop, order=order)
    first = told.when(issue(shop, (1, 1, False))).events[0]
    assert [(line.kind, line.gross) for line in first.lines] == [
        ("product", Decimal("11.00")),
        ("discount", Decimal("-1.10")),
    ]
    back = OrderLineReturned(return_id=shop.back, lines=shop.pieces((1, 1)))
    rest = told.given(back, of=shop.order).when(issue(shop, (1, 2, False), (2, 2, False))).events[0]
    assert first.total + rest.total == order.total
    assert first.net + rest.net == order.net


def test_a_discount_too_small_to_share_adds_no_line(history, shop):
    order = shop.placed(
        shop.line(1, "P-1", 3, "10.00"),
        shop.line(2, "P-2", 2, "35.00"),
        shop.line(3, "OFF", 1, "-0.01", kind="discount"),
    )

    assert [
        line.kind for line in returned(history, shop, order=order).when(issue(shop, (1, 1, False))).events[0].lines
    ] == ["product"]


def test_free_goods_come_back_without_a_credit_note(history, shop):
    order = shop.placed(shop.line(1, "P-1", 3, "0.00"), shop.line(2, "P-2", 2))

    returned(history, shop, order=order).when(issue(shop, (1, 1, False))).then()


def test_what_the_own_invoices_leave_goes_against_the_oldest_due(history, shop):
    told = returned(history, shop, shop.applied("363.98"), open_amount="10.00").given(
        shop.invoiced("50.00", 2, order_id=shop.other_order, due_on=shop.noon.date() - timedelta(days=1)),
        shop.invoiced("20.00", 3, order_id=None),
        of=shop.account(),
    )

    outcome = told.when(issue(shop, (1, 1, False)))

    assert [(one.invoice_id, one.amount) for one in outcome.events[1:]] == [
        (shop.invoice, 10),
        (named("invoice", "2"), 50),
        (named("invoice", "3"), 20),
    ]
    assert outcome.state.credit_notes[shop.note].left == 30


def test_a_refund_settles_the_own_invoices_and_pays_out_the_rest(history, shop, noon):
    told = returned(history, shop, shop.applied("363.98"), open_amount="10.00").given(
        shop.invoiced("50.00", 2, order_id=shop.other_order), of=shop.account()
    )

    outcome = told.when(issue(shop, (1, 1, True), refund_by="card"))

    paid_out = CreditNoteRefunded(
        credit_note_id=shop.note,
        order_id=shop.order,
        amount=Decimal("100.00"),
        method="card",
        paid_on=noon.date(),
    )
    assert [one.amount for one in outcome.events[1:]] == [10, 100]
    assert outcome.events[-1] == paid_out


def test_only_the_lines_marked_are_paid_out(history, shop):
    told = returned(history, shop, shop.applied("373.98"))

    outcome = told.when(issue(shop, (1, 1, False), (2, 1, True), refund_by="card"))

    assert outcome.events[-1].amount == Decimal("21.99")
    assert outcome.state.credit_notes[shop.note].left == 110


def test_a_debt_written_off_is_not_paid_out(history, shop):
    told = returned(history, shop, shop.applied("60.00"), open_amount="50.00").given(
        InvoiceWrittenOff(invoice_id=shop.invoice, order_id=shop.order, amount=Decimal("50.00"), reason="x"),
        of=shop.account(),
    )
    outcome = told.when(issue(shop, (1, 1, True), refund_by="card"))
    assert (outcome.events[-1].amount, outcome.state.credit_notes[shop.note].left) == (60, 50)
    unpaid = returned(history, shop).when(issue(shop, (1, 1, True), refund_by="card"))
    assert [type(event) for event in unpaid.events] == [CreditNoteIssued]


def test_goodwill_stands_alone_and_is_paid_out_in_full(history, shop):
    told = shop.opened(history).given(shop.invoiced("5.00"), of=shop.account())
    kept = told.when(goodwill(shop))
    assert [one.amount for one in kept.events[1:]] == [5]
    assert kept.state.credit_notes[shop.note].left == 7
    out = told.when(goodwill(shop, refund_by="cash"))
    assert (out.events[-1].amount, out.events[-1].order_id) == (12, None)


def test_goodwill_for_an_order_settles_it_and_pays_out_no_more_than_was_paid(history, shop):
    told = returned(history, shop, shop.applied("3.00"), open_amount="5.00")

    outcome = told.when(goodwill(shop, order_id=shop.order, refund_by="cash"))

    settled, paid_out = outcome.events[1:]
    assert (settled.amount, settled.from_order_id) == (5, shop.order)
    assert (paid_out.amount, paid_out.order_id) == (3, shop.order)
    outcome.causes(
        AssignDocumentNumber(series="CN", number="CN-000001", document_id=shop.note),
        RecordCredit(order_id=shop.order, credit_note_id=shop.note, amount=Decimal("12.00")),
        RecordPayment(order_id=shop.order, payment_id=shop.note, amount=Decimal("-3.00"), is_refund=True),
    )


def test_allowances_on_an_order_come_to_no_more_than_was_invoiced(history, shop):
    told = shop.sold(shop.opened(history), None, shop.shipped((1, 1)))
    assert told.when(goodwill(shop, "110.00", order_id=shop.order)).events
    assert "110.00" in told.when(goodwill(shop, "110.01", order_id=shop.order)).refused("more_than_invoiced").message
    allowed = told.when(RecordCredit(order_id=shop.order, credit_note_id=shop.note, amount=Decimal("60.00")))
    allowed.then(OrderCredited(credit_note_id=shop.note, amount=Decimal("60.00")))
    assert allowed.state.due == Decimal("313.98")
    more = goodwill(shop, "50.01", order_id=shop.order, credit_note_id=named("note", "2"))
    allowed.when(more).refused("more_than_invoiced")


@pytest.mark.parametrize(
    ("make", "code", "kind"),
    [
        (lambda s: goodwill(s, customer_id=named("customer", "x")), "customer_not_found", "not_found"),
        (lambda s: issue(s, (1, 1, False), customer_id=s.consumer), "order_not_found", "not_found"),
        (lambda s: issue(s, (1, 1, False), return_id=None), "return_missing", "conflict"),
        (lambda s: issue(s, (1, 1, False), order_id=None), "return_missing", "conflict"),
        (lambda s: issue(s, (9, 1, False)), "unknown_line", "conflict"),
        (lambda s: issue(s, (1, 1, False), (1, 1, False)), "line_twice", "conflict"),
        (issue, "credit_not_positive", "conflict"),
        (lambda s: goodwill(s, "-1.00"), "credit_not_positive", "conflict"),
    ],
    ids=["nobody", "not their order", "no return", "no order", "no line", "twice", "nothing", "negative"],
)
def test_credit_that_makes_no_sense_is_refused(history, shop, make, code, kind):
    returned(history, shop).when(make(shop)).refused(code, kind)


def test_a_line_of_credit_is_balanced(history, shop):
    line = shop.document_line(1, "12.00").model_copy(update={"tax": CENT})

    assert (
        "Line 1" in shop.opened(history).when(issue(shop, stand_alone_lines=(line,))).refused("line_unbalanced").message
    )


def test_credit_for_no_order_takes_its_number_alone(history, shop):
    issued = shop.opened(history).when(goodwill(shop))

    issued.causes(AssignDocumentNumber(series="CN", number="CN-000001", document_id=shop.note))


def test_a_credit_note_is_issued_once(history, shop):
    shop.opened(history).when(goodwill(shop)).when(goodwill(shop)).refused("credit_note_exists")


def test_tax_is_credited_with_the_line(history, shop):
    line = shop.document_line(1, "11.00", tax="1.00")

    note = shop.opened(history).when(issue(shop, stand_alone_lines=(line,))).events[0]

    assert (note.net, note.tax, note.total, note.invoice_id) == (10, 1, 11, None)
    assert note.net + note.tax - note.total == ZERO

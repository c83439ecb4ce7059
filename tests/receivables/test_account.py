"""The rules of a customer's account: money in, money out, what it is put against, and the customer's standing."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from api.orders.commands import RecordPayment
from api.receivables.commands import (
    AllocateCreditNote,
    AllocatePayment,
    AssignDocumentNumber,
    CommitCredit,
    DisputeInvoice,
    HoldAccount,
    ReceivePayment,
    RefundCreditNote,
    RefundPayment,
    ReleaseAccount,
    ReleaseCredit,
    SendInvoice,
    SendReminder,
    UnallocatePayment,
    WriteOffInvoice,
    series_id,
)
from api.receivables.state import ACCOUNT, SETTLED_KEPT_MAX
from warehouse.events.orders import OrderCancelled, OrderConfirmed
from warehouse.events.receivables import (
    AccountHeld,
    AccountReleased,
    CreditCommitted,
    CreditNoteAllocated,
    CreditNoteRefunded,
    CreditReleased,
    DocumentNumberAssigned,
    InvoiceDisputed,
    InvoiceSent,
    InvoiceWrittenOff,
    PaymentRefunded,
    PaymentUnallocated,
    ReminderSent,
)
from warehouse.ids import named

SECOND = named("invoice", "2")


def invoice_id(number):
    return named("invoice", str(number))


def owing(history, shop, *totals, **more):
    """The dealer owes these invoices of the order, the first the oldest due."""
    told = shop.sold(shop.opened(history))
    for number, total in enumerate(totals, start=1):
        due_on = shop.noon.date() + timedelta(days=number)
        told = told.given(shop.invoiced(total, number, due_on=due_on, **more), of=shop.account())
    return told


def receive(shop, amount, **more):
    asked = {"customer_id": shop.dealer, "payment_id": shop.payment, "received_on": shop.noon.date()}
    return ReceivePayment(**asked | more, amount=Decimal(amount))


def on(shop, command, **more):
    return command(**{"customer_id": shop.dealer} | more)


def counts(order_id, payment_id, amount, **more):
    return RecordPayment(order_id=order_id, payment_id=payment_id, amount=Decimal(amount), **more)


# whose account, and in what


def test_a_ledger_never_mixes_two_currencies(history, shop):
    told = owing(history, shop, "10.00").under(currency="EUR")

    assert "USD" in told.when(on(shop, ReleaseAccount, reason="x")).refused("currency_mixed").message


def test_a_buyer_pays_into_their_own_account_alone(history, shop, actors):
    told = shop.opened(history)
    told.when(receive(shop, "5.00"), actors.consumer(shop.consumer)).refused("account_not_found", "not_found")
    assert told.when(receive(shop, "5.00"), actors.dealer(shop.dealer)).events


def test_an_account_belongs_to_a_known_customer(history, shop):
    stranger = named("customer", "x")
    history.when(receive(shop, "5.00", customer_id=stranger)).refused("customer_not_found", "not_found")
    history.when(HoldAccount(customer_id=stranger, reason="x")).refused("customer_not_found", "not_found")


# money in


def test_money_goes_against_the_oldest_due_first_and_the_rest_stays_on_account(history, shop):
    told = owing(history, shop, "30.00", "20.00")
    outcome = told.when(receive(shop, "40.00"))
    outcome.then(shop.paid("40.00"), shop.allocated("30.00"), shop.allocated("10.00", invoice_id=SECOND))
    assert outcome.state.open_amount == 10
    outcome.causes(counts(shop.order, shop.payment, "30.00"), counts(shop.order, shop.payment, "10.00"))
    more = told.when(receive(shop, "60.00")).state
    assert (more.invoices, more.payments[shop.payment].left, more.exposure) == ({}, 10, Decimal("363.98"))


def test_of_two_due_the_same_day_the_lower_number_goes_first(history, shop):
    due = {"due_on": shop.noon.date()}
    told = shop.opened(history).given(
        shop.invoiced("5.00", 2, **due), shop.invoiced("5.00", 1, **due), of=shop.account()
    )

    assert told.when(receive(shop, "5.00")).events[1] == shop.allocated("5.00")


def test_money_for_an_invoice_goes_against_that_one_alone(history, shop):
    told = owing(history, shop, "30.00", "20.00")

    outcome = told.when(receive(shop, "25.00", invoice_id=SECOND))

    outcome.then(shop.paid("25.00"), shop.allocated("20.00", invoice_id=SECOND))
    assert outcome.state.payments[shop.payment].left == 5


def test_money_for_an_order_is_kept_for_it_and_counts_at_once(history, shop):
    told = owing(history, shop, "30.00", order_id=shop.other_order)

    outcome = told.when(receive(shop, "25.00", order_id=shop.order))

    outcome.then(shop.paid("25.00", order_id=shop.order))
    outcome.causes(counts(shop.order, shop.payment, "25.00"))


def test_money_for_an_order_settles_its_invoices_and_counts_once(history, shop):
    outcome = owing(history, shop, "30.00").when(receive(shop, "25.00", order_id=shop.order))

    prepaid = {"is_prepaid": True, "from_order_id": shop.order}
    outcome.then(shop.paid("25.00", order_id=shop.order), shop.allocated("25.00", **prepaid))
    outcome.causes(counts(shop.order, shop.payment, "25.00"))


def test_money_is_for_an_order_of_the_same_customer(history, shop):
    told = shop.sold(shop.opened(history))
    other = receive(shop, "5.00", customer_id=shop.consumer, order_id=shop.order)
    told.when(other).refused("order_not_found", "not_found")


def test_money_for_an_order_that_is_over_is_not_taken_for_it(history, shop, noon):
    cancelled = shop.sold(shop.opened(history), None, OrderCancelled(reason="x"))
    assert "SO-1" in cancelled.when(receive(shop, "5.00", order_id=shop.order)).refused("order_cancelled").message
    waiting = shop.opened(history).given(shop.prepaid(), of=shop.order)
    late = receive(shop, "100.00", customer_id=shop.consumer, order_id=shop.order)
    assert waiting.when(late).events
    waiting.when(late, at=noon + timedelta(hours=1)).refused("order_expired")
    assert waiting.when(receive(shop, "100.00", customer_id=shop.consumer), at=noon + timedelta(hours=1)).events


def test_a_payment_is_recorded_once(history, shop):
    told = owing(history, shop, "30.00")
    told.when(receive(shop, "5.00")).when(receive(shop, "5.00")).refused("payment_exists")
    told.when(receive(shop, "30.00")).when(receive(shop, "5.00")).refused("payment_exists")
    told.when(receive(shop, "50.00")).when(receive(shop, "5.00")).refused("payment_exists")


def test_a_providers_payment_is_recorded_once(history, shop):
    ids = {"provider": "sandbox", "provider_reference": "ch_1"}
    first = shop.opened(history).when(receive(shop, "5.00", **ids))
    again = receive(shop, "5.00", payment_id=named("payment", "2"), **ids)
    assert "ch_1" in first.when(again).refused("provider_payment_taken").message
    other = receive(shop, "5.00", payment_id=named("payment", "2"), provider="other", provider_reference="ch_1")
    assert first.when(other).state.provider_references == ("sandbox:ch_1", "other:ch_1")
    claims = list(ACCOUNT.claims(first.state))
    assert claims == [("provider_payment", "sandbox:ch_1")]


def test_an_invoice_that_is_not_there_or_settled_takes_no_money(history, shop):
    told = owing(history, shop, "30.00")
    told.when(receive(shop, "5.00", invoice_id=SECOND)).refused("invoice_not_found", "not_found")
    settled = told.given(shop.paid("30.00"), shop.allocated("30.00"), of=shop.account())
    more = receive(shop, "5.00", invoice_id=shop.invoice, payment_id=named("payment", "2"))
    settled.when(more).refused("invoice_settled")


# putting money against invoices and taking it off


def test_money_on_account_is_put_against_an_invoice(history, shop):
    told = owing(history, shop, "30.00").given(shop.paid("40.00"), of=shop.account())
    ids = {"payment_id": shop.payment, "invoice_id": shop.invoice}
    outcome = told.when(on(shop, AllocatePayment, **ids, amount="10.00")).then(shop.allocated("10.00"))
    outcome.causes(counts(shop.order, shop.payment, "10.00"))
    again = outcome.when(on(shop, AllocatePayment, **ids, amount="20.00")).then(shop.allocated("20.00"))
    [settled] = again.state.settled
    assert settled.payments[shop.payment].amount == 30


@pytest.mark.parametrize(
    ("amount", "payment", "invoice", "code", "kind"),
    [
        ("40.01", "1", "1", "more_than_left", "conflict"),
        ("30.01", "1", "1", "more_than_open", "conflict"),
        ("1.00", "9", "1", "nothing_on_account", "conflict"),
        ("1.00", "1", "9", "invoice_not_found", "not_found"),
    ],
    ids=["more than is left", "more than is open", "no such payment", "no such invoice"],
)
def test_no_more_is_put_against_an_invoice_than_there_is(history, shop, amount, payment, invoice, code, kind):
    told = owing(history, shop, "30.00").given(shop.paid("40.00"), of=shop.account())
    ids = {"payment_id": named("payment", payment), "invoice_id": named("invoice", invoice)}

    told.when(on(shop, AllocatePayment, **ids, amount=amount)).refused(code, kind)


def test_money_kept_for_one_order_that_settles_another_counts_for_the_other(history, shop):
    kept = shop.paid("40.00", order_id=shop.other_order)
    told = owing(history, shop, "30.00").given(kept, of=shop.account())
    ids = {"payment_id": shop.payment, "invoice_id": shop.invoice}
    outcome = told.when(on(shop, AllocatePayment, **ids, amount="30.00"))
    outcome.then(shop.allocated("30.00", from_order_id=shop.other_order))
    outcome.causes(counts(shop.other_order, shop.payment, "-30.00"), counts(shop.order, shop.payment, "30.00"))
    back = outcome.when(on(shop, UnallocatePayment, **ids, amount="30.00", reason="x"))
    back.causes(counts(shop.order, shop.payment, "-30.00"), counts(shop.other_order, shop.payment, "30.00"))
    assert back.state.payments[shop.payment].left == 40


def test_money_kept_for_an_order_that_settles_an_invoice_of_none_leaves_the_order(history, shop):
    kept = shop.paid("40.00", order_id=shop.other_order)
    told = owing(history, shop, "30.00", order_id=None).given(kept, of=shop.account())

    outcome = told.when(on(shop, AllocatePayment, payment_id=shop.payment, invoice_id=shop.invoice, amount="30.00"))

    outcome.causes(counts(shop.other_order, shop.payment, "-30.00"))


def test_an_allocation_taken_back_is_open_again_and_on_account_again(history, shop):
    told = owing(history, shop, "30.00").when(receive(shop, "30.00"))
    ids = {"payment_id": shop.payment, "invoice_id": shop.invoice}
    outcome = told.when(on(shop, UnallocatePayment, **ids, amount="12.00", reason="bounced"))
    outcome.then(
        PaymentUnallocated(**ids, order_id=shop.order, amount=Decimal("12.00"), is_prepaid=False, reason="bounced")
    )
    assert (outcome.state.open_amount, outcome.state.payments[shop.payment].left) == (12, 12)
    assert outcome.state.settled == ()
    rest = outcome.when(on(shop, UnallocatePayment, **ids, amount="18.00", reason="bounced"))
    assert (rest.state.open_amount, rest.state.invoices[shop.invoice].payments) == (30, {})


def test_money_kept_for_an_order_goes_back_to_be_kept_for_it(history, shop):
    told = owing(history, shop, "30.00").when(receive(shop, "30.00", order_id=shop.order))
    ids = {"payment_id": shop.payment, "invoice_id": shop.invoice}
    outcome = told.when(on(shop, UnallocatePayment, **ids, amount="30.00", reason="x"))
    assert outcome.events[0].is_prepaid
    outcome.causes()
    assert outcome.state.payments[shop.payment].order_id == shop.order


@pytest.mark.parametrize(("payment", "amount"), [("1", "30.01"), ("2", "1.00")], ids=["too much", "another payment"])
def test_only_what_was_put_there_is_taken_off(history, shop, payment, amount):
    told = owing(history, shop, "40.00").when(receive(shop, "30.00"))
    ids = {"payment_id": named("payment", payment), "invoice_id": shop.invoice}

    refusal = told.when(on(shop, UnallocatePayment, **ids, amount=amount, reason="x")).refused("not_allocated")

    assert "INV-000001" in refusal.message


def test_the_latest_settled_invoices_are_kept_for_second_thoughts(history, shop):
    totals = ["1.00"] * (SETTLED_KEPT_MAX + 1)
    told = owing(history, shop, *totals).when(receive(shop, str(len(totals))))
    assert len(told.state.settled) == SETTLED_KEPT_MAX
    ids = {"payment_id": shop.payment, "amount": "1.00", "reason": "x"}
    first, last = invoice_id(1), invoice_id(len(totals))
    told.when(on(shop, UnallocatePayment, invoice_id=first, **ids)).refused("invoice_not_found", "not_found")
    assert told.when(on(shop, UnallocatePayment, invoice_id=last, **ids)).events


def test_a_written_off_invoice_opens_again_by_what_is_taken_off_it(history, shop):
    told = owing(history, shop, "30.00").when(receive(shop, "20.00"))
    given_up = told.when(on(shop, WriteOffInvoice, invoice_id=shop.invoice, reason="bankrupt"))
    given_up.then(
        InvoiceWrittenOff(invoice_id=shop.invoice, order_id=shop.order, amount=Decimal("10.00"), reason="bankrupt")
    )
    ids = {"payment_id": shop.payment, "invoice_id": shop.invoice}
    again = given_up.when(on(shop, UnallocatePayment, **ids, amount="20.00", reason="bounced"))
    assert again.state.open_amount == 20
    given_up.when(on(shop, WriteOffInvoice, invoice_id=shop.invoice, reason="x")).refused("invoice_settled")


# money out


def test_money_on_account_is_given_back_and_no_more(history, shop):
    told = shop.sold(shop.opened(history)).given(shop.paid("40.00"), of=shop.account())
    give = {"payment_id": shop.payment, "method": "cash", "reason": "sorry"}
    outcome = told.when(on(shop, RefundPayment, **give, amount="15.00"))
    outcome.then(PaymentRefunded(**give, order_id=None, amount=Decimal("15.00"))).causes()
    outcome.when(on(shop, RefundPayment, **give, amount="25.01")).refused("more_than_left")
    assert outcome.when(on(shop, RefundPayment, **give, amount="25.00")).state.payments == {}


def test_money_kept_for_an_order_and_given_back_is_refunded_there(history, shop):
    kept = shop.paid("40.00", order_id=shop.order)
    told = shop.sold(shop.opened(history)).given(kept, of=shop.account())

    outcome = told.when(on(shop, RefundPayment, payment_id=shop.payment, amount="15.00", reason="sorry"))

    outcome.causes(counts(shop.order, shop.payment, "-15.00", is_refund=True))


def test_credit_is_put_against_an_invoice_and_counts_for_its_order(history, shop):
    told = owing(history, shop, "30.00").given(shop.credited("12.00"), of=shop.account())
    ids = {"credit_note_id": shop.note, "invoice_id": shop.invoice}
    outcome = told.when(on(shop, AllocateCreditNote, **ids, amount="12.00"))
    outcome.then(CreditNoteAllocated(**ids, order_id=shop.order, amount=Decimal("12.00")))
    outcome.causes(counts(shop.order, shop.note, "12.00"))
    assert (outcome.state.open_amount, outcome.state.credit_notes) == (18, {})


def test_credit_for_returned_goods_counts_for_another_order_and_no_longer_for_its_own(history, shop):
    note = shop.credited("12.00", order_id=shop.other_order, return_id=shop.back)
    told = owing(history, shop, "30.00").given(note, of=shop.account())
    ids = {"credit_note_id": shop.note, "invoice_id": shop.invoice}
    outcome = told.when(on(shop, AllocateCreditNote, **ids, amount="12.00"))
    outcome.causes(counts(shop.other_order, shop.note, "-12.00"), counts(shop.order, shop.note, "12.00"))
    own = shop.credited("12.00", order_id=shop.order, return_id=shop.back)
    told = owing(history, shop, "30.00").given(own, of=shop.account())
    told.when(on(shop, AllocateCreditNote, **ids, amount="12.00")).causes()


@pytest.mark.parametrize(
    ("amount", "note", "code"),
    [("40.01", "1", "more_than_left"), ("30.01", "1", "more_than_open"), ("1.00", "2", "nothing_on_account")],
    ids=["more than is left", "more than is open", "no such note"],
)
def test_no_more_credit_is_put_against_an_invoice_than_there_is(history, shop, amount, note, code):
    told = owing(history, shop, "30.00").given(shop.credited("40.00"), of=shop.account())
    ids = {"credit_note_id": named("note", note), "invoice_id": shop.invoice}

    told.when(on(shop, AllocateCreditNote, **ids, amount=amount)).refused(code)


def test_credit_that_stands_alone_is_paid_out(history, shop):
    told = shop.opened(history).given(shop.credited("12.00"), of=shop.account())
    out = {"credit_note_id": shop.note, "method": "cash"}
    outcome = told.when(on(shop, RefundCreditNote, **out, amount="5.00"))
    outcome.then(CreditNoteRefunded(**out, order_id=None, amount=Decimal("5.00"), paid_on=shop.noon.date())).causes()
    assert outcome.state.credit_notes[shop.note].left == 7
    outcome.when(on(shop, RefundCreditNote, **out, amount="7.01")).refused("more_than_left")


def test_for_returned_goods_no_more_is_paid_out_than_was_paid(history, shop):
    note = shop.credited("12.00", order_id=shop.order, return_id=shop.back)
    told = shop.sold(shop.opened(history), None, shop.applied("10.00")).given(note, of=shop.account())
    out = {"credit_note_id": shop.note, "amount": "10.01"}
    assert "10.00 is paid" in told.when(on(shop, RefundCreditNote, **out)).refused("more_than_paid").message
    outcome = told.when(on(shop, RefundCreditNote, **out | {"amount": "10.00"}))
    outcome.causes(counts(shop.order, shop.note, "-10.00", is_refund=True))


# what becomes of invoices


def test_an_invoice_is_sent_as_often_as_it_takes(history, shop):
    told = owing(history, shop, "30.00")
    send = on(shop, SendInvoice, invoice_id=shop.invoice, channel="post")
    sent = told.when(send).then(InvoiceSent(invoice_id=shop.invoice, channel="post"))
    assert sent.when(send).events
    told.when(on(shop, SendInvoice, invoice_id=SECOND)).refused("invoice_not_found", "not_found")


def test_a_disputed_invoice_is_not_dunned(history, shop, noon):
    told = owing(history, shop, "30.00")
    dispute = on(shop, DisputeInvoice, invoice_id=shop.invoice, reason="not mine")
    disputed = told.when(dispute).then(InvoiceDisputed(invoice_id=shop.invoice, reason="not mine"))
    disputed.when(dispute).then()
    remind = on(shop, SendReminder, invoice_id=shop.invoice, level=1)
    disputed.when(remind, at=noon + timedelta(days=90)).refused("invoice_disputed")


def test_a_customer_is_reminded_once_a_level(history, shop, noon):
    told = owing(history, shop, "30.00")  # due the day after noon
    first = on(shop, SendReminder, invoice_id=shop.invoice, level=1)
    late = told.when(first, at=noon + timedelta(days=7)).refused("too_early")
    assert "6 days overdue" in late.message
    assert "0 days overdue" in told.when(first).refused("too_early").message
    reminded = told.when(first, at=noon + timedelta(days=8))
    reminded.then(ReminderSent(invoice_id=shop.invoice, level=1, days_overdue=7))
    reminded.when(first, at=noon + timedelta(days=9)).then()
    second = on(shop, SendReminder, invoice_id=shop.invoice, level=2)
    reminded.when(second, at=noon + timedelta(days=15)).refused("too_early")
    assert reminded.when(second, at=noon + timedelta(days=16)).events


def test_an_invoice_for_nothing_is_settled_at_once(history, shop):
    account = owing(history, shop, "0.00").state(ACCOUNT, shop.account())

    assert (account.invoices, [one.number for one in account.settled]) == ({}, ["INV-000001"])


# standing


def test_an_order_commits_credit_once(history, shop):
    command = on(shop, CommitCredit, order_id=shop.order, amount="25.00")
    committed = CreditCommitted(customer_id=shop.dealer, order_id=shop.order, amount=Decimal("25.00"))
    outcome = shop.opened(history).when(command).then(committed)
    assert (outcome.state.exposure, outcome.state.customer_id) == (25, shop.dealer)
    outcome.when(command).then()


def test_no_more_credit_is_given_back_than_was_taken(history, shop):
    taken = CreditCommitted(customer_id=shop.dealer, order_id=shop.order, amount=Decimal("25.00"))
    told = shop.opened(history).given(taken, of=shop.account())
    back = {"order_id": shop.order, "cause": "short_closed"}
    some = told.when(on(shop, ReleaseCredit, **back, amount="10.00"))
    some.then(CreditReleased(**back, amount=Decimal("10.00")))
    assert some.state.commitments == {shop.order: 15}
    rest = some.when(on(shop, ReleaseCredit, **back, amount="20.00")).then(
        CreditReleased(**back, amount=Decimal("15.00"))
    )
    assert rest.state.commitments == {}
    rest.when(on(shop, ReleaseCredit, **back, amount="20.00")).then()


def test_an_account_is_held_and_opened_again(history, shop):
    hold, release = on(shop, HoldAccount, reason="late"), on(shop, ReleaseAccount, reason="paid")
    opened = shop.opened(history)
    opened.when(release).refused("account_not_found", "not_found")  # it begins with its first fact
    held = opened.when(hold).then(AccountHeld(customer_id=shop.dealer, reason="late"))
    assert ACCOUNT.status(held.state) == "held"
    held.when(hold).then()
    free = held.when(release).then(AccountReleased(reason="paid"))
    assert free.state.is_held is False
    free.when(release).then()


def test_money_kept_for_an_order_covers_no_other_exposure(history, shop):
    account = shop.account()
    owed = shop.opened(history).given(shop.invoiced("100.00", order_id=shop.other_order), of=account)
    kept = owed.given(shop.paid("60.00", order_id=shop.order), of=account)
    assert kept.state(ACCOUNT, account).exposure == 100
    own = CreditCommitted(customer_id=shop.dealer, order_id=shop.order, amount=Decimal("50.00"))
    assert kept.given(own, of=account).state(ACCOUNT, account).exposure == 100
    invoiced = kept.given(shop.invoiced("50.00", 2), of=account)
    assert invoiced.state(ACCOUNT, account).exposure == 100
    free = shop.credited("30.00", order_id=shop.order, return_id=shop.back)
    assert invoiced.given(free, of=account).state(ACCOUNT, account).exposure == 70


# numbers


def test_numbers_are_given_out_without_a_gap(history, shop):
    take = {"series": "INV", "document_id": shop.invoice}
    first = history.when(AssignDocumentNumber(**take, number="INV-000001"))
    first.then(DocumentNumberAssigned(**take, number="INV-000001"))
    second = first.when(AssignDocumentNumber(**take, number="INV-000002"))
    assert second.state.count == 2
    with pytest.raises(AssertionError, match="INV-000003 is next"):
        second.when(AssignDocumentNumber(**take, number="INV-000004"))
    assert second.ref.id == series_id("INV")


def test_a_paid_order_was_confirmed_by_its_money(history, shop):
    waiting = shop.opened(history).given(shop.prepaid(), of=shop.order)
    command = counts(shop.order, shop.payment, "100.00")

    waiting.when(command).then(shop.applied("100.00"), OrderConfirmed())

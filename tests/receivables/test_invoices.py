"""receivables.invoices, receivables.payments and orders.revenue: what became of each document."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from warehouse.events.receivables import (
    CreditNoteAllocated,
    CreditNoteIssued,
    InvoiceDisputed,
    InvoiceGenerated,
    InvoiceWrittenOff,
    PaymentAllocated,
    PaymentReceived,
    PaymentRefunded,
    PaymentUnallocated,
)

D = Decimal
ISSUED, DUE = date(2026, 3, 1), date(2026, 3, 31)


@pytest.fixture
def account(small_lake):
    """An account with one invoice of 110.00, due today."""
    issued = InvoiceGenerated(
        invoice_id=small_lake.id("inv"), number="INV-1", customer_id=small_lake.id("ann"),
        order_id=small_lake.id("order"), order_number="SO-1", shipment_id=None,
        currency="USD", lines=(), net=D(100), tax=D(10), total=D(110), terms="net_30", issued_on=ISSUED, due_on=DUE,
    )  # fmt: skip
    return Account(small_lake).does(0, issued)


class Account:
    """Facts on days after the invoice."""

    def __init__(self, lake) -> None:
        self.lake = lake
        self.ids = {"invoice_id": lake.id("inv"), "order_id": lake.id("order")}

    def does(self, day: int, *facts):
        self.lake.given("account", ISSUED + timedelta(days=day), *facts)
        return self

    def pays(self, day: int, name: str, amount: str, method: str = "bank_transfer"):
        received = PaymentReceived(
            payment_id=self.lake.id(name), customer_id=self.lake.id("ann"), amount=D(amount), currency="USD",
            method=method, received_on=ISSUED + timedelta(days=day), reference=name,
        )  # fmt: skip
        return self.does(day, received)

    def puts(self, day: int, name: str, amount: str):
        return self.does(
            day, PaymentAllocated(payment_id=self.lake.id(name), amount=D(amount), is_prepaid=False, **self.ids)
        )

    def takes_back(self, day: int, name: str, amount: str):
        back = PaymentUnallocated(
            payment_id=self.lake.id(name), amount=D(amount), is_prepaid=False, reason="wrong", **self.ids
        )
        return self.does(day, back)

    def is_credited(self, day: int, amount: str):
        note = CreditNoteIssued(
            credit_note_id=self.lake.id("cn"), number="CN-1", customer_id=self.lake.id("ann"), return_id=None,
            currency="USD", lines=(), net=D(amount) / 11 * 10, tax=D(amount) / 11, total=D(amount),
            issued_on=ISSUED + timedelta(days=day), reason="returned", **self.ids,
        )  # fmt: skip
        put = CreditNoteAllocated(credit_note_id=self.lake.id("cn"), amount=D(amount), **self.ids)
        return self.does(day, note, put)

    @property
    def invoice(self) -> dict:
        (row,) = self.lake.table("receivables.invoices").to_dicts()
        return row

    @property
    def payments(self) -> set[tuple]:
        rows = self.lake.table("receivables.payments").to_dicts()
        return {(row["payment_reference"], row["invoice_id"] is None, row["amount"]) for row in rows}


def test_an_invoice_due_today_is_not_overdue_and_tomorrow_it_is(account):
    assert (account.invoice["status"], account.invoice["days_overdue"]) == ("sent", 0)
    account.lake.today = DUE + timedelta(days=1)
    assert (account.invoice["status"], account.invoice["days_overdue"]) == ("overdue", 1)


def test_an_invoice_is_paid_on_the_day_nothing_is_open_any_more(account):
    account.pays(3, "first", "60").puts(3, "first", "60")
    row = account.invoice
    assert (row["status"], row["paid_amount"], row["open_amount"], row["paid_date"]) == ("sent", D(60), D(50), None)
    account.pays(9, "second", "50", "card").puts(10, "second", "50")
    row = account.invoice
    assert (row["status"], row["open_amount"], row["paid_date"]) == ("paid", D(0), ISSUED + timedelta(days=10))
    assert (row["payment_method"], row["days_overdue"], row["version"]) == ("card", None, 5)


def test_money_taken_back_opens_the_invoice_again(account):
    account.pays(3, "pay", "110").puts(3, "pay", "110").takes_back(4, "pay", "110")
    assert (account.invoice["status"], account.invoice["open_amount"], account.invoice["paid_amount"]) == (
        "sent",
        D(110),
        D(0),
    )
    assert account.payments == {("pay", True, D(110))}


def test_an_invoice_credited_in_full_is_cancelled_and_one_given_up_is_written_off(account):
    account.is_credited(2, "44")
    assert (account.invoice["credited_amount"], account.invoice["open_amount"]) == (D(44), D(66))
    account.does(5, InvoiceWrittenOff(amount=D(66), reason="bankrupt", **account.ids))
    assert (account.invoice["status"], account.invoice["written_off_amount"]) == ("written_off", D(66))


def test_a_full_credit_cancels(account):
    assert account.is_credited(2, "110").invoice["status"] == "cancelled"


def test_a_dispute_is_named_and_the_invoice_keeps_its_amount(account):
    row = account.does(1, InvoiceDisputed(invoice_id=account.lake.id("inv"), reason="broken")).invoice
    assert (row["is_disputed"], row["notes"], row["open_amount"]) == (True, "broken", D(110))


def test_a_payment_s_rows_sum_to_what_came_in_less_what_went_back(account):
    account.pays(3, "pay", "200").puts(3, "pay", "110")
    assert account.payments == {("pay", False, D(110)), ("pay", True, D(90))}
    refund = PaymentRefunded(
        payment_id=account.lake.id("pay"), order_id=None, amount=D(90), method="cash", reason="asked"
    )
    account.does(6, refund)
    assert account.payments == {("pay", False, D(110))}


def test_a_day_s_revenue_is_its_invoices_less_its_credit_notes(account):
    account.is_credited(0, "44")
    (row,) = account.lake.table("orders.revenue").to_dicts()
    said = row["day"], row["invoiced_net"], row["credited_net"], row["revenue"], row["tax"]
    assert said == (ISSUED, D(100), D(40), D(60), D(6))
    assert (row["invoices_count"], row["credit_notes_count"]) == (1, 1)

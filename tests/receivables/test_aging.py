"""receivables.aging and aging_as_of(): what was owed on any date, by age."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.events.receivables import (
    CreditNoteAllocated,
    CreditNoteIssued,
    CreditNoteRefunded,
    InvoiceDisputed,
    InvoiceGenerated,
    InvoiceWrittenOff,
    PaymentAllocated,
    PaymentReceived,
    PaymentRefunded,
    PaymentUnallocated,
)

D = Decimal
BUCKETS = ("not_due", "1_30", "31_60", "61_90", "90_plus")
FIRST = date(2026, 1, 1)


def invoice(lake, name: str, total: str, issued_on: date, due_on: date, customer: str = "ann") -> InvoiceGenerated:
    return InvoiceGenerated(
        invoice_id=lake.id(name), number=name, customer_id=lake.id(customer), order_id=None, order_number=None,
        shipment_id=None, currency="USD", lines=(), net=D(total), tax=D(0), total=D(total), terms="net_30",
        issued_on=issued_on, due_on=due_on,
    )  # fmt: skip


def payment(lake, name: str, amount: str, received_on: date, customer: str = "ann") -> PaymentReceived:
    return PaymentReceived(
        payment_id=lake.id(name), customer_id=lake.id(customer), amount=D(amount), currency="USD",
        method="bank_transfer", received_on=received_on,
    )  # fmt: skip


def allocated(lake, of: str, to: str, amount: str) -> PaymentAllocated:
    return PaymentAllocated(
        payment_id=lake.id(of), invoice_id=lake.id(to), order_id=None, amount=D(amount), is_prepaid=False
    )


def credit_note(lake, name: str, total: str, issued_on: date, customer: str = "ann") -> CreditNoteIssued:
    return CreditNoteIssued(
        credit_note_id=lake.id(name), number=name, customer_id=lake.id(customer), invoice_id=None, order_id=None,
        return_id=None, currency="USD", lines=(), net=D(total), tax=D(0), total=D(total), issued_on=issued_on,
        reason="returned",
    )  # fmt: skip


def aged(lake, as_of: date, basis: str = "due_date") -> list[dict]:
    lake.built("receivables.aging")
    rows = lake.sql("from receivables.aging_as_of($as_of, $basis) order by customer_id", as_of=as_of, basis=basis)
    return rows.to_dicts()


@pytest.mark.parametrize(
    ("days_past_due", "bucket"),
    [
        (-400, "not_due"), (-1, "not_due"), (0, "not_due"), (1, "1_30"), (30, "1_30"), (31, "31_60"), (60, "31_60"),
        (61, "61_90"), (90, "61_90"), (91, "90_plus"), (4000, "90_plus"),
    ],
)  # fmt: skip
def test_a_boundary_day_belongs_to_the_lower_bucket_and_due_today_is_not_overdue(small_lake, days_past_due, bucket):
    due_on = small_lake.today - timedelta(days=days_past_due)
    issued_on = min(due_on, small_lake.today)
    small_lake.given("account", issued_on, invoice(small_lake, "inv", "100.00", issued_on, due_on))
    (row,) = small_lake.table("receivables.aging").to_dicts()
    assert {name: row[name] for name in BUCKETS} == {name: D(100 if name == bucket else 0) for name in BUCKETS}


def test_the_invoice_date_may_be_the_basis(small_lake):
    small_lake.given("account", FIRST, invoice(small_lake, "inv", "100.00", FIRST, FIRST + timedelta(days=30)))
    (by_due,) = aged(small_lake, FIRST + timedelta(days=31), "due_date")
    (by_invoice,) = aged(small_lake, FIRST + timedelta(days=31), "invoice_date")
    assert (by_due["1_30"], by_invoice["31_60"]) == (D(100), D(100))


def test_a_receipt_after_the_date_is_ignored(small_lake):
    day = FIRST + timedelta(days=10)
    small_lake.given("account", FIRST, invoice(small_lake, "inv", "100.00", FIRST, FIRST))
    small_lake.given(
        "account", day, payment(small_lake, "pay", "100.00", day), allocated(small_lake, "pay", "inv", "100")
    )
    (before,) = aged(small_lake, day - timedelta(days=1))
    assert before["outstanding"] == D(100)
    assert aged(small_lake, day) == []


def test_money_received_earlier_than_it_was_entered_counts_from_its_receipt(small_lake):
    received, entered = FIRST + timedelta(days=5), FIRST + timedelta(days=9)
    small_lake.given("account", FIRST, invoice(small_lake, "inv", "100.00", FIRST, FIRST))
    facts = payment(small_lake, "pay", "100.00", received), allocated(small_lake, "pay", "inv", "100.00")
    small_lake.given("account", entered, *facts, command="record payment")
    assert aged(small_lake, received) == []
    assert aged(small_lake, received - timedelta(days=1))[0]["outstanding"] == D(100)


def test_cash_and_credits_on_account_stand_in_their_own_negative_column(small_lake):
    small_lake.given("account", FIRST, invoice(small_lake, "inv", "100.00", FIRST, FIRST + timedelta(days=30)))
    small_lake.given(
        "account", FIRST, payment(small_lake, "pay", "30.00", FIRST), credit_note(small_lake, "cn", "5", FIRST)
    )
    (row,) = aged(small_lake, FIRST)
    assert (row["not_due"], row["unapplied"], row["outstanding"]) == (D(100), D(-35), D(65))


def test_what_is_written_off_or_refunded_is_owed_no_more(small_lake):
    lake = small_lake
    lake.given("account", FIRST, invoice(lake, "inv", "100.00", FIRST, FIRST), payment(lake, "pay", "40.00", FIRST))
    gone = InvoiceWrittenOff(invoice_id=lake.id("inv"), order_id=None, amount=D(100), reason="bankrupt")
    back = PaymentRefunded(payment_id=lake.id("pay"), order_id=None, amount=D(40), method="cash", reason="moved")
    lake.given("account", FIRST + timedelta(days=1), gone, back)
    assert aged(lake, FIRST)[0]["outstanding"] == D(60)
    assert aged(lake, FIRST + timedelta(days=1)) == []


def test_a_disputed_invoice_still_ages_and_is_named(small_lake):
    small_lake.given("account", FIRST, invoice(small_lake, "inv", "100.00", FIRST, FIRST))
    small_lake.given("account", FIRST, InvoiceDisputed(invoice_id=small_lake.id("inv"), reason="broken"))
    (row,) = aged(small_lake, FIRST + timedelta(days=100))
    assert (row["90_plus"], row["disputed_amount"]) == (D(100), D(100))


@dataclass(frozen=True)
class Step:
    """One random thing that happens to an account on a day."""

    day: int
    kind: str
    customer: str
    number: int
    cents: int
    terms: int


STEPS = st.lists(
    st.builds(
        Step,
        day=st.integers(0, 200),
        kind=st.sampled_from(
            ["invoice", "payment", "credit", "allocate", "unallocate", "credit_allocate", "refund", "off"]
        ),
        customer=st.sampled_from(["ann", "bob"]),
        number=st.integers(0, 5),
        cents=st.integers(1, 100_000),
        terms=st.sampled_from([0, 15, 30, 60]),
    ),
    max_size=30,
)


class Book:
    """The reference: plain Python balances by customer, told day by day, that knows nothing of SQL."""

    def __init__(self, lake) -> None:
        self.lake = lake
        self.invoices: dict[str, dict] = {}
        self.open: dict[str, D] = defaultdict(D)
        self.left: dict[str, D] = defaultdict(D)
        self.owner: dict[str, str] = {}
        self.daily: dict[date, tuple[dict[str, D], dict[str, D]]] = {}

    def apply(self, index: int, step: Step) -> None:
        """Turn a wish into a fact if the books allow it, and remember the balances of the day."""
        on, lake = FIRST + timedelta(days=step.day), self.lake
        amount = D(step.cents) / 100
        bills = [name for name in self.invoices if self.owner[name] == step.customer and self.open[name] > 0]
        funds = [name for name, left in self.left.items() if self.owner[name] == step.customer and left > 0]
        fact = None
        match step.kind:
            case "invoice":
                name = f"inv {index}"
                due_on = on + timedelta(days=step.terms)
                fact = invoice(lake, name, str(amount), on, due_on, step.customer)
                self.invoices[name], self.owner[name], self.open[name] = (
                    {"issued": on, "due": due_on},
                    step.customer,
                    amount,
                )
            case "payment" | "credit":
                name = f"{step.kind} {index}"
                make = payment if step.kind == "payment" else credit_note
                fact = make(lake, name, str(amount), on, step.customer)
                self.owner[name], self.left[name] = step.customer, amount
            case "allocate" | "credit_allocate":
                kind = "payment" if step.kind == "allocate" else "credit"
                funds = [name for name in funds if name.startswith(kind)]
                if bills and funds:
                    bill, fund = bills[step.number % len(bills)], funds[step.number % len(funds)]
                    part = min(amount, self.open[bill], self.left[fund])
                    self.open[bill] -= part
                    self.left[fund] -= part
                    ids = {"invoice_id": lake.id(bill), "order_id": None, "amount": part}
                    if kind == "payment":
                        fact = PaymentAllocated(payment_id=lake.id(fund), is_prepaid=False, **ids)
                    else:
                        fact = CreditNoteAllocated(credit_note_id=lake.id(fund), **ids)
            case "refund":
                if funds:
                    fund = funds[step.number % len(funds)]
                    part = min(amount, self.left[fund])
                    self.left[fund] -= part
                    if fund.startswith("payment"):
                        fact = PaymentRefunded(
                            payment_id=lake.id(fund), order_id=None, amount=part, method="cash", reason="asked"
                        )
                    else:
                        fact = CreditNoteRefunded(
                            credit_note_id=lake.id(fund), order_id=None, amount=part, method="cash", paid_on=on
                        )
            case "off":
                if bills:
                    bill = bills[step.number % len(bills)]
                    part = min(amount, self.open[bill])
                    self.open[bill] -= part
                    fact = InvoiceWrittenOff(invoice_id=lake.id(bill), order_id=None, amount=part, reason="gone")
        if fact is not None:
            lake.given(f"account {step.customer}", on, fact)
        self.daily[on] = (dict(self.open), dict(self.left))

    def aged(self, as_of: date, basis: str) -> dict[str, dict[str, D]]:
        """customer -> column -> amount, as of the end of a day."""
        known = [day for day in self.daily if day <= as_of]
        opened, left = self.daily[max(known)] if known else ({}, {})
        rows: dict[str, dict[str, D]] = defaultdict(lambda: dict.fromkeys((*BUCKETS, "unapplied"), D(0)))
        for name, amount in opened.items():
            if amount:
                age = (as_of - self.invoices[name]["due" if basis == "due_date" else "issued"]).days
                bucket = next((b for b, most in zip(BUCKETS, (0, 30, 60, 90), strict=False) if age <= most), "90_plus")
                rows[self.owner[name]][bucket] += amount
        for name, amount in left.items():
            if amount:
                rows[self.owner[name]]["unapplied"] -= amount
        return dict(rows)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=STEPS,
    days=st.lists(st.integers(-5, 320), min_size=1, max_size=4),
    basis=st.sampled_from(["due_date", "invoice_date"]),
)
def test_on_any_date_the_aging_is_what_plain_bookkeeping_says(empty_facts, small_lake, steps, days, basis):
    lake = type(small_lake)(small_lake.connection, today=FIRST + timedelta(days=400))
    facts = "invoice_generated payment_received credit_note_issued payment_allocated credit_note_allocated"
    for table in f"{facts} payment_refunded credit_note_refunded invoice_written_off".split():
        lake.connection.execute(f"delete from facts.{table}")
    book = Book(lake)
    for index, step in enumerate(sorted(steps, key=lambda step: step.day)):
        book.apply(index, step)
    assert all(checked.has_passed for checked in lake.built("receivables.aging"))
    assert lake.offenders("aging_equals_ledger") == 0
    names = {str(lake.id(name)): name for name in ("ann", "bob")}
    for day in days:
        as_of = FIRST + timedelta(days=day)
        rows = lake.sql("from receivables.aging_as_of($as_of, $basis)", as_of=as_of, basis=basis).to_dicts()
        columns = (*BUCKETS, "unapplied")
        found = {names[row["customer_id"]]: {name: row[name] for name in columns} for row in rows}
        assert found == book.aged(as_of, basis)
        assert all(row["outstanding"] == sum((row[name] for name in columns), D(0)) for row in rows)


def test_money_taken_back_from_an_invoice_is_on_account_again(small_lake):
    lake = small_lake
    facts = invoice(lake, "inv", "100.00", FIRST, FIRST), payment(lake, "pay", "100.00", FIRST)
    lake.given("account", FIRST, *facts, allocated(lake, "pay", "inv", "100.00"))
    taken = PaymentUnallocated(
        payment_id=lake.id("pay"),
        invoice_id=lake.id("inv"),
        order_id=None,
        amount=D(100),
        is_prepaid=False,
        reason="wrong one",
    )
    lake.given("account", FIRST + timedelta(days=2), taken)
    assert aged(lake, FIRST + timedelta(days=1)) == []
    (row,) = aged(lake, FIRST + timedelta(days=2))
    assert (row["1_30"], row["unapplied"], row["outstanding"]) == (D(100), D(-100), D(0))

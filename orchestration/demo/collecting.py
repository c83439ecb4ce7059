"""Collecting: invoices go out, dealers pay by habit, some late, in parts or never; reminders, disputes, write-offs."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from api.customers.commands import SuspendDealer
from api.handle import Answer
from api.receivables.commands import (
    DisputeInvoice,
    HoldAccount,
    ReceivePayment,
    SendInvoice,
    SendReminder,
    WriteOffInvoice,
)
from api.receivables.state import Account
from orchestration.demo import hours
from orchestration.demo.books import Company, Debt
from orchestration.demo.opening import FOUNDER
from orchestration.demo.people import Consumer, Dealer, PaymentHabit
from orchestration.demo.plan import workday_from
from warehouse.events.event import Ref
from warehouse.ids import derived
from warehouse.money import rounded

_HABITS: tuple[PaymentHabit, ...] = ("slow", "late", "prompt")
_LATENESS_DAYS: dict[PaymentHabit, tuple[int, int]] = {"prompt": (-6, 1), "late": (4, 32), "slow": (20, 75)}
_PARTIAL_SHARE, _DISPUTE_SHARE, _LOST_SHARE = 0.18, 0.018, 0.35  # of late payments; of invoices; of disputes
_STATEMENT_DAYS = (5, 20)  # of the month, when dealers who pay by statement run their payments
_REMINDER_DAYS = (8, 16, 31)
_INSOLVENCY_BEFORE_END_DAYS, _HOLD_AFTER_DAYS, _SUSPEND_AFTER_DAYS, _WRITE_OFF_DAYS = 170, 50, 80, 110


def plan_insolvency(company: Company) -> None:
    """The slowest payer stops paying half a year before the end; short stories are spared it."""
    begins = company.plan.until - timedelta(days=_INSOLVENCY_BEFORE_END_DAYS)
    debtors = (
        dealer
        for dealer in company.dealers
        if dealer.is_welcome and not dealer.pays_statements and dealer.credit_months and dealer.joins_on < begins
    )
    slowest_first = sorted(debtors, key=lambda dealer: _HABITS.index(dealer.habit))
    company.insolvent = next(iter(slowest_first), None) if begins > company.today else None
    if company.insolvent is not None:
        held, suspended = (begins + timedelta(days=days) for days in (_HOLD_AFTER_DAYS, _SUSPEND_AFTER_DAYS))
        company.later(held, hours.ACCOUNTS, partial(_close_account, company, company.insolvent))
        company.later(suspended, hours.ACCOUNTS, partial(_suspend, company, company.insolvent))


def send_invoice(company: Company, buyer: Consumer | Dealer, shipment_id: UUID, minutes: float) -> None:
    """The invoice of a shipment goes out; from the answer the story learns what is open and when it is due."""
    invoice_id = derived(shipment_id, "invoice")
    command = SendInvoice(customer_id=buyer.id, invoice_id=invoice_id)
    company.ask(
        minutes, company.by("receivables"), command,
        answer=_invoice_answer(invoice_id), learn=partial(_sent, company, buyer, invoice_id),
    )  # fmt: skip


def _invoice_answer(invoice_id: UUID) -> Answer:
    def answer(ref: Ref, version: int, account: Account) -> Mapping[str, Any]:
        invoice = account.known_invoice(invoice_id)
        assert invoice is not None, "an invoice is sent the day after it was issued"
        known = {"id": str(ref.id), "version": version}
        return {**known, "open": str(invoice.open), "due_on": invoice.due_on.isoformat()}

    return answer


def _sent(company: Company, buyer: Consumer | Dealer, invoice_id: UUID, answer: Mapping[str, Any] | None) -> None:
    assert answer is not None, "sending an invoice is never refused"
    open_amount, due_on = Decimal(answer["open"]), date.fromisoformat(answer["due_on"])
    if open_amount <= 0 or isinstance(buyer, Consumer):
        return
    dice = company.plan.dice("debt", str(invoice_id))
    pay_on = _pay_on(company, buyer, due_on, dice)
    debt = Debt(invoice_id, buyer, open_amount, due_on, pay_on)
    company.debts[buyer.id].append(debt)
    if buyer.pays_statements:
        company.later(pay_on, hours.TRANSFERS, partial(_pay_statement, company, buyer))
        return
    for level, days in enumerate(_REMINDER_DAYS, start=1):
        day = max(workday_from(due_on, days), _tomorrow(company))
        company.later(day, hours.REMINDERS, partial(_remind, company, debt, level))
    if buyer is company.insolvent and pay_on > company.plan.until - timedelta(days=_INSOLVENCY_BEFORE_END_DAYS):
        day = max(workday_from(due_on, _WRITE_OFF_DAYS), _tomorrow(company))
        company.later(day, hours.WRITE_OFFS, partial(_write_off, company, debt))
    elif dice.random() < _DISPUTE_SHARE:
        day = workday_from(company.today, dice.randint(4, 9))
        company.later(day, hours.DISPUTES, partial(_dispute, company, debt, dice))
    else:
        company.later(pay_on, hours.TRANSFERS, partial(_pay_invoice, company, debt, dice))


def _pay_on(company: Company, dealer: Dealer, due_on: date, dice: random.Random) -> date:
    """The day of the payment run: a workday, after today; for statement payers the next of their days."""
    wanted = max(due_on + timedelta(days=dice.randint(*_LATENESS_DAYS[dealer.habit])), _tomorrow(company))
    if not dealer.pays_statements:
        return workday_from(wanted)
    while wanted.day not in _STATEMENT_DAYS:  # at most sixteen steps
        wanted += timedelta(days=1)
    return workday_from(wanted)


def _tomorrow(company: Company) -> date:
    return company.today + timedelta(days=1)


def _pay_invoice(company: Company, debt: Debt, dice: random.Random, minutes: float) -> None:
    """All that is open, or a part of it and the rest weeks later."""
    is_late = company.today > debt.due_on + timedelta(days=3)
    if is_late and dice.random() < _PARTIAL_SHARE:
        amount = rounded(debt.open * Decimal(dice.randint(40, 70)) / 100)
        rest_on = workday_from(company.today, dice.randint(14, 40))
        company.later(rest_on, hours.TRANSFERS, partial(_pay_rest, company, debt))
        company.counts["partial payments"] += 1
    else:
        amount = debt.open
    _pay(company, debt.dealer, amount, minutes, invoice_id=debt.invoice_id)
    debt.open -= amount


def _pay_rest(company: Company, debt: Debt, minutes: float) -> None:
    if debt.open > 0:
        _pay(company, debt.dealer, debt.open, minutes, invoice_id=debt.invoice_id)
        debt.open = Decimal(0)


def _pay_statement(company: Company, dealer: Dealer, minutes: float) -> None:
    """One transfer for everything on the statement; the ledger puts it against the oldest due."""
    due = [debt for debt in company.debts[dealer.id] if debt.open > 0 and debt.pay_on <= company.today]
    amount = sum((debt.open for debt in due), Decimal(0))
    if amount > 0:
        _pay(company, dealer, amount, minutes, invoice_id=None)
    for debt in due:
        debt.open = Decimal(0)


def _pay(company: Company, dealer: Dealer, amount: Decimal, minutes: float, *, invoice_id: UUID | None) -> None:
    command = ReceivePayment(
        customer_id=dealer.id,
        payment_id=company.new_id(minutes, "payment"),
        amount=amount,
        method="cheque" if dealer.habit == "slow" else "bank_transfer",
        reference=f"{dealer.company.split()[0]} {company.today:%d %b}",
        received_on=company.today,
        invoice_id=invoice_id,
    )
    company.ask(minutes, FOUNDER, command)
    company.counts["payments of dealers"] += 1


def _remind(company: Company, debt: Debt, level: int, minutes: float) -> None:
    if debt.open > 0 and not debt.is_disputed:
        command = SendReminder(customer_id=debt.dealer.id, invoice_id=debt.invoice_id, level=level)
        company.ask(minutes, company.by("receivables"), command)
        company.counts["reminders"] += 1


def _dispute(company: Company, debt: Debt, dice: random.Random, minutes: float) -> None:
    """A dealer contests an invoice; in the end it is paid, or given up."""
    command = DisputeInvoice(
        customer_id=debt.dealer.id, invoice_id=debt.invoice_id, reason="Two of the pumps arrived with dents."
    )
    company.ask(minutes, company.by("receivables"), command)
    debt.is_disputed = True
    company.counts["disputes"] += 1
    is_lost = dice.random() < _LOST_SHARE
    day = max(workday_from(debt.due_on, 20), workday_from(company.today, 15))
    if is_lost:
        company.later(day, hours.WRITE_OFFS, partial(_write_off, company, debt))
    else:
        company.later(day, hours.TRANSFERS, partial(_pay_rest, company, debt))


def _write_off(company: Company, debt: Debt, minutes: float) -> None:
    if debt.open > 0:
        reason = "The dealer is insolvent." if debt.dealer is company.insolvent else "Settled with the dealer."
        command = WriteOffInvoice(customer_id=debt.dealer.id, invoice_id=debt.invoice_id, reason=reason)
        company.ask(minutes, company.by("receivables"), command)
        debt.open = Decimal(0)
        company.counts["write-offs"] += 1


def _close_account(company: Company, dealer: Dealer, minutes: float) -> None:
    """Nothing more on terms; what was not shipped stays in the house."""
    company.ask(
        minutes, company.by("receivables"), HoldAccount(customer_id=dealer.id, reason="Nothing was paid for weeks.")
    )
    company.closed.add(dealer.id)
    company.stretched.add(dealer.id)


def _suspend(company: Company, dealer: Dealer, minutes: float) -> None:
    reason = "The account has been on hold for a month."
    company.ask(minutes, company.by("customers"), SuspendDealer(customer_id=dealer.id, reason=reason))
    company.known_dealers[:] = [other for other in company.known_dealers if other is not dealer]

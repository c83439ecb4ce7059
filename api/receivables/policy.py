"""Formulas of receivables: due dates, document numbers, allocation oldest first, dunning levels. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from api.receivables.state import Invoice
from warehouse.events.customers import PaymentTerms

INVOICES, CREDIT_NOTES = "INV", "CN"
"""The document series."""
TERM_DAYS: dict[PaymentTerms, int] = {"immediate": 0, "net_15": 15, "net_30": 30, "net_60": 60}
REMINDER_DAYS = (7, 15, 30)
"""Days overdue at which dunning levels 1, 2 and 3 begin."""


def due_on(issued_on: date, terms: PaymentTerms) -> date:
    """The last day to pay without being late."""
    return issued_on + timedelta(days=TERM_DAYS[terms])


def document_number(series: str, count: int) -> str:
    """The count-th number of a series: `INV-000042`."""
    return f"{series}-{count:06d}"


def allocations(amount: Decimal, invoices: Iterable[Invoice]) -> list[tuple[Invoice, Decimal]]:
    """How an amount falls on invoices in the order given: each takes what is open on it until nothing is left."""
    shares: list[tuple[Invoice, Decimal]] = []
    for invoice in invoices:
        share = min(amount, invoice.open)
        if share > 0:
            shares.append((invoice, share))
            amount -= share
    return shares


def reminder_level(days_overdue: int) -> int:
    """The dunning level an invoice so many days overdue has reached; 0 is none."""
    return sum(days_overdue >= days for days in REMINDER_DAYS)

"""The file told again in time order: months begin, invoices come, and dealers pay thirty days later."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import polars as pl

from api.handle import Request
from api.receivables.commands import AllocateCreditNote, ReceivePayment
from orchestration.imports.clerk import Clerk
from orchestration.imports.credits import credit_requests, credits_of, shelved
from orchestration.imports.debts import Debts
from orchestration.imports.invoices import BAD_DEBT, Invoice, Line, invoice_id, invoices_of, order_id
from orchestration.imports.plan import Month, Plan
from orchestration.imports.sales import adjustments, opening, registration, sale
from orchestration.imports.source import ORDERED
from warehouse.ids import derived
from warehouse.money import ZERO

PAYS_AFTER = timedelta(days=30)
"""Dealers pay an invoice in full so long after it; walk-ins pay at once."""
_MONTHS_FIRST, _THEN_MONEY = 0, 1


@dataclass(frozen=True, slots=True)
class Step:
    """Requests that belong together, and how many of the file's lines they stand for."""

    requests: tuple[Request, ...]
    lines: int = 0


@dataclass(frozen=True, slots=True)
class _Due:
    customer_id: UUID
    order_id: UUID
    number: str


class Story:
    """The requests of a file, a function of its lines and plan alone: told twice, it says the same.

    Told up to an instant, it is the beginning of the whole story.
    """

    def __init__(self, lines: pl.DataFrame, plan: Plan, clerk: Clerk) -> None:
        self._lines = lines
        self._plan = plan
        self._clerk = clerk
        self._debts: dict[UUID, Debts] = defaultdict(Debts)
        self._known: set[UUID] = set()
        self._agenda: list[tuple[datetime, int, int, Month | _Due]] = []
        self._noted = 0

    def told(self, until: datetime) -> Iterator[Step]:
        """All that happens up to and including the file's instant `until`."""
        for month in self._plan.months:
            self._note(month.at, _MONTHS_FIRST, month)
        for invoice in invoices_of(self._lines.filter(pl.col("at") <= until)):
            yield from self._before(invoice.at)
            yield Step(tuple(self._requests(invoice)), len(invoice.lines))
        yield from self._before(until)

    def _note(self, at: datetime, rank: int, what: Month | _Due) -> None:
        self._noted += 1
        heapq.heappush(self._agenda, (at, rank, self._noted, what))

    def _before(self, until: datetime) -> Iterator[Step]:
        """What was due by then."""
        while self._agenda and self._agenda[0][0] <= until:
            at, _, _, what = heapq.heappop(self._agenda)
            if isinstance(what, Month):
                yield from (Step((request,)) for request in opening(self._clerk, what))
            else:
                yield Step(tuple(self._settled(at, what)))

    def _requests(self, invoice: Invoice) -> Iterator[Request]:
        charged = tuple(line for line in invoice.of("bad_debt") if line.amount > 0)
        if ordered := (*invoice.of(*ORDERED), *charged):
            yield from self._introduced(invoice)
            yield from sale(self._clerk, invoice, ordered)
            self._expect(invoice, ordered)
        yield from adjustments(self._clerk, invoice)
        for credit in credits_of(invoice, self._plan.matches):
            yield from self._introduced(invoice)
            yield from credit_requests(self._clerk, invoice, credit)
            own = invoice_id(credit.order_id) if credit.order_id else None
            self._debts[invoice.customer_id].credit(credit.id, credit.amount, own)
        yield from shelved(self._clerk, invoice, self._plan.matches)

    def _introduced(self, invoice: Invoice) -> Iterator[Request]:
        if invoice.customer_id not in self._known:
            self._known.add(invoice.customer_id)
            yield from registration(self._clerk, invoice)

    def _expect(self, invoice: Invoice, lines: tuple[Line, ...]) -> None:
        """A dealer's invoice is paid later; the bad debt account is settled by credit alone."""
        total, order = sum((line.amount for line in lines), ZERO), order_id(invoice.number, invoice.at)
        if invoice.is_walk_in:
            return
        self._debts[invoice.customer_id].invoice(invoice_id(order), total)
        if invoice.customer_id != BAD_DEBT:
            due = _Due(invoice.customer_id, order, invoice.number)
            self._note(invoice.at + PAYS_AFTER, _THEN_MONEY, due)

    def _settled(self, at: datetime, due: _Due) -> Iterator[Request]:
        """Credit on account goes against the invoice first, money comes for the rest."""
        id = invoice_id(due.order_id)
        allocated, rest = self._debts[due.customer_id].settle(id)
        for credit_id, amount in allocated:
            allocation = AllocateCreditNote(
                customer_id=due.customer_id, credit_note_id=credit_id, invoice_id=id, amount=amount
            )
            yield self._clerk.asks(at, allocation, due.number, str(credit_id))
        if rest > 0:
            payment = ReceivePayment(
                customer_id=due.customer_id,
                payment_id=derived(due.order_id, "payment"),
                amount=rest,
                method="bank_transfer",
                reference=due.number,
                received_on=at.date(),
                invoice_id=id,
            )
            yield self._clerk.asks(at, payment, due.number)

"""What each dealer owes and is owed while the file is told: the import's own reckoning of who pays how much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID


@dataclass(slots=True)
class Debts:
    """One dealer's open invoices in order of issue, which is the order they fall due, and credit left on account."""

    invoices: dict[UUID, Decimal] = field(default_factory=dict)
    credits: dict[UUID, Decimal] = field(default_factory=dict)

    def invoice(self, id: UUID, total: Decimal) -> None:
        """An invoice was issued; credit on account waits until it is due."""
        if total > 0:
            self.invoices[id] = total

    def credit(self, id: UUID, total: Decimal, own_invoice: UUID | None) -> None:
        """A credit note was issued: it settles its own invoice, then the oldest due; the rest stays on account."""
        left = total
        for invoice in sorted(self.invoices, key=lambda one: one != own_invoice):
            left -= self._reduce(self.invoices, invoice, left)
        if left > 0:
            self.credits[id] = left

    def settle(self, invoice: UUID) -> tuple[tuple[tuple[UUID, Decimal], ...], Decimal]:
        """An invoice is due: which credit on account goes against it, oldest first, and how much money then comes."""
        taken = tuple(self._take_credits(invoice))
        return taken, self.invoices.pop(invoice, Decimal(0))

    def _take_credits(self, invoice: UUID) -> Iterator[tuple[UUID, Decimal]]:
        for credit in tuple(self.credits):
            share = self._reduce(self.invoices, invoice, self.credits[credit])
            self._reduce(self.credits, credit, share)
            if share:
                yield credit, share

    @staticmethod
    def _reduce(rests: dict[UUID, Decimal], id: UUID, amount: Decimal) -> Decimal:
        """Take up to `amount` off a rest, which goes when nothing is left; what was taken."""
        share = min(amount, rests.get(id, Decimal(0)))
        if share <= 0:
            return Decimal(0)
        rests[id] -= share
        if not rests[id]:
            del rests[id]
        return share

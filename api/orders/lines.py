"""A line of an order: its pieces, what they come to, and those a shipment or a return under way is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

from api.replace import replace
from warehouse.events.orders import LineKind, LineQuantity, OrderLine
from warehouse.money import rounded

Stage = Literal["shipped", "delivered", "returned", "short_closed"]


@dataclass(frozen=True)
class Line:
    """A line as agreed, and how many of its pieces went where."""

    line_no: int
    kind: LineKind
    sku: str
    product_id: UUID | None
    description: str
    quantity: int
    unit_price: Decimal
    tax_rate: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal
    reference: str | None = None
    shipped: int = 0
    delivered: int = 0
    returned: int = 0
    short_closed: int = 0

    @property
    def open(self) -> int:
        """Pieces still to ship."""
        return self.quantity - self.short_closed - self.shipped

    @property
    def expected(self) -> int:
        """Pieces that have come or are to come."""
        return self.quantity - self.short_closed

    def amounts(self, after: Decimal | int, before: Decimal | int) -> tuple[Decimal, Decimal, Decimal]:
        """Net, tax and gross of the pieces from `before` to `after`; over a whole line they sum to the line's own.

        Each is the difference of two rounded shares, so partial invoices and credits never gain or lose a cent.
        """
        gross = self._share(self.gross, after) - self._share(self.gross, before)
        net = self._share(self.net, after) - self._share(self.net, before)
        return net, gross - net, gross

    def _share(self, amount: Decimal, pieces: Decimal | int) -> Decimal:
        return rounded(amount * pieces / self.quantity)


@dataclass(frozen=True)
class Planned:
    """A shipment under way: the pieces it is to take, and whether they are being picked."""

    shipment_id: UUID
    lines: tuple[LineQuantity, ...]
    is_picking: bool = False


@dataclass(frozen=True)
class Returning:
    """A return under way: the pieces the buyer wants to send back."""

    return_id: UUID
    lines: tuple[LineQuantity, ...]


def as_agreed(line: OrderLine) -> Line:
    """The line of an order just placed."""
    return Line(
        line.line_no,
        line.kind,
        line.sku,
        line.product_id,
        line.description,
        line.quantity,
        line.unit_price,
        line.tax_rate,
        line.net,
        line.tax,
        line.gross,
        line.reference,
    )


def moved(lines: tuple[Line, ...], quantities: Iterable[LineQuantity], stage: Stage) -> tuple[Line, ...]:
    """The lines after so many of their pieces reached a stage."""
    more: Mapping[int, int] = {one.line_no: one.quantity for one in quantities}
    return tuple(
        replace(line, **{stage: getattr(line, stage) + more[line.line_no]}) if line.line_no in more else line
        for line in lines
    )


def less(pieces: Mapping[int, int], taken: Iterable[Iterable[LineQuantity]]) -> dict[int, int]:
    """Pieces by line, without those taken."""
    left = dict(pieces)
    for lines in taken:
        for one in lines:
            left[one.line_no] -= one.quantity
    return left

"""The file's invoices as values, and the ids of everything that comes of them: functions of the file alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

import polars as pl

from warehouse.ids import derived, derived_at, named

_IMPORT = "online_retail"
_WINDOW = 10_000  # lines held as Python objects at a time
_OF_INVOICE = ("invoice", "at", "customer", "country")
_OF_LINE = ("row", "code", "description", "quantity", "price_e4", "treatment", "line_no", "cents")

BAD_DEBT = named(_IMPORT, "bad_debt")
"""The account that stands for all A invoices: the file does not say whose debts they adjust."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line. `amount` is in pounds, rounded; negative on credits, as in the file."""

    row: int
    code: str
    description: str | None
    quantity: int
    price: Decimal
    treatment: str
    line_no: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice, a credit note (C) or an adjustment (A). `at` has no zone: it is the company's own clock."""

    number: str
    at: datetime
    customer: int | None
    country: str
    lines: tuple[Line, ...]

    @property
    def customer_id(self) -> UUID:
        """The dealer of that number; a walk-in is one customer per invoice."""
        if self.number.startswith("A"):
            return BAD_DEBT
        if self.is_walk_in:
            return id_at(self.at, "walk_in", self.number)
        return named(_IMPORT, "dealer", str(self.customer))

    @property
    def is_walk_in(self) -> bool:
        """Whether nobody knows who bought: such a customer pays, and is paid, at once."""
        return self.customer is None and not self.number.startswith("A")

    def of(self, *treatments: str) -> tuple[Line, ...]:
        """The lines of some treatments, in order."""
        return tuple(line for line in self.lines if line.treatment in treatments)


def invoices_of(lines: pl.DataFrame) -> Iterator[Invoice]:
    """The invoices of treated lines, in order; a window of lines becomes objects at a time."""
    split = len(_OF_INVOICE)
    for (number, at, customer, country), rows in groupby(_rows(lines), key=itemgetter(slice(split))):
        yield Invoice(number, at, customer, country, tuple(_line(*row[split:]) for row in rows))


def _rows(lines: pl.DataFrame) -> Iterator[tuple[Any, ...]]:
    for window in lines.select(*_OF_INVOICE, *_OF_LINE).iter_slices(_WINDOW):
        yield from window.iter_rows()


def _line(
    row: int,
    code: str,
    description: str | None,
    quantity: int,
    price_e4: int,
    treatment: str,
    line_no: int,
    cents: int,
) -> Line:
    price, amount = _price(price_e4), Decimal(cents).scaleb(-2)
    return Line(row, code, description or None, quantity, price, treatment, line_no, amount)


@lru_cache(maxsize=10_000)
def _price(price_e4: int) -> Decimal:
    """The price with two places, or four when it needs them."""
    return Decimal(price_e4 // 100).scaleb(-2) if price_e4 % 100 == 0 else Decimal(price_e4).scaleb(-4)


def id_at(at: datetime, *names: str | int) -> UUID:
    """The id of something that happens at an instant of the file; a changed time zone does not change it."""
    return derived_at(at.replace(tzinfo=UTC), _IMPORT, *names)


def order_id(number: str, at: datetime) -> UUID:
    """The order that stands for an invoice."""
    return id_at(at, "order", number)


def shipment_id(order_id: UUID) -> UUID:
    """The one shipment of an order."""
    return derived(order_id, "shipment")


def invoice_id(order_id: UUID) -> UUID:
    """The invoice that the shipment brings about."""
    return derived(shipment_id(order_id), "invoice")

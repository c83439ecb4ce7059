"""Bulk lines: a list of SKUs and quantities, merged, and every line answered. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from difflib import get_close_matches
from typing import Literal

from api.category.policy import PriceBook
from api.category.state import Product

Policy = Literal["reject_all", "skip_bad", "backorder_short"]
Outcome = Literal[
    "ok", "merged", "unreadable", "unknown_sku", "inactive", "pack_multiple", "short", "backordered", "price_changed"
]
ACCEPTED: frozenset[Outcome] = frozenset({"ok", "merged", "backordered", "price_changed"})
QUANTITY_MAX = 1_000_000
_HEADINGS = frozenset({"sku", "article", "code"})
_SKU_SHOWN_MAX = 50  # of a line that cannot be read
SUGGESTED_MAX = 50  # lines that get the nearest SKU: looking for it is the slow part


@dataclass(frozen=True, slots=True)
class BulkLine:
    """A line as sent. `quantity` none could not be read."""

    sku: str
    quantity: int | None
    reference: str | None = None
    expected_unit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class AnsweredLine:
    """A line and what becomes of it. `line` counts from 1 in what was sent; a merged one names where it went."""

    line: int
    sku: str
    quantity: int | None
    outcome: Outcome
    message: str
    unit_price: Decimal | None = None
    short_by: int = 0
    nearest_sku: str | None = None
    merged_into: int | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether it can be ordered as it stands."""
        return self.outcome in ACCEPTED


@dataclass(frozen=True, slots=True)
class Shop:
    """What a dealer can have now: products and free pieces by SKU, prices, and whether what is short may wait."""

    products: Mapping[str, Product]
    available: Mapping[str, int]
    prices: PriceBook
    all_skus: Sequence[str]
    may_wait: bool


def parse_csv(text: str) -> list[BulkLine]:
    """Lines of `sku,quantity[,reference]`, with commas, semicolons or tabs, with or without a heading."""
    lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip(" \t;,")]
    delimiter = next((mark for mark in ("\t", ";", ",") if lines and mark in lines[0]), ",")
    rows = [_cells(line, delimiter) for line in lines]
    return [_line(row) for row in rows[1 if rows and rows[0][0].lower() in _HEADINGS else 0 :]]


def _cells(line: str, delimiter: str) -> list[str]:
    """The cells of one line; read alone, so that a stray quote spoils no other line."""
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [""])] or [""]
    except csv.Error:
        return [line[:_SKU_SHOWN_MAX]]


def _line(row: Sequence[str]) -> BulkLine:
    sku, quantity, reference = [*row, "", ""][:3]
    return BulkLine(sku, _pieces(quantity), reference or None)


def _pieces(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 7 else None


def answer_lines(lines: Sequence[BulkLine], shop: Shop) -> list[AnsweredLine]:
    """Every line answered, in order. Duplicates are merged into their first line, whose quantity is then the sum."""
    merged = _merged(lines)
    suggested = 0
    answers: list[AnsweredLine] = []
    for number, line in enumerate(lines, start=1):
        first, total = merged.get(line.sku, (number, line.quantity))
        if line.quantity is None or not 1 <= line.quantity <= QUANTITY_MAX or not line.sku:
            answer = AnsweredLine(number, line.sku, line.quantity, "unreadable", _unreadable(line))
        elif first != number:
            message = f"added to line {first}"
            answer = AnsweredLine(number, line.sku, line.quantity, "merged", message, merged_into=first)
        else:
            answer = _answer(number, replace(line, quantity=total), shop)
        if answer.outcome == "unknown_sku" and suggested < SUGGESTED_MAX:
            suggested += 1
            answer = _suggest(answer, shop.all_skus)
        answers.append(answer)
    return list(_resolved(answers))


def _merged(lines: Sequence[BulkLine]) -> Mapping[str, tuple[int, int]]:
    """SKU -> (the line it stands on first, pieces of all its lines)."""
    found: dict[str, tuple[int, int]] = {}
    for number, line in enumerate(lines, start=1):
        if line.quantity is not None and 1 <= line.quantity <= QUANTITY_MAX:
            first, before = found.get(line.sku, (number, 0))
            found[line.sku] = first, before + line.quantity
    return found


def _answer(number: int, line: BulkLine, shop: Shop) -> AnsweredLine:
    """A line whose quantity is that of all lines merged into it."""
    quantity = line.quantity or 0
    plain = AnsweredLine(number, line.sku, quantity, "ok", "can be had")
    product = shop.products.get(line.sku)
    if product is None:
        return replace(plain, outcome="unknown_sku", message=f"there is no product {line.sku}")
    if why := _cannot_be_had(product, quantity):
        return replace(plain, outcome=why[0], message=why[1])
    price = shop.prices.quote(product, quantity).unit_price
    priced = replace(plain, unit_price=price)
    short = quantity - max(0, shop.available.get(line.sku, 0))
    if short > 0 and shop.may_wait:
        message = f"{short} of {quantity} wait for stock"
        return replace(priced, outcome="backordered", message=message, short_by=short)
    if short > 0:
        return replace(priced, outcome="short", message=f"{line.sku} is short by {short}", short_by=short)
    if line.expected_unit_price not in {None, price}:
        message = f"the price is {price}, not {line.expected_unit_price}"
        return replace(priced, outcome="price_changed", message=message)
    return priced


def _cannot_be_had(product: Product, quantity: int) -> tuple[Outcome, str] | None:
    if not product.is_active:
        return "inactive", f"{product.sku} is no longer sold"
    if quantity > QUANTITY_MAX:
        return "unreadable", f"{quantity} pieces in all are more than {QUANTITY_MAX}"
    if quantity % product.pack_quantity:
        packs = f"{product.sku} comes in packs of {product.pack_quantity}"
        return "pack_multiple", f"{packs}; {quantity} is no multiple"
    return None


def _resolved(answers: Sequence[AnsweredLine]) -> Iterator[AnsweredLine]:
    """A line merged into one that cannot be had cannot be had either."""
    for answer in answers:
        if answer.merged_into is None or (into := answers[answer.merged_into - 1]).is_accepted:
            yield answer
        else:
            yield replace(answer, outcome=into.outcome, message=f"as line {into.line}: {into.message}")


def _suggest(answer: AnsweredLine, skus: Sequence[str]) -> AnsweredLine:
    nearest = next(iter(get_close_matches(answer.sku, skus, n=1, cutoff=0.6)), None)
    if nearest is None:
        return answer
    return replace(answer, nearest_sku=nearest, message=f"{answer.message}; did you mean {nearest}?")


def _unreadable(line: BulkLine) -> str:
    return "no SKU" if not line.sku else f"the quantity must be a whole number from 1 to {QUANTITY_MAX}"

"""What is known of the whole file before its first invoice: the catalog, each month's stock, what credits take back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import groupby

import polars as pl

OUTGOING = ("sale", "free_goods", "write_off")
INCOMING = ("found", "goods_credit")


@dataclass(frozen=True, slots=True)
class Entry:
    """A product of the catalog to be: `price` is its most frequent one."""

    code: str
    name: str
    price: Decimal


@dataclass(frozen=True, slots=True)
class Month:
    """What happens at a month's first instant: products that it needs for the first time, pieces that come in."""

    at: datetime
    products: tuple[Entry, ...]
    receipts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Match:
    """So many pieces of a credit line that were sold on this line of this invoice."""

    invoice: str
    at: datetime
    line_no: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A function of the whole file, so that importing a part of it first makes no difference to the rest."""

    months: tuple[Month, ...]
    matches: Mapping[int, tuple[Match, ...]]


def plan_of(lines: pl.DataFrame) -> Plan:
    """The plan for checked and treated lines; `matches` is keyed by the credit line's row."""
    return Plan(tuple(_months(lines)), dict(_matches(lines)))


def _months(lines: pl.DataFrame) -> Iterator[Month]:
    """The months in order. A month's receipts are what its sales and write-offs need beyond what is left over."""
    entries, on_hand = _catalog(lines), defaultdict[str, int](int)
    for month, moves in groupby(_moves(lines), key=lambda row: row[0]):
        created: list[Entry] = []
        receipts: list[tuple[str, int]] = []
        for _, code, outgoing, incoming in moves:
            if code in entries:
                created.append(entries.pop(code))
            missing = max(0, outgoing - on_hand[code])
            if missing:
                receipts.append((code, missing))
            on_hand[code] += missing - outgoing + incoming
        yield Month(month, tuple(created), tuple(receipts))


def _moves(lines: pl.DataFrame) -> Iterator[tuple[datetime, str, int, int]]:
    """(month, code, pieces out, pieces in), by month and code."""
    pieces = pl.col("quantity").abs()
    moves = (
        lines.lazy()
        .filter(pl.col("treatment").is_in([*OUTGOING, *INCOMING]))
        .group_by(pl.col("at").dt.truncate("1mo").alias("month"), "code")
        .agg(
            pieces.filter(pl.col("treatment").is_in(OUTGOING)).sum().alias("outgoing"),
            pieces.filter(pl.col("treatment").is_in(INCOMING)).sum().alias("incoming"),
        )
        .sort("month", "code")
        .collect()
    )
    return moves.iter_rows()


def _catalog(lines: pl.DataFrame) -> dict[str, Entry]:
    """Code -> entry. Name: the most frequent description of its sales, else of any line, else the code itself."""
    goods = lines.lazy().filter(pl.col("treatment").is_in([*OUTGOING, *INCOMING]))
    sales = goods.filter(pl.col("treatment") == "sale")
    names = (_most_frequent(frame.filter(pl.col("description") != ""), "description") for frame in (sales, goods))
    priced = _most_frequent(sales, "price_e4")
    found = goods.select("code").unique()
    for frame, name in zip((*names, priced), ("sold_as", "seen_as", "price_e4"), strict=True):
        found = found.join(frame.rename({"most": name}), on="code", how="left")
    return {
        code: Entry(code, sold_as or seen_as or code, _cents(price_e4 or 0))
        for code, sold_as, seen_as, price_e4 in found.collect().iter_rows()
    }


def _most_frequent(frame: pl.LazyFrame, column: str) -> pl.LazyFrame:
    """code, most: the most frequent value; of several, the greatest."""
    return (
        frame.group_by("code", column)
        .len()
        .sort("len", column)
        .group_by("code", maintain_order=True)
        .agg(pl.col(column).last().alias("most"))
    )


def _cents(price_e4: int) -> Decimal:
    return Decimal((price_e4 + 50) // 100).scaleb(-2)


def _matches(lines: pl.DataFrame) -> Iterator[tuple[int, tuple[Match, ...]]]:
    """Each credit of goods with the customer's earlier sales of the same code at the same price, last sale first.

    The latest, because the great reversals of the file follow their mistakes within the hour. The same price in whole
    cents, so that the credit note, which copies the invoice's amounts, comes to the file's own amount.
    """
    by = ("customer", "code", "price_e4")
    goods = lines.lazy().filter(
        pl.col("treatment").is_in(["sale", "goods_credit"]),
        pl.col("customer").is_not_null(),
        (pl.col("price_e4") > 0) & (pl.col("price_e4") % 100 == 0),
    )
    credited = goods.filter(pl.col("treatment") == "goods_credit").select(by).unique()
    candidates = (
        goods.join(credited, on=by, how="semi")
        .sort(*by, "row")
        .select(*by, "row", "invoice", "at", "line_no", "quantity")
        .collect()
    )
    for _, rows in groupby(candidates.iter_rows(), key=lambda row: row[:3]):
        sold: list[Match] = []
        for *_, row, invoice, at, line_no, quantity in rows:
            if quantity > 0:
                sold.append(Match(invoice, at, line_no, quantity))
            elif sold:
                yield row, tuple(_taken_back(sold, -quantity))


def _taken_back(sold: list[Match], quantity: int) -> Iterator[Match]:
    """Take pieces off the end of `sold`, as far as it goes."""
    while quantity and sold:
        last = sold.pop()
        taken = min(quantity, last.quantity)
        if last.quantity > taken:
            sold.append(replace(last, quantity=last.quantity - taken))
        yield replace(last, quantity=taken)
        quantity -= taken

"""What an import did with dirt that is not a treatment of its own: counts that may overlap, each in plain words."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from orchestration.imports.plan import Plan


def notes_on(lines: pl.DataFrame, plan: Plan) -> tuple[tuple[str, int], ...]:
    """(what, how many lines), for every peculiarity that can occur."""
    return (*_of_lines(lines), *_of_credits(lines, plan))


def _of_lines(lines: pl.DataFrame) -> Iterator[tuple[str, int]]:
    of_customer = pl.col("country").first().over("customer")
    peculiar = {
        "exact duplicates of an earlier line, kept as real lines": pl.col("is_duplicate"),
        "codes in lower case, folded to upper": pl.col("is_folded"),
        "lines apart from their invoice, moved up to it": pl.col("is_moved"),
        "amounts with a fraction of a cent, rounded half away from zero": pl.col("is_sub_cent"),
        "lines without a description": pl.col("description").fill_null("") == "",
        "lines of walk-ins, who have no customer number": pl.col("customer").is_null(),
        "lines naming another country than the customer's first": pl.col("customer").is_not_null()
        & (pl.col("country") != of_customer),
    }
    counts = lines.select(**{what: is_so.sum().cast(pl.Int64) for what, is_so in peculiar.items()})
    yield from counts.row(0, named=True).items()


def _of_credits(lines: pl.DataFrame, plan: Plan) -> Iterator[tuple[str, int]]:
    found = lines.filter(pl.col("treatment") == "goods_credit").select("row", "quantity")
    whole = part = 0
    for row, quantity in found.iter_rows():
        matched = sum(match.quantity for match in plan.matches.get(row, ()))
        whole += matched == -quantity
        part += 0 < matched < -quantity
    yield "credits of goods matched to earlier sales: returns", whole
    yield "credits of goods matched in part: return and stand-alone credit", part
    yield "credits of goods without an earlier sale: stand-alone credits", found.height - whole - part

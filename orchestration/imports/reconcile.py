"""The file against the lake, by month and kind: the same sums, taken from either side without the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import polars as pl

from assets.table import Checked
from orchestration.imports.clerk import IMPORTER, Clerk
from orchestration.imports.invoices import BAD_DEBT
from orchestration.imports.source import TREATMENTS
from warehouse.lake.read import EVERYTHING, Reader

KIND_OF_TREATMENT: dict[str, str] = {
    "sale": "goods sold",
    "free_goods": "goods sold",
    "charge": "charges",
    "goods_credit": "goods credited",
    "charge_credit": "charges credited",
    "discount_credit": "discounts",
    "bad_debt": "bad debt",
    "found": "found",
    "write_off": "written off",
    "no_effect": "no effect",
}
KINDS = tuple(dict.fromkeys(kind for kind in KIND_OF_TREATMENT.values() if kind != "no effect"))
"""What both sides are summed by. Amounts are signed as in the file; pieces count where goods move."""

_WITH_PIECES = ("goods sold", "goods credited", "found", "written off")

_DOCUMENTS = """
with documents as (
  select issued_on, customer_id, 1 as sign, unnest(lines) as line
  from facts.invoice_generated where created_by = $importer and effective_at <= $until
  union all
  select issued_on, customer_id, -1 as sign, unnest(lines) as line
  from facts.credit_note_issued where created_by = $importer and effective_at <= $until
)
select
  date_trunc('month', issued_on)::date as month,
  case when customer_id = $bad_debt then 'bad debt'
       when line.kind = 'discount' then 'discounts'
       when line.kind = 'charge' then if(sign > 0, 'charges', 'charges credited')
       else if(sign > 0, 'goods sold', 'goods credited') end as kind,
  sum(sign * line.gross * 100)::bigint as cents,
  sum(if(line.kind = 'product' and sign > 0, line.quantity, 0))::bigint as pieces
from documents group by all
"""

_MOVEMENTS = """
select effective_at, if(quantity > 0, 'found', 'written off') as kind, quantity as pieces
from facts.inventory_adjusted where created_by = $importer and effective_at <= $until
union all
select effective_at, 'goods credited' as kind, -quantity as pieces
from facts.inventory_received where created_by = $importer and source = 'return' and effective_at <= $until
"""


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did: `table` is file against lake, `kinds` every line by treatment, `seconds` by stage.

    `failures` are the lake's own checks that its tables did not pass.
    """

    until: datetime
    table: pl.DataFrame
    kinds: pl.DataFrame
    notes: tuple[tuple[str, int], ...]
    seconds: dict[str, float]
    failures: tuple[Checked, ...] = ()

    @property
    def is_equal(self) -> bool:
        """File and lake agree in every row, to the cent and to the piece."""
        differs = (pl.col("file") != pl.col("lake")) | (pl.col("file_pieces") != pl.col("lake_pieces"))
        return self.table.filter(differs).is_empty()

    @property
    def totals(self) -> pl.DataFrame:
        """The table's columns by kind alone."""
        return self.table.group_by("kind").agg(pl.col(pl.Int64).sum()).sort("kind")


def reconciled(lines: pl.DataFrame, reader: Reader, clerk: Clerk, until: datetime) -> pl.DataFrame:
    """month, kind, file and lake in cents, file_pieces and lake_pieces: one row where either side has anything."""
    sides = of_file(lines.filter(pl.col("at") <= until)).join(
        of_lake(reader, clerk, until).rename({"cents": "lake", "pieces": "lake_pieces"}),
        on=["month", "kind"],
        how="full",
        coalesce=True,
    )
    filled = sides.rename({"cents": "file", "pieces": "file_pieces"}).with_columns(pl.col(pl.Int64).fill_null(0))
    order = pl.col("kind").cast(pl.Enum(KINDS))
    columns = ("month", "kind", "file", "lake", "file_pieces", "lake_pieces")
    return filled.with_columns(order).sort("month", "kind").select(columns)


def of_file(lines: pl.DataFrame) -> pl.DataFrame:
    """month, kind, cents, pieces, as the file says."""
    kind = pl.col("treatment").cast(pl.String).replace_strict(KIND_OF_TREATMENT)
    pieces = pl.when(pl.col("kind").is_in(_WITH_PIECES)).then("quantity").otherwise(0)
    return (
        lines.with_columns(kind=kind, month=pl.col("at").dt.truncate("1mo").dt.date())
        .filter(pl.col("kind").is_in(KINDS))
        .group_by("month", "kind")
        .agg(pl.col("cents").sum(), pieces.sum().alias("pieces"))
    )


def of_lake(reader: Reader, clerk: Clerk, until: datetime) -> pl.DataFrame:
    """month, kind, cents, pieces, as the lake says of the events this import recorded up to the file's `until`."""
    values = {"importer": IMPORTER.signature, "until": clerk.instant(until)}
    documents = reader.query(_DOCUMENTS, {**values, "bad_debt": BAD_DEBT}, functions=EVERYTHING).frame
    movements = reader.query(_MOVEMENTS, values, functions=EVERYTHING).frame
    month = pl.col("effective_at").dt.convert_time_zone(str(clerk.zone)).dt.truncate("1mo").dt.date()
    moved = movements.select(month.alias("month"), "kind", pl.lit(0, pl.Int64).alias("cents"), "pieces")
    return pl.concat([documents, moved]).group_by("month", "kind").agg(pl.col("cents", "pieces").sum())


def treatments(lines: pl.DataFrame) -> pl.DataFrame:
    """treatment, meaning, lines, amount: every line under exactly one, in the order of TREATMENTS."""
    counted = lines.group_by(pl.col("treatment").cast(pl.String)).agg(
        pl.len().cast(pl.Int64).alias("lines"), pl.col("cents").sum()
    )
    known = pl.DataFrame({"treatment": list(TREATMENTS), "meaning": list(TREATMENTS.values())})
    return known.join(counted, on="treatment", how="left", maintain_order="left").with_columns(
        pl.col("lines", "cents").fill_null(0)
    )


def pounds(cents: int) -> str:
    """An amount as people read it."""
    return f"{Decimal(cents).scaleb(-2):,.2f}"

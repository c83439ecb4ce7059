"""The Online Retail file: opened, proved to be what it should be, and every line's treatment named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from api.orders.commands import LINES_MAX

TypeTest = Callable[[pa.DataType], bool]


def _is_text(kind: pa.DataType) -> bool:
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_string_view(plain))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_float64(kind) or pa.types.is_decimal(kind))


def _is_local_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) and kind.tz is None)


COLUMNS: dict[str, tuple[str, TypeTest]] = {
    "InvoiceNo": ("text", _is_text),
    "StockCode": ("text", _is_text),
    "Description": ("text", _is_text),
    "Quantity": ("whole numbers", pa.types.is_integer),
    "InvoiceDate": ("timestamps without a zone", _is_local_time),
    "UnitPrice": ("numbers", _is_number),
    "CustomerID": ("whole numbers", lambda kind: pa.types.is_integer(kind) or pa.types.is_float64(kind)),
    "Country": ("text", _is_text),
}
"""Column -> what it must hold, in words and as a test of its type; numbers with gaps often come as floats."""

SERVICES = "^(POST|DOT|C2|M|D|S|B|PADS|CRUK|AMAZONFEE|BANK CHARGES|GIFT_.*)$"
"""Codes that stand for no goods: postage, carriage, fees, discounts, samples, vouchers, corrections by hand."""

TREATMENTS: dict[str, str] = {
    "sale": "goods sold",
    "free_goods": "goods given free on an invoice that sells, or to a known customer",
    "charge": "postage, fees, vouchers, manual amounts: charges of the order",
    "found": "no price, no customer, nothing sold: pieces found",
    "write_off": "negative without C: pieces written off",
    "goods_credit": "goods on a C invoice: returned and credited",
    "charge_credit": "a charge on a C invoice: credited",
    "discount_credit": "a discount (D) on a C invoice: credited",
    "bad_debt": "an A invoice: bad debt adjusted",
    "no_effect": "no goods and no price: counted here, nothing to record",
}
"""What becomes of a line; each line has exactly one treatment."""

_LINE = (
    *("row", "invoice", "at", "code", "description", "quantity", "price_e4"),
    *("customer", "country", "treatment", "line_no", "cents"),
)
_FLAGS = ("is_duplicate", "is_folded", "is_moved", "is_sub_cent")

ORDERED = ("sale", "free_goods", "charge")
_QUANTITY_MAX = 1_000_000  # an order line's limit
_PRICE_MAX = 10_000_000


class BadFile(Exception):
    """The file is not what it should be; the message is one sentence that names the column or the row."""


@dataclass(frozen=True, slots=True)
class _Fault:
    """Rows that cannot be imported: which, and what to say of the first (formatted with its values)."""

    rows: pl.Expr
    sentence: str


def read_lines(path: Path) -> pl.DataFrame:
    """One row per line, invoices whole and in the file's order, checked, with its treatment. Raises BadFile.

    Columns: row (from 1), invoice, at (the invoice's first timestamp, no zone), code (upper case), description,
    quantity, price_e4 (ten-thousandths), customer, country, treatment, line_no (place among the order's lines),
    cents (the line's amount, rounded half away from zero), is_duplicate, is_folded, is_moved, is_sub_cent.
    """
    lines = _opened(path)
    _refuse_faults(lines)
    return _treated(lines)


def _opened(path: Path) -> pl.DataFrame:
    """The file's columns under our names. Arrow reads it: on a damaged page it raises, polars panics."""
    if not path.is_file():
        raise BadFile(f"There is no file {path}.")
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            _refuse_columns(file.schema_arrow)
            table = file.read(columns=list(COLUMNS)).replace_schema_metadata(None)
            table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        said = str(error).splitlines()[0].rstrip(".")
        raise BadFile(f"{path.name} is not a readable Parquet file, or only a part of one: {said}.") from error
    lines = pl.from_arrow(table)
    assert isinstance(lines, pl.DataFrame), "a table of several columns is a frame"
    return lines.with_row_index("row", offset=1).select(*_normal())


def _refuse_columns(schema: pa.Schema) -> None:
    for name, (words, is_right) in COLUMNS.items():
        if name not in schema.names:
            raise BadFile(f"The column {name} is missing; the file must have {', '.join(COLUMNS)}.")
        if not is_right(schema.field(name).type):
            raise BadFile(f"The column {name} must hold {words}, but it holds {schema.field(name).type}.")


def _normal() -> Iterator[pl.Expr]:
    """The columns under our names, trimmed and in one type each."""
    yield pl.col("row").cast(pl.Int64)
    yield pl.col("InvoiceNo").cast(pl.String).str.strip_chars().str.to_uppercase().alias("invoice")
    yield pl.col("InvoiceDate").dt.cast_time_unit("us").alias("line_at")
    yield pl.col("StockCode").cast(pl.String).str.strip_chars().alias("raw_code")
    yield pl.col("StockCode").cast(pl.String).str.strip_chars().str.to_uppercase().alias("code")
    yield pl.col("Description").cast(pl.String).str.strip_chars().alias("description")
    yield pl.col("Quantity").cast(pl.Int64).alias("quantity")
    yield pl.col("UnitPrice").cast(pl.Float64).alias("price")
    yield pl.col("CustomerID").cast(pl.Float64).alias("customer")
    yield pl.col("Country").cast(pl.String).str.strip_chars().alias("country")


def _faults() -> Iterator[_Fault]:
    """Everything a line may be refused for, in the order it is looked for."""
    yield from _faults_of_words()
    yield from _faults_of_numbers()
    yield from _faults_among_lines()


def _faults_of_words() -> Iterator[_Fault]:
    for column, name in (
        ("invoice", "InvoiceNo"),
        ("code", "StockCode"),
        ("quantity", "Quantity"),
        ("line_at", "InvoiceDate"),
        ("price", "UnitPrice"),
        ("country", "Country"),
    ):
        yield _Fault(pl.col(column).is_null(), f"Row {{row}} has no {name}.")
    yield _Fault(
        ~pl.col("invoice").str.contains("^[AC]?[0-9]{1,12}$"),
        "Row {row}: InvoiceNo {invoice} is neither a number nor one after C or A.",
    )
    yield _Fault(
        ~pl.col("code").str.contains(r"^[\w .\-/&+#]{1,50}$"),
        "Row {row}: StockCode {code!r} is empty, too long or holds a character that no SKU has.",
    )
    for column, name, most in (("description", "Description", 255), ("country", "Country", 100)):
        is_long = pl.col(column).str.len_chars() > most
        yield _Fault(is_long, f"Row {{row}}: its {name} has more than {most} characters.")


def _faults_of_numbers() -> Iterator[_Fault]:
    prefix = pl.col("invoice").str.slice(0, 1)
    yield _Fault(
        (pl.col("quantity") == 0) | (pl.col("quantity").abs() > _QUANTITY_MAX),
        f"Row {{row}}: a Quantity of {{quantity}} is not between 1 and {_QUANTITY_MAX:,} either way.",
    )
    yield _Fault(
        ~pl.col("price").is_finite() | (pl.col("price").abs() > _PRICE_MAX),
        "Row {row}: a UnitPrice of {price} is no price.",
    )
    yield _Fault(
        (pl.col("price") * 10_000 - (pl.col("price") * 10_000).round()).abs() > 0.001,
        "Row {row}: a UnitPrice of {price} has more than four places.",
    )
    yield _Fault(
        (pl.col("price") < 0) & (prefix != "A"), "Row {row}: only an A invoice may have a negative UnitPrice ({price})."
    )
    yield _Fault(
        (prefix == "C") & (pl.col("quantity") > 0), "Row {row}: a C invoice takes back, but its Quantity is {quantity}."
    )
    yield _Fault(
        (prefix != "C") & (pl.col("quantity") < 0) & (pl.col("price") != 0),
        "Row {row}: a negative Quantity ({quantity}) outside a C invoice must have UnitPrice 0, not {price}.",
    )


def _faults_among_lines() -> Iterator[_Fault]:
    yield _Fault(
        pl.col("line_at") < pl.col("line_at").shift(1),
        "Row {row}: InvoiceDate goes back; sort the file by InvoiceDate.",
    )
    yield _Fault(
        (pl.col("customer") != pl.col("customer").floor()) | (pl.col("customer") <= 0),
        "Row {row}: CustomerID {customer} is not a whole number above 0.",
    )
    yield _Fault(
        pl.col("customer").ne_missing(pl.col("customer").first().over("invoice")),
        "Row {row}: invoice {invoice} names a second customer.",
    )
    yield _Fault(
        pl.col("row").len().over("invoice") > LINES_MAX,
        f"Row {{row}}: invoice {{invoice}} has more than {LINES_MAX:,} lines, the most an order can hold.",
    )


def _refuse_faults(lines: pl.DataFrame) -> None:
    if lines.is_empty():
        raise BadFile("The file has no lines.")
    for fault in _faults():
        found = lines.filter(fault.rows).head(1)
        if not found.is_empty():
            raise BadFile(fault.sentence.format(**found.row(0, named=True)))


def _treated(lines: pl.DataFrame) -> pl.DataFrame:
    is_priced = (pl.col("price") > 0) & (pl.col("quantity") > 0)
    e4 = (pl.col("price") * 10_000).round().cast(pl.Int64)
    amount_e4 = pl.col("quantity") * pl.col("price_e4")
    return (
        lines.with_columns(
            at=pl.col("line_at").first().over("invoice"),
            price_e4=e4,
            customer=pl.col("customer").cast(pl.Int64),
            is_ordered=(pl.col("customer").is_not_null() | is_priced.any().over("invoice")) & (pl.col("quantity") > 0),
            is_service=pl.col("code").str.contains(SERVICES),
            is_duplicate=_duplicated(),
            is_folded=pl.col("code") != pl.col("raw_code"),
            is_moved=pl.col("row") - pl.col("row").min().over("invoice") >= pl.col("row").cum_count().over("invoice"),
            first_row=pl.col("row").min().over("invoice"),
        )
        .sort("first_row", "row")
        .with_columns(treatment=_treatment())
        .with_columns(
            line_no=pl.col("treatment").is_in(ORDERED).cum_sum().over("invoice").cast(pl.Int32),
            cents=amount_e4.sign() * ((amount_e4.abs() + 50) // 100),
            is_sub_cent=amount_e4 % 100 != 0,
        )
        .select(*_LINE, *_FLAGS)
    )


def _treatment() -> pl.Expr:
    prefix, service = pl.col("invoice").str.slice(0, 1), pl.col("is_service")
    return (
        pl.when(prefix == "A")
        .then(pl.lit("bad_debt"))
        .when((prefix == "C") & (pl.col("code") == "D"))
        .then(pl.lit("discount_credit"))
        .when((prefix == "C") & service)
        .then(pl.lit("charge_credit"))
        .when(prefix == "C")
        .then(pl.lit("goods_credit"))
        .when(pl.col("is_ordered") & service)
        .then(pl.lit("charge"))
        .when(service)
        .then(pl.lit("no_effect"))
        .when(pl.col("is_ordered") & (pl.col("price_e4") > 0))
        .then(pl.lit("sale"))
        .when(pl.col("is_ordered"))
        .then(pl.lit("free_goods"))
        .when(pl.col("quantity") > 0)
        .then(pl.lit("found"))
        .otherwise(pl.lit("write_off"))
        .cast(pl.Enum(list(TREATMENTS)))
    )


def _duplicated() -> pl.Expr:
    """Whether the very same line stood earlier: in all eight columns."""
    same = ("invoice", "raw_code", "description", "quantity", "line_at", "price", "customer", "country")
    return pl.col("row") != pl.col("row").min().over(*same)

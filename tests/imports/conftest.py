"""Files that look like Online Retail: one with every kind of dirt, and whatever else a test asks for."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

SCHEMA = {
    "InvoiceNo": pl.String,
    "StockCode": pl.String,
    "Description": pl.String,
    "Quantity": pl.Int64,
    "InvoiceDate": pl.Datetime("us"),
    "UnitPrice": pl.Float64,
    "CustomerID": pl.Int64,
    "Country": pl.String,
}
UK = "United Kingdom"


def _line(invoice, code, quantity, price, at="2010-12-01 09:00", customer=None, description="", country=UK):
    moment = datetime.fromisoformat(at)
    return (invoice, code, description or None, quantity, moment, price, customer, country)


@pytest.fixture(scope="session")
def line():
    """One line of the file: invoice, code, quantity, price, and what is not as usual."""
    return _line


@pytest.fixture
def write(tmp_path):
    """Write lines as a Parquet file; `changes` replace or, as None, drop whole columns."""

    def written(lines, **changes) -> Path:
        frame = pl.DataFrame(lines, schema=SCHEMA, orient="row")
        for name, values in changes.items():
            frame = frame.drop(name) if values is None else frame.with_columns(values.alias(name))
        path = tmp_path / "retail.parquet"
        frame.write_parquet(path)
        return path

    return written


@pytest.fixture(scope="session")
def dirt():
    """Three months of a small wholesaler's dirt: every treatment, and every peculiarity, at least once."""
    december, january, february = "2010-12-01 09:{:02}", "2011-01-05 09:{:02}", "2011-02-10 09:{:02}"
    mug = {"description": "RED MUG"}
    return [
        _line("500001", "10001", 12, 2.55, december.format(0), 12345, **mug),
        _line("500001", "10001", 12, 2.55, december.format(0), 12345, **mug),  # an exact duplicate is a line too
        _line("500001", "10002a", 4, 1.25, december.format(0), 12345, "BLUE MUG"),  # folded to upper case
        _line("500001", "POST", 1, 18.00, december.format(0), 12345, "POSTAGE"),
        _line("500001", "10003", 2, 0.0, december.format(1), 12345, "A GIFT"),  # free goods, a minute later
        _line("500002", "10001", 1, 4.95, december.format(10), description="red mug"),  # a walk-in
        _line("500002", "DOT", 1, 3.50, december.format(10), description="DOTCOM POSTAGE"),
        _line("500003", "10004", 30, 0.0, december.format(20), description="found in the attic"),
        _line("500004", "10004", -5, 0.0, december.format(30)),  # written off, no reason given
        _line("500005", "POST", 1000, 0.0, december.format(31)),  # neither goods nor money
        _line("C500006", "10001", -5, 2.55, december.format(40), 12345, "RED MUG"),
        _line("C500006", "10002A", -1, 1.25, december.format(40), 12345, "BLUE MUG"),
        _line("C500007", "10001", -3, 2.00, december.format(41), 12345, **mug),  # never sold at that price
        _line("C500007", "D", -1, 5.00, december.format(41), 12345, "Discount"),
        _line("C500007", "M", -1, 10.00, december.format(41), 12345, "Manual"),
        _line("C500008", "AMAZONFEE", -1, 100.00, december.format(42), description="AMAZON FEE"),
        _line("C500008", "10001", -1, 4.95, december.format(42), **mug),  # a walk-in is nobody's earlier customer
        _line("A500009", "B", 1, 50.00, december.format(43), description="Adjust bad debt"),
        _line("A500010", "B", 1, -50.00, december.format(44), description="Adjust bad debt"),
        _line("A500011", "B", 1, -50.00, december.format(45), description="Adjust bad debt"),
        _line("500012", "PADS", 1, 0.001, december.format(46), 12346, "PADS", "France"),  # less than half a cent
        _line("500013", "10001", 2, 2.55, december.format(47), 12346, country="Spain", **mug),
        _line("500014", "10003", 1, 7.00, december.format(47), 12347),
        _line("500013", "10003", 3, 7.00, december.format(47), 12346, country="Spain"),  # apart from its invoice
        _line("500015", "10001", 20, 2.55, january.format(0), 12345, **mug),
        _line("C500016", "10001", -30, 2.55, february.format(0), 12345, **mug),  # 20 of the last sale, 10 of the first
        _line("C500017", "10001", -40, 2.55, february.format(1), 12345, **mug),  # 9 are left to take back, 31 are not
        _line("500018", "10001", 100, 2.55, february.format(2), 12345, **mug),
        _line("500019", "10003", 1, 7.00, "2011-03-20 09:00", 12347),
    ]


@pytest.fixture(scope="session")
def year():
    """`days` of trade: ten invoices a day of `lines` lines, every seventh credited in part the day after."""

    def traded(days: int, lines: int):
        for day in range(days):
            at = datetime.fromisoformat("2010-12-01 08:00") + timedelta(days=day)
            yield from _traded(day, at, lines)

    return traded


def _traded(day: int, at: datetime, lines: int):
    for nth in range(10):
        number, customer = 600_000 + day * 10 + nth, 20_000 + (day + nth) % 40 if nth else None
        moment = str(at + timedelta(minutes=nth))
        if nth == 0 and day:
            yield _line(f"C{number - 7}", "10000", -1, 1.01, moment, 20_000 + (day + 2) % 40)
        for k in range(lines):
            code = 10_000 + (k * 7 + nth * day) % 300 if k else 10_000
            yield _line(str(number), str(code), 1 + k % 5, 1.01 + k % 4, moment, customer, f"THING {code}")

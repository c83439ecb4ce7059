"""The forecast on real demand: Online Retail (UCI, doi:10.1057/dbm.2012.17), its dirt and what is promised on it."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from orchestration.bench.forecast import ONLINE_RETAIL, market, rows, weekly_demand

LINES = [
    ("536001", "10001", 5, "2010-12-01 09:00", 1.0, 1),
    ("536001", "10002a", 4, "2010-12-01 09:00", 1.0, 1),
    ("536002", "10002A", 2, "2010-12-13 09:00", 1.0, None),
    ("536003", "10001", 74_215, "2010-12-14 09:00", 1.0, 2),  # a mistake, taken back within the hour
    ("C536004", "10001", -74_215, "2010-12-14 10:00", 1.0, 2),
    ("536005", "10001", 3, "2010-12-15 09:00", 1.0, 1),
    ("C536006", "10001", -3, "2010-12-20 09:00", 1.0, 1),  # a return days later: it was demand
    ("536007", "POST", 1, "2010-12-15 09:00", 18.0, 1),
    ("536008", "10001", -9, "2010-12-15 09:00", 0.0, None),  # written off
    ("536009", "10001", 7, "2010-12-28 09:00", 1.0, 1),  # in a week that the file does not finish
]
SCHEMA = ("InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID")


def test_demand_is_what_was_asked_for_by_whole_weeks_mistakes_netted(tmp_path):
    lines = pl.DataFrame(LINES, schema=SCHEMA, orient="row").with_columns(pl.col("InvoiceDate").str.to_datetime())
    lines.write_parquet(tmp_path / "retail.parquet")
    weeks = weekly_demand(tmp_path / "retail.parquet").select("product_id", "week_start", "quantity")
    assert weeks.rows() == [
        ("10001", date(2010, 11, 29), 5.0),
        ("10001", date(2010, 12, 6), 0.0),
        ("10001", date(2010, 12, 13), 3.0),
        ("10001", date(2010, 12, 20), 0.0),
        ("10002A", date(2010, 11, 29), 4.0),
        ("10002A", date(2010, 12, 6), 0.0),
        ("10002A", date(2010, 12, 13), 2.0),
        ("10002A", date(2010, 12, 20), 0.0),
    ]


@pytest.mark.skipif(
    not ONLINE_RETAIL.exists(), reason=f"{ONLINE_RETAIL.name} is not at hand: no promise on real demand"
)
def test_the_promises_on_real_demand_hold():
    figures = rows(products=30)
    assert len(figures) == 8
    assert [figure.name for figure in figures if not figure.ok] == []


def test_the_made_up_market_is_the_same_each_time():
    weeks, products = market(20, 30)
    assert weeks.equals(market(20, 30)[0])
    assert (weeks.height, products.height, products["family"].n_unique()) == (600, 20, 10)
    assert not weeks.equals(market(20, 30, seed=2)[0])

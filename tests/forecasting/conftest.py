"""Weeks of demand written by hand, and the real ones of Online Retail where the file is at hand."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl
import pytest

MONDAY = date(2024, 1, 1)
WEEK = timedelta(days=7)


def _weeks(series: dict[str, Sequence[float]], stocked_out: dict[str, Sequence[int]] | None = None) -> pl.DataFrame:
    rows = [
        (product, MONDAY + number * WEEK, float(quantity), number in (stocked_out or {}).get(product, ()))
        for product, quantities in series.items()
        for number, quantity in enumerate(quantities)
    ]
    names = {"product_id": pl.String, "week_start": pl.Date, "quantity": pl.Float64, "is_stocked_out": pl.Boolean}
    return pl.DataFrame(rows, schema=names, orient="row")


def _products(weeks: pl.DataFrame, **others: tuple[str, float]) -> pl.DataFrame:
    known = dict.fromkeys(weeks["product_id"].unique(maintain_order=True), ("pump", 100.0)) | others
    rows = [(product, family, price) for product, (family, price) in known.items()]
    return pl.DataFrame(rows, schema=["product_id", "family", "price"], orient="row")


def _market(products: int, weeks: int, seed: int = 1) -> dict[str, list[float]]:
    """A made-up market with a season: steady, erratic and rare products in turn."""
    dice = random.Random(seed)
    series = {}
    for number in range(products):
        size, chance = dice.uniform(2, 60), (1.0, 1.0, 0.3)[number % 3]
        series[f"p{number:03}"] = [
            float(round(size * (1 + 0.4 * math.sin(week / 8.3)) * dice.lognormvariate(0, (0.3, 0.9, 0.6)[number % 3])))
            if dice.random() < chance
            else 0.0
            for week in range(weeks)
        ]
    return series


@pytest.fixture(scope="session")
def weeks():
    """`weeks({"a": [3, 0, 4]}, {"a": [1]})`: demand by week from Monday 2024-01-01, out of stock in week 1."""
    return _weeks


@pytest.fixture(scope="session")
def products():
    """The products of some weeks, all pumps at 100; `products(weeks, a=("spare", 5.0))` says otherwise."""
    return _products


@pytest.fixture(scope="session")
def market():
    """`market(30, 104)`: so many products over so many weeks."""
    return _market

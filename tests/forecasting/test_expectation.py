"""What is expected of a product: its level by chance and size, its class, its analogues, its season."""

from __future__ import annotations

import random
from datetime import date, timedelta

import polars as pl
import pytest

from assets.forecasting.expectation import expected, naive

MONDAY = date(2024, 1, 1)
WEEK = timedelta(days=7)


def after(count: int) -> date:
    """The Monday of the last of so many weeks."""
    return MONDAY + (count - 1) * WEEK


def first(points: pl.DataFrame, product: str) -> dict:
    return points.filter(product_id=product, weeks_ahead=1).to_dicts()[0]


@pytest.mark.parametrize(
    ("quantities", "level"),
    [([7] * 30, 7.0), ([0] * 30, 0.0), ([0, 10] * 30, 5.0), ([0, 0, 0, 8] * 20, 2.0)],
    ids=["steady", "nothing", "every other week", "every fourth"],
)
def test_the_level_is_the_chance_of_demand_times_its_size(weeks, products, quantities, level):
    known = weeks({"a": quantities})
    assert first(expected(known, products(known), after(len(quantities)), 1), "a")["level"] == pytest.approx(
        level, rel=0.35
    )


def test_a_product_that_nobody_asks_for_any_more_fades(weeks, products):
    known = weeks({"a": [10] * 30 + [0] * 20})
    levels = [first(expected(known, products(known), after(count), 1), "a")["level"] for count in (30, 35, 50)]
    assert levels[0] == pytest.approx(10)
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] < 3


@pytest.mark.parametrize(
    ("demand_class", "quantities"),
    [
        ("smooth", [9, 10, 11] * 10),
        ("erratic", [1, 30, 2] * 10),
        ("intermittent", [0, 9, 0, 11] * 8),
        ("lumpy", [0, 1, 0, 30] * 8),
        ("new", [9, 10, 11] * 4),
    ],
)
def test_products_are_classed_by_how_often_and_how_evenly_they_are_asked_for(weeks, products, demand_class, quantities):
    known = weeks({"a": quantities})
    assert first(expected(known, products(known), after(len(quantities)), 1), "a")["demand_class"] == demand_class


def test_a_week_without_stock_tells_nothing_unless_it_asked_for_more(weeks, products):
    out = {"a": [28, 29]}
    low, high = [10] * 28 + [0, 0], [10] * 28 + [40, 40]
    cases = {"low": weeks({"a": low}), "high": weeks({"a": high})}
    cases |= {"low, out": weeks({"a": low}, out), "high, out": weeks({"a": high}, out)}
    levels = {
        name: first(expected(known, products(known), after(30), 1), "a")["level"] for name, known in cases.items()
    }
    assert levels["low, out"] == pytest.approx(10)
    assert levels["low"] < 9
    assert levels["high, out"] == levels["high"] > 12


def test_a_new_product_leans_on_its_family_s_nearest_by_price_and_less_with_each_week(weeks, products):
    series = (
        {f"cheap{n}": [100] * 30 for n in range(2)} | {f"dear{n}": [4] * 30 for n in range(2)} | {"else": [55] * 30}
    )
    known = weeks(series)
    cheap = {name: ("pump", 10.0 + number) for number, name in enumerate(("cheap0", "cheap1"))}
    dear = {name: ("pump", 900.0 + number) for number, name in enumerate(("dear0", "dear1"))}
    others = cheap | dear | {"else": ("spare", 5.0)}
    points = expected(known, products(known, **others, young=("pump", 950.0), odd=("valve", 7.0)), after(30), 1)
    young = first(points, "young")
    assert (young["basis"], young["demand_class"], young["weeks_count"]) == ("analogues", "new", 0)
    assert young["level"] == pytest.approx(4, rel=0.01)
    assert first(points, "odd")["level"] == pytest.approx((100 + 100 + 4 + 4 + 55) / 5)  # a family of its own
    begun = known.vstack(weeks({"young": [0] * 22 + [12] * 8}).filter(pl.col("week_start") >= MONDAY + 22 * WEEK))
    points = expected(begun, products(begun, **others, young=("pump", 950.0)), after(30), 1)
    assert first(points, "young")["level"] == pytest.approx(8)  # eight weeks of 12, as much weight for 4


def test_a_new_product_without_a_price_leans_on_its_whole_family(weeks, products):
    known = weeks({"a": [10] * 30, "b": [20] * 30, "c": [90] * 30})
    asked = products(known, c=("spare", 1.0), young=("pump", None))
    assert first(expected(known, asked, after(30), 1), "young")["level"] == pytest.approx(15)


def test_a_company_of_new_products_expects_what_it_sees(weeks, products):
    known = weeks({"a": [6] * 4})
    assert first(expected(known, products(known, b=("pump", 1.0)), after(4), 1), "a")["level"] == pytest.approx(6)
    assert first(expected(known, products(known, b=("pump", 1.0)), after(4), 1), "b")["level"] == 0


def test_the_season_lifts_the_weeks_it_is_of(weeks, products):
    series = [10.0 * (1.5 if (MONDAY + number * WEEK).month in {6, 7, 8} else 0.75) for number in range(110)]
    known = weeks({"a": series, "b": series})
    points = expected(known, products(known), after(70), 20)  # from May on
    by_month = points.group_by(pl.col("week_start").dt.month()).agg(pl.col("mean").mean()).sort("week_start")
    assert dict(by_month.iter_rows())[7] > 1.3 * dict(by_month.iter_rows())[5]


def test_weeks_after_the_origin_change_nothing(weeks, products, market):
    known = weeks(market(20, 100))
    tampered = known.with_columns(
        quantity=pl.when(pl.col("week_start") > after(80)).then(pl.col("quantity") * 7 + 1).otherwise("quantity"),
        is_stocked_out=pl.col("week_start") > after(80),
    )
    assert expected(known, products(known), after(80), 13).equals(expected(tampered, products(known), after(80), 13))
    assert naive(known, after(80), 13).equals(naive(tampered, after(80), 13))


def test_the_order_of_rows_changes_nothing(weeks, products, market):
    known = weeks(market(20, 60))
    mixed = known.sample(fraction=1.0, shuffle=True, seed=random.Random(3).randrange(99))
    assert expected(known, products(known), after(60), 4).equals(expected(mixed, products(known), after(60), 4))


def test_the_naive_forecast_is_last_year_or_the_latest_weeks(weeks):
    known = weeks({"old": range(60), "young": range(5)}).filter(
        (pl.col("product_id") == "old") | (pl.col("week_start") >= MONDAY)
    )
    points = naive(known, after(60), 3)
    assert points.filter(product_id="old")["mean"].to_list() == [8, 9, 10]
    assert naive(known, after(5), 3).filter(product_id="young")["mean"].to_list() == [4, 3, 2]

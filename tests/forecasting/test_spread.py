"""How far demand strays: quantiles by what was missed before, pooled by class, honest about what is not known."""

from __future__ import annotations

import math
from datetime import date, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.forecasting.expectation import expected
from assets.forecasting.spread import CALIBRATION_ORIGINS, SHARES, forecasts, known_at, missed, name_of, widened

MONDAY = date(2024, 1, 1)
WEEK = timedelta(days=7)


def after(count: int) -> date:
    return MONDAY + (count - 1) * WEEK


@pytest.fixture(scope="module")
def shop(weeks, products, market):
    """Sixty products over a hundred weeks, and their forecasts after the hundredth."""
    known = weeks(market(60, 100))
    return known, products(known), forecasts(known, products(known), after(100), 8)


def test_quantiles_ascend_and_totals_never_fall_from_week_to_week(shop):
    _, _, told = shop
    names = [name_of(share) for share in SHARES]
    for kind in ("quantity", "total"):
        for low, high in pairwise(names):
            assert told.select((pl.col(f"{kind}_{low}") <= pl.col(f"{kind}_{high}")).all()).item()
    falls = told.select(pl.col("^total_.*$").diff().over("product_id").min())
    assert min(falls.row(0)) >= 0
    assert told.select(pl.col("quantity_p05").min()).item() >= 0


def test_the_first_week_s_total_is_the_first_week(shop):
    _, _, told = shop
    one = told.filter(weeks_ahead=1)
    for name in map(name_of, SHARES):
        assert one[f"total_{name}"].to_list() == pytest.approx(one[f"quantity_{name}"].to_list())


def test_what_was_missed_before_is_covered_as_often_as_it_says(weeks, products, market):
    known = weeks(market(150, 100, seed=5))
    hits = []
    for count in (84, 90, 96):
        told = forecasts(known, products(known), after(count), 3).filter(weeks_ahead=3)
        came = (
            known.filter(pl.col("week_start").is_between(after(count) + WEEK, after(count + 3)))
            .group_by("product_id")
            .agg(pl.col("quantity").sum())
        )
        joined = told.join(came, on="product_id")
        hits.append(
            joined.select(*((pl.col("quantity") <= pl.col(f"total_{name_of(s)}")).mean().alias(str(s)) for s in SHARES))
        )
    covered = pl.concat(hits).mean().row(0)
    for share, rate in zip(SHARES, covered, strict=True):
        assert rate == pytest.approx(share, abs=0.09), share


def test_only_errors_known_at_the_origin_count_and_only_the_last_quarter_s(shop):
    known, listed, _ = shop
    points = pl.concat([expected(known, listed, after(count), 4) for count in range(60, 101)])
    errors = known_at(after(95), missed(points, known))
    assert errors["week_start"].max() == after(95)
    for step in (1, 4):
        origins = errors.filter(weeks_ahead=step)["origin"].unique()
        assert (origins.min(), origins.max()) == (after(95 - step - CALIBRATION_ORIGINS + 1), after(95 - step))


def test_a_week_without_stock_is_missed_by_nothing_or_by_more(weeks, products):
    known = weeks({"a": [10] * 40 + [0, 30]}, {"a": [40, 41]})
    points = expected(known, products(known), after(40), 2)
    errors = missed(points, known).sort("weeks_ahead")
    assert errors["error"][0] == 0
    assert errors["error"][1] == pytest.approx((30 - 10) / points["scale"][0])


def test_weeks_after_the_origin_change_no_forecast(shop):
    known, listed, _ = shop
    tampered = known.with_columns(
        quantity=pl.when(pl.col("week_start") > after(80)).then(pl.col("quantity") * 9 + 5).otherwise("quantity"),
        is_stocked_out=pl.col("week_start") > after(80),
    )
    assert forecasts(known, listed, after(80), 8).equals(forecasts(tampered, listed, after(80), 8))


def test_the_same_weeks_give_the_same_forecast_to_the_last_bit(shop):
    known, listed, told = shop
    assert forecasts(known.sample(fraction=1.0, shuffle=True, seed=4), listed, after(100), 8).equals(told)


def test_a_company_without_a_past_borrows_its_errors_and_a_new_product_strays_further(weeks, products):
    known = weeks({"a": [10] * 3})
    told = forecasts(known, products(known), after(3), 4)
    scale, level = told["scale"][0], told["level"][0]
    assert told["quantity_p95"][0] == pytest.approx(level + 1.5 * 2.85 * scale)
    assert told["total_p95"][3] == pytest.approx(4 * level + 2 * 1.5 * 2.85 * scale)


def test_with_nothing_sold_yet_every_product_has_a_forecast(weeks, products):
    nothing = weeks({})
    told = forecasts(nothing, products(nothing, a=("pump", 9.0)), after(1), 2)
    assert told["mean"].to_list() == [0.0, 0.0]
    assert told["quantity_p98"][0] > 0


def test_a_company_in_its_first_week_has_a_forecast_from_nothing_known_yet(weeks, products):
    begun = weeks({"a": [3]})
    told = forecasts(begun, products(begun), after(0), 2)
    assert told["mean"].to_list() == [0.0, 0.0]
    assert told["quantity_p98"][0] > 0


def test_a_share_between_the_borrowed_ones_lies_between_them(weeks, products):
    known = weeks({"a": [10] * 3})
    told = forecasts(known, products(known), after(3), 1, [0.9, 0.92, 0.95])
    assert told["quantity_p90"][0] < told["quantity_p92"][0] < told["quantity_p95"][0]


def test_a_small_pool_takes_the_errors_of_all_classes(shop):
    known, listed, _ = shop
    points = expected(known, listed, after(100), 1)
    errors = missed(pl.concat([expected(known, listed, after(count), 1) for count in range(80, 100)]), known)
    few = errors.with_columns(demand_class=pl.lit("smooth"))
    one = few.head(49).with_columns(demand_class=pl.lit("lumpy"), error=1000.0, total_error=1000.0)
    told = widened(points.with_columns(demand_class=pl.lit("lumpy")), pl.concat([few, one]))
    assert told.select((pl.col("quantity_p50") - pl.col("mean")) / pl.col("scale")).max().item() < 100
    more = pl.concat([few, one, one.head(1)])
    told = widened(points.with_columns(demand_class=pl.lit("lumpy")), more)
    assert told.select((pl.col("quantity_p50") - pl.col("mean")) / pl.col("scale")).max().item() == pytest.approx(1000)


def test_errors_of_forecasts_that_knew_no_season_say_nothing_of_those_that_do(weeks, products, market):
    known = weeks(market(20, 100))
    points = expected(known, products(known), after(100), 1)
    errors = missed(pl.concat([expected(known, products(known), after(count), 1) for count in range(80, 100)]), known)
    blind = errors.with_columns(has_season=pl.lit(value=False), error=500.0)
    assert widened(points, pl.concat([errors, blind])).equals(widened(points, errors))
    assert widened(points, blind)["quantity_p50"].min() > widened(points, errors)["quantity_p98"].min()


@settings(max_examples=25, deadline=None)
@given(errors=st.lists(st.integers(-50, 50), min_size=60, max_size=120), share=st.sampled_from(SHARES))
def test_a_quantile_holds_at_least_its_share_of_what_it_was_made_from(errors, share):
    frame = pl.DataFrame(
        {
            "product_id": "a", "origin": MONDAY, "weeks_ahead": 1, "week_start": MONDAY + WEEK,
            "demand_class": "smooth", "has_season": False, "error": list(map(float, errors)), "total_error": 0.0,
        }
    )  # fmt: skip
    points = pl.DataFrame(
        {
            "product_id": "a",
            "weeks_ahead": 1,
            "demand_class": "smooth",
            "has_season": False,
            "mean": 100.0,
            "scale": 1.0,
        }
    ).with_columns(pl.col("weeks_ahead").cast(pl.Int64))
    at = widened(points, frame, [share])[f"quantity_{name_of(share)}"].item() - 100
    covered = sum(error <= at for error in errors)
    fewest = (len(errors) + 1) * share  # so that the next error, too, lies at or below it that often
    assert covered >= (min(fewest, len(errors)) if share >= 0.5 else math.floor(fewest))

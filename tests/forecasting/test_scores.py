"""How good forecasts were: the measures themselves, and what is and is not scored."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from assets.forecasting.expectation import expected
from assets.forecasting.scores import SCORED_SHARES, bias, coverage, outcomes, pinball, rmsse, scaled_pinball
from assets.forecasting.spread import forecasts, name_of

MONDAY = date(2024, 1, 1)
WEEK = timedelta(days=7)


def after(count: int) -> date:
    return MONDAY + (count - 1) * WEEK


def told(**columns: list[float]) -> pl.DataFrame:
    size = len(columns["outcome"])
    flat = {"weeks_ahead": [2] * size, "swing": [5.0] * size, "step_rms": [10.0] * size}
    quantiles = {f"total_{name_of(share)}": [100.0] * size for share in SCORED_SHARES}
    return pl.DataFrame(flat | quantiles | columns)


@pytest.mark.parametrize(("share", "outcome", "loss"), [(0.9, 110, 9), (0.9, 90, 1), (0.5, 110, 5), (0.98, 100, 0)])
def test_the_pinball_loss_weighs_what_is_missed_by_its_share(share, outcome, loss):
    assert told(outcome=[float(outcome)]).select(pinball(share, "total_p50")).item() == pytest.approx(loss)


def test_the_scaled_loss_is_in_multiples_of_the_usual_change_over_as_many_weeks():
    assert told(outcome=[110.0]).select(scaled_pinball("total")).item() == pytest.approx(
        10 * sum(SCORED_SHARES) / 5 / 10
    )


def test_an_error_as_large_as_the_usual_step_scores_one():
    frame = told(outcome=[120.0, 80.0], total_mean=[100.0, 100.0])
    assert frame.select(rmsse("total")).item() == pytest.approx(1)
    assert frame.select(bias()).item() == 0
    assert frame.select(coverage(0.9)).item() == 0.5


def test_what_is_scored_is_the_forecast_of_then(weeks, products, market):
    known = weeks(market(30, 90))
    listed = products(known)
    scored = outcomes(known, listed, [after(70), after(80)], [2, 4])
    assert scored.group_by("origin", "weeks_ahead").len()["len"].to_list() == [30] * 4
    then = forecasts(known, listed, after(70), 4, SCORED_SHARES).filter(weeks_ahead=4).sort("product_id")
    mine = scored.filter(origin=after(70), weeks_ahead=4).sort("product_id")
    assert mine.select("total_mean", "total_p90", "total_p98").equals(
        then.select("total_mean", "total_p90", "total_p98")
    )
    came = (
        known.filter(pl.col("week_start").is_between(after(71), after(74)))
        .group_by("product_id")
        .agg(pl.col("quantity").sum())
    )
    assert mine["outcome"].to_list() == came.sort("product_id")["quantity"].to_list()


def test_weeks_without_stock_and_new_products_are_not_scored(weeks, products):
    known = weeks({"out": [5] * 40, "fine": [5] * 40, "new": [5] * 40}, {"out": [33]})
    known = known.filter((pl.col("product_id") != "new") | (pl.col("week_start") >= after(25)))
    scored = outcomes(known, products(known), [after(32)], [1, 3])
    assert sorted(scored.select("product_id", "weeks_ahead").rows()) == [("fine", 1), ("fine", 3), ("out", 1)]


def test_a_forecast_that_knows_the_season_beats_last_year_s_weeks_on_a_growing_company(weeks, products, market):
    series = {name: [value * (1 + week / 60) for week, value in enumerate(of)] for name, of in market(45, 110).items()}
    known = weeks(series)
    scored = outcomes(known, products(known), [after(count) for count in range(96, 104)], [4])
    ours, theirs = scored.select(rmsse("total"), naive=rmsse("naive")).row(0)
    assert ours < 0.9 * theirs


def test_points_of_several_origins_are_each_blind_to_what_followed(weeks, products, market):
    known = weeks(market(10, 80))
    tampered = known.with_columns(
        quantity=pl.when(pl.col("week_start") > after(70)).then(99.0).otherwise(pl.col("quantity"))
    )
    columns = ["total_mean", "total_p95", "naive_mean", "naive_p95"]
    seen = [outcomes(frame, products(frame), [after(66)], [4]).select(columns) for frame in (known, tampered)]
    assert seen[0].equals(seen[1])
    assert expected(known, products(known), after(66), 4)["weeks_count"].max() == 66

"""forecasting.accuracy: what forecasts of the last weeks were worth, beside the naive one.

about: One row per origin week, step and demand class: what would have been forecast then against what came.
when: nightly
column: origin_week | Monday of the last week that the forecast could look at.
column: weeks_ahead | Errors are of the total demand of so many weeks after it.
column: demand_class | smooth, erratic, intermittent or lumpy as seen then; all for all of them.
column: products_count | Products scored: not new, and never out of stock in those weeks.
column: rmsse | Root mean squared scaled error; 1 is the size of a usual change from week to week.
column: naive_rmsse | The same of the seasonal naive forecast: the same weeks last year, or the latest for younger products.
column: value_added_rate | 1 - rmsse / naive_rmsse: what forecasting adds.
column: scaled_pinball | Pinball loss at .5, .8, .9, .95 and .98, in multiples of the mean change from week to week.
column: naive_scaled_pinball | The same of the naive forecast with quantiles by its own errors.
column: coverage_90_rate | How often demand stayed at or below the 90th percentile.
column: coverage_95_rate | How often at or below the 95th.
column: bias_rate | Forecast beyond demand, as a share of demand; null where nothing was asked for.
expect: products_count > 0
expect: rmsse >= 0 and scaled_pinball >= 0
expect: coverage_90_rate <= coverage_95_rate
input: weeks | select product_id::varchar as product_id, week_start, quantity::double as quantity, is_stocked_out from forecasting.demand
input: products | select id::varchar as product_id, category as family, base_price::double as price from category.products
input: asked | select date_trunc('week', getvariable('today'))::date - 7 as last_week
"""  # noqa: E501 - a SELECT is one note

from __future__ import annotations

from datetime import timedelta

import polars as pl

from assets.forecasting.scores import bias, coverage, outcomes, rmsse, scaled_pinball

STEPS = (1, 4, 13)  # a week, a month, a quarter
ORIGINS = 8  # the newest whose outcome is known, for each step
HISTORY_WEEKS_MIN = 26  # what an origin needs behind it to be worth scoring
_WEEK = timedelta(days=7)
_SCHEMA = {
    "origin_week": pl.Date,
    "weeks_ahead": pl.Int64,
    "demand_class": pl.String,
    "products_count": pl.Int64,
    "rmsse": pl.Float64,
    "naive_rmsse": pl.Float64,
    "value_added_rate": pl.Float64,
    "scaled_pinball": pl.Float64,
    "naive_scaled_pinball": pl.Float64,
    "coverage_90_rate": pl.Float64,
    "coverage_95_rate": pl.Float64,
    "bias_rate": pl.Float64,
}


def accuracy(weeks: pl.DataFrame, products: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """See above; empty until there are origins with half a year behind them and an outcome."""
    last_week = asked["last_week"].item()
    first = weeks.select(pl.col("week_start").min()).item()
    known = weeks.filter(pl.col("week_start") <= last_week)
    scored = [pl.DataFrame(schema=_SCHEMA)]
    for step in STEPS:
        newest = last_week - step * _WEEK
        origins = [newest - back * _WEEK for back in range(ORIGINS)]
        origins = [one for one in origins if first is not None and one >= first + HISTORY_WEEKS_MIN * _WEEK]
        if origins:
            told = outcomes(known, products, origins, [step])
            scored += [_scored(told), _scored(told.with_columns(demand_class=pl.lit("all")))]
    return pl.concat(scored).sort("weeks_ahead", "origin_week", "demand_class")


def _scored(told: pl.DataFrame) -> pl.DataFrame:
    scores = {
        "rmsse": rmsse("total"),
        "naive_rmsse": rmsse("naive"),
        "scaled_pinball": scaled_pinball("total"),
        "naive_scaled_pinball": scaled_pinball("naive"),
        "coverage_90_rate": coverage(0.9),
        "coverage_95_rate": coverage(0.95),
        "bias_rate": bias(),
    }
    keys = {"origin_week": "origin", "weeks_ahead": "weeks_ahead", "demand_class": "demand_class"}
    return (
        told.group_by(**{name: pl.col(column) for name, column in keys.items()}, maintain_order=True)
        .agg(products_count=pl.len().cast(pl.Int64), **scores)
        .with_columns(value_added_rate=1 - pl.col("rmsse") / pl.col("naive_rmsse"))
        .with_columns(pl.col(pl.Float64).fill_nan(None).round(6))
        .with_columns(pl.when(pl.col(pl.Float64).is_finite()).then(pl.col(pl.Float64)).name.keep())
        .select(*_SCHEMA)
    )

"""forecasting.forecast: what each product will be asked for in the coming weeks, and how sure that is.

about: One row per active product and coming week, by what was known at the end of the last whole week.
when: nightly
column: product_id | The product.
column: sku | Its SKU.
column: week_start | Monday of the week.
column: weeks_ahead | 1 is the week after the last whole one; it may have begun.
column: origin_week | Monday of the last whole week that was looked at.
column: demand_class | smooth, erratic, intermittent, lumpy, or new for less than 13 weeks; errors are pooled by it.
column: basis | history: its own weeks; analogues: the mature products of its family next in price, less with each week.
column: weeks_count | Weeks of its own that were looked at, 104 at most.
column: level | Pieces an ordinary week is expected to ask for.
column: season_factor | By how much its family's season lifts the week: mean is level times this.
column: scale | What errors are measured by, pieces: the root of level times mean change from week to week.
column: quantity_mean | Expected pieces of the week.
column: quantity_p05 | Demand of the week stays at or below it with probability 0.05.
column: quantity_p10 | The same with 0.10.
column: quantity_p25 | The same with 0.25.
column: quantity_p50 | The same with 0.50.
column: quantity_p75 | The same with 0.75.
column: quantity_p90 | The same with 0.90.
column: quantity_p95 | The same with 0.95.
column: quantity_p98 | The same with 0.98.
column: total_mean | Expected pieces of all weeks up to this one.
column: total_p05 | Demand of all weeks up to this one stays at or below it with probability 0.05.
column: total_p10 | The same with 0.10.
column: total_p25 | The same with 0.25.
column: total_p50 | The same with 0.50.
column: total_p75 | The same with 0.75.
column: total_p90 | The same with 0.90.
column: total_p95 | The same with 0.95.
column: total_p98 | The same with 0.98.
expect: extract('isodow' from week_start) = 1
expect: quantity_mean >= 0
expect: 0 <= quantity_p05 and quantity_p05 <= quantity_p50 and quantity_p50 <= quantity_p98
expect: total_p05 <= total_p50 and total_p50 <= total_p90 and total_p90 <= total_p98
input: weeks | select product_id::varchar as product_id, week_start, quantity::double as quantity, is_stocked_out from forecasting.demand
input: products | select id::varchar as product_id, sku, category as family, base_price::double as price from category.products where active
input: asked | select date_trunc('week', getvariable('today'))::date - 7 as origin, getvariable('forecast_weeks')::integer as weeks
"""  # noqa: E501 - a SELECT is one note

from __future__ import annotations

import polars as pl

from assets.forecasting.spread import SHARES, forecasts, name_of

_QUANTITIES = [f"{kind}_{name}" for kind in ("quantity", "total") for name in ("mean", *map(name_of, SHARES))]
_DECIMALS = 4


def forecast(weeks: pl.DataFrame, products: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """See above; nothing but what its three frames say is known here."""
    origin, horizon_weeks = asked.row(0)
    return (
        forecasts(weeks, products, origin, horizon_weeks)
        .join(products.select("product_id", "sku"), on="product_id")
        .rename({"mean": "quantity_mean", "origin": "origin_week"})
        .with_columns(pl.col("level", "season_factor", "scale", *_QUANTITIES).round(_DECIMALS))
        .select(
            "product_id",
            "sku",
            "week_start",
            "weeks_ahead",
            "origin_week",
            "demand_class",
            "basis",
            "weeks_count",
            "level",
            "season_factor",
            "scale",
            *_QUANTITIES,
        )
        .sort("sku", "weeks_ahead")
    )

"""How far demand strays from what was expected: quantiles by the errors of earlier forecasts, pooled by demand class.

Split conformal prediction (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005) with the errors of
the last quarter's forecasts, each divided by its product's scale, pooled over all products of a class.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from assets.forecasting.expectation import expected

SHARES = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.98)
CALIBRATION_ORIGINS = 13  # for each step ahead: the last quarter's forecasts of which the outcome is known
POOL_MIN = 50  # errors; a smaller pool knows nothing of its 98th percentile and takes the errors of all classes
NEW_WIDENING = 1.5  # a product judged by its analogues errs more than they do
_WEEK = timedelta(days=7)
_ALL = "all"

# Until a company has errors of its own: those of Online Retail (UCI, 2010-12 to 2011-08, 3,281 products of all classes)
# one week ahead by this very method, in scales; those of a total grow with the root of its weeks.
_BORROWED = {0.05: -1.03, 0.1: -0.91, 0.25: -0.73, 0.5: -0.5, 0.75: -0.05, 0.9: 1.23, 0.95: 2.85, 0.98: 6.58}
_MEANS = {"quantity": "mean", "total": "total_mean"}
_CLASSES = ("smooth", "erratic", "intermittent", "lumpy")


def forecasts(
    weeks: pl.DataFrame,
    products: pl.DataFrame,
    origin: date,
    horizon_weeks: int,
    shares: Sequence[float] = SHARES,
) -> pl.DataFrame:
    """One row per product and coming week, as known at the end of the week that begins on `origin`.

    Columns of `expected`, and: total_mean from the first week to this one; for each share quantity_<name> and
    total_<name>, the pieces that demand stays at or below with that probability, in the week and up to its end.
    """
    earlier = [origin - back * _WEEK for back in range(horizon_weeks + CALIBRATION_ORIGINS)]
    first = weeks.select(pl.col("week_start").min()).item()
    told = [
        then for then in earlier if then == origin or first is None or then >= first
    ]  # a young company has only now
    points = [expected(weeks, products, then, horizon_weeks) for then in told]
    return widened(points[0], known_at(origin, missed(pl.concat(points), weeks)), shares)


def missed(points: pl.DataFrame, weeks: pl.DataFrame) -> pl.DataFrame:
    """By how many scales the points of some origins missed what was asked for, where that is known.

    product_id, origin, weeks_ahead, week_start, demand_class, has_season, error (of the week), total_error (of all
    weeks up to it).
    A week in which the product ran out counts as at least what was expected: nobody knows what was not asked for.
    """
    asked = pl.when(pl.col("is_stocked_out")).then(pl.max_horizontal("quantity", "mean")).otherwise("quantity")
    gaps = (
        points.join(weeks, on=["product_id", "week_start"])
        .sort("product_id", "origin", "weeks_ahead")
        .with_columns(gap=(asked - pl.col("mean")) / pl.col("scale"))
    )
    total = pl.col("gap").cum_sum().over("product_id", "origin")
    keys = ("product_id", "origin", "weeks_ahead", "week_start", "demand_class", "has_season")
    return gaps.select(*keys, error="gap", total_error=total)


def known_at(origin: date, errors: pl.DataFrame) -> pl.DataFrame:
    """What was known at the end of the origin's week: for each step, the errors of the last quarter's forecasts."""
    weeks_back = (origin - pl.col("origin")).dt.total_days() // 7
    is_recent = weeks_back < pl.col("weeks_ahead") + CALIBRATION_ORIGINS
    return errors.filter((pl.col("week_start") <= origin) & is_recent)


def widened(points: pl.DataFrame, errors: pl.DataFrame, shares: Sequence[float] = SHARES) -> pl.DataFrame:
    """The points with the quantiles that earlier errors give them; never below nothing, totals never falling."""
    if points["has_season"].any() and errors["has_season"].any():
        errors = errors.filter("has_season")  # errors of forecasts that knew no season say little of those that do
    table = _offsets(errors, points["weeks_ahead"].unique().sort(), shares)
    names = [(mean, f"{kind}_{name_of(share)}") for kind, mean in _MEANS.items() for share in shares]
    quantiles = [(pl.col(mean) + pl.col("scale") * pl.col(name)).clip(0.0).alias(name) for mean, name in names]
    totals = [pl.col(f"total_{name_of(share)}").cum_max().over("product_id") for share in shares]
    return (
        points.sort("product_id", "weeks_ahead")
        .with_columns(total_mean=pl.col("mean").cum_sum().over("product_id"))
        .join(table, on=["demand_class", "weeks_ahead"], how="left", maintain_order="left")
        .with_columns(*quantiles)
        .with_columns(*totals)
    )


def _offsets(errors: pl.DataFrame, steps: pl.Series, shares: Sequence[float]) -> pl.DataFrame:
    """One row per demand class and step: by how many scales each quantile lies above the mean.

    A small pool takes the errors of all classes; a step that nothing is known of yet, those of the step before it (the
    total's growing with the root of the weeks); a company without a past, borrowed ones.
    """
    settled = errors.filter(pl.col("demand_class") != "new")
    pools = _pooled(settled, shares).filter(pl.col("errors_count") >= POOL_MIN)
    everything = _pooled(settled.with_columns(demand_class=pl.lit(_ALL)), shares)
    grid = pl.DataFrame({"demand_class": [*_CLASSES, "new"]}).join(steps.to_frame(), how="cross")
    root = pl.col("weeks_ahead").cast(pl.Float64).sqrt()
    filled = []
    for name, share in ((f"{kind}_{name_of(share)}", share) for kind in ("quantity", "total") for share in shares):
        growth = root if name.startswith("total") else pl.lit(1.0)
        own = (pl.coalesce(name, f"{name}_of_all") / growth).forward_fill().over("demand_class")
        widening = pl.when(pl.col("demand_class") == "new").then(NEW_WIDENING).otherwise(1.0)
        filled.append((own.fill_null(_borrowed(share)) * growth * widening).alias(name))
    return (
        grid.join(pools, on=["demand_class", "weeks_ahead"], how="left")
        .join(everything.drop("demand_class"), on="weeks_ahead", how="left", suffix="_of_all")
        .sort("demand_class", "weeks_ahead")
        .select("demand_class", "weeks_ahead", *filled)
    )


def _pooled(errors: pl.DataFrame, shares: Sequence[float]) -> pl.DataFrame:
    """Quantiles of the errors by class and step, each taken one rank outward: so coverage holds in finite samples."""
    pools = errors.group_by("demand_class", "weeks_ahead").agg(
        pl.len().cast(pl.Int64).alias("errors_count"),
        quantity=pl.col("error").sort(),
        total=pl.col("total_error").sort(),
    )
    count = pl.col("errors_count")
    ranked = []
    for share in shares:
        rank = (count + 1) * share
        index = ((rank.ceil() if share >= 0.5 else rank.floor()).cast(pl.Int64) - 1).clip(0, count - 1)
        ranked += [pl.col(kind).list.get(index).alias(f"{kind}_{name_of(share)}") for kind in _MEANS]
    return pools.with_columns(ranked).drop(_MEANS)


def _borrowed(share: float) -> float:
    """A quantile of the borrowed errors, between two known ones on the line through them."""
    known = sorted(_BORROWED)
    upper = next((one for one in known if one >= share), known[-1])
    lower = next((one for one in reversed(known) if one <= share), known[0])
    way = (share - lower) / (upper - lower) if upper > lower else 0.0
    return _BORROWED[lower] + way * (_BORROWED[upper] - _BORROWED[lower])


def name_of(share: float) -> str:
    """`p05` for 0.05."""
    return f"p{round(share * 100):02d}"

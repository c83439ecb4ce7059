"""How good forecasts were: errors of points and of quantiles, measured so that products of any size can be averaged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from assets.forecasting.expectation import SMALLEST, expected, naive
from assets.forecasting.spread import CALIBRATION_ORIGINS, known_at, missed, name_of, widened

SCORED_SHARES = (0.5, 0.8, 0.9, 0.95, 0.98)
_WEEK = timedelta(days=7)


def outcomes(
    weeks: pl.DataFrame, products: pl.DataFrame, origins: Sequence[date], steps: Sequence[int]
) -> pl.DataFrame:
    """One row per origin, product and step: what was forecast then, what the naive forecast was, and what came.

    All of the total from the origin to the end of the step: total_mean, total_p50 …, naive_mean, naive_p50 …, outcome;
    and weeks_ahead, demand_class, swing, step_rms. The naive forecast is widened by its own errors in the same way, so
    that forecasts are compared and not methods of calibration. New products, and steps in which a product ran out, are
    left out.
    """
    horizon = max(steps)
    first = weeks.select(pl.col("week_start").min()).item()
    span = (max(origins) - min(origins)).days // 7 + horizon + CALIBRATION_ORIGINS
    thens = [then for back in range(span) if (then := max(origins) - back * _WEEK) >= first]
    ours = pl.concat([expected(weeks, products, then, horizon) for then in thens])
    simple = ours.drop("mean").join(
        pl.concat([naive(weeks, then, horizon).with_columns(origin=pl.lit(then)) for then in thens]),
        on=["product_id", "origin", "weeks_ahead"],
    )
    theirs = _told(simple, weeks, origins).select(*_KEYS, _TOLD.name.replace("total", "naive"))
    told = _told(ours, weeks, origins).join(theirs, on=_KEYS).join(_came(ours, weeks), on=_KEYS)
    return told.filter(pl.col("weeks_ahead").is_in(list(steps)), pl.col("demand_class") != "new").sort(_KEYS)


def pinball(share: float, quantile: str) -> pl.Expr:
    """Loss of a quantile: `share` for each piece above it, 1 - share for each below (Koenker and Bassett 1978)."""
    above = pl.col("outcome") - pl.col(quantile)
    return pl.max_horizontal(share * above, (share - 1) * above)


def scaled_pinball(of: str) -> pl.Expr:
    """Mean pinball loss over the scored shares, in multiples of each product's swing over as many weeks."""
    losses = [pinball(share, f"{of}_{name_of(share)}") for share in SCORED_SHARES]
    return (pl.mean_horizontal(losses) / (pl.col("weeks_ahead") * pl.max_horizontal("swing", SMALLEST))).mean()


def rmsse(of: str) -> pl.Expr:
    """Root mean squared scaled error (Hyndman and Koehler, IJF 22, 2006) of totals, scaled by weeks times step."""
    step = pl.col("weeks_ahead") * pl.max_horizontal("step_rms", SMALLEST)
    return (((pl.col("outcome") - pl.col(f"{of}_mean")) / step) ** 2).mean().sqrt()


def coverage(share: float) -> pl.Expr:
    """How often the outcome stayed at or below our quantile."""
    return (pl.col("outcome") <= pl.col(f"total_{name_of(share)}")).mean()


def bias() -> pl.Expr:
    """What was forecast beyond what came, as a share of what came."""
    return (pl.col("total_mean") - pl.col("outcome")).sum() / pl.col("outcome").sum()


_KEYS = ("origin", "product_id", "weeks_ahead")
_TOLD = pl.col("total_mean", *(f"total_{name_of(share)}" for share in SCORED_SHARES))


def _told(points: pl.DataFrame, weeks: pl.DataFrame, origins: Sequence[date]) -> pl.DataFrame:
    """Each origin's points with quantiles by the errors known then."""
    errors = missed(points, weeks)
    each = [widened(points.filter(origin=origin), known_at(origin, errors), SCORED_SHARES) for origin in origins]
    return pl.concat(each).select(*_KEYS, "demand_class", "swing", "step_rms", _TOLD)


def _came(points: pl.DataFrame, weeks: pl.DataFrame) -> pl.DataFrame:
    """The outcome of each step: pieces asked for up to its end; none while the product ran out or weeks are to come."""
    is_clean = (pl.col("is_stocked_out").cum_sum() == 0).over("product_id", "origin")
    return (
        points.select(*_KEYS, "week_start")
        .join(weeks, on=["product_id", "week_start"])
        .sort("product_id", "origin", "weeks_ahead")
        .with_columns(outcome=pl.col("quantity").cum_sum().over("product_id", "origin"), is_clean=is_clean)
        .filter("is_clean")
        .select(*_KEYS, "outcome")
    )

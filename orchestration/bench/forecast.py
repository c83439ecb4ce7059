"""The forecast: how good its quantiles are on real demand, what stock kept by them costs, how many products a minute.

Real demand is Online Retail (UCI, 2010-12 to 2011-08) where the file is at hand; without it only speed is measured.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from api.procurement.policy import critical_ratio
from assets.forecasting.scores import SCORED_SHARES, coverage, outcomes, rmsse, scaled_pinball
from assets.forecasting.spread import forecasts, name_of
from orchestration.bench.figure import Figure, at_most

ONLINE_RETAIL = Path(__file__).parents[3] / "shared/data/online_retail/online_retail.parquet"
ORIGINS, PROTECTION_WEEKS = 8, 3  # lead time of two weeks and review of one
_HISTORY_WEEKS_MIN, _ACTIVE_WEEKS_MIN = 26, 8  # what a product needs behind it at the first origin to be scored
_SHORT, _SPARE = 9.0, 1.0  # cost of a piece that is missing, and of one left over, at the end of a protection interval
_SERVICE = critical_ratio(_SHORT, _SPARE)
_FIXED_DEVIATIONS = 1.65  # of the stock level set once: mean and so many standard deviations
_WARM_UP_WEEKS = 6
_FIXED_RATIO_MAX = 0.90  # not the 0.72 of a pre-Christmas ramp, which this file does not hold: docs/decisions/0018
_PRODUCTS, _WEEKS, _HORIZON_WEEKS = 5_000, 104, 13
_SECONDS_MAX = 60.0
_WEEK = timedelta(days=7)
_NO_GOODS = "^(POST|DOT|C2|M|D|S|B|PADS|CRUK|AMAZONFEE|BANK CHARGES|GIFT_.*)$"


def rows(products: int = _PRODUCTS) -> list[Figure]:
    """About a quarter of a minute on two cores."""
    return [*(_on_real_demand() if ONLINE_RETAIL.exists() else ()), _speed(products)]


def weekly_demand(path: Path) -> pl.DataFrame:
    """Online Retail as whole weeks of demand by article from its first sale on, less what came back that day.

    product_id, week_start, quantity, is_stocked_out (never known).
    """
    lines = (
        pl.read_parquet(path)
        .with_columns(pl.col("StockCode").str.to_uppercase(), on=pl.col("InvoiceDate").dt.date())
        .filter(~pl.col("StockCode").str.contains(_NO_GOODS), ~pl.col("InvoiceNo").str.starts_with("A"))
    )
    keys = ["StockCode", "CustomerID", "on"]
    is_credit = pl.col("InvoiceNo").str.starts_with("C")
    sold = lines.filter(~is_credit, pl.col("Quantity") > 0, pl.col("UnitPrice") > 0)
    back = (
        lines.filter(is_credit, pl.col("CustomerID").is_not_null()).group_by(keys).agg(back=-pl.col("Quantity").sum())
    )
    asked = sold.group_by(keys).agg(pl.col("Quantity").sum()).join(back, on=keys, how="left")
    quantity = (pl.col("Quantity") - pl.col("back").fill_null(0)).clip(0).sum().cast(pl.Float64)
    by_week = asked.group_by(product_id="StockCode", week_start=pl.col("on").dt.truncate("1w")).agg(quantity=quantity)
    last_day: date = lines.select(pl.col("on").max()).item()
    last = last_day - timedelta(days=last_day.weekday() + (7 if last_day.weekday() < 6 else 0))
    every = pl.DataFrame(
        {"week_start": pl.date_range(by_week.select(pl.col("week_start").min()).item(), last, "1w", eager=True)}
    )
    first = by_week.group_by("product_id").agg(first=pl.col("week_start").min())
    return (
        first.join(every, how="cross")
        .filter(pl.col("week_start") >= pl.col("first"))
        .join(by_week, on=["product_id", "week_start"], how="left")
        .select("product_id", "week_start", pl.col("quantity").fill_null(0.0), is_stocked_out=pl.lit(value=False))
        .sort("product_id", "week_start")
    )


def scored(weeks: pl.DataFrame) -> pl.DataFrame:
    """Outcomes of the last eight origins over the protection interval, of products with enough behind the first one.

    With `fixed` and `early`: stock levels set once, by all weeks before the first origin and by the first six weeks.
    """
    last: date = weeks.select(pl.col("week_start").max()).item()
    origins = [last - (PROTECTION_WEEKS + back) * _WEEK for back in reversed(range(ORIGINS))]
    before = weeks.filter(pl.col("week_start") <= origins[0])
    quantity = pl.col("quantity")
    levels = (
        before.sort("product_id", "week_start")
        .group_by("product_id")
        .agg(
            weeks=pl.len(),
            active=(quantity > 0).sum(),
            fixed=_set_once(quantity),
            early=_set_once(quantity.head(_WARM_UP_WEEKS)),
        )
        .filter(pl.col("weeks") >= _HISTORY_WEEKS_MIN, pl.col("active") >= _ACTIVE_WEEKS_MIN)
    )
    listed = weeks.select(pl.col("product_id").unique(maintain_order=True)).with_columns(
        family=pl.lit("all"), price=pl.lit(1.0)
    )
    return outcomes(weeks, listed, origins, [PROTECTION_WEEKS]).join(levels, on="product_id")


def stock_cost(level: str) -> pl.Expr:
    """What a stock level costs at the end of the interval: pieces left over and pieces missing, per piece asked for."""
    over = pl.col(level) - pl.col("outcome")
    return pl.max_horizontal(over * _SPARE, -over * _SHORT).sum() / pl.col("outcome").sum()


def _set_once(quantity: pl.Expr) -> pl.Expr:
    return quantity.mean() * PROTECTION_WEEKS + quantity.std() * (_FIXED_DEVIATIONS * math.sqrt(PROTECTION_WEEKS))


def _on_real_demand() -> Iterator[Figure]:
    told = scored(weekly_demand(ONLINE_RETAIL))
    ours = f"total_{name_of(_SERVICE)}"
    figures = told.select(
        pinball=scaled_pinball("total"),
        naive_pinball=scaled_pinball("naive"),
        error=rmsse("total"),
        naive_error=rmsse("naive"),
        covered_90=coverage(0.9),
        covered_95=coverage(0.95),
        cost=stock_cost(ours),
        fixed_cost=stock_cost("fixed"),
        early_cost=stock_cost("early"),
    ).row(0, named=True)
    name = f"Online Retail, {told['product_id'].n_unique():,} articles, {PROTECTION_WEEKS} weeks"
    yield at_most(f"{name}: scaled pinball at {', '.join(map(name_of, SCORED_SHARES))}", figures["pinball"], "", 0.30)
    yield at_most("scaled pinball against the naive forecast's", figures["pinball"], "", figures["naive_pinball"])
    yield at_most("RMSSE against the naive forecast's", figures["error"], "", figures["naive_error"])
    yield _covered(0.90, figures["covered_90"], 0.85, 0.93)
    yield _covered(0.95, figures["covered_95"], 0.92, 0.97)
    cost, fixed, early = figures["cost"], figures["fixed_cost"], figures["early_cost"]
    yield at_most("cost of stock, to that of a level set once at the first origin", cost / fixed, "", _FIXED_RATIO_MAX)
    yield Figure("cost of stock, to that of a level set once after six weeks", cost / early, "")


def _covered(share: float, value: float, least: float, most: float) -> Figure:
    name = f"demand at or below the {share:.0%} quantile ({least} to {most})"
    return Figure(name, value, "share", share, value / share, least <= value <= most)


def _speed(count: int) -> Figure:
    weeks, products = market(count, _WEEKS)
    started = time.perf_counter()
    told = forecasts(weeks, products, weeks.select(pl.col("week_start").max()).item(), _HORIZON_WEEKS)
    seconds = time.perf_counter() - started
    assert told.height == count * _HORIZON_WEEKS
    return at_most(f"forecast of {count:,} products from {_WEEKS} weeks each", seconds, "s", _SECONDS_MAX)


def market(products: int, weeks: int, seed: int = 1) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A made-up market, steady and rare products in ten families: weeks of demand, and products."""
    dice = random.Random(seed)  # noqa: S311 - demand, no secret
    first = date(2024, 1, 1)
    names = [f"{number:05}" for number in range(products)]
    drawn = [dice.expovariate(0.1) if dice.random() < 0.3 + 0.7 * (n % 2) else 0.0 for n in range(products * weeks)]
    frame = pl.DataFrame({"product_id": names}).join(
        pl.DataFrame({"week_start": [first + number * _WEEK for number in range(weeks)]}), how="cross"
    )
    frame = frame.with_columns(quantity=pl.Series(drawn).round(), is_stocked_out=pl.lit(value=False))
    listed = (
        pl.DataFrame({"product_id": names})
        .with_row_index()
        .with_columns(family=(pl.col("index") % 10).cast(pl.String), price=pl.col("index").cast(pl.Float64) + 1)
    )
    return frame, listed.drop("index")

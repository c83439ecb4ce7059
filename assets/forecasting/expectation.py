"""What each product is expected to be asked for in the coming weeks, from the weeks up to an origin and no others."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from assets.forecasting import season

HISTORY_WEEKS = 104
SMOOTHING_SHARES = (0.05, 0.3)  # docs/decisions/0018 has what was tried
ADI_MAX, CV2_MAX = 1.32, 0.49  # Syntetos, Boylan and Croston, JORS 56 (2005): what is regular, what is steady
YOUNG_WEEKS = 13  # a younger product leans on its analogues
YOUNG_WEIGHT_WEEKS = 8  # its own weeks count n / (n + 8)
MATURE_WEEKS = 26  # what it takes to be one
SMALLEST = 0.1  # pieces a week: the least level and swing that errors are measured by
_MEASURES = ("level", "swing", "step_rms")
_WEEK = timedelta(days=7)


def expected(weeks: pl.DataFrame, products: pl.DataFrame, origin: date, horizon_weeks: int) -> pl.DataFrame:
    """One row per product and coming week: product_id, origin, weeks_ahead, week_start, mean, and what it came from.

    `weeks`: product_id, week_start, quantity, is_stocked_out, one row per product and week without gaps; `products`:
    product_id, family, price of those to forecast. `origin` is the Monday of the last week that may be looked at.
    Came from: weeks_count, demand_class, level, swing and step_rms (pieces a week), scale, season_factor,
    has_season, basis.
    """
    known = weeks.filter(pl.col("week_start").is_between(origin - (HISTORY_WEEKS - 1) * _WEEK, origin))
    known = known.join(products.select("product_id", "family"), on="product_id").sort("product_id", "week_start")
    factors = season.factors(known, origin, horizon_weeks)
    items = _with_analogues(_items(known.join(factors, on=["family", "week_start"], how="left")), products)
    return (
        items.join(_ahead(origin, horizon_weeks), how="cross")
        .join(factors, on=["family", "week_start"], how="left")
        .with_columns(
            season_factor=pl.col("factor").fill_null(1.0), has_season=pl.col("has_season").fill_null(value=False)
        )
        .with_columns(mean=pl.col("level") * pl.col("season_factor"))
        .drop("factor")
        .sort("product_id", "weeks_ahead")
    )


def naive(weeks: pl.DataFrame, origin: date, horizon_weeks: int) -> pl.DataFrame:
    """The comparison: a week asks for what it asked a year before; the latest weeks again for what is younger.

    One row per product and coming week: product_id, weeks_ahead, mean.
    """
    known = weeks.filter(pl.col("week_start") <= origin).select("product_id", "week_start", mean="quantity")
    ahead = _ahead(origin, horizon_weeks).with_columns(
        last_year=pl.col("week_start") - 52 * _WEEK, latest=origin - (pl.col("weeks_ahead") - 1) * _WEEK
    )
    last_year = known.rename({"week_start": "last_year", "mean": "then"})
    latest = known.rename({"week_start": "latest", "mean": "lately"})
    return (
        known.select(pl.col("product_id").unique(maintain_order=True))
        .join(ahead, how="cross")
        .join(last_year, on=["product_id", "last_year"], how="left")
        .join(latest, on=["product_id", "latest"], how="left")
        .select("product_id", "weeks_ahead", mean=pl.coalesce("then", "lately", pl.lit(0.0)))
    )


def _ahead(origin: date, horizon_weeks: int) -> pl.DataFrame:
    steps = pl.DataFrame({"weeks_ahead": range(1, horizon_weeks + 1)}, schema={"weeks_ahead": pl.Int64})
    return steps.with_columns(origin=pl.lit(origin), week_start=origin + pl.col("weeks_ahead") * _WEEK)


def _items(known: pl.DataFrame) -> pl.DataFrame:
    """One row per product that was ever on sale: its level without the season, its class, how much it swings."""
    quantity = pl.col("quantity")
    levelled = _levelled(known.with_columns(calm=quantity / pl.col("factor").fill_null(1.0)))
    change = quantity.diff()
    return (
        levelled.group_by("product_id", maintain_order=True)
        .agg(
            weeks_count=pl.len().cast(pl.Int64),
            level=pl.col("level").last().fill_null(0.0),
            swing=change.abs().mean().fill_null(0.0),
            step_rms=(change**2).mean().fill_null(0.0).sqrt(),
            interval=pl.len() / (quantity > 0).sum(),
            variation=(quantity.filter(quantity > 0).std() / quantity.filter(quantity > 0).mean()) ** 2,
        )
        .with_columns(demand_class=_demand_class())
        .drop("interval", "variation")
    )


def _levelled(known: pl.DataFrame) -> pl.DataFrame:
    """`level` after each week: chance of any demand times its size, each smoothed.

    Teunter, Syntetos and Babai, European Journal of Operational Research 214 (2011), with two memories, a long and a
    short one, in equal parts: what suits steady products costs little for those that move.
    A week in which the product ran out tells nothing, unless it asked for more than was expected all the same.
    """
    smoothed = known.with_columns(level=_level(pl.when(~pl.col("is_stocked_out")).then("calm")))
    if not known["is_stocked_out"].any():
        return smoothed
    before = pl.col("level").shift(1).over("product_id")
    is_told = ~pl.col("is_stocked_out") | (pl.col("calm") > before).fill_null(value=True)
    return smoothed.with_columns(told=pl.when(is_told).then("calm")).with_columns(level=_level(pl.col("told")))


def _level(told: pl.Expr) -> pl.Expr:
    levels = []
    for share in SMOOTHING_SHARES:
        chance = (told > 0).cast(pl.Float64).ewm_mean(alpha=share, ignore_nulls=True).forward_fill()
        size = pl.when(told > 0).then(told).ewm_mean(alpha=share, ignore_nulls=True).forward_fill()
        levels.append(chance * size.fill_null(0.0))
    return pl.mean_horizontal(levels).over("product_id")


def _demand_class() -> pl.Expr:
    is_regular, is_steady = pl.col("interval") < ADI_MAX, pl.col("variation").fill_null(0.0) < CV2_MAX
    return (
        pl.when(pl.col("weeks_count") < YOUNG_WEEKS)
        .then(pl.lit("new"))
        .when(is_regular & is_steady)
        .then(pl.lit("smooth"))
        .when(is_regular)
        .then(pl.lit("erratic"))
        .when(is_steady)
        .then(pl.lit("intermittent"))
        .otherwise(pl.lit("lumpy"))
    )


def _with_analogues(items: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """Every product: the young ones lean on the level and swing of their analogues."""
    known = products.join(items, on="product_id", how="left").with_columns(
        pl.col("weeks_count").fill_null(0),
        pl.col(_MEASURES).fill_null(0.0),
        pl.col("demand_class").fill_null("new"),
    )
    leaning = pl.col("demand_class") == "new"
    own = pl.col("weeks_count") / (pl.col("weeks_count") + YOUNG_WEIGHT_WEEKS)
    blended = [
        pl.when(leaning)
        .then(own * pl.col(name) + (1 - own) * pl.coalesce(f"{name}_alike", name))
        .otherwise(pl.col(name))
        .alias(name)
        for name in _MEASURES
    ]
    return (
        known.join(_analogues(known), on="product_id", how="left")
        .with_columns(*blended, basis=pl.when(leaning).then(pl.lit("analogues")).otherwise(pl.lit("history")))
        .with_columns(
            scale=(
                pl.max_horizontal(pl.col("level"), pl.lit(SMALLEST))
                * pl.max_horizontal(pl.col("swing"), pl.lit(SMALLEST))
            ).sqrt()
        )
        .select(
            "product_id", "family", "weeks_count", "demand_class", "level", "swing", "step_rms", "scale", "basis"
        )
    )  # fmt: skip


def _analogues(known: pl.DataFrame) -> pl.DataFrame:
    """Mean level, swing and step of the analogues of each young product: the mature next to it in price, either side.

    Of its family; the whole family where prices are unknown, and everything mature where it is the first of its family.
    """
    mature = known.filter(pl.col("weeks_count") >= MATURE_WEEKS).sort("price", "product_id")
    young = known.filter(pl.col("demand_class") == "new").select("product_id", "family", "price").sort("price")
    found = young.join(mature.group_by("family").agg(_means("family")), on="family", how="left")
    found = found.join(mature.select(_means("all")), how="cross")
    priced = mature.filter(pl.col("price").is_not_null())
    for side in ("backward", "forward"):
        beside = priced.select("family", "price", pl.col(_MEASURES).name.suffix(f"_{side}"))
        found = found.join_asof(beside, on="price", by="family", strategy=side, check_sortedness=False)
    nearest = [
        pl.coalesce(pl.mean_horizontal(f"{name}_backward", f"{name}_forward"), f"{name}_family", f"{name}_all")
        for name in _MEASURES
    ]
    return found.select(
        "product_id", *(near.alias(f"{name}_alike") for name, near in zip(_MEASURES, nearest, strict=True))
    )


def _means(of: str) -> list[pl.Expr]:
    return [pl.col(name).mean().alias(f"{name}_{of}") for name in _MEASURES]

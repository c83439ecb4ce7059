"""forecasting.inventory_targets: when to order each product and up to how many, with every figure it follows from.

about: One row per active product: order at the reorder point, up to the target; by demand until the goods are there.
when: nightly
column: product_id | The product.
column: sku | Its SKU.
column: supplier_id | Whom it was last ordered from; null before the first order.
column: target_quantity | Pieces to have in the house and on their way after ordering: order_up_to.
column: safety_stock | Pieces against uncertainty: reorder_point less protection_demand, at least 0.
column: reorder_point | Order when pieces in the house and on their way are at or below it: protection_quantile, whole pieces up.
column: order_up_to | reorder_point and order_quantity.
column: order_quantity | The least whole packs of the lesser of economic_quantity and the setting's most weeks of forecast_demand.
column: pack_quantity | Pieces in a pack.
column: forecast_demand | Expected pieces of a week, mean over the forecast's weeks.
column: forecast_period | weekly: what forecast_demand is of.
column: demand_class | smooth, erratic, intermittent, lumpy or new.
column: basis | What the forecast stands on: history or analogues.
column: origin_week | Monday of the last week that the forecast looked at.
column: protection_demand | Expected pieces over lead time and review, mean over the ten lead times.
column: protection_quantile | Pieces that demand over lead time and review stays at or below with probability service_level.
column: service_level | critical_ratio, within the settings' least and most; the least while cost is unknown.
column: critical_ratio | unit_margin / (unit_margin + holding_cost): what short pieces lose against what spare ones cost.
column: economic_quantity | Root of 2 order_cost times demand over holding cost; one review's demand while cost is unknown.
column: fill_rate | Share of the demand over lead time and review that reorder_point is expected to serve.
column: lead_time_source | Where the lead times come from: product, supplier, promise, company or default.
column: lead_time_days | Ten equally likely lead times, days; see procurement.lead_times.
column: review_days | Days between two looks at what to order.
column: unit_cost | What a piece costs; null while unknown.
column: unit_margin | List price less cost; null while cost is unknown.
column: holding_cost | What keeping a piece from one look to the next costs; null while cost is unknown.
column: holding_rate | What keeping stock costs in a year, as a share of its cost.
column: order_cost | What an order line costs to handle.
column: last_updated_by | Who said so.
column: updated_at | When.
expect: reorder_point >= 0 and safety_stock >= 0
expect: target_quantity = order_up_to and order_up_to = reorder_point + order_quantity
expect: order_quantity % pack_quantity = 0
expect: fill_rate between 0 and 1
expect: service_level between 0 and 0.98
input: forecast | select * replace (product_id::varchar as product_id) from forecasting.forecast order by product_id, weeks_ahead
input: products | select id::varchar as product_id, pack_quantity, cost::double as cost, base_price::double as price from category.products
input: lead_times | select product_id::varchar as product_id, supplier_id::varchar as supplier_id, lead_time_source, lead_time_days from procurement.lead_times
input: asked | select getvariable('review_days')::integer as review_days, getvariable('holding_rate')::double as holding_rate, getvariable('order_cost')::double as order_cost, getvariable('service_level_min')::double as service_level_min, getvariable('service_level_max')::double as service_level_max, getvariable('supply_weeks_max')::integer as supply_weeks_max, getvariable('as_of') as updated_at
"""  # noqa: E501 - a SELECT is one note

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from api.procurement.policy import (
    DemandCurve,
    critical_ratio,
    demand_curve,
    demand_quantile,
    economic_quantity,
    expected_shortage,
    holding_cost,
    stretched,
    whole_packs,
)
from assets.forecasting.spread import SHARES, name_of

UPDATED_BY = "assets:forecasting"
_TOTALS = [f"total_{name_of(share)}" for share in SHARES]
_PLACES = 4
_WEEK_DAYS = 7
_SCHEMA: dict[str, Any] = {
    "product_id": pl.String,
    "sku": pl.String,
    "supplier_id": pl.String,
    "target_quantity": pl.Int64,
    "safety_stock": pl.Int64,
    "reorder_point": pl.Int64,
    "order_up_to": pl.Int64,
    "order_quantity": pl.Int64,
    "pack_quantity": pl.Int64,
    "forecast_demand": pl.Float64,
    "forecast_period": pl.String,
    "demand_class": pl.String,
    "basis": pl.String,
    "origin_week": pl.Date,
    "protection_demand": pl.Float64,
    "protection_quantile": pl.Float64,
    "service_level": pl.Float64,
    "critical_ratio": pl.Float64,
    "economic_quantity": pl.Float64,
    "fill_rate": pl.Float64,
    "lead_time_source": pl.String,
    "lead_time_days": pl.List(pl.Int64),
    "review_days": pl.Int64,
    "unit_cost": pl.Float64,
    "unit_margin": pl.Float64,
    "holding_cost": pl.Float64,
    "holding_rate": pl.Float64,
    "order_cost": pl.Float64,
    "last_updated_by": pl.String,
    "updated_at": pl.Datetime("us", "UTC"),
}

Row = Mapping[str, Any]


def inventory_targets(
    forecast: pl.DataFrame, products: pl.DataFrame, lead_times: pl.DataFrame, asked: pl.DataFrame
) -> pl.DataFrame:
    """See above."""
    each = (
        forecast.group_by("product_id", "sku", "demand_class", "basis", "origin_week", maintain_order=True)
        .agg(totals=pl.struct("total_mean", *_TOTALS), forecast_demand=pl.col("quantity_mean").mean())
        .join(products, on="product_id", maintain_order="left")
        .join(lead_times, on="product_id", maintain_order="left")
    )
    settings = asked.row(0, named=True)
    rows = [_target(product, settings) for product in each.iter_rows(named=True)]
    floats = pl.col(pl.Float64).round(_PLACES)
    return pl.DataFrame(rows, schema=_SCHEMA).with_columns(floats)


def _target(product: Row, settings: Row) -> Row:
    """One row; what it is made of stands in it under its own name."""
    worth = _worth(product, settings)
    over_lead_times = list(_protection(product, settings["review_days"]))
    curves = [curve for curve, _ in over_lead_times]
    mean = sum(mean for _, mean in over_lead_times) / len(over_lead_times)
    quantile = demand_quantile(curves, worth["service_level"])
    reorder_point = math.ceil(round(quantile, _PLACES))
    order = _order(product, settings, worth["holding_cost"])
    return {
        **{name: value for name, value in {**product, **settings, **worth, **order}.items() if name in _SCHEMA},
        "target_quantity": reorder_point + order["order_quantity"],
        "order_up_to": reorder_point + order["order_quantity"],
        "safety_stock": max(0, math.ceil(round(reorder_point - mean, _PLACES))),
        "reorder_point": reorder_point,
        "forecast_period": "weekly",
        "protection_demand": mean,
        "protection_quantile": quantile,
        "fill_rate": 1.0 if mean <= 0 else max(0.0, 1 - expected_shortage(curves, reorder_point) / mean),
        "last_updated_by": UPDATED_BY,
    }


def _protection(product: Row, review_days: int) -> Iterator[tuple[DemandCurve, float]]:
    """Curve and mean of the demand from an order to the arrival of the next one, for each lead time."""
    totals = product["totals"]
    curves = [demand_curve(SHARES, [week[name] for name in _TOTALS]) for week in totals]
    means = [week["total_mean"] for week in totals]
    for days in product["lead_time_days"]:
        yield stretched(curves, means, (days + review_days) / _WEEK_DAYS)


def _worth(product: Row, settings: Row) -> Row:
    """What short and spare pieces cost, and how sure to be by that."""
    least, most = settings["service_level_min"], settings["service_level_max"]
    if not product["cost"]:
        return {"service_level": least, **dict.fromkeys(("unit_cost", "unit_margin", "holding_cost", "critical_ratio"))}
    margin = product["price"] - product["cost"]
    keeping = holding_cost(product["cost"], settings["holding_rate"], settings["review_days"])
    ratio = critical_ratio(max(margin, 0.0), keeping)
    return {
        "service_level": min(max(ratio, least), most),
        "unit_cost": product["cost"],
        "unit_margin": margin,
        "holding_cost": keeping,
        "critical_ratio": ratio,
    }


def _order(product: Row, settings: Row, holding: float | None) -> dict[str, Any]:
    """How much to order at once: demand and holding cost of a review period, or that demand while no cost is known."""
    weekly = product["forecast_demand"]
    demand = weekly * settings["review_days"] / _WEEK_DAYS
    economic = demand if holding is None else economic_quantity(settings["order_cost"], holding, demand)
    wanted = min(economic, settings["supply_weeks_max"] * weekly)
    return {"economic_quantity": economic, "order_quantity": whole_packs(wanted, product["pack_quantity"])}

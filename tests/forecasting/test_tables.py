"""The forecasting tables over real facts: from orders and receipts to when to order, each figure to be recomputed."""

from __future__ import annotations

import math
from datetime import date, timedelta
from decimal import Decimal

import pytest

from api.procurement.policy import (
    critical_ratio,
    demand_curve,
    demand_quantile,
    economic_quantity,
    holding_cost,
    stretched,
    whole_packs,
)
from assets.forecasting.spread import SHARES, name_of
from warehouse.events.category import ProductCreated, ProductDeactivated, Specifications
from warehouse.events.orders import OrderLine, OrderPlaced

D = Decimal
TODAY = date(2026, 3, 31)
FIRST = TODAY - timedelta(weeks=40)


@pytest.fixture
def shop(small_lake):
    """A pump that sells four to six a week, a seal in packs of ten that sells rarely, a newcomer, one given up."""
    lake = small_lake
    for product, cost, pack in (("pump", D(60), 1), ("seal", None, 10), ("newcomer", D(70), 1), ("former", D(5), 1)):
        lake.given(product, FIRST - timedelta(days=3), ProductCreated(
            sku=product.upper(), name=product, category="tank_pump", specifications=Specifications(), cost=cost,
            base_price=D(100), currency="USD", pack_quantity=pack,
        ))  # fmt: skip
    lake.given("former", FIRST, ProductDeactivated(reason="no longer made"))
    for week in range(40):
        monday = FIRST + timedelta(weeks=week)
        _order(lake, f"pump {week}", monday, "pump", 4 + week % 3)
        if week % 4 == 0:
            _order(lake, f"seal {week}", monday, "seal", 8)
    return lake


def _order(lake, name: str, on: date, product: str, quantity: int) -> None:
    line = OrderLine(
        line_no=1, kind="product", sku=product.upper(), product_id=lake.id(product), description=product,
        quantity=quantity, unit_price=D(100), tax_rate=D(0), net=D(100) * quantity, tax=D(0), gross=D(100) * quantity,
    )  # fmt: skip
    lake.given(name, on, OrderPlaced(
        number=name, customer_id=lake.id("ann"), customer_type="dealer", channel="api", currency="USD",
        prices_include_tax=False, lines=(line,), net=line.net, tax=D(0), total=line.net, terms="net_30",
        location="main",
    ))  # fmt: skip


def test_every_active_product_has_a_forecast_for_each_coming_week(shop):
    told = shop.table("forecasting.forecast")
    assert told.group_by("sku").len().sort("sku").rows() == [("NEWCOMER", 13), ("PUMP", 13), ("SEAL", 13)]
    pump = told.filter(sku="PUMP")
    assert pump["origin_week"].unique().to_list() == [date(2026, 3, 23)]  # the last whole week before a Tuesday
    assert pump["week_start"].to_list()[0] == date(2026, 3, 30)
    assert pump["quantity_mean"][0] == pytest.approx(5, abs=0.6)
    assert pump["total_mean"][12] == pytest.approx(65, abs=8)
    assert told.filter(sku="SEAL")["demand_class"][0] == "intermittent"
    assert told.filter(sku="NEWCOMER")["basis"].unique().to_list() == ["analogues"]


def test_the_week_that_has_begun_and_later_events_do_not_move_the_forecast_of_its_beginning(shop):
    before = shop.table("forecasting.forecast")
    _order(shop, "today", TODAY, "pump", 900)
    assert shop.table("forecasting.forecast").equals(before)


def test_a_target_can_be_recomputed_from_its_own_row_and_the_forecast(shop):
    targets = shop.table("forecasting.inventory_targets")
    assert sorted(targets["sku"]) == ["NEWCOMER", "PUMP", "SEAL"]
    told = shop.sql("select * from forecasting.forecast order by sku, weeks_ahead")
    for row in targets.to_dicts():
        weeks = told.filter(sku=row["sku"]).to_dicts()
        curves = [demand_curve(SHARES, [week[f"total_{name_of(share)}"] for share in SHARES]) for week in weeks]
        means = [week["total_mean"] for week in weeks]
        spans = [stretched(curves, means, (days + row["review_days"]) / 7) for days in row["lead_time_days"]]
        quantile = demand_quantile([curve for curve, _ in spans], row["service_level"])
        assert row["protection_quantile"] == pytest.approx(quantile, abs=1e-3)
        assert row["reorder_point"] == math.ceil(row["protection_quantile"])
        assert row["protection_demand"] == pytest.approx(sum(mean for _, mean in spans) / 10, abs=1e-3)
        assert row["safety_stock"] == max(0, math.ceil(row["reorder_point"] - row["protection_demand"]))
        assert row["forecast_demand"] == pytest.approx(sum(week["quantity_mean"] for week in weeks) / 13, abs=1e-3)
        wanted = min(row["economic_quantity"], 13 * row["forecast_demand"])
        assert row["order_quantity"] == whole_packs(wanted, row["pack_quantity"])


def test_what_a_piece_is_worth_decides_how_sure_to_be_within_the_settings(shop):
    rows = {row["sku"]: row for row in shop.table("forecasting.inventory_targets").to_dicts()}
    pump = rows["PUMP"]
    keeping = holding_cost(60, 0.25, 7)
    assert pump["holding_cost"] == pytest.approx(keeping, abs=1e-4)
    assert (pump["unit_cost"], pump["unit_margin"]) == (60, 40)
    assert pump["critical_ratio"] == pytest.approx(critical_ratio(40, keeping), abs=1e-4)
    assert pump["service_level"] == 0.95  # the settings' most
    assert pump["economic_quantity"] == pytest.approx(economic_quantity(25, keeping, pump["forecast_demand"]), rel=1e-3)
    seal = rows["SEAL"]  # nobody knows what it costs
    assert (seal["critical_ratio"], seal["unit_cost"], seal["service_level"]) == (None, None, 0.85)
    assert seal["economic_quantity"] == pytest.approx(seal["forecast_demand"], abs=1e-3)
    assert seal["order_quantity"] == 10


def test_a_setting_changes_what_it_says(shop):
    def pump(**settings):
        shop.settings = shop.settings.model_validate(shop.settings.model_dump() | {"DATABASE_URL": None} | settings)
        return shop.table("forecasting.inventory_targets").filter(sku="PUMP").to_dicts()[0]

    usual = pump()
    assert pump(service_level_max=D("0.5"), service_level_min=D("0.4"))["reorder_point"] < usual["reorder_point"]
    assert pump(service_level_max=D("0.95"), lead_time_days=60)["reorder_point"] > 2 * usual["reorder_point"]
    assert pump(lead_time_days=14, supply_weeks_max=1)["order_quantity"] <= math.ceil(usual["forecast_demand"])


def test_accuracy_scores_the_last_origins_whose_outcome_is_known(shop):
    scored = shop.table("forecasting.accuracy")
    week = scored.filter(weeks_ahead=1, demand_class="all").sort("origin_week")
    assert week["origin_week"].to_list() == [date(2026, 1, 26) + timedelta(weeks=n) for n in range(8)]
    assert week["products_count"].unique().to_list() == [2]
    assert scored.filter(weeks_ahead=13)["origin_week"].max() == date(2025, 12, 22)
    assert set(scored["demand_class"]) == {"all", "smooth", "intermittent"}

"""category.products: the catalog as it stands, each field by its newest word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from warehouse.events.category import (
    CurvePoint,
    ProductCostUpdated,
    ProductCreated,
    ProductDeactivated,
    ProductDescribed,
    ProductMediaAttached,
    ProductPriceUpdated,
    ProductReactivated,
    Specifications,
)

D = Decimal
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
CURVE = Specifications(head_m_max=D(40), curve=(CurvePoint(flow_m3_h=D(1), head_m=D("38.5")),))


def created(**changes) -> ProductCreated:
    fields = {"sku": "TP-1", "name": "Pump", "category": "tank_pump", "base_price": D(100), "currency": "USD"}
    return ProductCreated(**fields | changes)


def row(lake) -> dict:
    (row,) = lake.table("category.products").to_dicts()
    return row


def test_a_new_product_stands_as_it_was_created(small_lake):
    small_lake.given("pump", START, created(specifications=CURVE))
    product = row(small_lake)
    assert (product["sku"], product["base_price"], product["cost"], product["margin_rate"]) == (
        "TP-1",
        D(100),
        None,
        None,
    )
    assert product["specifications"]["curve"] == [{"flow_m3_h": D(1), "head_m": D("38.5"), "power_w": None}]
    assert (product["images"], product["documents"], product["active"], product["version"]) == ([], [], True, 1)


def test_each_field_is_its_newest_word(small_lake):
    words = {"description": "d", "category": "pressure_pump", "specifications": CURVE}
    changes = [
        ProductPriceUpdated(old_price=D(100), new_price=D(120), reason="copper", is_overridden=False),
        ProductCostUpdated(old_cost=None, new_cost=D(90), reason="copper"),
        ProductDescribed(name="Better pump", **words),
        ProductPriceUpdated(old_price=D(120), new_price=D(125), reason="copper", is_overridden=False),
        ProductMediaAttached(kind="image", url="b.png", title="back"),
        ProductMediaAttached(kind="document", url="m.pdf", title="manual"),
        ProductMediaAttached(kind="image", url="a.png", title="front"),
        ProductDeactivated(reason="old"),
    ]
    small_lake.given("pump", START, created())
    for hour, change in enumerate(changes, start=1):
        small_lake.given("pump", START + timedelta(hours=hour), change)
    product = row(small_lake)
    assert (product["name"], product["category"], product["base_price"]) == ("Better pump", "pressure_pump", D(125))
    assert (product["cost"], product["margin_rate"], product["active"]) == (D(90), D("0.28"), False)
    assert (product["images"], product["documents"]) == (["b.png", "a.png"], ["m.pdf"])
    assert (product["version"], product["created_at"]) == (9, START)
    assert product["updated_at"] == START + timedelta(hours=8)


def test_a_product_can_come_back(small_lake):
    small_lake.given("pump", START, created(), ProductDeactivated(reason="x"), ProductReactivated())
    assert row(small_lake)["active"] is True

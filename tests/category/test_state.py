"""How the streams of the catalog are listed and stored."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from api.category.commands import product_id
from api.category.state import (
    MARKET,
    PRICE_LIST,
    PRODUCT,
    Document,
    Market,
    Observation,
    PriceChange,
    PriceList,
    PriceListLine,
    Product,
)
from warehouse.events.category import CurvePoint, ProductCreated, ProductPriceUpdated, Specifications

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PUMP = Product(
    sku="JP-1",
    name="Jet",
    specifications=Specifications(curve=(CurvePoint(flow_m3_h=Decimal("1.5"), head_m=Decimal(30)),)),
    base_price=Decimal("200.00"),
    cost=Decimal("100.00"),
    is_active=True,
    images=("/a.png",),
    documents=(Document("Manual", "/m.pdf"),),
    price_changes=(PriceChange(NOON, Decimal(190), Decimal(200), is_overridden=True),),
)
LIST = PriceList(
    "Own",
    "USD",
    None,
    UUID(int=7),
    (PriceListLine("product", "JP-1", None, 1, Decimal("170.0001"), None, date(2026, 1, 1), None),),
)
SEEN = Market("JP-1", (Observation("Aqua", Decimal("1.00"), "USD", None, date(2026, 1, 1)),))


@pytest.mark.parametrize(("stream", "state"), [(PRODUCT, PUMP), (PRICE_LIST, LIST), (MARKET, SEEN)])
def test_a_state_survives_being_stored(stream, state):
    assert stream.parse(stream.dump(state)) == state


def test_lists_tell_active_products_and_whose_a_price_list_is():
    assert [PRODUCT.status(PUMP), PRODUCT.status(Product())] == ["active", "inactive"]
    assert [PRICE_LIST.status(LIST), PRICE_LIST.status(PriceList(tier="premium"))] == ["dealer", "premium"]
    assert PRICE_LIST.owner(LIST) == UUID(int=7)
    assert MARKET.status(SEEN) == "observed"


def test_price_changes_are_remembered_for_thirty_days(history):
    created = ProductCreated(sku="JP-1", name="Jet", category="tank_pump", base_price=Decimal(1), currency="USD")
    told = history.given(created, of=product_id("JP-1"))
    for day in range(50):
        price = ProductPriceUpdated(old_price=Decimal(day), new_price=Decimal(day + 1), reason="", is_overridden=False)
        told = told.given(price, of=product_id("JP-1"), at=NOON + timedelta(days=day))

    changes = told.state(PRODUCT, product_id("JP-1")).price_changes

    assert [change.new for change in changes] == [Decimal(day + 1) for day in range(20, 50)]

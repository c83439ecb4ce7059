"""Best sellers: what the lake counts comes first in the shop, and the shop sells without the lake."""

from __future__ import annotations

import re
from datetime import timedelta

from api.category.reports import best_sellers
from assets.hot_run import refresh
from warehouse.clock import now
from warehouse.lake.attach import open_writer


def first_cards(shop) -> list[str]:
    return re.findall(r'<a class="cover" href="/pumps/([A-Z]+-\d+)"', shop.nobody().get("/").text)


def test_products_are_counted_by_the_orders_that_hold_them(shop, database):
    asha, since = shop.consumer(), now() - timedelta(days=90)
    assert best_sellers(shop.house.lake, since) == ()

    shop.order(asha, ("TRN-510", 1))
    shop.order(asha, ("TRN-510", 1), ("RIL-250", 9))
    refresh(database, shop.house.settings)

    assert best_sellers(shop.house.lake, since) == ("TRN-510", "RIL-250")
    assert best_sellers(shop.house.lake, now() + timedelta(days=1)) == ()


def test_the_front_page_shows_them_first(shop, database, eventually):
    shop.order(shop.consumer(), ("TRN-510", 1))
    refresh(database, shop.house.settings)

    eventually(lambda: first_cards(shop)[:1] == ["TRN-510"])


def test_the_shop_sells_although_the_lake_is_broken(shop, database, eventually, caplog):
    refresh(database, shop.house.settings)
    with open_writer(database, shop.house.settings) as lake:
        lake.execute("drop table orders.order_items")

    assert len(first_cards(shop)) == 5
    eventually(lambda: "the shop goes on without them" in caplog.text)
    assert len(first_cards(shop)) == 5

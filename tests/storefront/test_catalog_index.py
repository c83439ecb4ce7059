"""The catalog in memory: never behind what is committed, whoever committed it and in whatever order."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from api.auth.enter import NOBODY
from api.category.commands import ChangePrice, DeactivateProduct, ReactivateProduct, product_id
from api.fulfillment.commands import CountStock
from api.pages.catalog_index import Catalog
from api.pages.memory import Memory


@pytest.fixture
def seen(shop):
    """Two processes' memories of one database, as (price, stock) by SKU; they must always agree."""
    from warehouse.clock import now

    catalogs = Catalog(), Catalog()

    def look() -> dict[str, tuple[Decimal, int]]:
        views = []
        for catalog in catalogs:
            with shop.house.reading(NOBODY) as connection:
                items = catalog.items(connection)
            views.append({one.product.sku: (one.product.base_price, one.available(now())) for one in items})
        assert views[0] == views[1]
        return views[0]

    return look


def test_every_change_shows_at_the_next_look(shop, seen):
    assert seen()["RIL-340"] == (Decimal("73.00"), 3)

    shop.order(shop.consumer(), ("RIL-340", 2))
    assert seen()["RIL-340"] == (Decimal("73.00"), 1)

    shop.send(ChangePrice(product_id=product_id("RIL-340"), new_price=Decimal("75.00"), reason="costs"))
    assert seen()["RIL-340"] == (Decimal("75.00"), 1)

    shop.send(CountStock(sku="RIL-340", counted_quantity=9))
    assert seen()["RIL-340"][1] == 7

    shop.send(DeactivateProduct(product_id=product_id("RIL-340"), reason="gone"))
    assert "RIL-340" not in seen()

    shop.send(ReactivateProduct(product_id=product_id("RIL-340")))
    shop.product("NEW-1", stock=4)
    assert seen()["NEW-1"][1] == 4
    assert seen()["RIL-340"] == (Decimal("75.00"), 7)


def test_a_change_that_began_first_and_committed_last_is_not_missed(shop, seen, engine):
    seen()
    change = text("""
        update jovey.states
           set version = version + 1, updated_at = now(), state = jsonb_set(state, '{base_price}', '"61.00"')
         where aggregate_id = :id""")

    with engine.connect() as slow:
        slow.execute(change, {"id": product_id("RIL-250")})  # its time is older than that of the next commit
        shop.send(ChangePrice(product_id=product_id("RIL-340"), new_price=Decimal("75.00"), reason="costs"))
        assert (seen()["RIL-340"][0], seen()["RIL-250"][0]) == (Decimal("75.00"), Decimal("62.00"))
        slow.commit()

    assert seen()["RIL-250"][0] == Decimal("61.00")


def test_a_product_whose_state_is_gone_is_gone(seen, engine):
    assert "RIL-250" in seen()

    with engine.begin() as connection:
        connection.execute(text("delete from jovey.states where aggregate_id = :id"), {"id": product_id("RIL-250")})

    assert "RIL-250" not in seen()


def test_nothing_new_costs_one_statement_and_one_change_four(shop, count_statements):
    catalog = Catalog()

    def look() -> None:
        with shop.house.reading(NOBODY) as connection:
            catalog.items(connection)

    look()
    assert count_statements(look) == 1
    shop.send(CountStock(sku="RIL-340", counted_quantity=9))
    assert count_statements(look) == 3
    assert count_statements(look) == 1


def test_many_readers_during_many_changes_see_prices_that_were_true(shop):
    catalog, prices, over = Catalog(), [], threading.Event()
    wrong: list[Decimal] = []

    def read() -> None:
        while not over.is_set():
            with shop.house.reading(NOBODY) as connection:
                price = next(
                    one for one in catalog.items(connection) if one.product.sku == "RIL-340"
                ).product.base_price
            if price not in {Decimal("73.00"), *prices}:
                wrong.append(price)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for cents in range(1, 16):
        prices.append(Decimal("73.00") + Decimal(cents) / 100)
        shop.send(ChangePrice(product_id=product_id("RIL-340"), new_price=prices[-1], reason="costs"))
    over.set()
    for reader in readers:
        reader.join()

    assert wrong == []
    with shop.house.reading(NOBODY) as connection:
        last = next(one for one in catalog.items(connection) if one.product.sku == "RIL-340")
    assert last.product.base_price == prices[-1]


def test_nobody_waits_for_an_answer_and_an_old_one_serves_while_the_next_is_sought(noon, eventually):
    memory: Memory[int] = Memory(0)
    asked, may_answer, life = [], threading.Event(), timedelta(minutes=15)

    def ask() -> int:
        asked.append(1)
        assert may_answer.wait(20)
        return len(asked)

    assert [memory.get(ask, noon, life) for _ in range(3)] == [0, 0, 0]
    may_answer.set()
    eventually(lambda: memory.get(ask, noon, life) == 1)
    assert memory.get(ask, noon + timedelta(minutes=14), life) == 1
    assert len(asked) == 1
    eventually(lambda: memory.get(ask, noon + timedelta(minutes=16), life) == 2)
    assert len(asked) == 2

"""Search: people mistype, mix units and leave words out, and still find their pump."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.category.policy import price_book
from api.category.state import Product
from api.customers.state import Customer
from api.pages.catalog_index import Item
from api.pages.catalog_offer import Offer, offer_of
from api.pages.catalog_search import QUERY_LENGTH_MAX, distance, found, nearest, understood
from warehouse.events.category import Specifications
from warehouse.ids import named

words = st.text("abcde", max_size=9)


def offer(noon, sku: str, name: str, category: str, specs: Specifications, description: str = "") -> Offer:
    product = Product(
        sku=sku, name=name, category=category, specifications=specs, base_price=Decimal(100), currency="USD",
        description=description, is_active=True,
    )  # fmt: skip
    book = price_book(Customer(), (), noon.date())
    return offer_of(Item(named("product", sku), product, None), book, noon, Decimal("0.1"), is_dealer=False)


@pytest.fixture
def offers(noon, specifications) -> list[Offer]:
    return [
        offer(noon, "RIL-250", "Rill 250", "tank_pump", specifications(2.7, 27.5, 250)),
        offer(noon, "RIL-620", "Rill 620", "tank_pump", specifications(3.7, 50.6, 620)),
        offer(noon, "DLV-006", "Delve 6", "borewell_pump", specifications(4.8, 63.0, 690, outlet_mm=32)),
        offer(noon, "ACC-NRV-25", "Non-return valve 25 mm", "accessory", Specifications(), "Brass, spring-loaded."),
        offer(noon, "SPR-SEAL-12", "Mechanical seal 12 mm", "spare_part", Specifications()),
    ]


@pytest.mark.parametrize(
    ("typed", "skus"),
    [
        ("RIL-620", ["RIL-620"]),
        ("ril-620", ["RIL-620"]),
        ("rill", ["RIL-250", "RIL-620"]),
        ("del", ["DLV-006"]),
        ("rlil 620", ["RIL-620"]),
        ("devle", ["DLV-006"]),
        ("submersable", ["DLV-006"]),
        ("pump for borehole", ["DLV-006"]),
        ("overhead tank", ["RIL-250", "RIL-620"]),
        ("valves", ["ACC-NRV-25"]),
        ("25mm", ["RIL-250", "RIL-620", "ACC-NRV-25"]),
        ("valve 25 mm", ["ACC-NRV-25"]),
        ("12 mm seal", ["SPR-SEAL-12"]),
        ("60 m", ["DLV-006"]),
        ("200ft", ["DLV-006"]),
        ("0.62kw", ["RIL-620", "DLV-006"]),
        ("1/3 hp", ["RIL-250"]),
        ("½ hp", []),
        ("0,25 kW", ["RIL-250"]),
        ("80 l/min", ["DLV-006"]),
        ("4.5 m³/h", ["DLV-006"]),
        ('1"', ["RIL-250", "RIL-620"]),
        ("rill 40 m", ["RIL-620"]),
        ("zzz", []),
    ],
)
def test_what_people_type_finds_what_they_mean(offers, typed: str, skus: list[str]):
    assert sorted(one.sku for one in found(offers, understood(typed))) == sorted(skus)


def test_the_best_answer_comes_first(offers):
    assert found(offers, understood("620"))[0].sku == "RIL-620"
    assert next(iter(found(offers, understood("brass valve")))).sku == "ACC-NRV-25"


def test_when_nothing_fits_the_nearest_answers_part_of_it(offers):
    assert found(offers, understood("rill 200 m")) == []
    assert [one.sku for one in nearest(offers, understood("rill 200 m"), 4)] == ["RIL-250", "RIL-620"]
    assert nearest(offers, understood("zzz"), 4) == []


@pytest.mark.parametrize("typed", ["", "   ", "the for", "-"])
def test_nothing_typed_asks_for_nothing(typed: str):
    assert understood(typed).is_empty


@given(st.text(max_size=300))
def test_whatever_is_typed_is_understood_without_a_complaint(typed: str):
    query = understood(typed)

    assert sum(map(len, query.words)) <= 3 * QUERY_LENGTH_MAX  # lower case of one letter may be up to three


@given(words, words)
@example("abc", "acaa")
def test_distance_is_a_distance(one: str, other: str):
    assert distance(one, other, 9) == distance(other, one, 9)
    assert (distance(one, other, 9) == 0) == (one == other)
    assert distance(one, other, 9) <= max(len(one), len(other))
    assert distance(one, other, 1) == min(distance(one, other, 9), 2)


@given(st.text("abcde", min_size=2, max_size=8), st.integers(0, 6))
def test_one_slip_is_one_step(word: str, at: int):
    at = at % (len(word) - 1)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]

    assert distance(word, word[:at] + word[at + 1 :], 3) == 1
    assert distance(word, f"{word[:at]}x{word[at:]}", 3) == 1
    assert distance(word, swapped, 3) == (swapped != word)

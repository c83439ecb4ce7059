"""Facets: the address is the choice, and every count is the number of products one would see."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pages.catalog_facets import FACETS, Choice, Sort, chips, choice_of, narrowed, shown_facets
from api.pages.catalog_offer import Offer
from api.pages.catalog_order import in_order, nearest_to
from api.pages.words import money
from warehouse.events.category import ProductCategory, Specifications

figures = st.none() | st.decimals("0.1", "500", places=1)
keys = st.fixed_dictionaries(
    {},
    optional={
        facet.slug: st.frozensets(st.sampled_from([key for key, _ in facet.options] or ["25", "32"]), min_size=1)
        for facet in FACETS
    },
)
choices = st.builds(
    Choice,
    typed=st.sampled_from(["", "rill", "1 hp & more", "ö%+x"]),
    chosen=keys,
    price_min=figures,
    price_max=figures,
    flow=figures,
    head=figures,
    sort=st.sampled_from(get_args(Sort)),
)


def _offer(specs: Specifications, category: ProductCategory, price: Decimal, available: int) -> Offer:
    return Offer("S", "N", "", category, specs, (), (), 1, "USD", price, price, price, price, available)


@pytest.fixture(scope="module")
def any_offers(specifications: Any) -> Any:
    pumps = st.builds(specifications, st.floats(1, 15), st.floats(5, 200), st.floats(100, 2500))
    return st.lists(
        st.builds(
            _offer,
            st.just(Specifications()) | pumps,
            st.sampled_from(get_args(ProductCategory)),
            st.decimals("1", "500", places=2),
            st.integers(0, 3),
        ),
        max_size=12,
    )


@given(choices, st.integers(1, 9))
def test_a_choice_survives_its_address(choice: Choice, page: int):
    from urllib.parse import parse_qsl, urlsplit

    back = choice_of(parse_qsl(urlsplit(choice.address(page)).query, keep_blank_values=True))

    assert back.address(page) == choice.address(page)
    assert (back.typed, back.chosen, back.sort, back.page) == (choice.typed, choice.chosen, choice.sort, page)
    assert (back.flow, back.head) == (choice.flow, choice.head)


@given(st.data(), choices)
def test_every_count_is_what_ticking_the_option_would_show(any_offers, data, choice: Choice):
    offers = data.draw(any_offers)

    for facet in shown_facets(offers, choice):
        for option in facet.options:
            alone = Choice(
                choice.typed, {**choice.chosen, facet.slug: frozenset({option.key})}, choice.price_min,
                choice.price_max, choice.flow, choice.head,
            )  # fmt: skip
            assert len(narrowed(offers, alone)) == option.count
            assert option.count or option.is_chosen
    shown = {(one.slug, option.key) for one in shown_facets(offers, choice) for option in one.options}
    assert shown >= {(slug, key) for slug, chosen in choice.chosen.items() for key in chosen}


@given(choices)
def test_each_chip_takes_exactly_one_thing_back(choice: Choice):
    shown = chips(choice, lambda amount: money(amount, "USD"))

    asked = sum(map(len, choice.chosen.values())) + sum(
        one is not None for one in (choice.price_min, choice.price_max, choice.duty)
    )
    assert len(shown) == asked
    assert len({chip.href for chip in shown}) == asked
    assert choice.address() not in {chip.href for chip in shown}


@given(
    st.lists(st.tuples(st.sampled_from(["q", "type", "head", "page", "sort", "price_min", "x"]), st.text()), max_size=8)
)
def test_no_address_is_an_error(pairs):
    choice = choice_of(pairs)

    assert choice.page >= 1
    assert choice.address().startswith("/pumps")


@pytest.mark.parametrize("typed", ["0", "-3", "nan", "Infinity", "1e9", "twelve", "", "1.2.3"])
def test_a_figure_that_is_none_is_left_out(typed: str):
    assert choice_of([("flow", typed), ("head", typed), ("price_min", typed)]) == Choice()


def test_a_comma_is_as_good_as_a_point():
    assert choice_of([("flow", " 1,5 ")]).flow == Decimal("1.5")


@given(st.data(), st.sampled_from(get_args(Sort)))
def test_sorting_loses_nothing(any_offers, data, sort):
    offers = data.draw(any_offers)

    ordered = in_order(offers, Choice(sort=sort))

    assert sorted(map(repr, ordered)) == sorted(map(repr, offers))
    if sort == "price_up":
        assert [one.price for one in ordered] == sorted(one.price for one in offers)
    if sort == "price_down":
        assert [one.price for one in ordered] == sorted((one.price for one in offers), reverse=True)


def test_for_a_duty_the_pump_that_wastes_least_comes_first_and_what_is_out_of_stock_last(specifications):
    snug, huge = specifications(3.0, 34.0, 340), specifications(4.8, 84.0, 920)
    offers = [
        _offer(huge, "borewell_pump", Decimal(2), 5),
        _offer(snug, "tank_pump", Decimal(1), 0),
        _offer(snug, "tank_pump", Decimal(1), 5),
    ]
    duty = Choice(flow=Decimal("1.2"), head=Decimal(25))

    assert [(one.category, one.available) for one in in_order(narrowed(offers, duty), duty)] == [
        ("tank_pump", 5), ("borewell_pump", 5), ("tank_pump", 0),
    ]  # fmt: skip


def test_when_no_pump_does_the_duty_the_one_that_comes_closest_is_named(specifications):
    small = _offer(specifications(3.0, 34.0), "tank_pump", Decimal(1), 1)
    deep = _offer(specifications(4.8, 84.0), "borewell_pump", Decimal(1), 1)
    seal = _offer(Specifications(), "spare_part", Decimal(1), 1)

    assert nearest_to([seal, small, deep], Choice(flow=Decimal(2), head=Decimal(100)), 4) == [deep, small]
    assert nearest_to([seal, small], Choice(typed="zzz"), 1) == [seal]


def test_options_of_one_facet_add_up_and_other_facets_narrow_their_counts(specifications):
    offers = [
        _offer(specifications(3.0, 34.0), "tank_pump", Decimal(1), 1),
        _offer(specifications(3.0, 84.0), "tank_pump", Decimal(1), 1),
        _offer(specifications(4.8, 84.0), "borewell_pump", Decimal(1), 1),
    ]

    shown = shown_facets(offers, Choice(chosen={"type": frozenset({"tank_pump"})}))

    counts = {one.slug: {option.key: option.count for option in one.options} for one in shown}
    assert counts["type"] == {"tank_pump": 2, "borewell_pump": 1}
    assert counts["head"] == {"20-40": 1, "over-80": 1}

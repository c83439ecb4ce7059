"""Offers: what each visitor pays and may have, in words; and amounts and figures as people write them."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.category.policy import price_book
from api.category.state import Product
from api.customers.state import Customer
from api.fulfillment.state import Stock
from api.pages.catalog_drawing import drawing_words, figure_of
from api.pages.catalog_index import Item
from api.pages.catalog_kin import kin
from api.pages.catalog_offer import Offer, offer_of
from api.pages.words import filters, money, number, percent, plural
from warehouse.events.category import Specifications
from warehouse.ids import named

DEALER = Customer(id=named("person", "d"), user_type="dealer", dealer_status="approved", discount_rate=Decimal("0.1"))
PUMP = Product(
    sku="RIL-340", name="Rill 340", category="tank_pump", base_price=Decimal("73.00"), cost=Decimal("3.37"),
    currency="USD", is_active=True, images=("/media/a.avif", "https://elsewhere.example/b.jpg", "//c.example/d.jpg"),
)  # fmt: skip


def offered(customer: Customer, on_hand: int | None, at: datetime, product: Product = PUMP) -> Offer:
    stock = None if on_hand is None else Stock(on_hand=on_hand)
    book = price_book(customer, (), at.date())
    is_dealer = customer.user_type == "dealer"
    return offer_of(Item(named("product", "x"), product, stock), book, at, Decimal("0.10"), is_dealer=is_dealer)


def test_consumers_go_by_the_price_with_tax_and_dealers_by_theirs_without(noon):
    consumer, dealer = offered(Customer(), 1, noon), offered(DEALER, 1, noon)

    assert (consumer.price, consumer.price_with_tax, consumer.price_without_tax) == (
        Decimal("73.00"), Decimal("73.00"), Decimal("66.36"),
    )  # fmt: skip
    assert (dealer.price, dealer.price_without_tax, dealer.price_with_tax) == (
        Decimal("65.7"), Decimal("65.7"), Decimal("72.27"),
    )  # fmt: skip
    assert dealer.is_reduced and not consumer.is_reduced


@pytest.mark.parametrize(
    ("on_hand", "kind", "words"),
    [
        (None, "bad", "Out of stock"), (0, "bad", "Out of stock"), (-4, "bad", "Out of stock"),
        (1, "low", "Only 1 left"), (5, "low", "Only 5 left"), (6, "good", "In stock, 6"),
        (50, "good", "In stock, 50"), (51, "good", "In stock, over 50"), (9000, "good", "In stock, over 50"),
    ],
)  # fmt: skip
def test_stock_is_told_in_words(noon, on_hand, kind: str, words: str):
    stock = offered(Customer(), on_hand, noon).stock

    assert (stock.kind, stock.words) == (kind, words)


def test_an_offer_knows_no_cost_and_shows_no_picture_from_elsewhere(noon):
    offer = offered(Customer(), 1, noon)

    assert "cost" not in {field.name for field in fields(offer)}
    assert offer.images == ("/media/a.avif",)


@given(st.decimals("-1e9", "1e9", places=2))
def test_money_is_read_back_as_the_amount(amount: Decimal):
    for currency in ("USD", "INR", "CHF"):
        digits = "".join(one for one in money(amount, currency) if one.isdigit() or one == ".")
        assert Decimal(digits) == abs(amount)
        assert money(amount, currency).startswith("\N{MINUS SIGN}") == (amount < 0)


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        ("1250", "USD", "$1,250.00"), ("124500", "INR", "₹1,24,500.00"), ("12345678.9", "INR", "₹1,23,45,678.90"),
        ("999", "INR", "₹999.00"), ("0", "EUR", "€0.00"), ("-0.001", "USD", "$0.00"), ("1234.5", "JPY", "¥1,235"),
        ("1.2345", "KWD", "KWD\N{NO-BREAK SPACE}1.235"), ("-12.5", "CHF", "\N{MINUS SIGN}CHF\N{NO-BREAK SPACE}12.50"),
    ],
)  # fmt: skip
def test_money_is_written_as_its_currency_wants_it(amount: str, currency: str, words: str):
    assert money(Decimal(amount), currency) == words


@pytest.mark.parametrize(
    ("value", "places", "words"),
    [
        (None, 1, "—"), (Decimal("3.00"), 2, "3"), (Decimal(100), 0, "100"), (Decimal("1250.55"), 1, "1,250.6"),
        (0.1, None, "0.1"), (Decimal("-2.50"), None, "\N{MINUS SIGN}2.5"), (Decimal("1E+3"), None, "1,000"),
        (Decimal("-0.01"), 1, "0"),
    ],
)  # fmt: skip
def test_figures_carry_no_idle_zeros(value, places, words: str):
    assert number(value, places) == words


def test_dates_and_counts_read_as_people_say_them():
    said = filters("Asia/Kolkata")

    assert said["day"](date(2026, 11, 2)) == "2 Nov 2026"
    assert said["day"](datetime(2026, 11, 2, 20, 0, tzinfo=UTC)) == "3 Nov 2026"
    assert said["instant"](datetime(2026, 11, 2, 20, 0, tzinfo=UTC)) == "3 Nov 2026, 01:30 IST"
    assert plural(1, "pump") == "1\N{NO-BREAK SPACE}pump"
    assert plural(2, "piece of it", "pieces of it") == "2\N{NO-BREAK SPACE}pieces of it"
    assert percent(Decimal("0.125")) == "12.5\N{NO-BREAK SPACE}%"


def _named(offer: Offer, sku: str, name: str, category: str, **more) -> Offer:
    return replace(offer, sku=sku, name=name, category=category, **{"description": "", **more})


def test_parts_go_with_a_pump_only_when_their_words_or_sizes_say_so(noon):
    pump = _named(
        offered(Customer(), 1, noon), "RIL-340", "Rill 340", "tank_pump", specifications=Specifications(outlet_mm=25)
    )
    impeller = _named(pump, "A", "Impeller for Rill, brass", "spare_part")
    stage = _named(pump, "B", "Stage kit for Delve", "spare_part")
    valve = _named(pump, "C", "Non-return valve 25 mm", "accessory")
    wide = _named(pump, "D", "Non-return valve 32 mm", "accessory")
    gaskets = _named(pump, "E", "Gasket set", "spare_part", description="O-rings for all families.")
    everything = [gaskets, wide, valve, stage, impeller, pump]

    assert [one.sku for one in kin(pump, everything)] == ["A", "C", "E"]
    assert [one.sku for one in kin(impeller, everything)] == ["RIL-340"]
    assert kin(stage, everything) == []


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("Foot valve with strainer 25 mm", "foot_valve"), ("Non-return valve 25 mm", "valve"),
        ("Gasket set", "gaskets"),
        ("Control panel, three-phase", "panel"), ("Flow controller", "controller"), ("Something else", "part"),
    ],
)  # fmt: skip
def test_a_part_is_drawn_by_its_name(noon, name: str, figure: str):
    assert figure_of(_named(offered(Customer(), 1, noon), "X", name, "accessory")).name == figure


def test_a_pump_is_drawn_by_its_size(noon, specifications):
    pump = offered(Customer(), 1, noon)
    small = replace(pump, specifications=specifications(3, 20, 200), category="borewell_pump")
    large = replace(pump, specifications=specifications(3, 900, 9000), category="borewell_pump")

    assert (figure_of(small).motor, figure_of(small).stages) == (4, 3)
    assert (figure_of(large).motor, figure_of(large).stages) == (40, 16)
    assert "submersible" in drawing_words(small)

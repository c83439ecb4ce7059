"""The rules of the catalog."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from api.category.commands import (
    AttachMedia,
    ChangeCost,
    ChangePrice,
    CreatePriceList,
    CreateProduct,
    DeactivateProduct,
    DescribeProduct,
    ObserveCompetitorPrice,
    ReactivateProduct,
    RemovePriceListLine,
    SetPriceListLine,
    dealer_price_list_id,
    product_id,
    tier_price_list_id,
)
from api.category.decide import MEDIA_MAX, PRICE_LIST_LINES_MAX, decide_price_list
from api.category.state import Document, Observation, PriceList, PriceListLine
from api.refusals import Refusal
from warehouse.events.category import (
    CompetitorPriceObserved,
    PriceListAssigned,
    PriceListCreated,
    PriceListLineRemoved,
    PriceListLineSet,
    ProductCostUpdated,
    ProductCreated,
    ProductDeactivated,
    ProductDescribed,
    ProductMediaAttached,
    ProductPriceUpdated,
    ProductReactivated,
    Specifications,
)
from warehouse.events.customers import CustomerRegistered, DealerApproved
from warehouse.ids import named

PUMP = product_id("JP-1")
GOLD = tier_price_list_id("premium")
DEALER = UUID(int=7)
CREATED = ProductCreated(
    sku="JP-1", name="Jet 1", category="tank_pump", base_price=Decimal("200.00"), cost=Decimal("100.00"), currency="USD"
)
OPENED = (PriceListCreated(name="Premium", currency="USD"), PriceListAssigned(tier="premium"))


def price_of(new, *, override=False, reason="market"):
    return ChangePrice(product_id=PUMP, new_price=Decimal(new), reason=reason, override=override)


def updated(old, new, *, overridden=False):
    return ProductPriceUpdated(
        old_price=Decimal(old), new_price=Decimal(new), reason="market", is_overridden=overridden
    )


def set_line(**fields):
    fields = {"scope": "product", "sku": "JP-1", "unit_price": Decimal(170), "valid_from": date(2026, 1, 1)} | fields
    return SetPriceListLine(price_list_id=GOLD, **fields)


def line_set(command):
    return PriceListLineSet(**command.model_dump(exclude={"price_list_id"}))


# products


def test_a_product_enters_the_catalog_in_the_company_s_currency(history):
    wish = CreateProduct(
        sku="JP-1", name="Jet 1", category="tank_pump", base_price=Decimal(200), cost=Decimal(100), pack_quantity=1
    )

    outcome = history.under(currency="EUR").when(wish).then(CREATED.model_copy(update={"currency": "EUR"}))

    assert outcome.state.is_active


def test_a_sku_stands_for_one_product(history):
    wish = CreateProduct(sku="JP-1", name="Other", category="accessory", base_price=Decimal(1))

    history.given(CREATED).when(wish).refused("product_exists")


def test_a_product_is_not_created_below_its_margin(history):
    wish = CreateProduct(
        sku="JP-2", name="Jet 2", category="tank_pump", base_price=Decimal("104.99"), cost=Decimal(100)
    )

    assert "105.00" in history.when(wish).refused("price_below_margin").message
    assert history.when(wish.model_copy(update={"base_price": Decimal("105.00")})).events


@pytest.mark.parametrize(
    "wish",
    [
        price_of(201),
        ChangeCost(product_id=PUMP, new_cost=Decimal(1), reason="found"),
        DescribeProduct(product_id=PUMP, name="x", category="accessory"),
        AttachMedia(product_id=PUMP, kind="image", url="/a.png", title="a"),
        DeactivateProduct(product_id=PUMP, reason="old"),
        ReactivateProduct(product_id=PUMP),
    ],
)
def test_what_is_not_in_the_catalog_cannot_be_changed(history, wish):
    history.when(wish).refused("product_not_found", "not_found")


def test_a_description_replaces_the_one_before(history):
    specifications = Specifications(power_w=Decimal(750))
    wish = DescribeProduct(
        product_id=PUMP, name="Jet 1+", description="Strong", category="pressure_pump", specifications=specifications
    )
    described = ProductDescribed(
        name="Jet 1+", description="Strong", category="pressure_pump", specifications=specifications
    )

    outcome = history.given(CREATED).when(wish).then(described)

    assert (outcome.state.name, outcome.state.specifications) == ("Jet 1+", specifications)
    outcome.when(wish).then()


def test_a_price_moves_by_a_small_step(history):
    outcome = history.given(CREATED).when(price_of(210)).then(updated(200, 210))

    assert outcome.state.base_price == Decimal(210)


def test_the_same_price_is_no_change(history):
    history.given(CREATED).when(price_of("200.00", reason="again")).then()


@pytest.mark.parametrize("price", ["189.99", "210.01"])
def test_a_price_takes_no_large_step(history, price):
    assert "190.00 and 210.00" in history.given(CREATED).when(price_of(price)).refused("price_step_exceeded").message


def test_small_steps_stop_at_the_limit_of_the_month(history, noon):
    begun = history.given(CREATED).given(updated(200, 210), updated(210, 218), at=noon - timedelta(days=20))

    begun.when(price_of(221)).refused("price_month_exceeded")
    begun.when(price_of(220)).then(updated(218, 220))
    begun.when(price_of(221), at=noon + timedelta(days=10)).then(updated(218, 221))


def test_a_price_never_falls_below_cost_and_margin_not_even_by_override(history):
    dear = history.given(CREATED, ProductCostUpdated(old_cost=None, new_cost=Decimal(190), reason="steel"))

    dear.when(price_of(199, override=True)).refused("price_below_margin")


def test_a_person_with_the_right_steps_over_the_limits(history, actors):
    outcome = history.given(CREATED).when(price_of(300, override=True), by=actors.staff("category"))

    outcome.then(updated(200, 300, overridden=True)).when(price_of(312)).then(updated(300, 312))


def test_an_override_that_is_not_needed_is_none(history, actors):
    outcome = history.given(CREATED).when(price_of(205, override=True), by=actors.agent("category"))

    outcome.then(updated(200, 205))


def test_nobody_else_steps_over_the_limits(history, actors):
    for who in (actors.staff("orders"), actors.agent("category"), actors.dealer(DEALER)):
        outcome = history.given(CREATED).when(price_of(300, override=True), by=who)
        outcome.refused("override_forbidden", "forbidden")


def test_a_cost_may_rise_above_the_price(history):
    wish = ChangeCost(product_id=PUMP, new_cost=Decimal(300), reason="copper")
    fact = ProductCostUpdated(old_cost=Decimal("100.00"), new_cost=Decimal("300.00"), reason="copper")

    history.given(CREATED).when(wish).then(fact).when(wish).then()


@pytest.mark.parametrize("kind", ["image", "document"])
def test_a_picture_or_document_is_attached_once(history, kind):
    wish = AttachMedia(product_id=PUMP, kind=kind, url="https://x.example/1", title="Front")
    fact = ProductMediaAttached(kind=kind, url="https://x.example/1", title="Front")

    outcome = history.given(CREATED).when(wish).then(fact)

    assert outcome.state.images == (("https://x.example/1",) if kind == "image" else ())
    assert outcome.state.documents == ((Document("Front", "https://x.example/1"),) if kind == "document" else ())
    outcome.when(wish).then()


def test_a_product_s_page_is_no_archive(history):
    facts = [ProductMediaAttached(kind="image", url=f"/{n}.png", title="") for n in range(MEDIA_MAX)]
    wish = AttachMedia(product_id=PUMP, kind="image", url="/more.png", title="")

    full = history.given(CREATED, *facts)

    full.when(wish).refused("media_limit_reached")
    full.when(wish.model_copy(update={"kind": "document"})).then(
        ProductMediaAttached(kind="document", url="/more.png", title="")
    )


def test_a_product_leaves_the_catalog_and_comes_back(history):
    leave, back = DeactivateProduct(product_id=PUMP, reason="old"), ReactivateProduct(product_id=PUMP)

    gone = history.given(CREATED).when(leave).then(ProductDeactivated(reason="old"))

    gone.when(leave).then()
    gone.when(back).then(ProductReactivated()).when(back).then()


# price lists


def test_a_tier_has_one_price_list(history):
    wish = CreatePriceList(price_list_id=GOLD, name="Premium", tier="premium")

    history.when(wish).then(*OPENED).when(wish).refused("price_list_exists")


def test_a_dealer_has_one_price_list(history):
    dealer = CustomerRegistered(user_type="dealer", name="Deal & Co")
    wish = CreatePriceList(price_list_id=dealer_price_list_id(DEALER), name="Deal & Co", customer_id=DEALER)

    outcome = history.given(dealer, of=DEALER).when(wish)

    outcome.then(PriceListCreated(name="Deal & Co", currency="USD"), PriceListAssigned(customer_id=DEALER))


def test_a_consumer_has_no_price_list(history):
    consumer = CustomerRegistered(user_type="consumer", name="Eve")
    wish = CreatePriceList(price_list_id=dealer_price_list_id(DEALER), name="Eve", customer_id=DEALER)

    history.given(consumer, of=DEALER).when(wish).refused("not_a_dealer")
    history.when(wish).refused("not_a_dealer")


@pytest.mark.parametrize("owner", [{}, {"tier": "premium", "customer_id": DEALER}])
def test_a_price_list_is_for_a_tier_or_for_a_dealer(history, owner):
    approved = DealerApproved(tier="premium", discount_rate=Decimal(0), credit_limit=None, terms="net_30")
    wish = CreatePriceList(price_list_id=GOLD, name="Premium", **owner)

    history.given(approved, of=DEALER).when(wish).refused("price_list_needs_one_owner")


def test_a_price_list_stands_under_the_id_of_whom_it_is_for(history):
    wish = CreatePriceList(price_list_id=GOLD, name="Standard", tier="standard")

    assert str(tier_price_list_id("standard")) in history.when(wish).refused("price_list_id_mismatch").message


@pytest.mark.parametrize(
    "fields",
    [
        {"unit_price": Decimal(170)},
        {"unit_price": None, "discount_rate": Decimal("0.2")},
        {
            "scope": "category",
            "sku": None,
            "category": "tank_pump",
            "unit_price": None,
            "discount_rate": Decimal("0.9"),
        },
        {
            "scope": "all",
            "sku": None,
            "unit_price": None,
            "discount_rate": Decimal("0.2"),
            "valid_until": date(2026, 1, 1),
        },
    ],
)
def test_a_line_is_set_once(history, fields):
    wish = set_line(**fields)
    begun = history.given(CREATED, of=PUMP).given(*OPENED, of=GOLD)

    begun.when(wish).then(line_set(wish)).when(wish).then()


def test_a_line_replaces_the_one_it_is_known_by(history):
    begun = history.given(CREATED, of=PUMP).given(*OPENED, of=GOLD)

    outcome = begun.when(set_line()).when(set_line(unit_price=Decimal(165))).when(set_line(minimum_quantity=5))

    assert [(one.minimum_quantity, one.unit_price) for one in outcome.state.lines] == [
        (1, Decimal(165)),
        (5, Decimal(170)),
    ]


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("line_scope_mismatch", {"sku": None}),
        ("line_scope_mismatch", {"category": "tank_pump"}),
        ("line_scope_mismatch", {"scope": "category"}),
        ("line_scope_mismatch", {"scope": "all"}),
        ("line_needs_one_price", {"unit_price": None}),
        ("line_needs_one_price", {"discount_rate": Decimal("0.1")}),
        ("window_ends_before_it_begins", {"valid_until": date(2025, 12, 31)}),
        ("price_below_margin", {"unit_price": Decimal("104.9999")}),
        ("price_below_margin", {"unit_price": None, "discount_rate": Decimal("0.4751")}),
    ],
)
def test_an_odd_line_is_refused(history, code, fields):
    history.given(CREATED, of=PUMP).given(*OPENED, of=GOLD).when(set_line(**fields)).refused(code)


def test_a_line_names_a_product_of_the_catalog(history):
    history.given(*OPENED).when(set_line()).refused("product_not_found", "not_found")


def test_a_price_list_has_an_end(history):
    asked = history.given(CREATED, of=PUMP).given(*OPENED, of=GOLD).when(set_line()).asked
    lines = [line_set(set_line(minimum_quantity=n)) for n in range(1, PRICE_LIST_LINES_MAX + 1)]
    full = PriceList("Premium", "USD", "premium", None, tuple(PriceListLine(**dict(one)) for one in lines))

    with pytest.raises(Refusal, match="price_list_full"):
        decide_price_list(full, set_line(minimum_quantity=PRICE_LIST_LINES_MAX + 1), asked)
    assert decide_price_list(full, set_line(unit_price=Decimal(160)), asked)


def test_a_line_is_taken_out(history):
    wish = RemovePriceListLine(price_list_id=GOLD, scope="product", sku="JP-1", valid_from=date(2026, 1, 1))
    begun = history.given(*OPENED, line_set(set_line()), line_set(set_line(minimum_quantity=5)), of=GOLD)

    outcome = begun.when(wish)

    outcome.then(PriceListLineRemoved(scope="product", sku="JP-1", minimum_quantity=1, valid_from=date(2026, 1, 1)))
    assert [one.minimum_quantity for one in outcome.state.lines] == [5]
    assert "JP-1 from 1 pieces" in outcome.when(wish).refused("price_list_line_not_found", "not_found").message


@pytest.mark.parametrize(
    "wish", [set_line(), RemovePriceListLine(price_list_id=GOLD, scope="all", valid_from=date(2026, 1, 1))]
)
def test_a_price_list_must_be_opened_first(history, wish):
    history.given(CREATED, of=PUMP).when(wish).refused("price_list_not_found", "not_found")


# the market

MARKET = named("market", "JP-1")


def seen(competitor, price, on, currency=None):
    fields = {"sku": "JP-1", "competitor": competitor, "price": Decimal(price), "observed_on": on}
    return (
        ObserveCompetitorPrice(**fields) if currency is None else CompetitorPriceObserved(**fields, currency=currency)
    )


def test_the_latest_look_at_each_competitor_counts(history):
    begun = history.given(CREATED, of=PUMP)

    outcome = (
        begun.when(seen("Zephyr", 190, date(2026, 2, 1)))
        .when(seen("Aqua", 210, date(2026, 2, 20)))
        .when(seen("Aqua", 205, date(2026, 2, 1)))
        .then(seen("Aqua", 205, date(2026, 2, 1), "USD"))
        .when(seen("Zephyr", 195, date(2026, 2, 10)))
    )

    assert outcome.state.observations == (
        Observation("Aqua", Decimal(210), "USD", None, date(2026, 2, 20)),
        Observation("Zephyr", Decimal(195), "USD", None, date(2026, 2, 10)),
    )
    outcome.when(seen("Zephyr", 195, date(2026, 2, 10))).then()


def test_the_last_look_of_a_day_counts(history):
    outcome = history.given(CREATED, of=PUMP).when(seen("Aqua", 210, date(2026, 2, 1)))

    assert outcome.when(seen("Aqua", 205, date(2026, 2, 1))).state.observations[0].price == Decimal(205)


def test_a_price_is_seen_at_the_latest_today(history):
    begun = history.given(CREATED, of=PUMP)

    begun.when(seen("Aqua", 210, date(2026, 3, 3))).refused("observed_in_the_future")
    begun.under(time_zone="Pacific/Kiritimati").when(seen("Aqua", 210, date(2026, 3, 3))).then(
        seen("Aqua", 210, date(2026, 3, 3), "USD")
    )


def test_a_market_is_about_a_product_of_the_catalog(history):
    history.when(seen("Aqua", 210, date(2026, 3, 1))).refused("product_not_found", "not_found")

"""The rules of the catalog: products, their prices, price lists and what is seen of the market."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import assert_never

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
from api.category.policy import line_price, margin_floor, month_range, step_range
from api.category.state import MARKET, PRICE_LIST, PRODUCT, Market, PriceList, PriceListLine, Product
from api.command import Peek, Reads
from api.customers.state import CUSTOMER
from api.decider import Decider
from api.given import Given
from api.refusals import Refusal, not_found
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
)
from warehouse.events.event import Event

MEDIA_MAX = 50  # of one kind and product: a page, not an archive
PRICE_LIST_LINES_MAX = 5_000  # the list is read whole with every order it prices

ProductCommand = (
    CreateProduct | DescribeProduct | ChangePrice | ChangeCost | AttachMedia | DeactivateProduct | ReactivateProduct
)
PriceListCommand = CreatePriceList | SetPriceListLine | RemovePriceListLine


def decide_product(product: Product, command: ProductCommand, given: Given) -> Sequence[Event]:
    """What follows from a wish about a product."""
    if isinstance(command, CreateProduct):
        return _create(product, command, given)
    if not product.exists:
        raise not_found("product", command.product_id)
    match command:
        case DescribeProduct():
            return _describe(product, command)
        case ChangePrice():
            return _change_price(product, command, given)
        case ChangeCost(new_cost=cost, reason=reason):
            is_known = product.cost == cost
            return [] if is_known else [ProductCostUpdated(old_cost=product.cost, new_cost=cost, reason=reason)]
        case AttachMedia():
            return _attach(product, command)
        case DeactivateProduct(reason=reason):
            return [ProductDeactivated(reason=reason)] if product.is_active else []
        case ReactivateProduct():
            return [] if product.is_active else [ProductReactivated()]
        case never:
            assert_never(never)


def _create(product: Product, command: CreateProduct, given: Given) -> Sequence[Event]:
    if product.exists:
        raise Refusal("product_exists", f"The SKU {command.sku} is in the catalog already; take another one.")
    _refuse_below_margin(command.sku, command.base_price, command.cost, given)
    return [
        ProductCreated(
            sku=command.sku,
            name=command.name,
            description=command.description,
            category=command.category,
            specifications=command.specifications,
            base_price=command.base_price,
            cost=command.cost,
            currency=given.rules.currency,
            pack_quantity=command.pack_quantity,
        )
    ]


def _describe(product: Product, command: DescribeProduct) -> Sequence[Event]:
    described = ProductDescribed(
        name=command.name,
        description=command.description,
        category=command.category,
        specifications=command.specifications,
    )
    before = (product.name, product.description, product.category, product.specifications)
    return [] if before == tuple(dict(described).values()) else [described]


def _change_price(product: Product, command: ChangePrice, given: Given) -> Sequence[Event]:
    if command.new_price == product.base_price:
        return []
    _refuse_below_margin(product.sku, command.new_price, product.cost, given)
    excess = _excess(product, command.new_price, given)
    if excess and not command.override:
        raise excess
    if excess and not _may_override(given):
        raise Refusal("override_forbidden", "Only staff of category may step over price limits.", kind="forbidden")
    return [
        ProductPriceUpdated(
            old_price=product.base_price,
            new_price=command.new_price,
            reason=command.reason,
            is_overridden=excess is not None,
        )
    ]


def _may_override(given: Given) -> bool:
    """A person with the right; software that recommends prices never."""
    return given.by.kind in {"staff", "system"} and given.by.works_in("category")


def _excess(product: Product, price: Decimal, given: Given) -> Refusal | None:
    """Which limit on price changes a new price breaks."""
    step = step_range(product, given.rules.price_step_rate)
    if not step.covers(price):
        return Refusal(
            "price_step_exceeded",
            f"{product.sku} may go from {product.base_price} to between {step.low} and {step.high} in one step, "
            f"not to {price}; take smaller steps, or override with a reason.",
        )
    month = month_range(product, given.at, given.rules.price_month_rate)
    if not month.covers(price):
        return Refusal(
            "price_month_exceeded",
            f"After its changes of the last 30 days {product.sku} must stay between {month.low} and {month.high}, "
            f"not go to {price}; wait, or override with a reason.",
        )
    return None


def _refuse_below_margin(sku: str, price: Decimal, cost: Decimal | None, given: Given) -> None:
    floor = margin_floor(cost, given.rules.minimum_margin_rate)
    if price < floor:
        raise Refusal("price_below_margin", f"{price} for {sku} is below its lowest price {floor} (cost and margin).")


def _attach(product: Product, command: AttachMedia) -> Sequence[Event]:
    known = product.images if command.kind == "image" else [document.url for document in product.documents]
    if command.url in known:
        return []
    if len(known) >= MEDIA_MAX:
        raise Refusal("media_limit_reached", f"{product.sku} has {MEDIA_MAX} of this kind; no more can be attached.")
    return [ProductMediaAttached(kind=command.kind, url=command.url, title=command.title)]


def decide_price_list(prices: PriceList, command: PriceListCommand, given: Given) -> Sequence[Event]:
    """What follows from a wish about a price list."""
    if isinstance(command, CreatePriceList):
        return _open(command, given)
    if not given.exists:
        raise not_found("price list", command.price_list_id)
    match command:
        case SetPriceListLine():
            return _set_line(prices, command, given)
        case RemovePriceListLine():
            return _remove_line(prices, command)
        case never:
            assert_never(never)


def _open(command: CreatePriceList, given: Given) -> Sequence[Event]:
    if given.exists:
        raise Refusal(
            "price_list_exists", f"{command.name} exists already: a tier or dealer has one list; set its lines."
        )
    if command.tier is not None and command.customer_id is None:
        expected = tier_price_list_id(command.tier)
    elif command.customer_id is not None and command.tier is None:
        expected = dealer_price_list_id(command.customer_id)
        if given.state(CUSTOMER, command.customer_id).user_type != "dealer":
            raise Refusal(
                "not_a_dealer", f"Customer {command.customer_id} is no dealer; only dealers have price lists."
            )
    else:
        raise Refusal(
            "price_list_needs_one_owner", "A price list is for a tier or for one dealer; name one of the two."
        )
    if command.price_list_id != expected:
        raise Refusal("price_list_id_mismatch", f"The price list of this tier or dealer has the id {expected}; use it.")
    return [
        PriceListCreated(name=command.name, currency=given.rules.currency),
        PriceListAssigned(tier=command.tier, customer_id=command.customer_id),
    ]


def _set_line(prices: PriceList, command: SetPriceListLine, given: Given) -> Sequence[Event]:
    _refuse_odd_line(command)
    line_set = PriceListLineSet(**command.model_dump(exclude={"price_list_id"}))
    line = PriceListLine(**dict(line_set))
    if line in prices.lines:
        return []
    if len(prices.lines) >= PRICE_LIST_LINES_MAX and line.key not in {one.key for one in prices.lines}:
        raise Refusal("price_list_full", f"A price list has {PRICE_LIST_LINES_MAX} lines at the most; remove old ones.")
    if command.sku is not None:
        product = given.state(PRODUCT, product_id(command.sku))
        if not product.exists:
            raise not_found("product", command.sku)
        _refuse_below_margin(product.sku, line_price(line, product.base_price), product.cost, given)
    return [line_set]


def _refuse_odd_line(command: SetPriceListLine) -> None:
    needed = {"product": (True, False), "category": (False, True), "all": (False, False)}[command.scope]
    if (command.sku is not None, command.category is not None) != needed:
        wanted = {"product": "a SKU alone", "category": "a category alone", "all": "neither SKU nor category"}
        raise Refusal("line_scope_mismatch", f"A line of scope {command.scope} names {wanted[command.scope]}.")
    if (command.unit_price is None) == (command.discount_rate is None):
        raise Refusal("line_needs_one_price", "A line has a unit price or a discount rate; give one of the two.")
    if command.valid_until is not None and command.valid_until < command.valid_from:
        raise Refusal(
            "window_ends_before_it_begins", f"{command.valid_until} is before {command.valid_from}; swap them."
        )


def _remove_line(prices: PriceList, command: RemovePriceListLine) -> Sequence[Event]:
    key = (command.scope, command.sku, command.category, command.minimum_quantity, command.valid_from)
    if key not in {line.key for line in prices.lines}:
        about = command.sku or command.category or "everything"
        which = f"for {about} from {command.minimum_quantity} pieces and {command.valid_from} on"
        raise not_found("price list line", which)
    return [PriceListLineRemoved(**command.model_dump(exclude={"price_list_id"}))]


def reads_of_price_list(command: PriceListCommand, _: Peek) -> Reads:
    """A dealer's list looks at the dealer, a product's line at the product."""
    match command:
        case CreatePriceList(customer_id=customer_id) if customer_id is not None:
            return Reads(shared=(CUSTOMER.ref(customer_id),))
        case SetPriceListLine(sku=sku) if sku is not None:
            return Reads(shared=(PRODUCT.ref(product_id(sku)),))
        case _:
            return Reads()


def decide_market(market: Market, command: ObserveCompetitorPrice, given: Given) -> Sequence[Event]:
    """What follows from a look at a competitor."""
    if not given.state(PRODUCT, product_id(command.sku)).exists:
        raise not_found("product", command.sku)
    if command.observed_on > given.today:
        raise Refusal("observed_in_the_future", f"{command.observed_on} is not yet; today is {given.today}.")
    observed = CompetitorPriceObserved(
        sku=command.sku,
        competitor=command.competitor,
        price=command.price,
        currency=given.rules.currency,
        url=command.url,
        observed_on=command.observed_on,
    )
    seen = {(one.competitor, one.price, one.url, one.observed_on) for one in market.observations}
    return [] if (observed.competitor, observed.price, observed.url, observed.observed_on) in seen else [observed]


def reads_of_market(command: ObserveCompetitorPrice, _: Peek) -> Reads:
    """A market looks at its product."""
    return Reads(shared=(PRODUCT.ref(product_id(command.sku)),))


DECIDERS: tuple[Decider[Product] | Decider[PriceList] | Decider[Market], ...] = (
    Decider(PRODUCT, decide_product),
    Decider(PRICE_LIST, decide_price_list, reads_of_price_list),
    Decider(MARKET, decide_market, reads_of_market),
)

"""Pages of the catalog: home, the list, and each product."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from api.actor import Actor
from api.auth.enter import NOBODY
from api.category.commands import dealer_price_list_id, tier_price_list_id
from api.category.policy import PriceBook, price_book
from api.category.reports import best_sellers
from api.category.state import PRICE_LIST
from api.customers.state import Customer
from api.house import Here, House
from api.pages.catalog_curve import Scale, curve_of, drawn, good_range, judged, scale_of
from api.pages.catalog_drawing import drawing_words, figure_of
from api.pages.catalog_facets import SORTS, Choice, chips, choice_of, narrowed, shown_facets
from api.pages.catalog_index import Catalog
from api.pages.catalog_kin import kin, neighbours
from api.pages.catalog_offer import PUMPS, Offer, offer_of
from api.pages.catalog_order import in_order, nearest_to
from api.pages.catalog_search import found, understood
from api.pages.memory import Memory
from api.pages.render import FAMILIES, page
from api.pages.visitor import Visit
from api.pages.words import money
from api.reading import found_among
from warehouse.clock import calendar_date, now

ROUTER = APIRouter()
PAGE_SIZE = 20
BEST_ON_HOME = 6
NEAREST_MAX = 4
_BEST_OF = timedelta(days=90)
_BEST_KEPT = timedelta(minutes=15)
_LOG = logging.getLogger("jovey.pages")


@dataclass(frozen=True, slots=True)
class Shop:
    """The catalog as this visitor may have it."""

    offers: tuple[Offer, ...]
    is_dealer: bool
    best: Sequence[str]


def open_shop(request: Request, here: Here, who: Visit) -> Shop:
    """Every offer to whoever is looking, the best sellers first."""
    customer = who.customer or Customer()
    is_dealer, at = customer.user_type == "dealer", now()
    catalog: Catalog = request.app.state.catalog
    with here.reading(NOBODY) as connection:  # one catalog for all who look: what is on sale
        items = catalog.items(connection)
    book = _book(here, who.by, customer)
    best = _best(request, here)
    rank = {sku: place for place, sku in enumerate(best)}
    offers = [offer_of(item, book, at, here.rules.tax_rate, is_dealer=is_dealer) for item in items]
    offers.sort(key=lambda offer: (not offer.is_pump, rank.get(offer.sku, len(rank))))
    return Shop(tuple(offers), is_dealer, best)


Open = Annotated[Shop, Depends(open_shop)]


@ROUTER.get("/")
def show_home(request: Request, shop: Open) -> Response:
    """The front of the shop: jobs, a duty point, best sellers."""
    jobs = [(slug, [offer for offer in shop.offers if offer.category == slug]) for slug, _ in FAMILIES[:4]]
    best = [offer for offer in shop.offers if offer.category in PUMPS][:BEST_ON_HOME]
    return page(request, "category/home.html", jobs=jobs, best=best, **_words(shop))


@ROUTER.get("/pumps")
def list_products(request: Request, shop: Open) -> Response:
    """The list, narrowed as its address says; htmx gets the part that changes."""
    choice = choice_of(request.query_params.multi_items())
    matches = found(shop.offers, understood(choice.typed)) if choice.typed else list(shop.offers)
    left = in_order(narrowed(matches, choice), choice)
    pages = max(1, ceil(len(left) / PAGE_SIZE))
    number = min(choice.page, pages)
    offers = left[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    nearest = [] if left else nearest_to(shop.offers, choice, NEAREST_MAX)
    return page(
        request,
        "category/list.html",
        block="catalog",
        headers={_remembering(request): choice.address(number)},
        choice=choice,
        number=number,
        pages=pages,
        total=len(left),
        offers=offers,
        nearest=nearest,
        scales=_scales(shop.offers, choice),
        unnarrowed=len(matches),
        facets=shown_facets(matches, choice),
        chips=chips(choice, lambda amount: money(amount, shop.offers[0].currency if shop.offers else "USD")),
        sorts=SORTS,
        title=_title(choice),
        verdict_of=lambda offer: judged(offer.specifications, choice.duty) if choice.duty else None,
        **_words(shop),
    )


@ROUTER.get("/pumps/{sku}")
def show_product(request: Request, shop: Open, sku: str) -> Response:
    """One product; `flow` and `head` in the address mark a duty point on its curve."""
    offer = next((one for one in shop.offers if one.sku.lower() == sku.lower()), None)
    if offer is None:
        raise HTTPException(404)
    choice = choice_of(request.query_params.multi_items())
    return page(
        request,
        "category/product.html",
        block="curve",
        offer=offer,
        choice=choice,
        curve=curve_of(offer.specifications),
        plot=drawn(offer.specifications, choice.duty),
        good=good_range(offer.specifications),
        verdict=judged(offer.specifications, choice.duty) if choice.duty else None,
        kin=kin(offer, shop.offers),
        neighbours=neighbours(offer, shop.offers),
        others=_others(offer, choice, shop.offers),
        **_words(shop),
    )


@ROUTER.get("/robots.txt")
def show_robots() -> Response:
    """Search engines may read the catalog and nothing that is somebody's own."""
    closed = ("/cart", "/checkout", "/orders", "/account", "/sign-in", "/pay", "/staff", "/api")
    return PlainTextResponse("\n".join(["User-agent: *", *(f"Disallow: {path}" for path in closed), ""]))


def _remembering(request: Request) -> str:
    """A choice of filters is a step one can go back from, a letter typed into the search is not."""
    return "HX-Push-Url" if request.headers.get("HX-Source", "").endswith("#narrow") else "HX-Replace-Url"


def _words(shop: Shop) -> dict[str, Any]:
    return {"is_dealer": shop.is_dealer, "figure_of": figure_of, "drawing_words": drawing_words}


def _scales(offers: Sequence[Offer], choice: Choice) -> dict[str, Scale]:
    """One scale for all pumps of a kind: a cellar's pump would be a line beside a deep borehole's."""
    kinds = {slug: [one.specifications for one in offers if one.category == slug] for slug, _ in FAMILIES}
    return {slug: scale_of(all_of, choice.duty) for slug, all_of in kinds.items()}


def _title(choice: Choice) -> str:
    types = choice.chosen.get("type", frozenset())
    if len(types) == 1:
        return dict(FAMILIES)[next(iter(types))]
    return f"“{choice.typed}”" if choice.typed else "All pumps and parts"


def _others(offer: Offer, choice: Choice, offers: Sequence[Offer]) -> list[Offer]:
    """Pumps that do the duty this one cannot, the closest first."""
    if choice.duty is None or (verdict := judged(offer.specifications, choice.duty)) is None or verdict.fits:
        return []
    fitting = [one for one in narrowed(offers, Choice(flow=choice.flow, head=choice.head)) if one.available]
    return in_order(fitting, choice)[:3]


def _book(here: House, by: Actor, customer: Customer) -> PriceBook:
    on = calendar_date(now(), here.rules.time_zone)
    if customer.dealer_status != "approved" or customer.id is None:
        return price_book(customer, (), on)
    ids = [dealer_price_list_id(customer.id), *([tier_price_list_id(customer.tier)] if customer.tier else [])]
    with here.reading(by) as connection:
        return price_book(customer, [row.state for row in found_among(connection, PRICE_LIST, ids).values()], on)


def _best(request: Request, here: House) -> Sequence[str]:
    remembered: Memory[Sequence[str]] = request.app.state.best_sellers

    def ask() -> Sequence[str]:
        try:
            return best_sellers(here.lake, now() - _BEST_OF)
        except Exception:  # noqa: BLE001 - whatever ails the lake, the shop sells
            _LOG.exception("best sellers are unknown; the shop goes on without them")
            return ()

    return remembered.get(ask, now(), _BEST_KEPT)

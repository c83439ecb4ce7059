"""The first day: colleagues get keys, suppliers and products are entered, prices listed, shelves filled."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID

from api.actor import system
from api.category.commands import CreatePriceList, CreateProduct, SetPriceListLine, tier_price_list_id
from api.customers.commands import InviteStaffMember
from api.fulfillment.commands import ReceiveStock
from api.handle import Answer, Request
from api.procurement.commands import CreateSupplier
from orchestration.demo import hours
from orchestration.demo.books import Ask, Company
from orchestration.demo.catalog import Good
from orchestration.demo.people import title
from warehouse.events.category import DealerTier, ProductCategory
from warehouse.ids import named

BEGUN = named("demo", "begun")
"""The id of the very first command; its receipt says which plan the company in a database follows."""
FOUNDER = system("demo")
_COVER_WEEKS = 3.0  # of opening stock beyond the supplier's lead time
_DISCOUNTS: tuple[tuple[DealerTier, ProductCategory, int, str], ...] = (
    ("premium", "tank_pump", 1, "0.15"), ("premium", "tank_pump", 10, "0.19"),
    ("premium", "pressure_pump", 1, "0.14"), ("premium", "pressure_pump", 10, "0.18"),
    ("premium", "borewell_pump", 1, "0.12"), ("premium", "borewell_pump", 5, "0.16"),
    ("premium", "drainage_pump", 1, "0.15"), ("premium", "drainage_pump", 10, "0.19"),
    ("premium", "accessory", 1, "0.16"), ("premium", "spare_part", 1, "0.16"), ("premium", "spare_part", 50, "0.22"),
    ("distributor", "tank_pump", 1, "0.22"), ("distributor", "tank_pump", 20, "0.27"),
    ("distributor", "pressure_pump", 1, "0.21"), ("distributor", "pressure_pump", 20, "0.26"),
    ("distributor", "borewell_pump", 1, "0.20"), ("distributor", "borewell_pump", 10, "0.24"),
    ("distributor", "drainage_pump", 1, "0.22"), ("distributor", "drainage_pump", 20, "0.27"),
    ("distributor", "accessory", 1, "0.24"),
    ("distributor", "spare_part", 1, "0.24"), ("distributor", "spare_part", 50, "0.30"),
)  # fmt: skip
"""Tier, category, from so many pieces, discount off the list price."""


def open_doors(company: Company) -> None:
    """All requests of the first day; they run from five past midnight, one second apart."""
    steps = (*_staff(company), *_suppliers(company), *_products(company), *_price_lists(company), *_shelves(company))
    company.asks.extend(Ask((request,)) for request in steps)


def _staff(company: Company) -> Iterator[Request]:
    for number, one in enumerate(company.staff.values()):
        command = InviteStaffMember(
            staff_id=one.id, name=one.name, email=one.email, staff_role=title(one.role), function_access=one.functions
        )
        if number:
            yield company.request(hours.OPENING + number / 60, FOUNDER, command)
        else:
            at = company.plan.instant(company.today, hours.OPENING)
            yield Request(command, BEGUN, FOUNDER, at, _begun(company))


def _begun(company: Company) -> Answer:
    return lambda *_: company.plan.words()


def _suppliers(company: Company) -> Iterator[Request]:
    for number, supplier in enumerate(company.suppliers):
        command = CreateSupplier(
            supplier_id=supplier.id,
            name=supplier.name,
            country=supplier.person.land.code,
            contact_email=supplier.person.email,
            contact_phone=supplier.person.phone,
            payment_terms=supplier.terms,
            lead_time_days=supplier.lead_time_days,
            quality_rating=supplier.quality,
        )
        yield company.request(hours.OPENING + 5 + number / 60, company.by("purchasing"), command)


def _products(company: Company) -> Iterator[Request]:
    for number, good in enumerate(company.goods):
        command = CreateProduct(
            sku=good.sku,
            name=good.name,
            description=good.description,
            category=good.category,
            specifications=good.specifications,
            base_price=good.base_price,
            cost=good.cost,
            pack_quantity=good.pack_quantity,
        )
        yield company.request(hours.OPENING + 10 + number / 60, company.by("catalog"), command)


def _price_lists(company: Company) -> Iterator[Request]:
    tiers: tuple[DealerTier, ...] = ("premium", "distributor")
    lists: dict[DealerTier, UUID] = {tier: tier_price_list_id(tier) for tier in tiers}
    for number, (tier, id) in enumerate(lists.items()):
        opened = CreatePriceList(price_list_id=id, name=f"{tier.capitalize()} dealers", tier=tier)
        yield company.request(hours.OPENING + 15 + number / 60, company.by("catalog"), opened)
    for number, (tier, category, minimum, rate) in enumerate(_DISCOUNTS):
        line = SetPriceListLine(
            price_list_id=lists[tier],
            scope="category",
            category=category,
            minimum_quantity=minimum,
            discount_rate=Decimal(rate),
            valid_from=company.today,
        )
        yield company.request(hours.OPENING + 16 + number / 60, company.by("catalog"), line)


def _shelves(company: Company) -> Iterator[Request]:
    for number, (sku, shelf) in enumerate(company.shelves.items()):
        shelf.on_hand = _opening_quantity(company, shelf.good, shelf.weekly_budget)
        command = ReceiveStock(sku=sku, quantity=shelf.on_hand, unit_cost=shelf.good.cost, source="opening")
        yield company.request(hours.OPENING + 20 + number / 60, company.by("warehouse"), command)


def _opening_quantity(company: Company, good: Good, weekly: float) -> int:
    weeks = company.suppliers[good.supplier].lead_time_days / 7 + _COVER_WEEKS
    return max(good.pack_quantity, round(weekly * weeks / good.pack_quantity) * good.pack_quantity)

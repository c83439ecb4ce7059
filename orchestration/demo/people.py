"""The people of the demo company: colleagues, consumers, dealers and suppliers."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from api.actor import Actor
from api.receivables.policy import TERM_DAYS
from orchestration.demo.catalog import Good
from orchestration.demo.names import Person, address, person
from orchestration.demo.plan import Plan
from warehouse.events.category import DealerTier
from warehouse.events.customers import Address, PaymentTerms

CONSUMERS, DEALERS = 300, 40
_THERE_FROM_THE_START = 0.45  # share of buyers known on the first day; the others join on the way
_JOIN_BEFORE_END_DAYS = 60

PaymentHabit = Literal["prompt", "late", "slow"]


@dataclass(frozen=True, slots=True)
class Colleague:
    """A member of staff; `role` is how the story calls on them."""

    id: UUID
    role: str
    name: str
    email: str
    functions: tuple[str, ...]

    @property
    def actor(self) -> Actor:
        """The colleague as the rules see them."""
        return Actor("staff", self.id, self.name, frozenset(self.functions))


@dataclass(frozen=True, slots=True)
class Consumer:
    """A private buyer; `zeal` is how often they come compared with others."""

    id: UUID
    person: Person
    address: Address
    joins_on: date
    zeal: float

    @property
    def actor(self) -> Actor:
        """The consumer as the rules see them."""
        return Actor("consumer", self.id, self.person.name)


@dataclass(frozen=True, slots=True)
class Dealer:
    """A trading buyer: tier, terms and habits. `range` is what their shop keeps, `rhythm_days` between orders."""

    id: UUID
    company: str
    person: Person
    address: Address
    joins_on: date
    tier: DealerTier
    discount_rate: Decimal
    terms: PaymentTerms
    credit_months: float | None
    rhythm_days: float
    range: tuple[str, ...]
    habit: PaymentHabit
    pays_statements: bool
    is_welcome: bool = True

    @property
    def actor(self) -> Actor:
        """The dealer as the rules see them."""
        return Actor("dealer", self.id, self.company)

    @property
    def newcomer(self) -> Actor:
        """The same before anybody approved them: everyone begins as a consumer."""
        return Actor("consumer", self.id, self.company)


@dataclass(frozen=True, slots=True)
class Supplier:
    """A maker of what the company sells; true lead times scatter around `lead_time_days` by `spread`."""

    id: UUID
    name: str
    person: Person
    terms: PaymentTerms
    lead_time_days: int
    spread: float
    quality: Decimal


_ROLES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("director", "Managing director", (
        "category", "customers", "orders", "fulfillment", "procurement", "production", "receivables", "forecasting",
        "agents", "events", "roadmap")),
    ("catalog", "Category manager", ("category", "forecasting")),
    ("customers", "Customer desk", ("customers", "orders")),
    ("orders", "Order desk", ("orders", "customers")),
    ("warehouse", "Warehouse lead", ("fulfillment",)),
    ("packing", "Packer", ("fulfillment",)),
    ("buyer", "Buyer", ("procurement",)),
    ("purchasing", "Head of purchasing", ("procurement", "forecasting")),
    ("receivables", "Accounts receivable", ("receivables", "orders")),
    ("database", "Database manager", ("events",)),
)  # fmt: skip

_TRADES = ("Water Works", "Pump & Well", "Irrigation", "Plumbing Supply", "Hydraulics", "Farm Stores", "Hardware")
_MAKERS: tuple[tuple[str, int, float, PaymentTerms], ...] = (
    ("Kestrel Brook Castings", 21, 0.18, "net_30"),
    ("Saltmarsh Motors", 35, 0.25, "net_60"),
    ("Deepwell Stainless", 42, 0.30, "net_60"),
    ("Fenland Polymer", 28, 0.22, "net_30"),
    ("Iron Lantern Vessels", 18, 0.15, "net_30"),
    ("Quiet Relay Works", 24, 0.35, "net_30"),
    ("Brassfield Valves", 16, 0.20, "net_30"),
    ("Longmeadow Hose", 12, 0.20, "net_15"),
    ("Carbon & Grey Seals", 20, 0.25, "net_30"),
    ("Amberline Capacitors", 30, 0.30, "net_30"),
    ("Rolling Stone Bearings", 26, 0.20, "net_30"),
    ("Vaneside Impellers", 45, 0.35, "net_60"),
)  # name, promised lead time, its scatter, terms
_TIERS: tuple[tuple[DealerTier, float, Decimal, float, int], ...] = (
    ("standard", 0.55, Decimal("0.08"), 12.0, 12),
    ("premium", 0.30, Decimal("0.14"), 8.0, 20),
    ("distributor", 0.15, Decimal("0.22"), 5.0, 32),
)  # tier, share of dealers, discount off the list, rhythm in days, breadth of range


def colleagues(plan: Plan, at: datetime) -> tuple[Colleague, ...]:
    """One person or more for every function."""
    dice = plan.dice("staff")
    found = []
    for number, (role, _, functions) in enumerate(_ROLES, start=1):
        someone = person(dice, number, "pumps.example")
        found.append(Colleague(plan.id(at, "staff", role), role, someone.name, f"{role}@pumps.example", functions))
    return tuple(found)


def title(role: str) -> str:
    """What stands on the colleague's door."""
    return next(title for known, title, _ in _ROLES if known == role)


def consumers(plan: Plan) -> tuple[Consumer, ...]:
    """Private buyers, in the order they join."""
    dice = plan.dice("consumers")
    days = _joining_days(plan, dice, plan.scaled(CONSUMERS))
    return tuple(_consumer(plan, dice, number, day) for number, day in enumerate(days, start=1))


def dealers(plan: Plan, goods: tuple[Good, ...]) -> tuple[Dealer, ...]:
    """Trading buyers, in the order they join; one applicant in twenty, on top of the number, is turned down."""
    dice = plan.dice("dealers")
    wanted = plan.scaled(DEALERS)
    declined = max(1, wanted // 20)
    days = _joining_days(plan, dice, wanted)
    late = [plan.first_day + timedelta(days=plan.days * (n + 1) // (declined + 1)) for n in range(declined)]
    welcome = [_dealer(plan, dice, number, day, goods, is_welcome=True) for number, day in enumerate(days, start=1)]
    turned = [_dealer(plan, dice, wanted + n, day, goods, is_welcome=False) for n, day in enumerate(late, start=1)]
    return tuple(sorted((*welcome, *turned), key=lambda dealer: (dealer.joins_on, dealer.company)))


def suppliers(plan: Plan, at: datetime) -> tuple[Supplier, ...]:
    """The twelve makers, in the order the catalog numbers them."""
    dice = plan.dice("suppliers")
    return tuple(
        Supplier(
            plan.id(at, "supplier", number), name, person(dice, number, "makers.example"),
            terms, lead_time_days, spread, Decimal(dice.randrange(32, 50)) / 10,
        )
        for number, (name, lead_time_days, spread, terms) in enumerate(_MAKERS)
    )  # fmt: skip


def _joining_days(plan: Plan, dice: random.Random, count: int) -> list[date]:
    early = round(count * _THERE_FROM_THE_START)
    span = max(1, plan.days - _JOIN_BEFORE_END_DAYS)
    days = [plan.first_day] * early
    days += sorted(plan.first_day + timedelta(days=dice.randrange(span)) for _ in range(count - early))
    return days


def _consumer(plan: Plan, dice: random.Random, number: int, joins_on: date) -> Consumer:
    someone = person(dice, number, "post.example")
    at = plan.instant(joins_on, 0)
    home = address(dice, someone.name, someone.land)
    return Consumer(plan.id(at, "consumer", number), someone, home, joins_on, dice.paretovariate(1.4))


def _dealer(
    plan: Plan, dice: random.Random, number: int, joins_on: date, goods: tuple[Good, ...], *, is_welcome: bool
) -> Dealer:
    someone = person(dice, number, "trade.example")
    surname = someone.name.rsplit(" ", 1)[1]
    company = f"{surname} {dice.choice(_TRADES)}"
    tier, _, discount, rhythm, breadth = dice.choices(_TIERS, weights=[share for _, share, *_ in _TIERS])[0]
    is_prepaid = tier == "standard" and dice.random() < 0.12
    terms: PaymentTerms = "immediate" if is_prepaid else _terms(dice, tier)
    habit: PaymentHabit = dice.choices(("prompt", "late", "slow"), weights=(0.62, 0.26, 0.12))[0]
    return Dealer(
        id=plan.id(plan.instant(joins_on, 0), "dealer", number),
        company=company,
        person=someone,
        address=address(dice, company, someone.land),
        joins_on=joins_on,
        tier=tier,
        discount_rate=discount,
        terms=terms,
        credit_months=_credit_months(dice, tier, terms),
        rhythm_days=rhythm * dice.uniform(0.5, 1.0),
        range=_range(dice, goods, breadth),
        habit=habit,
        pays_statements=dice.random() < 0.35,
        is_welcome=is_welcome,
    )  # fmt: skip


def _credit_months(dice: random.Random, tier: DealerTier, terms: PaymentTerms) -> float | None:
    """Months of spending a dealer may owe: the time to pay and some room; a few distributors have no limit."""
    if terms == "immediate":
        return 0.0
    if tier == "distributor" and dice.random() < 0.2:
        return None
    return TERM_DAYS[terms] / 30 + dice.uniform(0.9, 2.5)


def _terms(dice: random.Random, tier: DealerTier) -> PaymentTerms:
    choices: dict[DealerTier, tuple[PaymentTerms, ...]] = {
        "standard": ("net_15", "net_30"),
        "premium": ("net_30", "net_30", "net_60"),
        "distributor": ("net_30", "net_60"),
    }
    return dice.choice(choices[tier])


def _range(dice: random.Random, goods: tuple[Good, ...], breadth: int) -> tuple[str, ...]:
    """What a dealer keeps: drawn by pull, without repetition, in catalog order."""
    left, kept = list(goods), set[str]()
    for _ in range(min(breadth, len(left))):
        chosen = dice.choices(left, weights=[good.pull for good in left])[0]
        left.remove(chosen)
        kept.add(chosen.sku)
    return tuple(good.sku for good in goods if good.sku in kept)

"""Demand: how many orders a day brings and what stands in them; season, weekday and growth, and chance."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from orchestration.demo.catalog import Good
from orchestration.demo.people import Consumer, Dealer
from orchestration.demo.plan import Plan
from warehouse.events.category import DealerTier, ProductCategory

CONSUMER_ORDERS_PER_DAY = 6.0  # over a year, in a company of size 1
GROWTH_PER_YEAR = 0.18
_DEALER_ORDERS_SHARE = {
    0: 1.2,
    1: 1.15,
    2: 1.05,
    3: 1.0,
    4: 0.9,
    5: 0.25,
    6: 0.0,
}  # by weekday; dealers call on workdays
_CONSUMER_ORDERS_SHARE = {0: 1.05, 1: 0.95, 2: 0.9, 3: 0.9, 4: 1.0, 5: 1.25, 6: 0.95}
_SEASON: dict[ProductCategory, tuple[float, ...]] = {  # January to December, mean about 1
    "tank_pump": (0.9, 0.95, 1.1, 1.2, 1.25, 1.1, 0.95, 0.9, 0.9, 0.95, 0.9, 0.9),
    "pressure_pump": (0.9, 0.9, 1.0, 1.1, 1.15, 1.15, 1.1, 1.05, 0.95, 0.9, 0.9, 0.9),
    "borewell_pump": (0.75, 0.9, 1.25, 1.5, 1.55, 1.2, 0.8, 0.7, 0.75, 0.85, 0.9, 0.85),
    "drainage_pump": (0.7, 0.65, 0.7, 0.8, 0.9, 1.3, 1.6, 1.6, 1.35, 1.0, 0.8, 0.6),
    "accessory": (0.9, 0.9, 1.05, 1.1, 1.1, 1.05, 1.05, 1.0, 1.0, 0.95, 0.95, 0.95),
    "spare_part": (1.0, 1.0, 1.05, 1.05, 1.05, 1.0, 1.0, 0.95, 1.0, 1.0, 1.0, 0.9),
}
_CATEGORY_PULL: dict[ProductCategory, float] = {
    "tank_pump": 1.1,
    "pressure_pump": 1.0,
    "borewell_pump": 0.7,
    "drainage_pump": 0.9,
    "accessory": 1.0,
    "spare_part": 0.9,
}
_PIECES: dict[DealerTier, tuple[int, int]] = {"standard": (2, 6), "premium": (3, 12), "distributor": (6, 30)}
_LINES: dict[DealerTier, tuple[int, int]] = {"standard": (1, 4), "premium": (2, 6), "distributor": (3, 9)}
_LUMP = (8, 45)  # pieces of a lumpy part when somebody overhauls a row of pumps
_LUMPY_CHANCE = 0.22  # that a lumpy part drawn really stands in the order


@dataclass(frozen=True, slots=True)
class Wanted:
    """So many pieces of a product somebody would like to have."""

    sku: str
    quantity: int


def season(category: ProductCategory, day: date) -> float:
    """The month's factor, running smoothly from mid-month to mid-month."""
    months = _SEASON[category]
    place = day.month - 1 + (day.day - 15) / 30
    left = math.floor(place)
    share = place - left
    return months[left % 12] * (1 - share) + months[(left + 1) % 12] * share


def growth(plan: Plan, day: date) -> float:
    """The company grows by a constant rate."""
    return float((1 + GROWTH_PER_YEAR) ** ((day - plan.first_day).days / 365))


def consumers_ordering(plan: Plan, known: Sequence[Consumer], day: date) -> list[Consumer]:
    """Who of the known consumers orders on a day; some more than others, one twice at times."""
    dice = plan.dice("consumers ordering", day.isoformat())
    if not known:
        return []
    mean = CONSUMER_ORDERS_PER_DAY * plan.size * growth(plan, day) * _CONSUMER_ORDERS_SHARE[day.weekday()]
    return dice.choices(known, weights=[consumer.zeal for consumer in known], k=poisson(dice, mean))


def dealers_ordering(plan: Plan, known: Sequence[Dealer], day: date) -> list[Dealer]:
    """Which dealers order on a day, each by their own rhythm."""
    dice = plan.dice("dealers ordering", day.isoformat())
    factor = growth(plan, day) * _DEALER_ORDERS_SHARE[day.weekday()] * 7 / sum(_DEALER_ORDERS_SHARE.values())
    return [dealer for dealer in known if dice.random() < factor / dealer.rhythm_days]


def consumer_basket(dice: random.Random, goods: Sequence[Good], day: date) -> tuple[Wanted, ...]:
    """One thing or two, a pump most of the time with something that goes with it."""
    first = _drawn(dice, goods, day)
    basket = [Wanted(first.sku, 1 if first.is_pump else dice.choice((1, 1, 1, 2, 2, 4)))]
    if dice.random() < (0.38 if first.is_pump else 0.18):
        others = [good for good in goods if not good.is_pump and good.sku != first.sku]
        basket.append(Wanted(_drawn(dice, others, day).sku, dice.choice((1, 1, 2))))
    return tuple(basket)


def dealer_basket(dice: random.Random, dealer: Dealer, goods: Sequence[Good], day: date) -> tuple[Wanted, ...]:
    """Lines from the dealer's range, whole packs, each product once."""
    kept = [good for good in goods if good.sku in dealer.range]
    lines = dice.randint(*_LINES[dealer.tier])
    chosen: dict[str, int] = {}
    for _ in range(lines):
        good = _drawn(dice, kept, day)
        if good.pattern == "lumpy" and dice.random() > _LUMPY_CHANCE:
            continue
        chosen.setdefault(good.sku, _pieces(dice, dealer.tier, good))
    if not chosen:
        best = max(kept, key=lambda good: good.pull)
        chosen[best.sku] = _pieces(dice, dealer.tier, best)
    return tuple(Wanted(sku, quantity) for sku, quantity in chosen.items())


def poisson(dice: random.Random, mean: float) -> int:
    """A count of rare independent things (Knuth, The Art of Computer Programming 2, 3.4.1.F); for means below 100."""
    limit, product, count = math.exp(-mean), dice.random(), 0
    while product > limit:
        product *= dice.random()
        count += 1
    return count


def _drawn(dice: random.Random, goods: Sequence[Good], day: date) -> Good:
    weights = [good.pull * _CATEGORY_PULL[good.category] * season(good.category, day) for good in goods]
    return dice.choices(goods, weights=weights)[0]


def _pieces(dice: random.Random, tier: DealerTier, good: Good) -> int:
    low, high = _LUMP if good.pattern == "lumpy" else _PIECES[tier]
    if good.is_pump and good.base_price > 200:  # nobody stocks thirty of the big ones
        low, high = max(1, low // 3), max(2, high // 3)
    pieces = dice.randint(low, high)
    return -(-pieces // good.pack_quantity) * good.pack_quantity

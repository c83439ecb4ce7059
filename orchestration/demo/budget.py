"""The budget before the first day: pieces a week by product and money a week by dealer, from sample baskets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from orchestration.demo.catalog import Good
from orchestration.demo.demand import CONSUMER_ORDERS_PER_DAY, consumer_basket, dealer_basket
from orchestration.demo.people import Dealer
from orchestration.demo.plan import Plan

_CONSUMER_SAMPLES, _DEALER_SAMPLES = 400, 12
_TAX = Decimal("1.1")


@dataclass(frozen=True, slots=True)
class Budget:
    """`pieces` by SKU and `spending` by dealer, both a week; dealers who join later are not in `pieces`."""

    pieces: dict[str, float]
    spending: dict[UUID, Decimal]


def budget(plan: Plan, goods: Sequence[Good], dealers: Sequence[Dealer]) -> Budget:
    """What to expect, season aside; it costs a few thousand sample baskets."""
    pieces: defaultdict[str, float] = defaultdict(float)
    spending: dict[UUID, Decimal] = {}
    prices = {good.sku: good.base_price for good in goods}
    dice = plan.dice("budget")
    per_sample = CONSUMER_ORDERS_PER_DAY * plan.size * 7 / _CONSUMER_SAMPLES
    for _ in range(_CONSUMER_SAMPLES):
        for wanted in consumer_basket(dice, goods, plan.first_day):
            pieces[wanted.sku] += wanted.quantity * per_sample
    for dealer in dealers:
        orders_a_week = 7 / dealer.rhythm_days
        worth = Decimal(0)
        for _ in range(_DEALER_SAMPLES):
            for wanted in dealer_basket(dice, dealer, goods, plan.first_day):
                worth += wanted.quantity * prices[wanted.sku]
                if dealer.joins_on == plan.first_day and dealer.is_welcome:
                    pieces[wanted.sku] += wanted.quantity * orders_a_week / _DEALER_SAMPLES
        mean = worth * (1 - dealer.discount_rate) * _TAX / _DEALER_SAMPLES
        spending[dealer.id] = mean * Decimal(repr(orders_a_week))
    return Budget(dict(pieces), spending)


def credit_limit(dealer: Dealer, budget: Budget) -> Decimal | None:
    """So many months of expected spending in round hundreds; none is unlimited, 0 is prepay only."""
    if dealer.credit_months is None:
        return None
    months = Decimal(repr(dealer.credit_months))
    return max(round(budget.spending[dealer.id] * months * 52 / 12 / 100), 0) * Decimal(100)

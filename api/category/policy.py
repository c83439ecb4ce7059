"""Prices: what a buyer pays, how low a price may go, and how fast it may move."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Literal

from api.category.state import PRICE_MEMORY, PriceList, PriceListLine, Product
from api.customers.state import Customer
from warehouse.money import CENT

LADDER_PARTS = 3  # rungs on either side of the price: a third, two thirds and the whole of a step
DEMAND_SIGMAS = 1.645  # a change of demand is one beyond what chance does in 5 of 100 quiet months (normal, one-sided)
RECENT_WEEKS = 4  # what is set against the 13 of a quarter
PAUSE_DAYS = 28  # what buyers answer to a price shows in the four weeks after it: reference/quant.md, D
GRAINS = (Decimal(1), Decimal("0.1"), CENT)  # a price of whole units stays one, one of tenths keeps to tenths

_UNIT = Decimal("0.0001")  # unit prices have four places: a cent price less a whole percentage is exact

PriceSource = Literal["own_list", "tier_list", "dealer_discount", "base_price"]
_Shelf = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Quote:
    """A price per piece and where it comes from."""

    unit_price: Decimal
    source: PriceSource


def buyer_price(product: Product, customer: Customer, lists: Iterable[PriceList], quantity: int, on: date) -> Quote:
    """What a buyer pays per piece on a day, for one product; for many, open a price_book once."""
    return price_book(customer, lists, on).quote(product, quantity)


def price_book(customer: Customer, lists: Iterable[PriceList], on: date) -> PriceBook:
    """A buyer's prices on a day. Other people's `lists` do no harm; only approved dealers have a list or a discount."""
    if customer.dealer_status != "approved":
        return PriceBook(Decimal(0), ())
    lists = list(lists)
    own = [one for one in lists if one.customer_id is not None and one.customer_id == customer.id]
    tier = [one for one in lists if one.tier is not None and one.tier == customer.tier]
    return PriceBook(customer.discount_rate, (("own_list", _shelved(own, on)), ("tier_list", _shelved(tier, on))))


@dataclass(frozen=True, slots=True)
class PriceBook:
    """One buyer's prices on one day: own list before tier list, else the list price less the discount."""

    discount_rate: Decimal
    lists: tuple[tuple[PriceSource, Mapping[_Shelf, tuple[PriceListLine, ...]]], ...]

    def quote(self, product: Product, quantity: int) -> Quote:
        """The price per piece when so many are bought on one line.

        Inside a list a product's line goes before its category's before everything's, then the highest minimum quantity
        that is reached, then the latest first day (Odoo's order: reference/commerce.md, 4.1 no. 4).
        """
        for source, shelves in self.lists:
            for shelf in (("product", product.sku), ("category", product.category), ("all", None)):
                for line in shelves.get(shelf, ()):
                    if line.minimum_quantity <= quantity:
                        return Quote(line_price(line, product.base_price), source)
        if self.discount_rate:
            return Quote(discounted(product.base_price, self.discount_rate), "dealer_discount")
        return Quote(product.base_price, "base_price")


def line_price(line: PriceListLine, base_price: Decimal) -> Decimal:
    """What a line of a price list makes of a list price."""
    if line.unit_price is not None:
        return line.unit_price
    assert line.discount_rate is not None, "a line has a unit price or a discount rate"
    return discounted(base_price, line.discount_rate)


def discounted(price: Decimal, rate: Decimal) -> Decimal:
    """A price less a share of it, to four places."""
    return (price * (1 - rate)).quantize(_UNIT, rounding=ROUND_HALF_UP)


def margin_floor(cost: Decimal | None, minimum_margin_rate: Decimal) -> Decimal:
    """The lowest price that keeps the margin over cost, in whole cents; 0 while the cost is not known."""
    if cost is None:
        return Decimal(0)
    return (cost * (1 + minimum_margin_rate)).quantize(CENT, rounding=ROUND_CEILING)


@dataclass(frozen=True, slots=True)
class PriceRange:
    """The prices from `low` to `high`, both included; `high` none is without end."""

    low: Decimal
    high: Decimal | None

    def covers(self, price: Decimal) -> bool:
        """Whether a price lies inside."""
        return self.low <= price and (self.high is None or price <= self.high)


def step_range(product: Product, step_rate: Decimal) -> PriceRange:
    """Where the next price may lie: so far from the present one at the most."""
    return within(step_rate, [product.base_price])


def month_range(product: Product, at: datetime, month_rate: Decimal) -> PriceRange:
    """Where a price may lie: near every price of the last 30 days, so that small steps do not add up."""
    return within(month_rate, recent_prices(product, at))


def recent_prices(product: Product, at: datetime) -> list[Decimal]:
    """The list prices in force during the 30 days before an instant; a change by override begins anew."""
    prices = [product.base_price]
    for change in reversed(product.price_changes):
        if change.is_overridden or change.at <= at - PRICE_MEMORY:
            break
        prices.append(change.old)
    return prices


def within(rate: Decimal, prices: Iterable[Decimal]) -> PriceRange:
    """The range, in whole cents, that is within a rate of every price; a price of 0 is none yet and binds nobody."""
    known = [price for price in prices if price]
    if not known:
        return PriceRange(Decimal(0), None)
    low = max((price * (1 - rate)).quantize(CENT, rounding=ROUND_CEILING) for price in known)
    high = min((price * (1 + rate)).quantize(CENT, rounding=ROUND_FLOOR) for price in known)
    return PriceRange(low, high)


@dataclass(frozen=True, slots=True)
class PriceSituation:
    """What a new list price follows from. Demand is a week's mean, cover and lead time are weeks, none: not known.

    `prices` are those in force in the last 30 days, `cost_before` what a piece cost when the price was last set.
    """

    price: Decimal
    prices: tuple[Decimal, ...]
    cost: Decimal | None
    cost_before: Decimal | None
    competitor_prices: tuple[Decimal, ...]
    recent_demand: float
    quarter_demand: float
    demand_deviation: float | None
    cover_weeks: float | None
    lead_time_weeks: float
    is_to_be_ordered: bool = False
    days_unchanged: int = PAUSE_DAYS


@dataclass(frozen=True, slots=True)
class PriceLimits:
    """The limits on prices, as in the settings of the same names."""

    step_rate: Decimal
    month_rate: Decimal
    minimum_margin_rate: Decimal
    supply_weeks_max: int


PriceReason = Literal["COST_UP", "COMPETITOR_GAP", "CLEARANCE", "DEMAND_UP"]


def ladder(situation: PriceSituation, limits: PriceLimits) -> dict[str, Decimal]:
    """The prices to choose from: C0 keeps, C1 to C3 go down and C4 to C6 up by thirds of a step.

    All lie between floor and ceiling, within one step and the limit of 30 days; rungs that would not are left out.
    """
    price, allowed = situation.price, allowed_range(situation, limits)
    rungs = {"C0": price}
    grain = next(grain for grain in GRAINS if price % grain == 0) if price else CENT
    for place, part in enumerate((-1, -2, -3, 1, 2, 3), start=1):
        towards = ROUND_CEILING if part < 0 else ROUND_FLOOR
        change = price * limits.step_rate * part / LADDER_PARTS
        rung = ((price + change) / grain).quantize(Decimal(1), rounding=towards) * grain
        if rung != price and allowed.covers(rung) and rung not in rungs.values():
            rungs[f"C{place}"] = rung.quantize(CENT)
    return rungs


def allowed_range(situation: PriceSituation, limits: PriceLimits) -> PriceRange:
    """Where the next price may lie by the margin, the step and the month."""
    step, month = within(limits.step_rate, [situation.price]), within(limits.month_rate, situation.prices)
    low = max(step.low, month.low, margin_floor(situation.cost, limits.minimum_margin_rate))
    ends = [one.high for one in (step, month) if one.high is not None]
    return PriceRange(low, min(ends, default=None))


def market_price(situation: PriceSituation) -> Decimal:
    """The geometric mean of what sellers ask, ourselves included, so that one competitor moves us half the way."""
    asked = [float(price) for price in (situation.price, *situation.competitor_prices)]
    return Decimal(math.exp(math.fsum(map(math.log, asked)) / len(asked))).quantize(CENT)


def demand_trend(situation: PriceSituation) -> Literal[-1, 0, 1]:
    """Whether the last four weeks sold less or more than the quarter by more than chance explains."""
    if not situation.demand_deviation:
        return 0
    noise = DEMAND_SIGMAS * situation.demand_deviation / math.sqrt(RECENT_WEEKS)
    change = situation.recent_demand - situation.quarter_demand
    return 0 if abs(change) <= noise else 1 if change > 0 else -1


def suggested(situation: PriceSituation, limits: PriceLimits) -> tuple[str, PriceReason] | None:
    """The rung that the formula takes and why; none when nothing matters enough: the price stays.

    In this order: a cost that rose since the price was set is passed on; a price more than a step away from what the
    competitors ask (geometric mean) goes towards the market, up unless demand falls or stock is long, down when demand
    falls or stock is long; stock beyond the longest supply is cleared by the least rung; and rising demand that the
    stock cannot serve until new goods come raises it by the least. Only a cost moves a price that was set within four
    weeks. Nothing is made cheaper that is about to run out,
    and without a cost nothing is suggested.
    """
    if situation.cost is None:
        return None
    rungs = ladder(situation, limits)
    for reason, target, names in _occasions(situation, limits, rungs):
        if names:
            return min(names, key=lambda name: (abs(rungs[name] - target), name)), reason
    return None


def _occasions(
    situation: PriceSituation, limits: PriceLimits, rungs: Mapping[str, Decimal]
) -> Iterator[tuple[PriceReason, Decimal, list[str]]]:
    """What speaks for another price, the weightiest first: why, towards which price, and the rungs that lead there."""
    lower = [name for name in ("C1", "C2", "C3") if name in rungs and not is_short(situation)]
    higher = [name for name in ("C4", "C5", "C6") if name in rungs]
    trend, is_long, gap = demand_trend(situation), _is_long(situation, limits), competitor_gap(situation)
    if (wanted := _passed_on(situation, limits)) is not None:
        yield "COST_UP", wanted, higher
    if situation.days_unchanged < PAUSE_DAYS:
        return
    if gap < -limits.step_rate and trend >= 0 and not is_long:
        yield "COMPETITOR_GAP", market_price(situation), higher
    if gap > limits.step_rate and (trend < 0 or is_long):
        yield "COMPETITOR_GAP", market_price(situation), lower
    if is_long and trend <= 0:
        yield "CLEARANCE", situation.price, lower
    if trend > 0 and is_short(situation):
        yield "DEMAND_UP", situation.price, higher


def competitor_gap(situation: PriceSituation) -> Decimal:
    """By what share our price is above the geometric mean of the competitors' prices; 0 when none is seen."""
    if not situation.competitor_prices:
        return Decimal(0)
    logs = [math.log(float(price)) for price in situation.competitor_prices]
    theirs = Decimal(math.exp(math.fsum(logs) / len(logs)))
    return ((situation.price - theirs) / theirs).quantize(_UNIT)


def break_even_rate(situation: PriceSituation, new_price: Decimal) -> Decimal | None:
    """By what share the pieces sold may fall (-) or must rise before the gross profit is what it was; none: never.

    Break-even sales change: old margin over new, less one (Nagle and Holden, The Strategy and Tactics of Pricing).
    """
    if situation.cost is None or new_price <= situation.cost:
        return None
    return ((situation.price - situation.cost) / (new_price - situation.cost) - 1).quantize(_UNIT)


def price_guards(
    situation: PriceSituation, limits: PriceLimits, new_price: Decimal
) -> tuple[tuple[str, bool, str], ...]:
    """Each guard's name, whether it lets the price pass, and why: reference/agents.md, 3.2."""
    floor = margin_floor(situation.cost, limits.minimum_margin_rate)
    step, month = within(limits.step_rate, [situation.price]), within(limits.month_rate, situation.prices)
    is_cut = new_price < situation.price
    return (
        ("cost", situation.cost is not None, "what a piece costs is known"),
        ("floor", new_price >= floor, f"{new_price} is not below {floor}"),
        ("step", step.covers(new_price), f"{step.low} to {step.high} in one step"),
        ("month", month.covers(new_price), f"{month.low} to {month.high} within 30 days"),
        ("stock", not (is_cut and is_short(situation)), "nothing is made cheaper that is about to run out"),
    )


def is_short(situation: PriceSituation) -> bool:
    """Whether goods are to be ordered now, or all there is runs out before they could come."""
    runs_out = situation.cover_weeks is not None and situation.cover_weeks < situation.lead_time_weeks
    return runs_out or situation.is_to_be_ordered


def _is_long(situation: PriceSituation, limits: PriceLimits) -> bool:
    """Whether the stock lasts beyond the lead time and the longest supply that would be ordered."""
    return (
        not situation.is_to_be_ordered
        and situation.cover_weeks is not None
        and situation.cover_weeks > situation.lead_time_weeks + limits.supply_weeks_max
    )


def _passed_on(situation: PriceSituation, limits: PriceLimits) -> Decimal | None:
    """The price that keeps the floor, or the share of margin it was set with; none while no rung's worth is missing."""
    floor = margin_floor(situation.cost, limits.minimum_margin_rate)
    kept = situation.price
    if situation.cost and situation.cost_before:
        kept = (situation.price * situation.cost / situation.cost_before).quantize(CENT, rounding=ROUND_HALF_UP)
    wanted = max(floor, kept)
    matters = situation.price * limits.step_rate / LADDER_PARTS
    return wanted if wanted - situation.price >= matters or situation.price < floor else None


def _shelved(lists: Iterable[PriceList], on: date) -> Mapping[_Shelf, tuple[PriceListLine, ...]]:
    """The lines in force on a day by what they are about, the first that fits first."""
    shelves: dict[_Shelf, list[PriceListLine]] = {}
    for prices in lists:
        for line in prices.lines:
            if line.valid_from <= on and (line.valid_until is None or on <= line.valid_until):
                shelves.setdefault((line.scope, line.sku or line.category), []).append(line)
    return {shelf: tuple(sorted(lines, key=_precedence)) for shelf, lines in shelves.items()}


def _precedence(line: PriceListLine) -> tuple[int, int]:
    return -line.minimum_quantity, -line.valid_from.toordinal()

"""The market: costs and prices rise now and then, and every evening somebody looks at what others ask."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import partial
from uuid import UUID

from api.category.commands import ChangeCost, ChangePrice, ObserveCompetitorPrice, product_id
from api.handle import Request
from orchestration.demo import hours
from orchestration.demo.books import Ask, Company
from orchestration.demo.plan import workday_from
from warehouse.ids import named
from warehouse.money import rounded

FINISHED = named("demo", "finished")
"""The id of the very last command; its receipt says that the story was told to its end."""
_COMPETITORS = ("Blue Heron Pumps", "Northwell", "Tapwater & Sons")  # invented
_RAISE_DAYS = (120, 440)  # days after the first when suppliers ask more, each a few days later than the one before
_PASSED_ON_DAYS = 14


def plan_raises(company: Company) -> None:
    """Suppliers ask 2 to 4 percent more twice in the story; two weeks later the price lists follow."""
    for nth, days in enumerate(_RAISE_DAYS):
        for number in range(len(company.suppliers)):
            dice = company.plan.dice("raise", nth, number)
            day = workday_from(company.plan.first_day, days + number * 6)
            rate = Decimal(dice.randint(20, 40)) / 1000
            company.later(day, hours.COSTS, partial(_raise_costs, company, number, rate))
            passed_on = day + timedelta(days=_PASSED_ON_DAYS)
            company.later(passed_on, hours.PRICES, partial(_raise_prices, company, number, rate))


def watch(company: Company) -> None:
    """The day's last request: what one competitor asks for one pump. On the last day it closes the story."""
    pumps = [good for good in company.goods if good.is_pump]
    place = (company.today - company.plan.first_day).days
    good, competitor = pumps[place % len(pumps)], _COMPETITORS[place // len(pumps) % len(_COMPETITORS)]
    dice = company.plan.dice("market", company.today.isoformat())
    command = ObserveCompetitorPrice(
        sku=good.sku,
        competitor=competitor,
        price=rounded(company.prices[good.sku] * Decimal(dice.randint(92, 112)) / 100),
        observed_on=company.today,
    )
    request = company.request(hours.MARKET, company.by("catalog"), command)
    if company.today == company.plan.until:
        request = _under(request, FINISHED)
    company.asks.append(Ask((request,)))


def _under(request: Request, id: UUID) -> Request:
    return Request(request.command, id, request.by, request.at, request.answer)


def _raise_costs(company: Company, number: int, rate: Decimal, minutes: float) -> None:
    for place, good in enumerate(company.goods):
        if good.supplier == number:
            company.costs[good.sku] = rounded(company.costs[good.sku] * (1 + rate))
            reason = f"{company.suppliers[number].name} asks more."
            command = ChangeCost(product_id=product_id(good.sku), new_cost=company.costs[good.sku], reason=reason)
            company.ask(minutes + place / 10, company.by("catalog"), command)


def _raise_prices(company: Company, number: int, rate: Decimal, minutes: float) -> None:
    for place, good in enumerate(company.goods):
        if good.supplier == number:
            before = company.prices[good.sku]
            places = Decimal(1) if before >= 20 else Decimal("0.1")
            company.prices[good.sku] = (before * (1 + rate)).quantize(places)
            command = ChangePrice(
                product_id=product_id(good.sku), new_price=company.prices[good.sku], reason="Costs went up."
            )
            company.ask(minutes + place / 10, company.by("catalog"), command)

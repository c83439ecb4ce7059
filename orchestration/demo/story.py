"""The story day by day: who asks for what, in the order of the clock, as a function of the plan and the answers."""

from __future__ import annotations

from collections.abc import Iterator

from orchestration.demo import buying, collecting, joining, market, opening, selling, shipping
from orchestration.demo.books import Ask, Company, Shelf
from orchestration.demo.budget import Budget, budget
from orchestration.demo.catalog import catalog
from orchestration.demo.people import colleagues, consumers, dealers, suppliers
from orchestration.demo.plan import Plan


def found(plan: Plan) -> tuple[Company, Budget]:
    """The company on the eve of its first day, and its budget."""
    goods = catalog()
    start = plan.instant(plan.first_day, 0)
    trade = dealers(plan, goods)
    expected = budget(plan, goods, trade)
    company = Company(
        plan=plan,
        goods=goods,
        staff={one.role: one for one in colleagues(plan, start)},
        consumers=consumers(plan),
        dealers=trade,
        suppliers=suppliers(plan, start),
        shelves={good.sku: Shelf(good, weekly_budget=expected.pieces.get(good.sku, 0.0)) for good in goods},
        prices={good.sku: good.base_price for good in goods},
        costs={good.sku: good.cost for good in goods},
    )
    return company, expected


def days(company: Company, expected: Budget) -> Iterator[list[Ask]]:
    """Each day's requests in time order, one or more. Before the next day is asked for, answers must be learnt."""
    for day in company.plan.calendar():
        company.today, company.asks = day, []
        if day == company.plan.first_day:
            _open(company, expected)
        else:
            _live(company)
        market.watch(company)
        yield sorted(company.asks, key=lambda ask: ask.at)
        for shelf in company.shelves.values():
            shelf.close_day()


def _open(company: Company, expected: Budget) -> None:
    opening.open_doors(company)
    joining.write_into_agenda(company, expected)
    market.plan_raises(company)
    collecting.plan_insolvency(company)


def _live(company: Company) -> None:
    """One day. What moves stock is told in the order of the clock: night, morning, shift, shop, purchasing."""
    selling.try_the_impossible(company)
    company.do_todays_deeds()
    shipping.count_shelves(company)
    shipping.ship_orders(company)
    selling.take_orders(company)
    buying.review_stock(company)

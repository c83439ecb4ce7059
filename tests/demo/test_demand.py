"""Demand has a season, a week, growth and chance, and is the same whenever the same dice are thrown."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta
from statistics import mean

import pytest

from orchestration.demo.catalog import catalog
from orchestration.demo.demand import (
    GROWTH_PER_YEAR,
    consumers_ordering,
    dealer_basket,
    dealers_ordering,
    growth,
    poisson,
    season,
)
from orchestration.demo.people import colleagues, consumers, dealers, suppliers
from orchestration.demo.plan import Plan, is_workday, workday_from

PLAN = Plan(seed=7, until=date(2026, 11, 21))
GOODS = catalog()
DEALERS = dealers(PLAN, GOODS)
CONSUMERS = consumers(PLAN)
YEAR = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]


@pytest.mark.parametrize("category", sorted({good.category for good in GOODS}))
def test_a_season_goes_round_without_a_jump_and_averages_to_about_one(category):
    factors = [season(category, day) for day in YEAR]
    assert mean(factors) == pytest.approx(1.0, abs=0.06)
    assert max(abs(a - b) for a, b in zip(factors, [*factors[1:], factors[0]], strict=True)) < 0.05


def test_borewells_are_sunk_in_the_dry_months_and_cellars_drained_in_the_wet_ones():
    may, august = date(2026, 5, 15), date(2026, 8, 15)
    assert season("borewell_pump", may) > 1.8 * season("borewell_pump", august)
    assert season("drainage_pump", august) > 1.6 * season("drainage_pump", may)


def test_the_company_grows_by_its_rate():
    assert growth(PLAN, PLAN.first_day) == 1
    assert growth(PLAN, PLAN.first_day + timedelta(days=365)) == pytest.approx(1 + GROWTH_PER_YEAR)


def test_counts_of_chance_have_the_mean_asked_for():
    dice = random.Random(1)
    counts = [poisson(dice, 4.6) for _ in range(4_000)]
    assert mean(counts) == pytest.approx(4.6, rel=0.03)
    assert poisson(dice, 0.0) == 0


def test_dealers_call_on_workdays_by_their_own_rhythm_and_never_on_sundays():
    calls = Counter(day.weekday() for day in PLAN.calendar() for _ in dealers_ordering(PLAN, DEALERS, day))
    assert calls[6] == 0
    assert calls[0] > 3 * calls[5]
    expected = sum(PLAN.days / dealer.rhythm_days for dealer in DEALERS) * 1.13  # growth over the story
    assert calls.total() == pytest.approx(expected, rel=0.1)


def test_some_consumers_come_often_and_most_seldom():
    visits = Counter(one.id for day in PLAN.calendar() for one in consumers_ordering(PLAN, CONSUMERS, day))
    busiest = sum(count for _, count in visits.most_common(len(CONSUMERS) // 5))
    assert busiest > 0.4 * visits.total()


def test_a_dealers_basket_is_from_their_range_in_whole_packs_each_product_once():
    packs = {good.sku: good.pack_quantity for good in GOODS}
    for number, dealer in enumerate(DEALERS):
        basket = dealer_basket(random.Random(number), dealer, GOODS, PLAN.until)
        assert {wanted.sku for wanted in basket} <= set(dealer.range)
        assert len({wanted.sku for wanted in basket}) == len(basket) > 0
        assert all(wanted.quantity > 0 == wanted.quantity % packs[wanted.sku] for wanted in basket)


def test_people_follow_from_the_seed_and_nobody_shares_an_address():
    start = PLAN.instant(PLAN.first_day, 0)
    again = Plan(seed=7, until=PLAN.until)
    assert (consumers(again), dealers(again, GOODS)) == (CONSUMERS, DEALERS)
    assert consumers(Plan(seed=8, until=PLAN.until)) != CONSUMERS
    assert len(CONSUMERS) == 300
    assert sum(dealer.is_welcome for dealer in DEALERS) == 40
    assert len(suppliers(PLAN, start)) == 12
    emails = [one.person.email for one in (*CONSUMERS, *DEALERS)] + [one.email for one in colleagues(PLAN, start)]
    assert len(emails) == len(set(emails))
    assert all(email.endswith(".example") and email.isascii() for email in emails)


def test_everybody_has_joined_before_the_story_ends():
    assert all(PLAN.first_day <= one.joins_on < PLAN.until for one in (*CONSUMERS, *DEALERS))


def test_every_product_has_a_supplier_and_every_function_a_colleague():
    start = PLAN.instant(PLAN.first_day, 0)
    assert {good.supplier for good in GOODS} == set(range(len(suppliers(PLAN, start))))
    held = {function for one in colleagues(PLAN, start)[1:] for function in one.functions}
    assert held >= {"category", "customers", "orders", "fulfillment", "procurement", "receivables", "events"}


def test_workdays_run_from_monday_to_friday():
    friday = date(2026, 11, 20)
    assert is_workday(friday)
    assert not is_workday(friday + timedelta(days=1))
    assert workday_from(friday) == friday
    assert workday_from(friday, 1) == workday_from(friday, 2) == workday_from(friday, 3) == friday + timedelta(days=3)

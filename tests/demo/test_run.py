"""`jovey demo` as its operator meets it: made once, shown every time, and never over somebody else's books."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from api.customers.commands import RegisterCustomer
from api.handle import Request, handle
from api.rules import Rules
from orchestration.demo.opening import FOUNDER
from orchestration.demo.plan import Plan
from orchestration.demo.run import SEED, CannotDemo, agreed_plan, demo
from orchestration.demo.story import found
from orchestration.demo.summary import sparkline
from warehouse import clock
from warehouse.ids import named
from warehouse.settings import Settings

pytestmark = pytest.mark.whole

YESTERDAY = clock.calendar_date(clock.now(), "UTC") - timedelta(days=1)


@pytest.fixture
def agreed(engine):
    def plan(seed=None, until=None, days=10, size=0.1, **chosen):
        return agreed_plan(engine, Settings(_env_file=None, **chosen), seed, until, days, size)

    return plan


def test_a_new_story_ends_yesterday(agreed):
    assert agreed() == Plan(SEED, YESTERDAY, 10, 0.1)


def test_a_story_about_the_future_is_refused(agreed):
    with pytest.raises(CannotDemo, match=r"end on .* or before, not on"):
        agreed(until=YESTERDAY + timedelta(days=1))


def test_a_database_with_a_story_keeps_it_whatever_the_date(agreed, engine, telling):
    told = Plan(3, date(2025, 5, 5), 10, 0.1, "Asia/Kolkata", "USD")
    telling(engine, told, 1)
    assert agreed() == told


@pytest.mark.parametrize("other", [{"seed": 4}, {"until": date(2025, 5, 6)}, {"currency": "EUR"}, {"size": 0.2}])
def test_a_database_with_a_story_is_not_told_another(agreed, engine, telling, other):
    telling(engine, Plan(3, date(2025, 5, 5), 10, 0.1), 1)
    with pytest.raises(CannotDemo, match="holds the demo company of seed 3 until 2025-05-05"):
        agreed(**other)


def test_a_database_with_a_company_of_its_own_is_left_alone(agreed, engine):
    command = RegisterCustomer(customer_id=named("customer", "real"), name="A real person")
    handle(engine, Request(command, named("command", "real"), FOUNDER, clock.now()), Rules())
    with pytest.raises(CannotDemo, match="holds a company of its own"):
        agreed()


def test_a_plan_survives_its_receipt():
    plan = Plan(3, date(2025, 5, 5), 10, 0.1, "Asia/Kolkata", "INR")
    assert Plan.read(plan.words()) == plan


def test_a_day_begins_at_the_companys_midnight():
    plan = Plan(3, date(2025, 5, 5), time_zone="Asia/Kolkata")
    assert plan.instant(date(2025, 5, 5), 90).isoformat() == "2025-05-04T20:00:00+00:00"
    company, _ = found(plan)
    assert len(company.staff) == 10


def test_a_sparkline_has_its_highest_bar_at_the_highest_month():
    assert sparkline([Decimal(0), Decimal(70), Decimal(35)]) == "▁█▅"
    assert sparkline([Decimal(0), Decimal(-1)]) == "▁▁"
    assert sparkline([]) == ""


@pytest.mark.timeout(240)
def test_the_demo_is_made_derived_and_shown_and_the_second_time_only_shown(home, capsys):
    """Slow, some 20 s: a PostgreSQL and a Dagster of its own."""
    settings = Settings(_env_file=None, home=home)
    chosen = {"serve": False, "until": date(2026, 3, 14), "days": 20, "size": 0.1}
    demo(settings, **chosen)
    first = capsys.readouterr().out
    demo(settings, **chosen)
    second = capsys.readouterr().out
    told = ("What is owed, USD", "events", "orders@pumps.example", "Figures as of event")
    for said in (*told, "Recommendations waiting", "Forecast error against seasonal naive"):
        assert said in first
        assert said in second
    assert "made already" in second
    assert figures(first) == figures(second)
    assert (home / "demo.password").stat().st_mode & 0o077 == 0


def figures(printed: str) -> list[str]:
    """All that was shown, less progress and times."""
    shown = printed.partition(", seed 7")[2].partition("Took")[0]
    assert shown
    return shown.splitlines()

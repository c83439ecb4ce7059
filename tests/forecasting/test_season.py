"""The season of a family: found where it is, flat where little is known, blind to what came later."""

from __future__ import annotations

import math
from datetime import date, timedelta

import polars as pl
import pytest

from assets.forecasting.season import factors, solved

FIRST = date(2024, 1, 1)


def family(quantities, name="pump") -> pl.DataFrame:
    rows = [(name, FIRST + timedelta(days=7 * number), float(quantity)) for number, quantity in enumerate(quantities)]
    return pl.DataFrame(rows, schema=["family", "week_start", "quantity"], orient="row")


def found(quantities, horizon=13) -> list[float]:
    weeks = family(quantities)
    return factors(weeks, weeks["week_start"].max(), horizon)["factor"].to_list()


def wave(number: int) -> float:
    return 1 + 0.5 * math.cos(2 * math.pi * number / 52.18)


def test_a_yearly_wave_is_found_and_held_back_a_little():
    seen = found([100 * wave(number) for number in range(104)])
    assert max(seen) == pytest.approx(1.4, abs=0.03)  # of 1.5: 13 weeks' worth of doubt against 104 weeks' of evidence
    assert seen[104:] == pytest.approx([1 + 0.8 * (wave(number) - 1) for number in range(104, 117)], abs=0.03)


def test_growth_is_no_season():
    assert found([100 + number for number in range(104)]) == pytest.approx([1.0] * 117, abs=0.02)


def test_less_than_a_year_makes_no_season():
    assert set(found([100 * wave(number) for number in range(51)])) == {1.0}


def test_a_family_without_demand_has_no_season():
    assert set(found([0] * 60)) == {1.0}


def test_families_have_seasons_of_their_own():
    weeks = pl.concat([family([100 * wave(n) for n in range(104)]), family([100] * 104, "spare")])
    known = factors(weeks, weeks["week_start"].max(), 1)
    assert set(known.filter(family="spare")["factor"].round(9)) == {1.0}
    assert known.filter("has_season")["family"].unique().to_list() == ["pump"]


def test_a_factor_never_makes_a_week_vanish_or_explode():
    spikes = [1000 if number % 52 == 10 else 0 for number in range(104)]
    assert all(0.25 <= factor <= 4 for factor in found(spikes))


def test_the_least_squares_of_a_line_are_its_own_numbers():
    design = [(1.0, float(x)) for x in range(10)]
    assert solved(design, [3 + 2 * x for x in range(10)], (0, 0)) == pytest.approx([3, 2])
    assert solved(design, [3 + 2 * x for x in range(10)], (0, 1e9))[1] == pytest.approx(0, abs=1e-6)

"""The season of a product family: by how much each coming week exceeds an ordinary one, learned cautiously.

Least squares of the family's weekly demand, as a share of its mean, on a line and two yearly waves; the waves are
held back by a ridge (Hoerl and Kennard, Technometrics 12, 1970), so that little history makes a flat season.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import polars as pl

YEAR_WEEKS = 365.25 / 7
SEASON_WEEKS_MIN = 52  # before a whole year is seen, a season cannot be told from growth
_WAVES = 2
_RIDGE_WEEKS = 13.0  # a quarter of a year's weeks of evidence for no season: demo company, shares of .02 to .2 tried
_FACTOR_MIN, _FACTOR_MAX = 0.25, 4.0
_WEEK = timedelta(days=7)


def factors(known: pl.DataFrame, origin: date, horizon_weeks: int) -> pl.DataFrame:
    """One row per family and week, from its first known one to the horizon: family, week_start, factor, has_season.

    The factor's mean is about 1; it is 1 in every week while a family has no season.
    `known` has family, week_start and quantity, nothing after the origin.
    """
    totals = known.group_by("family", "week_start").agg(pl.col("quantity").sum()).sort("family", "week_start")
    rows = [
        row
        for (family,), weeks in totals.group_by("family", maintain_order=True)
        for row in _rows(str(family), weeks, origin, horizon_weeks)
    ]
    schema = {"family": pl.String, "week_start": pl.Date, "factor": pl.Float64, "has_season": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _rows(
    family: str, weeks: pl.DataFrame, origin: date, horizon_weeks: int
) -> Iterator[tuple[str, date, float, bool]]:
    first: date = weeks["week_start"][0]
    count = (origin - first).days // 7 + 1
    seen = {(on - first).days // 7: quantity for on, quantity in weeks.select("week_start", "quantity").iter_rows()}
    waves = _waves([seen.get(number, 0.0) for number in range(count)], first)
    for number in range(count + horizon_weeks):
        on = first + number * _WEEK
        swing = sum(weight * wave for weight, wave in zip(waves, _angles(on), strict=True))
        yield family, on, min(max(1.0 + swing, _FACTOR_MIN), _FACTOR_MAX), any(waves)


def _waves(quantities: Sequence[float], first: date) -> list[float]:
    """Weights of the waves; none when there is no year, or no demand, to learn from."""
    count, mean = len(quantities), sum(quantities) / len(quantities)
    if count < SEASON_WEEKS_MIN or mean <= 0:
        return [0.0] * (2 * _WAVES)
    design = [(1.0, number / count - 0.5, *_angles(first + number * _WEEK)) for number in range(count)]
    return solved(design, [quantity / mean for quantity in quantities], (0.0, 0.0, *[_RIDGE_WEEKS] * (2 * _WAVES)))[2:]


def _angles(on: date) -> tuple[float, ...]:
    turn = 2 * math.pi * on.timetuple().tm_yday / (7 * YEAR_WEEKS)
    return tuple(wave(turn * number) for number in range(1, _WAVES + 1) for wave in (math.cos, math.sin))


def solved(design: Sequence[Sequence[float]], observed: Sequence[float], ridge: Sequence[float]) -> list[float]:
    """The weights that minimise squared errors plus `ridge` times each squared weight, by Gaussian elimination.

    For a handful of columns; the pivot is never zero while each column varies or has a ridge.
    """
    width = len(ridge)
    matrix = [
        [sum(row[i] * row[j] for row in design) + (ridge[i] if i == j else 0.0) for j in range(width)]
        + [sum(row[i] * value for row, value in zip(design, observed, strict=True))]
        for i in range(width)
    ]
    for i in range(width):
        best = max(range(i, width), key=lambda k: abs(matrix[k][i]))
        matrix[i], matrix[best] = matrix[best], matrix[i]
        pivot = matrix[i][i]
        assert pivot, "a column of the design is empty"
        matrix[i] = [value / pivot for value in matrix[i]]
        for k in range(width):
            if k != i:
                matrix[k] = [left - matrix[k][i] * right for left, right in zip(matrix[k], matrix[i], strict=True)]
    return [row[-1] for row in matrix]

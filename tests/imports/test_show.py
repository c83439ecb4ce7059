"""What the terminal sees: a bar while somebody watches, and differences that cannot be overlooked."""

from __future__ import annotations

import re
from datetime import date, datetime
from io import StringIO

import polars as pl
import pytest
from rich.console import Console

from assets.table import Checked
from orchestration.imports.reconcile import KINDS, Report, treatments
from orchestration.imports.show import counting, show
from orchestration.imports.source import read_lines


@pytest.fixture
def report(write, dirt):
    lines = read_lines(write(dirt))

    def of(lake_off_by: int, *failures: Checked) -> Report:
        table = pl.DataFrame(
            {
                "month": [date(2010, 12, 1), date(2010, 12, 1), date(2011, 1, 1)],
                "kind": ["goods sold", "found", "goods sold"],
                "file": [606_104_908, 0, 5_100],
                "lake": [606_104_908 + lake_off_by, 0, 5_100],
                "file_pieces": [3_323_893, 30, 20],
                "lake_pieces": [3_323_893, 30, 20],
            },
            schema_overrides={"kind": pl.Enum(KINDS)},
        )
        until = datetime.fromisoformat("2011-01-05 09:00")
        return Report(until, table, treatments(lines), (("lines without a description", 4),), {"replay": 1.5}, failures)

    return of


@pytest.fixture
def shown(report):
    def said(lake_off_by: int, *failures: Checked) -> str:
        screen = Console(file=StringIO(), width=80)
        show(screen, report(lake_off_by, *failures))
        return screen.file.getvalue()

    return said


def test_equal_sides_say_so_and_fit_a_terminal(shown, dirt):
    said = shown(0)
    assert "File and lake are equal to the cent and to the piece." in said
    assert "6,061,049.08" in said and "3,323,893" in said and "2011-01" in said
    assert "…" not in said and "≠" not in said
    assert re.search(rf"all +{len(dirt)} ", said)
    assert re.search(r"all +all +6,061,100.08 +6,061,100.08 +3,323,943 +3,323,943 =", said)
    assert re.search(r"lines without a description +4", said)
    assert "Imported up to 2011-01-05 09:00: replay 1.5 s." in said


def test_a_difference_is_marked_in_its_row_and_in_the_sums(shown):
    said = shown(1)
    assert said.count("≠") == 3  # and in all of all
    assert "File and lake differ: see the rows that are marked." in said


def test_a_check_of_the_lake_that_fails_is_said(shown):
    failed = Checked("orders.orders", "net + tax = gross", "amounts add up", 7)
    assert "orders.orders fails its check net + tax = gross in 7 rows." in shown(0, failed)


def test_a_bar_with_its_rate_where_somebody_watches():
    screen = Console(file=StringIO(), force_terminal=True, width=120)
    with counting(screen, 3_000) as done:
        done(1_000)
        done(1_000)
    assert "2000/3000" in screen.file.getvalue() and "lines/s" in screen.file.getvalue()


def test_silence_where_nobody_watches():
    screen = Console(file=StringIO(), width=120)
    with counting(screen, 3_000) as done:
        done(1_000)
    assert not screen.file.getvalue().strip()

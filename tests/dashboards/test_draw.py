"""Numbers as people read them, and what is taken along in a file."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import draw


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (Decimal("1234.5"), "USD 1,234.50"),
        (Decimal("-1234.505"), "−USD 1,234.51"),
        (Decimal("-0.004"), "USD 0.00"),
        (0, "USD 0.00"),
        (None, "–"),
        (Decimal("12345678901.20"), "USD 12,345,678,901.20"),
    ],
)
def test_money_names_its_currency_and_rounds_half_away_from_zero(amount, shown: str):
    assert draw.money(amount, "USD") == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00k"),
        (45_600, "45.6k"),
        (798_279, "798k"),
        (1_234_567, "1.23m"),
        (2e9, "2.00bn"),
    ],
)
def test_short_numbers_keep_three_digits(number, shown: str):
    assert draw.short(number) == shown


@given(st.decimals(-(10**12), 10**12, places=2))
def test_money_is_read_back_as_it_was(amount: Decimal):
    shown = draw.money(amount, "USD")
    assert Decimal(shown.replace("−", "-").replace("USD ", "").replace(",", "")) == amount


def test_parts_and_times():
    assert draw.percent(Decimal("0.1234")) == "12.3 %"
    assert draw.percent(-0.05) == "−5.0 %"
    assert draw.percent(None) == draw.whole(None) == draw.day(None) == draw.short_money(None, "USD") == "–"
    assert draw.whole(-1234) == "−1,234"
    assert draw.day(date(2026, 11, 2)) == "2 Nov 2026"
    at = datetime(2026, 11, 22, 18, 45, 9, tzinfo=UTC)
    assert draw.moment(at, ZoneInfo("Asia/Kolkata")) == "23 Nov 2026, 00:15:09 IST"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-3, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "119 min"), (7200, "2 h"), (86_400 * 3, "3 days")],
)
def test_spans(seconds: float, shown: str):
    assert draw.span(seconds) == shown


def test_the_readers_zone_is_the_companys_when_the_browser_names_none():
    assert draw.readers_zone("Asia/Kolkata") == ZoneInfo("Asia/Kolkata")


@given(st.text())
def test_text_from_outside_is_never_markdown(text: str):
    shown = draw.plain(text)
    for sign in "\\`*_[]()#$:<>":
        assert shown.count(f"\\{sign}") >= text.count(sign)


def test_a_spreadsheet_runs_nothing_of_ours():
    frame = pl.DataFrame(
        {"name": ["=cmd()", "+1", "-x", "@a", "plain", None], "amount": [1.0, -2.0, 3.0, 4.0, 5.0, 6.0]}
    )
    lines = draw.tame_csv(frame).decode("utf-8-sig").splitlines()
    assert lines == ["name,amount", "'=cmd(),1.0", "'+1,-2.0", "'-x,3.0", "'@a,4.0", "plain,5.0", ",6.0"]

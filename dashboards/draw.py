"""Draws: numbers as people read them, colours of both grounds, and the one chart call of all screens."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl
import streamlit as st

CARD_WIDTH, CARD_HEIGHT = 180, 120
_ROW_PIXELS, _BAR_PIXELS = 35, 36
UNKNOWN = "–"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|$:<>~^=])")
_STEPS = ((Decimal(10) ** 9, "bn"), (Decimal(10) ** 6, "m"), (Decimal(10) ** 3, "k"))
Number = Decimal | int | float
Columns = Mapping[str, Any]
"""Column of a frame -> st.column_config of it."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The colours that go with a light or a dark page; tests/dashboards/test_palette.py measures them."""

    paper: str
    ink: str
    soft: str
    line: str
    grey: str
    accent: str
    good: str
    warn: str
    bad: str
    series: tuple[str, ...]
    ages: tuple[str, ...]
    """One hue for the five ages of a debt; the oldest stands out most."""


LIGHT = Ground(
    paper="#ffffff",
    ink="#091c22",
    soft="#475a61",
    line="#e3e9e6",
    grey="#b9c4c6",
    accent="#0b5f78",
    good="#1a663b",
    warn="#8a4f0c",
    bad="#a32d1b",
    series=("#306F97", "#C08963", "#5D0676", "#1C95FE", "#875D02", "#002A0B"),
    ages=("#d3e1e4", "#9dc3cf", "#5b9db2", "#24718b", "#083f51"),
)
DARK = Ground(
    paper="#0c161a",
    ink="#e8efef",
    soft="#a5b6ba",
    line="#24363d",
    grey="#4d626a",
    accent="#72c4d9",
    good="#80d0a1",
    warn="#e6b267",
    bad="#f3a08d",
    series=("#95BBE1", "#F96500", "#C4FCF1", "#B25BDD", "#FDD30B", "#546673"),
    ages=("#24404a", "#2f6375", "#43889d", "#72b5c9", "#cdeef6"),
)


def ground() -> Ground:
    """The colours of the page as its reader has it."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def write_on_primary_buttons() -> None:
    """Put a style on the page: Streamlit writes white on primary buttons, which nobody reads on the dark page's."""
    chosen = "[data-testid^='stBase'][data-testid*='-primary']:not(:disabled, [disabled])"
    st.html(f"<style>{chosen} {{ color: {ground().paper} !important }}</style>")


def money(amount: Number | None, currency: str) -> str:
    """`USD 1,234.50`; the currency always stands there, and minus is a minus."""
    if amount is None:
        return UNKNOWN
    cents = Decimal(amount).quantize(Decimal("0.01"), ROUND_HALF_UP) + 0  # no -0.00
    return f"{'−' if cents < 0 else ''}{currency} {abs(cents):,.2f}"


def short_money(amount: Number | None, currency: str) -> str:
    """`USD 1.23m`: three digits that matter, for figures that are read across a room."""
    return UNKNOWN if amount is None else f"{'−' if amount < 0 else ''}{currency} {short(abs(Decimal(amount)))}"


def short(number: Number) -> str:
    """`1.23m`, `45.6k`, `789`."""
    size = Decimal(number)
    for step, name in _STEPS:
        if abs(size) >= step:
            return f"{_three_digits(size / step)}{name}"
    return whole(size.to_integral_value(ROUND_HALF_UP))


def whole(number: Number | None) -> str:
    """`12,345`, with a true minus."""
    return UNKNOWN if number is None else f"{'−' if number < 0 else ''}{abs(int(number)):,}"


def percent(share: Number | None) -> str:
    """`12.3 %`."""
    return UNKNOWN if share is None else f"{'−' if share < 0 else ''}{abs(Decimal(share)) * 100:.1f} %"


def day(on: date | None) -> str:
    """`22 Nov 2026`: no country reads it otherwise."""
    return UNKNOWN if on is None else f"{on.day} {on:%b %Y}"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """`22 Nov 2026, 14:05:09 IST`."""
    local = at.astimezone(zone)
    return f"{day(local.date())}, {local:%H:%M:%S} {local.tzname()}"


def span(seconds: float) -> str:
    """`12 s`, `4 min`, `3 h`, `2 days`."""
    for size, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size or (size == 60 and seconds >= size):
            return f"{int(seconds // size)} {name}"
    return f"{max(0, int(seconds))} s"


def readers_zone(company_zone: str) -> ZoneInfo:
    """The reader's time zone, or the company's where the browser names none that is known."""
    try:
        return ZoneInfo(st.context.timezone or company_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(company_zone)


def plain(text: str) -> str:
    """Text from outside, so that Markdown shows it letter by letter."""
    return _MARKDOWN.sub(r"\\\1", text)


def chart(frame: pl.DataFrame, spec: Mapping[str, Any], *, alt: str, height: int) -> None:
    """A Vega-Lite chart in the house's manner; `alt` says what it shows."""
    drawn = {**spec, "config": _manner(ground())}
    st.vega_lite_chart(frame, drawn, width="stretch", height=height, theme=None, alt=alt)


def bars(
    frame: pl.DataFrame,
    *,
    length: str,
    alt: str,
    tooltip: Sequence[Mapping[str, Any]] = (),
    shades: Sequence[str] = (),
) -> None:
    """Lying bars in the frame's order: column `name` beside them, `said` at their end, `shades` by place or one."""
    names, most = frame["name"].to_list(), max(frame[length].to_list())
    axis = {"title": None, "ticks": False, "domain": False}
    colour = {"field": "name", "type": "nominal", "scale": legend(names, shades), "legend": None}
    bar = {"type": "bar", "color": ground().accent, "cornerRadiusEnd": 3, "height": 20}
    spec = {
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": names, "axis": axis},
            "x": {"field": length, "type": "quantitative", "axis": None, "scale": _room(most)},
            "tooltip": [*tooltip] or None,
        },
        "layer": [
            {"mark": bar, "encoding": {"color": colour} if shades else {}},
            {"mark": {"type": "text", "align": "left", "dx": 6}, "encoding": {"text": {"field": "said"}}},
        ],
    }
    chart(frame, spec, alt=alt, height=_BAR_PIXELS * frame.height + 16)


def table(frame: pl.DataFrame, columns: Columns, *, alt: str, key: str, rows_max: int = 12) -> None:
    """A table of these columns in this order."""
    st.dataframe(frame, **_shape(frame, columns, rows_max), alt=alt, key=key)


def pick(frame: pl.DataFrame, columns: Columns, *, alt: str, key: str, rows_max: int = 12) -> int | None:
    """A table whose rows can be picked; answers which one was."""
    shape = _shape(frame, columns, rows_max)
    picked = st.dataframe(frame, **shape, alt=alt, key=key, on_select="rerun", selection_mode="single-row")
    rows = picked.selection.rows
    return rows[0] if rows and rows[0] < frame.height else None


def amounts(title: str, explained: str | None = None) -> Any:
    """A column of money; the currency stands in its title."""
    return st.column_config.NumberColumn(title, format="accounting", help=explained)


def counts(title: str, explained: str | None = None) -> Any:
    """A column of pieces or of other whole numbers."""
    return st.column_config.NumberColumn(title, format="localized", help=explained)


def dates(title: str, explained: str | None = None) -> Any:
    """A column of calendar dates."""
    return st.column_config.DateColumn(title, format="D MMM YYYY", help=explained)


def nothing(title: str, words: str) -> None:
    """Why there is nothing to see, and what would change that."""
    st.info(words, title=title, icon=":material/inbox:")


def csv(frame: pl.DataFrame, name: str) -> None:
    """A button to take the rows along."""
    st.download_button(
        "CSV",
        lambda: tame_csv(frame),
        f"{name}.csv",
        "text/csv",
        icon=":material/download:",
        key=f"csv_{name}",
        on_click="ignore",
        help="These rows for a spreadsheet.",
    )


def tame_csv(frame: pl.DataFrame) -> bytes:
    """The rows for a spreadsheet; cells that it would run as formulas are quoted."""
    text = pl.col(pl.String)
    runs = text.str.contains(r"^[=+\-@\t\r]")
    tame = frame.with_columns(pl.when(runs).then(pl.lit("'") + text).otherwise(text).name.keep())
    return tame.write_csv().encode("utf-8-sig")


def legend(names: Sequence[str], colours: Sequence[str]) -> dict[str, Any]:
    """Vega-Lite's colour scale of named series, in order."""
    return {"domain": list(names), "range": list(colours)}


def _room(most: Any) -> dict[str, Any]:
    """A scale from 0 that leaves room for words at the end of the longest bar."""
    return {"domain": [0, (most or 1) * 1.85]}


def _shape(frame: pl.DataFrame, columns: Columns, rows_max: int) -> dict[str, Any]:
    height = "content" if frame.height <= rows_max else rows_max * _ROW_PIXELS
    return {"hide_index": True, "column_order": list(columns), "column_config": dict(columns), "height": height}


def _three_digits(size: Decimal) -> str:
    places = 2 if size < 10 else 1 if size < 100 else 0
    return f"{size:.{places}f}"


def _manner(colours: Ground) -> dict[str, Any]:
    words = {"labelColor": colours.soft, "titleColor": colours.soft, "labelFontSize": 12, "titleFontSize": 12}
    return {
        "background": "transparent",
        "font": "Inter, 'Source Sans', sans-serif",
        "padding": {"left": 4, "right": 12, "top": 8, "bottom": 4},
        "view": {"stroke": None},
        "axis": {
            **words,
            "titleFontWeight": "normal",
            "domainColor": colours.line,
            "tickColor": colours.line,
            "gridColor": colours.line,
            "labelPadding": 6,
            "labelLimit": 180,
        },
        "legend": {**words, "orient": "top", "title": None, "symbolType": "square", "offset": 4},
        "text": {"color": colours.ink, "fontSize": 12},
        "title": {"color": colours.ink},
    }

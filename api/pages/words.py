"""Words: amounts, figures and dates as people read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "INR": "₹", "JPY": "¥", "CNY": "CN¥", "KRW": "₩", "AUD": "A$"}
_PLACES = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "BHD": 3, "KWD": 3, "OMR": 3, "TND": 3, "JOD": 3}  # ISO 4217
_MINUS = "\N{MINUS SIGN}"
_NARROW = "\N{NO-BREAK SPACE}"


def money(amount: Decimal, currency: str) -> str:
    """`$1,250.00`, `₹1,24,500.00`, `CHF 12.00`; rounded half away from zero to the currency's places."""
    places = _PLACES.get(currency, 2)
    rounded = abs(amount).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    whole, _, rest = f"{rounded:f}".partition(".")
    grouped = _lakhs(whole) if currency == "INR" else f"{int(whole):,}"
    symbol = _SYMBOLS.get(currency, f"{currency}{_NARROW}")
    sign = _MINUS if amount < 0 and rounded else ""
    return f"{sign}{symbol}{grouped}" + (f".{rest}" if rest else "")


def _lakhs(whole: str) -> str:
    """Thousands first, then hundreds: 12,34,567."""
    head, tail = whole[:-3], whole[-3:]
    pairs = [head[max(end - 2, 0) : end] for end in range(len(head), 0, -2)]
    return ",".join([*reversed(pairs), tail])


def number(value: Decimal | float | None, places: int | None = None) -> str:
    """`1,250`, `3.05`; at most `places` decimals, no trailing zeros; a dash for what is not known."""
    if value is None:
        return "\N{EM DASH}"
    exact = Decimal(str(value))
    rounded = exact if places is None else exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    text = f"{abs(rounded):,f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{_MINUS}{text}" if rounded < 0 else text


def percent(rate: Decimal) -> str:
    """A fraction as a percentage: 0.125 is `12.5 %`."""
    return f"{number(rate * 100, 1)}{_NARROW}%"


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 pump`, `3 pumps`."""
    return f"{count:,}{_NARROW}{one if count == 1 else many or one + 's'}"


def filters(time_zone: str) -> Mapping[str, Callable[..., Any]]:
    """What templates may write after a bar; instants are shown in the company's time zone."""
    zone = ZoneInfo(time_zone)

    def day(on: date) -> str:
        local = on.astimezone(zone) if isinstance(on, datetime) else on
        return f"{local.day} {local:%b %Y}"

    def instant(at: datetime) -> str:
        return f"{day(at)}, {at.astimezone(zone):%H:%M %Z}"

    return {
        "money": money, "number": number, "percent": percent, "plural": plural, "day": day, "instant": instant,
    }  # fmt: skip

"""The only place that asks the time; everything else is told."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    """The present instant, UTC-aware."""
    return datetime.now(UTC)  # noqa: TID251 - the one place


def calendar_date(at: datetime, time_zone: str) -> date:
    """The company's calendar date at an instant."""
    return at.astimezone(ZoneInfo(time_zone)).date()

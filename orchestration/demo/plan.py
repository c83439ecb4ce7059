"""Plan: what makes one demo company differ from another; dice, ids and instants follow from it alone."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from warehouse.ids import derived_at

DAYS = 548  # eighteen months


@dataclass(frozen=True)
class Plan:
    """`until` is the last simulated day. `size` scales people and orders, for tests; the story's length is `days`."""

    seed: int
    until: date
    days: int = DAYS
    size: float = 1.0
    time_zone: str = "UTC"
    currency: str = "USD"

    @classmethod
    def read(cls, words: Mapping[str, Any]) -> Plan:
        """The plan that words() wrote."""
        return cls(**{**words, "until": date.fromisoformat(words["until"])})

    def words(self) -> dict[str, Any]:
        """The plan as JSON."""
        return {**asdict(self), "until": self.until.isoformat()}

    @cached_property
    def zone(self) -> ZoneInfo:
        """The company's calendar."""
        return ZoneInfo(self.time_zone)

    @property
    def first_day(self) -> date:
        """The day the doors open."""
        return self.until - timedelta(days=self.days - 1)

    def calendar(self) -> tuple[date, ...]:
        """Every simulated day in order."""
        return tuple(self.first_day + timedelta(days=n) for n in range(self.days))

    def dice(self, *topic: str | int) -> random.Random:
        """Chance, apart for every topic: a change in one chapter leaves the others as they were."""
        return random.Random("\x1f".join(map(str, (self.seed, *topic))))  # noqa: S311 - a story, no secret

    def instant(self, day: date, minutes: float) -> datetime:
        """So many minutes after midnight of the company's day, to the second."""
        midnight = datetime.combine(day, time(), tzinfo=self.zone)
        return (midnight.astimezone(UTC) + timedelta(seconds=round(minutes * 60))).astimezone(UTC)

    def id(self, at: datetime, *names: str | int) -> UUID:
        """The id of a command or of a thing; the same in every run of the same plan."""
        return derived_at(at, "demo", self.seed, self.until.isoformat(), *names)

    def scaled(self, number: int) -> int:
        """A head count in this company, one at least."""
        return max(1, round(number * self.size))


def is_workday(day: date) -> bool:
    """Monday to Friday."""
    return day.weekday() < 5


def workday_from(day: date, days: int = 0) -> date:
    """The first workday not before `day` + `days`."""
    day += timedelta(days=days)
    return day if is_workday(day) else day + timedelta(days=7 - day.weekday())

"""An agent's round: what the lake shows to be due, what was decided before, and the proposals that follow."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from assets.ask import Asker
from assets.contract import Line
from assets.proposals import Agent, Desk, Done, Due, Named, Past, propose_all, undecided
from warehouse import clock
from warehouse.lake.read import EVERYTHING, Reader
from warehouse.settings import Settings

L = TypeVar("L", bound=Line)

_PAST = "select id, sku, status, expires_at, ended_at from agents.decisions where function = ? order by proposed_at"
_SPENT = "select coalesce(sum(cost_usd), 0) as cost_usd from facts.model_call_recorded where created_at >= ?"


@dataclass(frozen=True, slots=True)
class Round(Generic[L]):
    """What an agent finds when it looks at the lake."""

    agent: Agent[L]
    due: Due[L]
    past: Past

    @property
    def undecided(self) -> list[Named[L]]:
        """What it would propose."""
        return undecided(self.agent, self.due.cases, self.past)


@dataclass(frozen=True, slots=True)
class Office:
    """What an agent works with: the settings, a reader of the lake, and a desk at the API."""

    settings: Settings
    open_reader: Callable[[], AbstractContextManager[Reader]]
    open_desk: Callable[[Agent[Line]], AbstractContextManager[Desk]]


def look(agent: Agent[L], reader: Reader, settings: Settings, at: datetime) -> Round[L]:
    """What is due and what was decided; decisions are read last, so that none made in between is missed."""
    due = agent.due(reader, settings)
    rows = reader.query(_PAST, [agent.contract.function], functions=EVERYTHING).frame
    return Round(agent, due, Past.of(rows.iter_rows(named=True), at))


def work(found: Round[L], reader: Reader, desk: Desk, settings: Settings, at: datetime) -> Done:
    """Propose what the round found; Claude is asked when the settings hold a key."""
    asker = Asker.of(settings, desk, spent_today(reader, settings, at)) if settings.anthropic_api_key else None
    today = clock.calendar_date(at, settings.time_zone)
    return propose_all(found.agent, found.due, found.past, desk, asker, today, settings.currency)


def spent_today(reader: Reader, settings: Settings, at: datetime) -> Decimal:
    """USD that the calls of the company's day have cost, as far as the lake knows."""
    zone = ZoneInfo(settings.time_zone)
    midnight = datetime.combine(at.astimezone(zone).date(), time(), zone)
    spent = reader.query(_SPENT, [midnight], functions=EVERYTHING).frame["cost_usd"].item()
    return Decimal(str(spent))

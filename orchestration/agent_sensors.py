"""reorder_due and price_review_due: start an agent while the lake shows something due that no decision stands for."""

# no `from __future__ import annotations` here: Dagster reads the type of `context` itself, not its name
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import dagster as dg
import duckdb
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from assets.proposals import Agent
from assets.rounds import Office, Round, look
from orchestration.sensors import UNFINISHED, history, seconds_to_wait
from warehouse import clock
from warehouse.lake.attach import LakeMissing

TICK_SECONDS = 5
LOOK_AGAIN = timedelta(seconds=30)  # after a run was asked for: its proposals are in the lake by then, or it failed
ONCE_IN = timedelta(minutes=10)  # a set whose run proposed nothing, as when all of it was refused
SENSORS = {"reorder": "reorder_due", "pricing": "price_review_due"}


@dataclass(frozen=True, slots=True)
class Glance:
    """What the sensor remembers: the version of the lake it looked at, and when to look again whatever happens."""

    version: int = -1
    again_at: datetime | None = None

    @classmethod
    def read(cls, cursor: str | None) -> Self:
        """From the words of a cursor."""
        if not cursor:
            return cls()
        version, _, again_at = cursor.partition(" ")
        return cls(int(version), datetime.fromisoformat(again_at) if again_at else None)

    def words(self) -> str:
        """As a cursor."""
        return f"{self.version} {self.again_at.isoformat() if self.again_at else ''}".strip()

    def still_holds(self, version: int, at: datetime) -> bool:
        """Whether there is nothing to look at: the same lake, and nothing in it that ran out meanwhile."""
        return self.version == version and (self.again_at is None or at < self.again_at)


def round_due(agent: Agent[Any], job: UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """The sensor that starts `job`. Level-triggered: what a failed or forgotten run left undone is still due."""

    @dg.sensor(
        name=SENSORS[agent.name],
        job=job,
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.SensorEvaluationContext, office: dg.ResourceParam[Office]) -> dg.RunRequest | dg.SkipReason:
        """Look at the lake when it moved or a proposal ran out; request one run for what is undecided."""
        if context.instance.get_run_records(dg.RunsFilter(job_name=job.name, statuses=UNFINISHED), limit=1):
            return dg.SkipReason("a run is on its way")
        ended = history(context.instance, job.name)
        pause = seconds_to_wait(ended)
        if pause > 0:
            return dg.SkipReason(f"the last run failed; trying again in {pause:.0f} s")
        at = clock.now()
        try:
            with office.open_reader() as reader:
                version = reader.as_of().version
                if Glance.read(context.cursor).still_holds(version, at):
                    return dg.SkipReason("the lake has not moved")
                found = look(agent, reader, office.settings, at)
        except (LakeMissing, duckdb.CatalogException):
            return dg.SkipReason("the lake does not have the tables yet")
        return _asked(context, found, version, at, is_retry=bool(ended) and ended[0].has_failed)

    return sensor


def _asked(
    context: dg.SensorEvaluationContext, found: Round[Any], version: int, at: datetime, *, is_retry: bool
) -> dg.RunRequest | dg.SkipReason:
    """A run for what is undecided; the same set is asked for once in a while, and after each failure's pause.

    Dagster starts a run of one key once and for ever: a key without the time would leave a set undecided whose run came
    to nothing.
    """
    undecided = found.undecided
    if not undecided:
        context.update_cursor(Glance(version, found.past.next_expiry).words())
        return dg.SkipReason(f"{len(found.due.cases)} due, all proposed or decided on")
    context.update_cursor(Glance(version, at + LOOK_AGAIN).words())
    names = " ".join(sorted(str(one.id) for one in undecided))
    key = hashlib.sha256(names.encode()).hexdigest()[:32]
    subjects = ", ".join(one.case.subject for one in undecided[:5])
    return dg.RunRequest(
        run_key=f"{found.agent.name} {key} {_turn(at, is_retry=is_retry)}",
        tags={"jovey/trigger": f"{len(undecided)} due: {subjects}"[:200]},
    )


def _turn(at: datetime, *, is_retry: bool) -> int:
    """The part of a run's key that time moves: every ONCE_IN, after a failure every second, behind its pause."""
    return int(at.timestamp()) if is_retry else int(at.timestamp() // ONCE_IN.total_seconds())

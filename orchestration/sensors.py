"""log_grew: starts the hot run while the log is ahead of the lake. Level-triggered, so nothing it forgets matters."""

# no `from __future__ import annotations` here: Dagster reads the type of `context` itself, not its name
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import dagster as dg
from dagster import DagsterRunStatus
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from assets.lake import Lake

HOT_RUN = "hot_run"
WATCH_SECONDS = 20  # inside one tick, well under its limit of 60: the sensor loop's own pause is 5 s between ticks
LOOK_SECONDS = 0.25
BACKOFF_SECONDS, BACKOFF_SECONDS_MAX = 5.0, 300.0
_FAILURES_COUNTED_MAX = 8  # 5 s doubled six times is past the longest pause

UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True, slots=True)
class Finished:
    """How an earlier run ended, and how many seconds ago."""

    has_failed: bool
    seconds_ago: float


def log_grew(job: UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """The sensor that starts `job`."""

    @dg.sensor(name="log_grew", job=job, minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING)
    def sensor(context: dg.SensorEvaluationContext, lake: dg.ResourceParam[Lake]) -> dg.RunRequest | dg.SkipReason:
        """Watch the log for up to 20 s; request one run when it holds an event, or a day began, that the lake lacks."""
        if context.instance.get_run_records(dg.RunsFilter(job_name=job.name, statuses=UNFINISHED), limit=1):
            return dg.SkipReason("a run is on its way; what came since will be found by the next")
        pause = seconds_to_wait(history(context.instance, job.name))
        if pause > 0:
            return dg.SkipReason(f"the last run failed; trying again in {pause:.0f} s")
        with lake.watching() as watch:
            if seen_within(watch.is_due, timedelta(seconds=WATCH_SECONDS)):
                return dg.RunRequest(tags={"jovey/trigger": "log_grew"})
            number = watch.account.position if watch.account else 0
            return dg.SkipReason(f"the lake is at the log's head, event {number}")

    return sensor


def seconds_to_wait(history: Sequence[Finished]) -> float:
    """The pause still due after failures in a row, newest first: 5 s, doubled by each, at most 300 s."""
    failures = next((n for n, run in enumerate(history) if not run.has_failed), len(history))
    if not failures:
        return 0.0
    pause = min(BACKOFF_SECONDS * 2.0 ** (failures - 1), BACKOFF_SECONDS_MAX)
    return max(0.0, pause - history[0].seconds_ago)


def seen_within(
    is_due: Callable[[], bool],
    patience: timedelta,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> bool:
    """Ask again and again until it is due or the patience is over; asks at least once."""
    deadline = monotonic() + patience.total_seconds()
    while not is_due():
        if monotonic() >= deadline:
            return False
        pause(LOOK_SECONDS)
    return True


def history(instance: dg.DagsterInstance, job_name: str) -> list[Finished]:
    """The job's last ended runs, newest first."""
    ended = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
    records = instance.get_run_records(dg.RunsFilter(job_name=job_name, statuses=ended), limit=_FAILURES_COUNTED_MAX)
    now = time.time()
    return [
        Finished(record.dagster_run.status is DagsterRunStatus.FAILURE, now - record.update_timestamp.timestamp())
        for record in records
    ]

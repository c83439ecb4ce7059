"""What the calendar starts: the day's turn at the company's midnight, slow tables and checks at night, housekeeping."""

# no `from __future__ import annotations` here: Dagster reads the type of `context` itself, not its name
from datetime import datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)  # what define_asset_job returns

from assets.lake import Lake
from orchestration.sealing import seal_log
from warehouse import clock

RUN_KEEP_DAYS = {DagsterRunStatus.SUCCESS: 2, DagsterRunStatus.FAILURE: 30, DagsterRunStatus.CANCELED: 30}
PURGED_RUNS_MAX = 5_000  # a purge; the hot run makes at most some 30,000 a day, and the purge comes by the hour


def schedules(
    time_zone: str,
    hot_run: UnresolvedAssetJobDefinition,
    nightly: UnresolvedAssetJobDefinition,
    checks: UnresolvedAssetJobDefinition,
) -> list[dg.ScheduleDefinition]:
    """All schedules, in the company's time zone, on from the first start."""
    times: dict[str, tuple[str, UnresolvedAssetJobDefinition | dg.JobDefinition]] = {
        "day_began": ("0 0 * * *", hot_run),
        "forecasts_due": ("13 0 * * *", nightly),
        "checks_due": ("17 2 * * *", checks),
        "keeping_due": ("37 * * * *", keep_lake),
        "sealing_due": ("7 * * * *", seal_events),
        "purge_due": ("53 * * * *", purge_runs),
    }
    return [
        dg.ScheduleDefinition(
            name=name,
            cron_schedule=cron,
            job=job,
            execution_timezone=time_zone,
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )
        for name, (cron, job) in times.items()
    ]


@dg.op
def compact(context: dg.OpExecutionContext, lake: dg.ResourceParam[Lake]) -> None:
    """Merge small files, forget old snapshots, remove what nobody sees."""
    kept = lake.keep()
    context.log.info("%d snapshots expired, %d files removed", kept.snapshots_expired, kept.files_removed)


@dg.job(executor_def=dg.in_process_executor)
def keep_lake() -> None:
    """Keep the lake small."""
    compact()


@dg.op
def seal(context: dg.OpExecutionContext, lake: dg.ResourceParam[Lake]) -> None:
    """Seal what came into the log since the last seal."""
    made = seal_log(lake.settings, clock.now())
    if made:
        context.log.info("seal %d: %d events, %s", made.number, made.events, made.hash.hex())


@dg.job(executor_def=dg.in_process_executor)
def seal_events() -> None:
    """Make the log show whether anybody changes it."""
    seal()


@dg.op
def purge(context: dg.OpExecutionContext) -> None:
    """Delete Dagster's own record of old runs; what an asset last came from stays."""
    context.log.info("%d runs purged", purged(context.instance, clock.now()))


@dg.job(executor_def=dg.in_process_executor)
def purge_runs() -> None:
    """Keep Dagster's memory small: nothing else ever deletes its event log."""
    purge()


def purged(instance: dg.DagsterInstance, now: datetime) -> int:
    """Delete runs past their days, oldest first; returns how many."""
    sources = _latest_sources(instance)
    count = 0
    for status, days in RUN_KEEP_DAYS.items():
        old = dg.RunsFilter(statuses=[status], updated_before=now - timedelta(days=days))
        for record in instance.get_run_records(old, limit=PURGED_RUNS_MAX, ascending=True):
            if record.dagster_run.run_id not in sources:
                instance.delete_run(record.dagster_run.run_id)
                count += 1
    return count


def _latest_sources(instance: dg.DagsterInstance) -> set[str]:
    """The runs that some asset last came from."""
    records = instance.get_asset_records(instance.all_asset_keys())
    entries = [record.asset_entry.last_materialization for record in records]
    return {entry.run_id for entry in entries if entry is not None}

"""`jovey import online-retail`: read the file, replay it, refresh the lake, and show that both say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from time import perf_counter
from zoneinfo import ZoneInfo

import polars as pl
from rich.console import Console
from sqlalchemy import Engine

from api.actor import system
from api.rules import rules_of
from assets.hot_run import refresh
from orchestration.imports.clerk import Clerk
from orchestration.imports.notes import notes_on
from orchestration.imports.plan import plan_of
from orchestration.imports.reconcile import Report, reconciled, treatments
from orchestration.imports.replay import CannotImport, replay
from orchestration.imports.show import counting, show
from orchestration.imports.source import read_lines
from orchestration.imports.story import Story
from warehouse.lake.read import Reader
from warehouse.log.asker import reading
from warehouse.log.migrate import migrate
from warehouse.postgres import Database, open_database
from warehouse.settings import Settings

CURRENCY = "GBP"
REFRESH_LINES = 75_000  # the lake holds a cut's facts in memory until it commits: 1.3 GB for all 320,705 lines at once
_STATEMENT_SECONDS_MAX = 300  # a batch takes about a second; another importer may hold its streams for a while


def import_online_retail(
    settings: Settings, path: Path, *, limit: int | None = None, until: date | None = None
) -> bool:
    """Import the file, or its beginning, and print what came of it; whether all is well.

    Raises BadFile and CannotImport; for the file's sake only before anything is written.
    """
    console, began = Console(), perf_counter()
    _refuse_foreign_ledger(settings)
    lines = read_lines(path)
    cut = cut_of(lines, limit, until)
    seconds = perf_counter() - began
    with open_database(settings) as database:
        migrate(database)
        with counting(console, lines.filter(pl.col("at") <= cut).height) as done:
            report = imported(database, settings, lines, cut, done)
    report.seconds["read"] = seconds
    show(console, report)
    return report.is_equal and not report.failures


def imported(
    database: Database, settings: Settings, lines: pl.DataFrame, cut: datetime, done: Callable[[int], None]
) -> Report:
    """Import checked lines up to the file's instant `cut` into a migrated database; `done` hears of lines handled."""
    seconds: dict[str, float] = {}
    clerk, plan, told = Clerk(ZoneInfo(settings.time_zone)), plan_of(lines), lines.filter(pl.col("at") <= cut)
    began, fresh = perf_counter(), 0
    with _appending(database) as engine:
        _refuse_other_documents(engine)
        for count in replay(engine, Story(lines, plan, clerk).told(cut), rules_of(settings)):
            done(count)
            fresh += count
            if fresh >= REFRESH_LINES:
                fresh = 0
                with _timed(seconds, "lake"):
                    refresh(database, settings)
    seconds["replay"] = perf_counter() - began - seconds.get("lake", 0)
    with _timed(seconds, "lake"):
        refreshed = refresh(database, settings)
    with _timed(seconds, "reconcile"), Reader(database, settings) as reader:
        table = reconciled(lines, reader, clerk, cut)
    return Report(cut, table, treatments(told), notes_on(told, plan), seconds, refreshed.failures)


def cut_of(lines: pl.DataFrame, limit: int | None, until: date | None) -> datetime:
    """The file's instant after which nothing is told: of the line `limit`, at the end of `until`, else the last one."""
    wanted = lines.select("row", "at")
    if limit is not None:
        wanted = wanted.filter(pl.col("row") <= limit)
    if until is not None:
        wanted = wanted.filter(pl.col("at").dt.date() <= until)
    cut = wanted["at"].max()
    if not isinstance(cut, datetime):
        raise CannotImport(f"The file begins after {until}; name a later day.")
    return cut


def _refuse_foreign_ledger(settings: Settings) -> None:
    """One ledger, one currency."""
    if settings.currency != CURRENCY:
        raise CannotImport(
            f"The file is in {CURRENCY} and this company's ledger in {settings.currency}: set "
            f"JOVEY_CURRENCY={CURRENCY} and import into a database of its own (JOVEY_HOME or DATABASE_URL)."
        )


def _refuse_other_documents(engine: Engine) -> None:
    other = (
        "select state->>'currency' from jovey.visible_states "
        "where aggregate_type in ('product', 'order', 'account') and state->>'currency' <> %s limit 1"
    )
    with reading(engine, system("import")) as connection:
        found = connection.exec_driver_sql(other, (CURRENCY,)).scalar()
    if found:
        raise CannotImport(f"This database holds documents in {found}; import the file, in {CURRENCY}, into another.")


@contextmanager
def _appending(database: Database) -> Iterator[Engine]:
    engine = database.engine("jovey_append", pool_size=1, lock_timeout_s=30, statement_timeout_s=_STATEMENT_SECONDS_MAX)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = perf_counter()
    yield
    seconds[stage] = seconds.get(stage, 0) + perf_counter() - began

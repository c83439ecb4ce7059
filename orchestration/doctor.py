"""`jovey doctor`: looks at everything Jovey stands on and says what is wrong, changing nothing."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from rich.console import Console
from rich.table import Table

from orchestration.programs import LOOPBACK, is_free
from orchestration.up import CannotServe, is_up, refuse_full_disk
from warehouse.lake.attach import LakeMissing, open_reader
from warehouse.log.lag import lags
from warehouse.log.migrate import newest_revision, revision_at
from warehouse.postgres import Database, DatabaseUnavailable, open_database
from warehouse.settings import Settings

_PYTHONS = ((3, 11), (3, 14))  # from, below
_SIGNS = {True: "[green]✓[/]", False: "[red]✗[/]"}


@dataclass(frozen=True)
class Finding:
    """One thing looked at: is it well, and what was seen or what to do."""

    what: str
    is_well: bool
    said: str


def doctor(settings: Settings, console: Console | None = None) -> bool:
    """Print all findings as a table; True when everything is well."""
    found = list(findings(settings))
    table = Table("", "What", "Finding")
    for finding in found:
        table.add_row(_SIGNS[finding.is_well], finding.what, finding.said)
    (console or Console()).print(table)
    return all(finding.is_well for finding in found)


def findings(settings: Settings) -> Iterator[Finding]:
    """Look at one thing after the other; what needs the database comes last."""
    yield _python()
    yield _disk(settings)
    yield from _ports(settings)
    yield _claude(settings)
    if not settings.database_url and not (settings.home / "postgres" / "data").exists():
        yield Finding("Database", True, "none yet: the first `jovey up` or `jovey demo` makes it")
        return
    try:
        with open_database(settings) as database:
            yield _version(database)
            yield _migrations(database)
            yield _lake(database, settings)
            yield from _readers(database)
    except DatabaseUnavailable as error:
        yield Finding("Database", False, str(error))


def _python() -> Finding:
    first, below = _PYTHONS
    return Finding("Python", first <= sys.version_info[:2] < below, sys.version.split()[0])


def _disk(settings: Settings) -> Finding:
    try:
        refuse_full_disk(settings.home)
    except CannotServe as error:
        return Finding("Disk", False, str(error))
    here = next(folder for folder in (settings.home, *settings.home.resolve().parents) if folder.exists())
    return Finding("Disk", True, f"{shutil.disk_usage(here).free // 1024**3} GB free")


def _ports(settings: Settings) -> Iterator[Finding]:
    is_ours = is_up(settings.home)
    wanted = (
        ("API port", settings.api_host, settings.api_port, "JOVEY_API_PORT"),
        ("Dagster port", LOOPBACK, settings.dagster_port, "JOVEY_DAGSTER_PORT"),
        ("Staff screens port", LOOPBACK, settings.staff_port, "JOVEY_STAFF_PORT"),
    )
    for what, host, port, variable in wanted:
        if is_ours:
            yield Finding(what, True, f"{port}; Jovey is up")
        elif is_free(host, port):
            yield Finding(what, True, f"{port} is free")
        else:
            yield Finding(what, False, f"{port} is taken by another program; set {variable} to another port")


def _claude(settings: Settings) -> Finding:
    if settings.anthropic_api_key is None:
        return Finding("Claude", True, "no ANTHROPIC_API_KEY: agents answer by formula")
    where = settings.anthropic_base_url or "Anthropic"
    return Finding(
        "Claude", True, f"agents ask {settings.model} at {where}, for {settings.model_cost_day_max} USD a day"
    )


def _version(database: Database) -> Finding:
    where = f"on {database.host}" if database.host else "here"
    with psycopg.connect(database.libpq()) as connection:
        version = connection.info.server_version
    return Finding("Database", True, f"{database.name}, PostgreSQL {version // 10000}.{version % 10000} {where}")


def _migrations(database: Database) -> Finding:
    engine = database.engine(pool_size=1)
    with engine.connect() as connection:
        found = revision_at(connection)
    engine.dispose()
    newest = newest_revision()
    if found == newest:
        return Finding("Migrations", True, f"at {newest}, the newest")
    return Finding("Migrations", False, f"at {found or 'none'}, the newest is {newest}; `jovey up` applies them")


def _lake(database: Database, settings: Settings) -> Finding:
    try:
        with open_reader(database, settings) as lake:
            row = lake.execute("select count(*) from duckdb_tables() where database_name = 'lake'").fetchone()
    except LakeMissing as error:
        return Finding("Lake", True, str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the examination goes on and shows it
        return Finding("Lake", False, f"cannot be opened: {str(error).splitlines()[0]}")
    return Finding("Lake", True, f"{row[0] if row else 0} tables in {settings.lake_folder}")


def _readers(database: Database) -> Iterator[Finding]:
    """How far behind the log they are. It is no illness: while Jovey is down, nobody reads."""
    engine = database.engine(pool_size=1)
    try:
        with engine.connect() as connection:
            is_there = revision_at(connection) is not None
            found = lags(connection) if is_there else []
    finally:
        engine.dispose()
    for lag in found:
        behind = (
            f"{lag.events:,} events behind, the oldest waits for {lag.seconds:,.0f} s" if lag.events else "at the head"
        )
        yield Finding(f"Reader {lag.consumer}", True, behind)

"""`jovey retire`, `unpack`, `pack`: old events leave PostgreSQL for the archive, and come back to be read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from orchestration.sealing import LogReport, examined, rows
from warehouse.clock import calendar_date
from warehouse.lake import unpack as unpacking
from warehouse.lake.archive import holders
from warehouse.log.append import sqlstate
from warehouse.log.migrate import migrate
from warehouse.log.position import Snapshot
from warehouse.log.removal import Removal, alone, guard, retire_seal
from warehouse.log.seal import Seal
from warehouse.postgres import Database, open_database
from warehouse.settings import Settings

_REFUSED, _LOCKED = "JV403", "55P03"


class RetireRefused(Exception):
    """Nothing (more) may be removed; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """A seal whose events are to be removed, and the file that holds them, with its SHA-256."""

    seal: Seal
    file: Path
    sha256: bytes


def retire(
    settings: Settings,
    before: date,
    now: datetime,
    *,
    is_meant: bool = False,
    watch: Callable[[Removal], None] = lambda _: None,
) -> tuple[Leaving, ...]:
    """Remove the events of the oldest seals, made before the company's midnight of that date; what goes, or would go.

    Everything is proven first. Each seal is one transaction: killed anywhere, the next call goes on with the next.
    Raises RetireRefused, RetentionBusy, ArchiveRefused.
    """
    _refuse_young(settings, before, calendar_date(now, settings.time_zone))
    midnight = datetime.combine(before, datetime.min.time(), ZoneInfo(settings.time_zone))
    with open_database(settings) as database:
        migrate(database)
        with alone(database):
            leaving = _proven(database, settings, midnight)
            if is_meant and leaving:
                unpacking.empty(database)
                with _owner(database) as connection:
                    _guard(connection)
                    for one in leaving:
                        watch(_retired(connection, one, midnight))
            return leaving


def unpack(settings: Settings) -> int:
    """Bring all removed events back to be read, until pack(); how many. Raises ArchiveRefused, RetentionBusy."""
    with open_database(settings) as database:
        migrate(database)
        return unpacking.unpack(database, settings)


def pack(settings: Settings) -> None:
    """Let what is unpacked go again. Raises RetentionBusy."""
    with open_database(settings) as database:
        migrate(database)
        unpacking.pack(database)


def _refuse_young(settings: Settings, before: date, today: date) -> None:
    years = settings.retention_years
    day = 28 if (today.month, today.day) == (2, 29) else today.day
    latest = today.replace(year=today.year - years, day=day)
    if before > latest:
        raise RetireRefused(
            f"Events stay for {years} years (JOVEY_RETENTION_YEARS): the latest day is {latest}, not {before}."
        )


def _proven(database: Database, settings: Settings, midnight: datetime) -> tuple[Leaving, ...]:
    """What is to go, after log, seals, journal and every file were found to be as they were sealed."""
    digests = _digests(settings.archive_folder)
    report = examined(database, settings)
    if not report.is_sound:
        where, event, _, what = next(rows(report))
        place = f"{where} {event}".strip()
        raise RetireRefused(f"Nothing is removed while something is not as it should be: {place}: {what}.")
    if digests != _digests(settings.archive_folder):
        raise RetireRefused("The archive changed while it was looked at: ask again.")
    due = _due(report, midnight)
    with _owner(database) as connection:
        _refuse_unread(connection, due)
    return tuple(Leaving(one, *_file_of(settings.archive_folder, one, digests)) for one in due)


def _due(report: LogReport, midnight: datetime) -> list[Seal]:
    """The seals after those removed already, up to the first that is too young."""
    gone = report.log.removals[-1].number if report.log.removals else 0
    due = []
    for one in report.log.chain[gone:]:
        if one.sealed_at >= midnight:
            break
        due.append(one)
    return due


def _refuse_unread(connection: Connection, due: Sequence[Seal]) -> None:
    if not due:
        return
    for row in connection.execute(text("select consumer, snapshot::text as snapshot from jovey.tail_cuts order by 1")):
        if not Snapshot.parse(row.snapshot).covers(due[-1].until):
            raise RetireRefused(f"The {row.consumer} has not read up to seal {due[-1].number}: let it catch up first.")


def _file_of(folder: Path, seal: Seal, digests: Mapping[Path, bytes]) -> tuple[Path, bytes]:
    for path, (first, last) in holders(folder).items():
        if first <= seal.number <= last:
            return path, digests[path]
    raise RetireRefused(f"Seal {seal.number} of {seal.sealed_at:%Y-%m-%d} is not archived yet: jovey archive.")


def _guard(connection: Connection) -> None:
    try:
        with connection.begin():
            guard(connection)
    except DBAPIError as error:
        if sqlstate(error) != _LOCKED:
            raise
        raise RetireRefused(
            "Nothing was removed: a writer, or maintenance, holds the log for more than two seconds. Ask again."
        ) from error


def _retired(connection: Connection, one: Leaving, midnight: datetime) -> Removal:
    try:
        with connection.begin():
            return retire_seal(connection, one.seal, midnight, one.file.name, one.sha256)
    except DBAPIError as error:
        if sqlstate(error) != _REFUSED:
            raise
        said = str(error.orig).partition("\n")[0]
        raise RetireRefused(f"The database refused: {said}. Seals before it are removed, it is not.") from error


def _digests(folder: Path) -> dict[Path, bytes]:
    return {path: _digest(path) for path in holders(folder)}


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


@contextmanager
def _owner(database: Database) -> Iterator[Connection]:
    engine = database.engine("jovey_owner", pool_size=1, statement_timeout_s=0)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()

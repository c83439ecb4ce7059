"""`jovey seal`, `jovey seal prove`, `jovey archive`, and what `jovey verify` says of the log itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter
from uuid import UUID
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection

from warehouse.lake.archive import File, Misfiled, archive, examine_archive, holders
from warehouse.log import seal_journal
from warehouse.log.guards import breaches
from warehouse.log.migrate import migrate
from warehouse.log.removal import Removal
from warehouse.log.seal import Seal, stored_seals
from warehouse.log.seal_key import seal_key, trusted_keys
from warehouse.log.seal_proof import prove_event
from warehouse.log.sealing import CONNECTIONS, seal
from warehouse.log.tampering import Examined, examine_seals
from warehouse.postgres import Database, open_database
from warehouse.settings import Settings


@dataclass(frozen=True, slots=True)
class LogReport:
    """What the seals say of the log, and of the files that were copied from it; and which of its guards are down."""

    log: Examined
    archived: int
    misfiled: tuple[Misfiled, ...]
    breaches: tuple[str, ...]

    @property
    def is_as_sealed(self) -> bool:
        """Whether every sealed event is what and where it was, in the log and in the archive."""
        return not self.log.faults and not self.misfiled

    @property
    def is_sound(self) -> bool:
        """Whether it is as it was sealed, and every guard in its place."""
        return self.is_as_sealed and not self.breaches


def seal_log(settings: Settings, now: datetime) -> Seal | None:
    """Seal what is new; None when nothing is. Raises as warehouse.log.sealing.seal does, and SealKeyUnusable."""
    key = seal_key(settings)
    with open_database(settings) as database:
        migrate(database)
        engine = database.engine("jovey_tail", pool_size=CONNECTIONS, statement_timeout_s=0)
        try:
            return seal(engine, key, seal_journal.journal_file(settings), now)
        finally:
            engine.dispose()


def archive_log(settings: Settings, before: date) -> list[File]:
    """Copy what was sealed before the company's midnight of that date. Raises ArchiveRefused."""
    midnight = datetime.combine(before, datetime.min.time(), ZoneInfo(settings.time_zone))
    with open_database(settings) as database:
        migrate(database)
        with _reading(database) as connection:
            seals = list(stored_seals(connection))
        return archive(database, settings, seals, trusted_keys(settings), midnight)


def proof_of(settings: Settings, event_id: UUID) -> str:
    """The proof that an event is sealed, as JSON. Raises NoProof."""
    with open_database(settings) as database, _reading(database) as connection:
        return json.dumps(prove_event(connection, event_id).as_json(), ensure_ascii=False, indent=2)


def public_key(settings: Settings) -> str:
    """What others check this installation's seals by, in hexadecimal."""
    return seal_key(settings).public.hex()


def examine_log(settings: Settings) -> LogReport:
    """Compare log and archive with the seals; writes nothing. Raises JournalUnreadable, SealKeyUnusable."""
    with open_database(settings) as database:
        return examined(database, settings)


def examined(database: Database, settings: Settings) -> LogReport:
    """As examine_log(), in a database that is open."""
    trusted = trusted_keys(settings)
    remembered = seal_journal.remembered(seal_journal.journal_file(settings))
    with _reading(database) as connection:
        found = examine_seals(connection, trusted, remembered)
        down = tuple(breaches(connection))
    archived, misfiled = examine_archive(settings, found.chain, trusted)
    return LogReport(found, archived, (*misfiled, *_missing(settings, found.removals)), down)


def _missing(settings: Settings, removals: Sequence[Removal]) -> Iterator[Misfiled]:
    """Files that are gone, and with them events that stand nowhere else."""
    held = holders(settings.archive_folder).values()
    for file, group in groupby(removals, key=attrgetter("file")):
        gone = [one for one in group if not any(first <= one.number <= last for first, last in held)]
        if gone:
            events, last = sum(one.removed for one in gone), gone[-1]
            what = f"it is missing, and it alone holds the {events:,} events removed up to seal {last.number}"
            yield Misfiled(file, f"{what}: put it back from a copy (sha256 {last.sha256.hex()})")


def show_log(console: Console, report: LogReport) -> None:
    """Print the report: a row for each fault, and what was compared."""
    log = report.log
    if not report.is_sound:
        table = Table("where", "event", "position", "what", title="Not as it should be")
        for row in rows(report):
            table.add_row(*map(Text, row))  # as they are: names may be an intruder's
        console.print(table)
    if not report.is_as_sealed:
        console.print("Keep this database as it is, and compare it with a backup.")
    if report.breaches:
        console.print("What to do: docs/guides/restore.md, A guard is down.")
    if log.newest is None:
        console.print(f"The log was never sealed: {log.unsealed:,} events could be changed unseen (jovey seal).")
        return
    verdict = "as they were sealed" if report.is_as_sealed else "NOT all as they were sealed"
    console.print(
        f"{log.events:,} events under {len(log.chain):,} seals are {verdict}; {log.unsealed:,} wait for the next seal, "
        f"{report.archived:,} are archived too."
    )
    if log.removals:
        removed = sum(one.removed for one in log.removals)
        where = "in the archive alone" if log.archived else "in the archive, and unpacked"
        console.print(f"{removed:,} of them, up to seal {log.removals[-1].number}, stand {where}.")
    console.print(f"Newest: seal {log.newest.number}, {log.newest.hash.hex()}.", highlight=False)


def rows(report: LogReport) -> Iterator[tuple[str, str, str, str]]:
    """Each fault as the place, the event, its position and what is wrong, in words."""
    for fault in report.log.faults:
        place = "" if fault.position is None else str(fault.position)
        yield f"seal {fault.seal}", str(fault.event_id or ""), place, fault.what
    for misfiled in report.misfiled:
        yield misfiled.file, "", "", misfiled.what
    for breach in report.breaches:
        yield "guards", "", "", breach


@contextmanager
def _reading(database: Database) -> Iterator[Connection]:
    engine = database.engine("jovey_read", pool_size=1, statement_timeout_s=0)
    try:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            yield connection
    finally:
        engine.dispose()

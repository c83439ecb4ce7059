"""`jovey verify`: holds the log to its seals, folds and derives all once more, and names what is not as it says."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.parity import Difference
from assets.lake import Lake
from assets.proof import Mismatch, Proof, Row, prove
from assets.table import Checked
from orchestration.folding import DIFFERENCES_MAX, SHARE_EVENTS, compare_share, each, frozen, processors, scene, shares
from orchestration.sealing import examine_log, show_log
from orchestration.watching import Watch, unwatched, watching
from warehouse.lake.unpack import whole_history
from warehouse.postgres import Database, open_database
from warehouse.settings import Settings


@dataclass(frozen=True, slots=True)
class Report:
    """What was found wrong: in states (the first hundred), in the lake's tables, and checks that rows break."""

    differences: tuple[Difference, ...]
    proof: Proof
    failures: tuple[Checked, ...]

    @property
    def is_sound(self) -> bool:
        """Whether states and lake are what the log says, and every check holds."""
        return not self.differences and not self.proof.mismatches and not self.failures


def verify(settings: Settings) -> bool:
    """Compare and print what was found; whether all is sound.

    The log comes first: what was done to it may well be what nothing can be folded from. Raises UnreadableFact,
    LakeMissing, UnknownFact, ArchiveRefused.
    """
    console = Console()
    with console.status("Hashing every sealed event once more"):
        log = examine_log(settings)
    show_log(console, log)
    with watching(console, "Folding and deriving everything once more") as watch:
        report = examine(settings, watch)
    show(console, report)
    return log.is_sound and report.is_sound


def examine(settings: Settings, watch: Watch = unwatched) -> Report:
    """Compare; writes nothing. States and lake are each seen at one instant, whatever is written meanwhile.

    Removed events are unpacked for as long as it takes. Raises ArchiveRefused where a file does not give them.
    """
    with open_database(settings) as database, whole_history(database, settings):
        with closing(unlike_states(database, settings, watch)) as unlike:
            found = tuple(islice(unlike, DIFFERENCES_MAX))
        proof = prove(database, settings)
    if any(one.is_misshapen for one in proof.mismatches):  # checks ask for tables as the code makes them
        return Report(found, proof, ())
    return Report(found, proof, tuple(one for one in Lake.of(settings).check_all() if not one.has_passed))


def unlike_states(
    database: Database,
    settings: Settings,
    watch: Watch = unwatched,
    *,
    share_events: int = SHARE_EVENTS,
    workers: int | None = None,
) -> Generator[Difference]:
    """Where stored states differ from the log's fold, share by share as all cores compare them, at one instant."""
    engine = database.engine("jovey_read", pool_size=1, statement_timeout_s=0)
    try:
        with frozen(engine) as seen:
            parts, done = shares(seen, share_events), 0
            in_all = sum(share.events for share in parts)
            with closing(each(compare_share, scene(seen, database, settings), parts, workers or processors())) as found:
                for share, unlike in found:
                    done += share.events
                    watch(done, in_all)
                    yield from unlike
    finally:
        engine.dispose()


def show(console: Console, report: Report) -> None:
    """Print the report: a row for each thing that is wrong, and what was compared."""
    proof = report.proof
    if not report.is_sound:
        table = Table("where", "what", "stored", "by the log", title="Not as the log says")
        for row in _rows(report):
            table.add_row(*map(Text, row))
        console.print(table)
        console.print("Find out who wrote there, then: jovey rebuild")
    compared = f"{proof.events:,} events, {proof.tables} tables of the lake with {proof.rows:,} rows"
    console.print(f"{'Sound' if report.is_sound else 'NOT sound'}: {compared}, and every folded state compared.")


def _rows(report: Report) -> Iterator[tuple[str, str, str, str]]:
    for one in report.differences:
        stored, folded = (str(said) if one.path else _presence(said) for said in (one.stored, one.refolded))
        yield f"{one.ref.stream} {one.ref.id}", one.path or "the whole state", stored, folded
    for mismatch in report.proof.mismatches:
        yield mismatch.table, _counts(mismatch), *_example(mismatch)
    for check in report.failures:
        yield check.table, f"{check.name}: {check.about}", f"{check.offenders:,} rows break it", "none"


def _presence(state: object) -> str:
    return "missing" if state is None else "present"


def _counts(mismatch: Mismatch) -> str:
    return f"{mismatch.reason} ({mismatch.missing:,} missing, {mismatch.surplus:,} surplus)"


def _example(mismatch: Mismatch) -> tuple[str, str]:
    """The columns in which the first surplus and the first missing row differ."""
    found, expected = mismatch.found, mismatch.expected
    names = [name for name in {**found, **expected} if found.get(name) != expected.get(name)]
    return _told(found, names), _told(expected, names)


def _told(row: Row, names: list[str]) -> str:
    return ", ".join(f"{name} {row[name]}" for name in names if name in row)

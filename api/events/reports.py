"""The door that says whether all still agrees: states and lake with the log, the books with themselves, the seals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from pydantic import BaseModel, Field
from sqlalchemy import Connection, text

from api.events.archived import archived_events
from api.events.integrity import Absent, Check, State
from api.house import Here
from api.parity import compared
from api.views import Shown, routed
from warehouse.events.vocabulary import VOCABULARY
from warehouse.lake.attach import LakeMissing
from warehouse.lake.proofs import PROOFS
from warehouse.lake.read import EVERYTHING, Answer, Reader
from warehouse.log.guards import GUARDS, KEYS, breaches
from warehouse.log.position import Snapshot, decode
from warehouse.log.seal_journal import journal_file, remembered
from warehouse.log.seal_key import trusted_keys
from warehouse.log.tampering import examine_seals
from warehouse.settings import Settings

ROUTER = routed("/api/v1/events", "events")


class CheckView(Shown):
    """What one check found so far; `faults` are the first twenty, in words."""

    name: str
    about: str
    state: State
    looked_at: int = Field(description="Streams, events or sums looked at so far.")
    faults: tuple[str, ...]


class IntegrityView(BaseModel):
    """The newest examination. Ask again while it is running."""

    is_running: bool
    is_sound: bool = Field(description="Whether every check has ended and none found a fault.")
    began_at: datetime
    ended_at: datetime | None
    checks: tuple[CheckView, ...]


@ROUTER.get("/integrity")
def show_integrity(here: Here) -> IntegrityView:
    """Whether states are the log's fold, the lake holds each event once, ledgers balance, guards stand and seals hold.

    Looks in the background, anew when the last look is older than 30 s, and answers within 2 s with how far it has
    come. Row by row, derived tables and archive included: `jovey verify`.
    """
    report = here.examiner.report()
    return IntegrityView(
        is_running=report.ended_at is None,
        is_sound=report.ended_at is not None and all(one.state in {"sound", "absent"} for one in report.findings),
        began_at=report.began_at,
        ended_at=report.ended_at,
        checks=tuple(map(CheckView.model_validate, report.findings)),
    )


def checks(settings: Settings, lake: Reader) -> tuple[Check, ...]:
    """Everything that must be so, the quickest first."""
    return (
        Check("ledgers", "Sums of the books, added up anew from their movements, agree.", partial(_sums, lake)),
        Check("lake", "The lake holds every event up to its cut, each once.", partial(_lake, lake)),
        Check("guards", "Every trigger and key that guards the log is in its place, and no other.", _guards),
        Check("seals", "Every sealed event is what and where it was; no seal is missing.", partial(_seals, settings)),
        Check("states", "Every folded state, and every natural key, is what its events say.", _states),
    )  # fmt: skip


def _states(connection: Connection) -> Iterator[int | str]:
    _refuse_archived(connection)
    for stream in compared(connection):
        if not stream.differences:
            yield 1
        for one in stream.differences:
            yield f"{one.ref.stream} {one.ref.id}: {one.path or 'the whole state'} is not as its events say."


def _guards(connection: Connection) -> Iterator[int | str]:
    down = [f"{breach[0].upper()}{breach[1:]}." for breach in breaches(connection)]
    yield max(0, len(GUARDS) + len(KEYS) - len(down))
    yield from down


def _seals(settings: Settings, connection: Connection) -> Iterator[int | str]:
    found = examine_seals(connection, trusted_keys(settings), remembered(journal_file(settings)))
    if found.newest is None and not found.faults:
        raise Absent("The log was never sealed: jovey seal.")
    yield found.events
    for fault in found.faults:
        event = f", event {fault.event_id}" if fault.event_id else ""
        yield f"Seal {fault.seal}{event}: {fault.what}."


def _lake(lake: Reader, connection: Connection) -> Iterator[int | str]:
    """Compare count and positions of each type's events: one scan of the log, one look into each table."""
    _refuse_archived(connection)
    answer = _asked(lake, _COUNTS)
    cut = decode(answer.as_of.position)
    assert isinstance(cut, Snapshot), "the lake reads by cuts"
    held = {name: (count, total) for name, count, total in answer.frame.iter_rows()}
    counted = text(f"""
        select event_type, count(*), sum(position)::bigint from jovey.history
         where pg_visible_in_snapshot(transaction_id, '{cut}'::pg_snapshot) group by event_type""")
    logged = {name: (count, total) for name, count, total in connection.execute(counted)}
    for name in VOCABULARY:
        ours, theirs = logged.get(name, (0, 0)), held[name]
        if ours == (theirs[0], int(theirs[1])):
            yield ours[0]
        else:
            yield f"{name}: the log has {ours[0]:,} up to the lake's cut, the lake {theirs[0]:,}, or others."


def _refuse_archived(connection: Connection) -> None:
    """What needs the first events cannot be looked at from here while they stand in the archive alone."""
    if archived := archived_events(connection):
        raise Absent(f"{archived:,} old events stand in the archive alone; jovey verify looks at them too.")


def _sums(lake: Reader, _: Connection) -> Iterator[int | str]:
    for proof in PROOFS:
        row = _asked(lake, proof.sql).frame.row(0, named=True)
        yield int(row["checked"] - row["wrong"])
        if row["wrong"]:
            yield f"{proof.words}: {row['wrong']:,} of {row['checked']:,} do not."


def _asked(lake: Reader, sql: str) -> Answer:
    try:
        return lake.query(sql, functions=EVERYTHING)
    except LakeMissing as missing:
        raise Absent(str(missing)) from missing


_COUNTS = " union all ".join(
    f"select '{name}' as event_type, count(*) as events, coalesce(sum(position), 0)::bigint as positions"
    f" from facts.{event.table()}"
    for name, event in VOCABULARY.items()
)

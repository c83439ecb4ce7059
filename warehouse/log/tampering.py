"""Finds what was done to the log behind its back: every seal and every sealed event, compared with what was signed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

from sqlalchemy import Connection, text

from warehouse.log.merkle import HASH_BYTES, Tree
from warehouse.log.position import BEGINNING
from warehouse.log.removal import Removal, archived_events, stored_removals
from warehouse.log.seal import (
    ENTRY_BYTES,
    FIRST_PREVIOUS,
    FORM,
    MARK,
    MARKS,
    Seal,
    entries,
    kept_entries,
    stored_seals,
)
from warehouse.log.seal_key import is_signed, names

FAULTS_MAX = 100  # events of one seal that are named; beyond that the seal is as good as gone


@dataclass(frozen=True, slots=True)
class Fault:
    """What is not as it was sealed: an event by id and position, or the seal itself when `event_id` is None."""

    seal: int
    what: str
    event_id: UUID | None = None
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Examined:
    """What was compared: the chain of seals, the events in them and those no seal holds yet; and every fault found."""

    chain: tuple[Seal, ...]
    events: int
    unsealed: int
    faults: tuple[Fault, ...]
    removals: tuple[Removal, ...] = ()
    archived: int = 0
    """Events that were removed and are not unpacked: whether files hold them, warehouse.lake.archive tells."""

    @property
    def newest(self) -> Seal | None:
        return self.chain[-1] if self.chain else None


def examine_seals(connection: Connection, trusted: Collection[bytes], remembered: Sequence[Seal] = ()) -> Examined:
    """Compare the whole log with its seals, in time linear in both. Give it a REPEATABLE READ transaction.

    `trusted` are the public keys whose signatures count; `remembered` the seals a journal kept outside the database,
    without which it cannot be seen that the newest ones were taken away.
    """
    has_seals = connection.execute(text("select to_regclass('jovey.seals') is not null")).scalar_one()
    stored = {one.number: one for one in stored_seals(connection)} if has_seals else {}
    known = {one.number: one for one in remembered}
    everything = known | stored
    seals = tuple(everything[number] for number in sorted(everything))
    faults = [*_unlike_journal(stored, known), *_broken_links(seals, trusted)]
    if not has_seals:  # not migrated yet, or taken away whole
        return Examined(seals, 0, _unsealed(connection, None), tuple(faults))
    removals, archived = stored_removals(connection), 0
    if removals:
        archived = archived_events(connection)
    loose = _Loose(archived_up_to=removals[-1].number if archived else 0)
    events = 0
    for one in seals:
        events += one.events
        if one.form == FORM:
            faults += _examine_events(connection, one, loose)
    faults += _settle(connection, loose)
    if loose.archived != archived:
        gone = f"{loose.archived:,} of its events and those before are gone, {archived:,} were removed into the archive"
        faults.append(Fault(loose.archived_up_to, gone))
    unsealed = _unsealed(connection, seals[-1] if seals else None)
    return Examined(seals, events, unsealed, tuple(faults), tuple(removals), archived)


def _unlike_journal(stored: Mapping[int, Seal], known: Mapping[int, Seal]) -> Iterator[Fault]:
    for number, one in known.items():
        if number not in stored:
            yield Fault(
                number, f"the log lacks this seal of {one.sealed_at:%Y-%m-%d %H:%M}, which the journal remembers"
            )
        elif stored[number] != one:
            yield Fault(number, f"the journal remembers another seal, of {one.sealed_at:%Y-%m-%d %H:%M}")


def _broken_links(seals: Iterable[Seal], trusted: Collection[bytes]) -> Iterator[Fault]:
    before: Seal | None = None
    for one in seals:
        expected = before.number + 1 if before else 1
        if one.number != expected:
            yield Fault(one.number, f"seal {expected} is missing before it")
        elif one.previous != (before.hash if before else FIRST_PREVIOUS):
            yield Fault(one.number, "it does not follow the seal before it, which was changed or replaced")
        elif one.seen != (before.until if before else BEGINNING):
            yield Fault(one.number, "its cut does not begin where the one before ends")
        if one.public_key not in trusted:
            yield Fault(one.number, f"signed with the key {one.public_key.hex()}; those trusted: {names(trusted)}")
        if not is_signed(one.statement, one.signature, one.public_key):
            yield Fault(one.number, "its signature is not that of what it says")
        if one.form != FORM:
            yield Fault(one.number, f"made in form {one.form}, which this code does not read: update it")
        before = one


@dataclass(slots=True)
class _Loose:
    """Entries, by event id, without a counterpart at their place; perhaps at another, or under another seal.

    Up to the seal `archived_up_to` what is not there was removed: it is counted, and the files are to prove it.
    """

    archived_up_to: int = 0
    archived: int = 0
    kept: dict[bytes, tuple[Seal, bytes]] = field(default_factory=dict)
    found: dict[bytes, tuple[Seal, bytes]] = field(default_factory=dict)


def _examine_events(connection: Connection, seal: Seal, loose: _Loose) -> Iterator[Fault]:
    """Compare a cut's events now with the entries kept of them, and those with the signed root."""
    tree = Tree()
    pairs = _unlike(_into(tree, kept_entries(connection, seal)), entries(connection, seal))
    if seal.number <= loose.archived_up_to:
        pairs = _without_archived(pairs, loose)
    unlike = list(islice(pairs, FAULTS_MAX))
    if len(unlike) == FAULTS_MAX:
        yield Fault(seal.number, f"{FAULTS_MAX} events or more are not as they were sealed; the first are named")
    elif not _is_of(seal, tree):
        found = _grown(entries(connection, seal))
        if _is_of(seal, found):
            yield Fault(seal.number, "the leaves kept of it were changed; its events are as they were sealed")
            return
        counts = f"its events ({found.size:,} of {seal.events:,}) nor the leaves kept of them ({tree.size:,})"
        yield Fault(seal.number, f"neither {counts} give its root")
        if not tree.size:
            return  # nothing to name events by
    for kept, now in unlike:
        if kept is not None and now is not None:
            yield _changed(connection, seal, kept)
        elif kept is not None:
            loose.kept[kept[8:24]] = seal, kept
        elif now is not None:
            loose.found[now[8:24]] = seal, now


def _without_archived(
    pairs: Iterator[tuple[bytes | None, bytes | None]], loose: _Loose
) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Those pairs that are no removed event."""
    for kept, now in pairs:
        if kept is not None and now is None:
            loose.archived += 1
        else:
            yield kept, now


def _is_of(seal: Seal, tree: Tree) -> bool:
    return (tree.size, tree.root) == (seal.events, seal.root)


def _grown(hashed: Iterable[bytes]) -> Tree:
    tree = Tree()
    for _ in _into(tree, hashed):
        pass
    return tree


def _into(tree: Tree, hashed: Iterable[bytes]) -> Iterator[bytes]:
    for entry in hashed:
        tree.add(entry[ENTRY_BYTES - HASH_BYTES : ENTRY_BYTES])
        yield entry


def _unlike(kept: Iterator[bytes], found: Iterator[bytes]) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Entries that differ, side by side by position and id; None where one side has none. Both come by position."""
    before, now = next(kept, None), next(found, None)
    while before is not None or now is not None:
        if now is None or (before is not None and before[:24] < now[:24]):
            yield before, None
            before = next(kept, None)
        elif before is None or now[:24] < before[:24]:
            yield None, now
            now = next(found, None)
        else:
            if before[:ENTRY_BYTES] != now:
                yield before, now
            before, now = next(kept, None), next(found, None)


def _changed(connection: Connection, seal: Seal, kept: bytes) -> Fault:
    return Fault(seal.number, f"changed: {_columns(connection, kept, kept[:8])}", *_identity(kept))


def _settle(connection: Connection, loose: _Loose) -> Iterator[Fault]:
    """Tell events that stand elsewhere from those that are gone, and from those nobody sealed."""
    for id, (seal, kept) in loose.kept.items():
        _, now = loose.found.pop(id, (None, None))
        place = now[:8] if now else _place(connection, id)
        if place is None:
            yield Fault(seal.number, "dropped", *_identity(kept))
        else:
            columns = _columns(connection, kept, place)
            where = "" if place == kept[:8] else f" to position {int.from_bytes(place)}"
            yield Fault(seal.number, f"moved{where}: {columns}", *_identity(kept))
    for seal, now in loose.found.values():
        yield Fault(seal.number, "added after it was sealed", *_identity(now))


def _columns(connection: Connection, kept: bytes, place: bytes) -> str:
    """The columns in which the event at that position differs from what was sealed."""
    query = text(f"select uuid_send(id) || {MARK} from jovey.history where position = :position")
    marks = bytes(connection.execute(query, {"position": int.from_bytes(place)}).scalars().first() or b"")[16:]
    sealed = kept[ENTRY_BYTES:]
    width = len(sealed) // len(MARKS)
    places = ((name, slice(at * width, (at + 1) * width)) for at, name in enumerate(MARKS))
    differing = [name for name, part in places if marks[part] != sealed[part]]
    if place != kept[:8]:
        differing.insert(0, "position")
    return ", ".join(differing) or "a column whose mark is the same by chance"


def _place(connection: Connection, id: bytes) -> bytes | None:
    """Where the event of that id stands now, if anywhere."""
    query = text("select int8send(position) from jovey.history where id = :id")
    return connection.execute(query, {"id": UUID(bytes=id)}).scalars().first()


def _identity(entry: bytes) -> tuple[UUID, int]:
    return UUID(bytes=bytes(entry[8:24])), int.from_bytes(entry[:8])


def _unsealed(connection: Connection, newest: Seal | None) -> int:
    """Events that came after the newest seal's cut, up to now."""
    if newest is None:
        return int(connection.execute(text("select count(*) from jovey.events")).scalar_one())
    query = f"select count(*) from jovey.events where not pg_visible_in_snapshot(transaction_id, '{newest.until}')"
    late = f"transaction_id >= '{newest.until.xmin}'::xid8"  # all before it are in the cut
    return int(connection.execute(text(f"{query} and {late}")).scalar_one())

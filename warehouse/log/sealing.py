"""Sealing: takes a durable cut of the log, hashes what is new in it, and appends the signed seal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from warehouse.log import seal_journal
from warehouse.log.merkle import Tree
from warehouse.log.position import BEGINNING
from warehouse.log.seal import (
    ENTRY_BYTES,
    FIRST_PREVIOUS,
    LEAVES_PER_ROW,
    Seal,
    entries,
    last_seal,
    stored_seals,
)
from warehouse.log.seal_key import SealKey
from warehouse.log.tail import Cut, SourceRewound, is_behind, take_cut

CONSUMER = "seal"
CONNECTIONS = 3  # of the engine: one is the sealer's place, one reads and writes, one takes the cut
_SEALER_LOCK = 4_801_005  # any number that nothing else locks in this database


class SealBusy(Exception):
    """Another process is sealing the log."""


def seal(engine: Engine, key: SealKey, journal: Path, now: datetime) -> Seal | None:
    """Seal what the last seal does not hold; None when there is nothing. Wants an engine of jovey_tail.

    Seal and leaves are one transaction; the journal follows and catches up the next time if it could not.
    Raises SealBusy, SourceRewound, and seal_journal.JournalAhead when seals are gone that were made here.
    """
    with _sealer(engine), engine.connect() as connection:
        seal_journal.follow(journal, stored_seals(connection))
        last = last_seal(connection)
        connection.rollback()  # the cut's own connections must not wait for this one, nor it hold back vacuum
        if not is_behind(engine, last.until if last else BEGINNING):
            return None
        made = _made(connection, key, last, take_cut(engine, CONSUMER, None), now)
        seal_journal.extend(journal, [made])
        return made


def _made(connection: Connection, key: SealKey, last: Seal | None, cut: Cut, now: datetime) -> Seal:
    seen = last.until if last else BEGINNING
    if cut.snapshot.xmax < seen.xmax:
        raise SourceRewound(
            f"The log's transactions were set back from {seen.xmax} to {cut.snapshot.xmax}, as by a dump that is read "
            f"into a new server: stop it, run pg_resetwal with an epoch above {seen.xmax >> 32}, and seal again."
        )
    draft = Seal(
        number=last.number + 1 if last else 1,
        seen=seen,
        until=cut.snapshot,
        events=0,
        root=b"",
        previous=last.hash if last else FIRST_PREVIOUS,
        sealed_at=now,
        public_key=key.public,
    )
    with connection.begin():
        tree = _keep_leaves(connection, draft)
        unsigned = replace(draft, events=tree.size, root=tree.root)
        sealed = replace(unsigned, signature=key.sign(unsigned.statement))
        connection.execute(_INSERT_SEAL, _row(sealed))
    return sealed


def _keep_leaves(connection: Connection, draft: Seal) -> Tree:
    """Hash the cut's events and keep their entries, a few thousand to a row."""
    tree, pending, place = Tree(), bytearray(), 0
    for entry in entries(connection, draft, marked=True):
        tree.add(entry[ENTRY_BYTES - 32 : ENTRY_BYTES])
        pending += entry
        if tree.size % LEAVES_PER_ROW == 0:
            _keep(connection, draft, place, pending)
            pending, place = bytearray(), place + 1
    if pending:
        _keep(connection, draft, place, pending)
    return tree


def _keep(connection: Connection, draft: Seal, place: int, leaves: bytearray) -> None:
    connection.execute(_INSERT_LEAVES, {"number": draft.number, "place": place, "leaves": bytes(leaves)})


@contextmanager
def _sealer(engine: Engine) -> Iterator[None]:
    """Be the only one who seals; PostgreSQL frees the place when its holder dies."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.execute(text("select pg_try_advisory_lock(:key)"), {"key": _SEALER_LOCK}).scalar_one():
            raise SealBusy("Another process is sealing the log; it will be done in a moment.")
        try:
            yield
        finally:
            connection.execute(text("select pg_advisory_unlock(:key)"), {"key": _SEALER_LOCK})


_INSERT_SEAL = text("""
    insert into jovey.seals (number, form, cut_from, cut_to, event_count, merkle_root, previous_hash, sealed_at,
                             public_key, signature)
    values (:number, :form, cast(:seen as pg_snapshot), cast(:until as pg_snapshot), :events, :root, :previous,
            :sealed_at, :public_key, :signature)""")
_INSERT_LEAVES = text("insert into jovey.seal_leaves (number, place, leaves) values (:number, :place, :leaves)")


def _row(sealed: Seal) -> dict[str, object]:
    return {
        "number": sealed.number,
        "form": sealed.form,
        "seen": str(sealed.seen),
        "until": str(sealed.until),
        "events": sealed.events,
        "root": sealed.root,
        "previous": sealed.previous,
        "sealed_at": sealed.sealed_at,
        "public_key": sealed.public_key,
        "signature": sealed.signature,
    }

"""The plan of a rebuild, kept in the database: what a killed one had done is not done again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
from sqlalchemy import Connection, Engine, text

import api
import warehouse
from api.refold import Span
from orchestration.folding import Share, shares
from warehouse.postgres import Database, released

CONTINUED_WITHIN = timedelta(hours=24)  # what was right longer ago is looked at again
_REBUILD_LOCK = 4_801_011  # any number that nothing else locks in this database


class RebuildBusy(Exception):
    """Another process is rebuilding."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The shares still to be folded, and events of those that an earlier rebuild had done."""

    left: tuple[Share, ...]
    events_done: int

    @property
    def events(self) -> int:
        return self.events_done + sum(share.events for share in self.left)


@contextmanager
def rebuilding(database: Database) -> Iterator[None]:
    """Be the only rebuild; PostgreSQL frees the place when its holder dies. Raises RebuildBusy."""
    with psycopg.connect(database.libpq("jovey_owner"), autocommit=True) as connection:
        row = connection.execute("select pg_try_advisory_lock(%s)", [_REBUILD_LOCK]).fetchone()
        if row != (True,):
            raise RebuildBusy("Another process is rebuilding the states; wait until it is done.")
        with released(connection):
            yield


def planned(owner: Engine, seen: Connection, events_each: int, *, afresh: bool = False) -> Plan:
    """The plan of a rebuild that was broken off within a day, by this very code; else a new one of what `seen` sees."""
    with owner.begin() as connection:
        code = fingerprint()
        found = connection.execute(_FOUND, {"code": code, "within": CONTINUED_WITHIN}).all()
        if found and not afresh:
            left = tuple(Share(Span(row.first_id, row.last_id), row.events) for row in found if row.done_at is None)
            return Plan(left, sum(row.events for row in found if row.done_at is not None))
        connection.execute(_FORGET)
        left = tuple(shares(seen, events_each))
        connection.execute(_KEEP, [_row(share, code) for share in left])
    return Plan(left, 0)


def remember_done(owner: Engine, share: Share) -> None:
    """A rebuild that comes after a kill leaves this share alone."""
    with owner.begin() as connection:
        connection.execute(_DONE, {"first_id": share.span.first})


def forget(owner: Engine) -> None:
    """The rebuild is done: the next one begins anew."""
    with owner.begin() as connection:
        connection.execute(_FORGET)


def fingerprint() -> str:
    """Of the code that folds: what other code had folded is folded again."""
    digest = hashlib.blake2b(digest_size=16)
    for package in (api, warehouse):
        root = Path(next(iter(package.__path__)))
        for file in sorted(root.rglob("*.py")):
            digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _row(share: Share, code: str) -> dict[str, object]:
    return {"first_id": share.span.first, "last_id": share.span.last, "events": share.events, "code": code}


_FOUND = text("""
    select first_id, last_id, events, done_at from jovey.refold_shares
    where code = :code and planned_at > now() - cast(:within as interval) order by first_id""")
_KEEP = text("""
    insert into jovey.refold_shares (first_id, last_id, events, code) values (:first_id, :last_id, :events, :code)""")
_DONE = text("update jovey.refold_shares set done_at = clock_timestamp() where first_id = :first_id")
_FORGET = text("delete from jovey.refold_shares")

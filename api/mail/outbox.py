"""The outbox: letters written in the transaction of what they are about, hidden until somebody carries them off."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Connection, Row, text

from warehouse.ids import new_id
from warehouse.log.people import People

NOBODY = UUID(int=0)
"""Whom letters are for that only keep the work alike for addresses nobody has; they are never sent."""
KEPT = timedelta(days=30)
SENT_WITHIN = timedelta(days=1)  # older ones wait for nobody any more, as when a mail server is named after months
TRIES_MAX = 8  # the last about an hour after the first: by then its links are over
_PRUNED_MAX = 20
_WAIT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter in plain text."""

    to: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Posted:
    """A letter in the outbox; one that was sent is kept without its words."""

    id: UUID
    kind: str
    created_at: datetime
    tries: int
    letter: Letter


class MailPort(Protocol):
    """Whatever carries letters: SMTP is one. Raises what its world raises when it cannot."""

    def send(self, id: UUID, letter: Letter, /) -> None: ...


def post(connection: Connection, person_id: UUID, kind: str, letter: Letter, at: datetime) -> None:
    """Put a letter into the outbox, hidden under the key of whom it is for; `kind` says in a word what it is."""
    id = new_id(at)
    hidden = People(connection).hide_words(person_id, id, "letter", json.dumps(asdict(letter)))
    sent_at = at if person_id == NOBODY else None
    row = {"id": id, "person_id": person_id, "kind": kind, "letter": hidden, "at": at, "sent_at": sent_at}
    connection.execute(_POST, row)
    connection.execute(_PRUNE, {"old": at - KEPT, "most": _PRUNED_MAX})


def waiting(connection: Connection, limit: int = 100) -> list[Posted]:
    """Letters that nobody has carried off, the oldest first."""
    return _shown(connection, connection.execute(_WAITING, {"most": limit}).all())


def take_due(connection: Connection, at: datetime) -> Posted | None:
    """A letter to be sent now, which nobody else takes meanwhile; unless noted as sent it is due again later.

    Each time the wait is twice as long. Whoever stops between sending and noting it sends it twice, never not at all.
    """
    bounds = {"wait": _WAIT, "most": TRIES_MAX, "since": at - SENT_WITHIN}
    found = _shown(connection, connection.execute(_TAKE, {"at": at, **bounds}).all())
    return found[0] if found else None


def note_sent(connection: Connection, id: UUID, at: datetime) -> None:
    """It is carried off; its words are forgotten."""
    connection.execute(_SENT, {"id": id, "at": at})


def _shown(connection: Connection, rows: Sequence[Row[Any]]) -> list[Posted]:
    letters = People(connection).reveal([json.dumps(row.letter) for row in rows])
    return [
        Posted(row.id, row.kind, row.created_at, row.tries, Letter(**json.loads(json.loads(letter))))
        for row, letter in zip(rows, letters, strict=True)
    ]


_POST = text("""
    insert into jovey.mails (id, person_id, kind, letter, created_at, sent_at, next_try_at)
    values (:id, :person_id, :kind, :letter, :at, :sent_at, :at)""")
_PRUNE = text("""
    delete from jovey.mails where id in (
      select id from jovey.mails where created_at < :old order by created_at limit :most for update skip locked)""")
_WAITING = text("""
    select id, kind, created_at, tries, letter from jovey.mails where sent_at is null order by id limit :most""")
_TAKE = text("""
    update jovey.mails set tries = tries + 1, next_try_at = :at + cast(:wait as interval) * (1 << tries)
     where id = (select id from jovey.mails
                  where sent_at is null and next_try_at <= :at and tries < :most and created_at > :since
                  order by next_try_at, id limit 1 for update skip locked)
    returning id, kind, created_at, tries, letter""")
_SENT = text("update jovey.mails set sent_at = :at, letter = '' where id = :id")

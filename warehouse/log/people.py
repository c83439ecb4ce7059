"""People: the keys of persons in the database, hiding what is written about them and revealing what is read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from warehouse.clock import now
from warehouse.events.event import Personal, Recorded
from warehouse.events.personal import books_of, hidden
from warehouse.ids import new_id
from warehouse.log.append import Loaded
from warehouse.vault import FINGERPRINT, MARK, MasterKey, PersonKey, blanked, keys_named, revealed


class NoMasterKey(Exception):
    """The connection was opened without a master key, so words about people can neither be hidden nor read."""


def master_of(connection: Connection) -> MasterKey:
    """The master key that the connection's Database was given."""
    found = connection.get_execution_options().get("master_key")
    if found is None:
        raise NoMasterKey("Open the database by open_database(settings): it knows the master key.")
    master: MasterKey = found()
    return master


def claim_key(connection: Connection, scope: str, key: str) -> str:
    """A natural key of a person as jovey.unique_claims holds it: a keyed hash, whatever the case of its letters."""
    return FINGERPRINT + master_of(connection).fingerprint(f"claim {scope}", key.lower().encode()).hex()


class People:
    """The keys that one transaction has met. Nothing outlives it: a key once destroyed is not found again."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._by_id: dict[UUID, PersonKey | None] = {}
        self._by_person: dict[UUID, PersonKey] = {}

    def met(self, key_id: UUID, person_id: UUID, wrapped: bytes) -> None:
        """Remember a key that another query brought along."""
        key = PersonKey.unwrapped(key_id, bytes(wrapped), master_of(self._connection))
        self._by_id[key_id] = self._by_person[person_id] = key

    def met_with(self, states: Iterable[Loaded]) -> None:
        """Remember the keys that came with states of people."""
        for one in states:
            if one.key is not None and one.ref.id not in self._by_person:
                self.met(UUID(bytes=bytes(one.key[:16])), one.ref.id, one.key[16:])

    def reveal(self, documents: Sequence[str]) -> list[str]:
        """JSON texts with what is hidden in them readable. One query for all keys not yet met, none without any."""
        missing = [key_id for key_id in keys_named(documents) if key_id not in self._by_id]
        if missing:
            for row in self._connection.execute(_BY_ID, {"ids": missing}):
                self.met(row.key_id, row.person_id, row.wrapped_key)
            self._by_id.update((key_id, None) for key_id in missing if key_id not in self._by_id)
        return [revealed(document, self._by_id) for document in documents]

    def blank(self, documents: Sequence[str]) -> list[str]:
        """JSON texts for those who may not read about people: `hidden`, and `erased` where the key is gone."""
        named = keys_named(documents)
        known = self._connection.execute(_KNOWN, {"ids": list(named)}).scalars() if named else ()
        gone = named - set(known)
        return [blanked(document, gone) for document in documents]

    def reveal_answer(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """An answer as its caller is told it; the very same when nothing in it is hidden."""
        document = json.dumps(answer)
        found: Mapping[str, Any] = json.loads(self.reveal([document])[0]) if MARK in document else answer
        return found

    def hide(self, recorded: Recorded[Any]) -> Recorded[Any]:
        """The fact as the log holds it: its personal texts under the key of its subject, else of its stream.

        A person's first key is made here. The very same object comes back when there is nothing to hide.
        """
        person_id = recorded.subject_id or recorded.ref.id

        def hide(mark: Personal, field: str, words: str) -> str:
            whose = books_of(recorded.effective_at.year) if mark.in_books else person_id
            return self._key_of(whose).hide(recorded.id, field, words)

        event = hidden(recorded.event, hide)
        return recorded if event is recorded.event else recorded._replace(event=event)

    def hide_words(self, person_id: UUID, id: UUID, field: str, words: str) -> str:
        """Words to a person that are no fact, such as a letter, under their key; `id` and field say which."""
        return self._key_of(person_id).hide(id, field, words)

    def forget(self, person_id: UUID) -> None:
        """Destroy the person's key, password, sessions, letters and links; only the role jovey_erase may."""
        for statement in _FORGET:
            self._connection.execute(statement, {"person_id": person_id})
        self._by_id.clear()
        self._by_person.clear()

    def _key_of(self, person_id: UUID) -> PersonKey:
        if person_id not in self._by_person:
            master = master_of(self._connection)
            key, wrapped = PersonKey.new(new_id(now()), master)
            kept = {"key_id": key.id, "person_id": person_id, "wrapped": wrapped, "master_id": master.id}
            row = self._connection.execute(_KEEP, kept).first()
            if row is None:  # somebody made it at this very moment: a fresh look sees theirs
                row = self._connection.execute(_BY_PERSON, kept).one()
            self.met(row.key_id, person_id, row.wrapped_key)
        return self._by_person[person_id]


_BY_ID = text("select key_id, person_id, wrapped_key from jovey.person_keys where key_id = any(:ids)")
_KNOWN = text("select key_id from jovey.person_keys where key_id = any(:ids)")
_BY_PERSON = text("select key_id, wrapped_key from jovey.person_keys where person_id = :person_id")
_KEEP = text("""
    with made as (
      insert into jovey.person_keys (key_id, person_id, wrapped_key, master_id)
      values (:key_id, :person_id, :wrapped, :master_id) on conflict (person_id) do nothing
      returning key_id, wrapped_key)
    select key_id, wrapped_key from made
    union all select key_id, wrapped_key from jovey.person_keys where person_id = :person_id""")
_FORGET = (
    text("delete from jovey.person_keys where person_id = :person_id"),
    text("delete from jovey.credentials where person_id = :person_id"),
    text("delete from jovey.sessions where person_id = :person_id"),
    text("delete from jovey.one_time_tokens where person_id = :person_id"),
    text("delete from jovey.mails where person_id = :person_id"),
    text("delete from jovey.outside_subjects where person_id = :person_id"),
)

"""`jovey erase` and `jovey export-person`: what a person may ask of whoever keeps their data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from api.actor import system
from api.customers.commands import EraseCustomer
from api.customers.erasing import refuse_open_orders
from api.customers.portrait import portrait
from api.handle import Request, handle
from api.refusals import Refusal
from api.rules import rules_of
from warehouse.clock import now
from warehouse.ids import new_id
from warehouse.lake.unpack import whole_history
from warehouse.log.asker import reading
from warehouse.log.migrate import migrate
from warehouse.log.people import claim_key
from warehouse.postgres import open_database
from warehouse.settings import Settings


class CannotHelp(Exception):
    """What a person asked for cannot be done; the message is one sentence for the operator."""


def erase(settings: Settings, who: str) -> UUID:
    """Erase a customer, by id or e-mail address; afterwards nobody can read what was written about them.

    Their facts stay, with the words gone. Raises CannotHelp.
    """
    with _engine(settings, "jovey_erase") as engine:
        with engine.connect() as connection:
            person_id = _person_id(connection, who)
        at = now()
        try:
            with _engine(settings, "jovey_append") as asking, reading(asking, _OPERATOR) as connection:
                refuse_open_orders(connection, person_id)
            handle(engine, Request(EraseCustomer(customer_id=person_id), new_id(at), _OPERATOR, at), rules_of(settings))
        except Refusal as refusal:
            raise CannotHelp(refusal.message) from refusal
    return person_id


def export_person(settings: Settings, who: str, file: Path) -> int:
    """Write everything about one person as JSON (GDPR article 20), for its owner alone; returns the number of facts.

    By id or e-mail address; facts that were removed into the archive are among them. Raises CannotHelp, ArchiveRefused.
    """
    with _engine(settings, "jovey_append") as engine:
        with engine.connect() as connection:
            person_id = _person_id(connection, who)
        with open_database(settings) as database, whole_history(database, settings):
            told = portrait(engine, person_id)
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    return len(told["facts"])


def _person_id(connection: Connection, who: str) -> UUID:
    try:
        return UUID(who)
    except ValueError:
        key = claim_key(connection, "email", who.strip().lower())
    found: UUID | None = connection.execute(_BY_EMAIL, {"key": key}).scalar_one_or_none()
    if found is None:
        raise CannotHelp(f"Nobody here has the e-mail address {who}; `jovey user list` shows who there is.")
    return found


@contextmanager
def _engine(settings: Settings, role: str) -> Iterator[Engine]:
    with open_database(settings) as database:
        migrate(database)
        engine = database.engine(role, statement_timeout_s=60)
        try:
            yield engine
        finally:
            engine.dispose()


_OPERATOR = system("operator")
_BY_EMAIL = text("select aggregate_id from jovey.unique_claims where scope = 'email' and key = :key")

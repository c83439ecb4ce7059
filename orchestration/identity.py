"""`jovey outbox` and `jovey keys`: letters that wait, and the keys that sign-ins are signed with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from api.auth.audit import OPERATOR, record
from api.auth.keys import list_keys, replace_key
from api.mail.outbox import waiting
from warehouse.clock import now
from warehouse.events.identity import SigningKeyReplaced
from warehouse.log.migrate import migrate
from warehouse.postgres import open_database
from warehouse.settings import Settings


def print_outbox(settings: Settings, console: Console | None = None) -> int:
    """Print the letters that wait, the oldest first; the number of them."""
    out = console or Console()
    with _engine(settings) as engine, engine.connect() as connection:
        letters = waiting(connection)
    for one in letters:
        out.rule(f"{one.kind.replace('_', ' ')}, {one.created_at:%Y-%m-%d %H:%M} UTC")
        # soft_wrap: a link that is broken over two lines leads nowhere
        out.print(
            f"To: {one.letter.to}\nSubject: {one.letter.subject}\n\n{one.letter.text}", soft_wrap=True, markup=False
        )
    if not letters:
        out.print("No letter waits.")
    return len(letters)


def rotate(settings: Settings, *, at_once: bool = False) -> datetime:
    """Sign with a new key from now on; until when the earlier ones verify."""
    at = now()
    with _engine(settings) as engine, engine.begin() as connection:
        key_id, until = replace_key(connection, at, at_once=at_once)
        record(connection, SigningKeyReplaced(key_id=key_id, old_verify_until=until), OPERATOR, at)
    return until


def print_keys(settings: Settings, console: Console | None = None) -> None:
    """A table of all keys, the newest first."""
    table = Table("Key", "Signs since", "Until", "Verifies until")
    with _engine(settings) as engine, engine.connect() as connection:
        for key in list_keys(connection):
            table.add_row(str(key.id), *map(_told, (key.created_at, key.retired_at, key.verifies_until)))
    (console or Console()).print(table)


def _told(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


@contextmanager
def _engine(settings: Settings) -> Iterator[Engine]:
    with open_database(settings) as database:
        migrate(database)
        engine = database.engine("jovey_append", pool_size=1)
        try:
            yield engine
        finally:
            engine.dispose()

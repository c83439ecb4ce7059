"""House: what every door needs to work, made once when the application starts."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Connection, Engine

from api.actor import Actor
from api.auth.keys import Keyring, SigningKey
from api.auth.outside import Outside
from api.events.integrity import Examiner
from api.live import Live
from api.rules import Rules
from warehouse.lake.read import Reader
from warehouse.log.asker import reading
from warehouse.postgres import Database
from warehouse.settings import Settings


@dataclass(frozen=True, slots=True)
class House:
    """The pool of connections to the log, the lake's read door, the rules' numbers, the keys, the log's tail.

    `mac_key` vouches for what browsers carry back to us: carts, forms, intents to pay. Access tokens have keys that are
    replaced; this one is a part of the master key and stays. `erasing` are the connections of those doors alone that
    destroy what hides a person's words: no other role may.
    """

    engine: Engine
    lake: Reader
    settings: Settings
    rules: Rules
    keys: Keyring
    mac_key: bytes
    live: Live
    examiner: Examiner
    erasing: Engine
    outside: Outside | None = None

    @property
    def signing_key(self) -> SigningKey:
        """What access tokens are signed with at the moment."""
        return self.keys.current

    def reading(self, by: Actor) -> AbstractContextManager[Connection]:
        """A transaction that reads on behalf of a caller; the database shows it what they may see, whatever we ask.

        The one way for doors and pages to read: a bare connection sees nothing.
        """
        return reading(self.engine, by)


def mac_key(database: Database) -> bytes:
    """The part of the master key that vouches for carts, forms and intents to pay."""
    assert database.master_key is not None, "open the database by open_database(settings): it knows the master key"
    return database.master_key().fingerprint("carried by browsers", b"1")


def house(request: Request) -> House:
    """The house this request came to."""
    found: House = request.app.state.house
    return found


Here = Annotated[House, Depends(house)]

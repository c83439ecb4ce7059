"""House: what every door needs to work, made once when the application starts."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Connection, Engine

from api.actor import Actor
from api.live import Live
from api.rules import Rules
from warehouse.lake.read import Reader
from warehouse.log.asker import reading
from warehouse.settings import Settings


@dataclass(frozen=True, slots=True)
class House:
    """The pool of connections to the log, the lake's read door, the rules' numbers, the signing key, the log's tail."""

    engine: Engine
    lake: Reader
    settings: Settings
    rules: Rules
    signing_key: bytes
    live: Live

    def reading(self, by: Actor) -> AbstractContextManager[Connection]:
        """A transaction that reads on behalf of a caller; the database shows it what they may see, whatever we ask.

        The one way for doors and pages to read: a bare connection sees nothing.
        """
        return reading(self.engine, by)


def house(request: Request) -> House:
    """The house this request came to."""
    found: House = request.app.state.house
    return found


Here = Annotated[House, Depends(house)]

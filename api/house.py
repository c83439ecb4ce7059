"""House: what every door needs to work, made once when the application starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Engine

from api.events.integrity import Examiner
from api.live import Live
from api.rules import Rules
from warehouse.lake.read import Reader
from warehouse.settings import Settings


@dataclass(frozen=True, slots=True)
class House:
    """The pool of connections to the log, the lake's read door, the rules' numbers, the signing key, the log's tail.

    `erasing` are the connections of the one door that destroys what hides a person's words: no other role may.
    """

    engine: Engine
    lake: Reader
    settings: Settings
    rules: Rules
    signing_key: bytes
    live: Live
    examiner: Examiner
    erasing: Engine


def house(request: Request) -> House:
    """The house this request came to."""
    found: House = request.app.state.house
    return found


Here = Annotated[House, Depends(house)]

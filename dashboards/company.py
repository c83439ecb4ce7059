"""The company as the screens know it: its settings, its lake to read, its API to ask."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache

from dashboards.lake import Lake
from dashboards.names import Names
from dashboards.people import People
from warehouse.lake.read import Reader
from warehouse.postgres import open_database
from warehouse.settings import Settings, settings

_EVERYWHERE = "0.0.0.0"  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class Company:
    """What a process of screens holds open from its start to its end."""

    settings: Settings
    lake: Lake
    people: People
    names: Names
    api_address: str
    close: Callable[[], None]


@cache
def company() -> Company:
    """The company of this process's settings, opened at the first call and closed when the process ends."""
    chosen = settings()
    stack = ExitStack()
    atexit.register(stack.close)
    lake = Lake(stack.enter_context(Reader(stack.enter_context(open_database(chosen)), chosen)))
    address = api_address(chosen)
    people = People(address)
    stack.callback(people.close)
    return Company(chosen, lake, people, Names(), address, stack.close)


def api_address(chosen: Settings) -> str:
    """Where the API of these settings answers, seen from this machine."""
    near = "127.0.0.1" if chosen.api_host == _EVERYWHERE else chosen.api_host
    return f"http://{near}:{chosen.api_port}"

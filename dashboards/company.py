"""The company as the screens know it: its settings, its lake to read, its API to ask."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

from dashboards.lake import Lake
from dashboards.memory import Memory
from dashboards.people import People
from warehouse.lake.read import Reader
from warehouse.postgres import open_database
from warehouse.settings import Settings, settings

_ANSWER_SECONDS_MAX = 10.0
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class Company:
    """What a process of screens holds open from its start to its end."""

    settings: Settings
    lake: Lake
    http: httpx.Client
    """Open connections to the API, without anybody's token."""
    people: People
    names: Memory[str, str]
    """Customer id -> name; an erased person is forgotten here within minutes."""
    heads: Memory[int, Mapping[str, Any]]
    """Event number -> how far the log was beyond it."""
    close: Callable[[], None]


@cache
def company() -> Company:
    """The company of this process's settings, opened at the first call and closed when the process ends."""
    chosen = settings()
    stack = ExitStack()
    atexit.register(stack.close)
    lake = Lake(stack.enter_context(Reader(stack.enter_context(open_database(chosen)), chosen)))
    address = api_address(chosen)
    # no proxies of the environment: the API is near
    http = stack.enter_context(httpx.Client(base_url=address, timeout=_ANSWER_SECONDS_MAX, trust_env=False))
    return Company(chosen, lake, http, People(http), Memory(300, 10_000), Memory(5, 100), stack.close)


def api_address(chosen: Settings) -> str:
    """Where the API of these settings answers, seen from this machine."""
    near = "127.0.0.1" if chosen.api_host == _EVERYWHERE else chosen.api_host
    return f"http://{near}:{chosen.api_port}"

"""Manners of every door: a read may ask for a place in the log, and a key is a key wherever it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from api.house import House
from warehouse.log.position import InvalidPosition, Position, decode, is_reached
from warehouse.log.tail import head

AT_LEAST, KEY = "X-Jovey-At-Least", "Idempotency-Key"
KEY_CHARACTERS_MAX = 255
TOKEN_CHARACTERS_MAX = 2_000
WAIT_SECONDS, LOOKS_MAX = 0.2, 11  # two seconds in all
_RETRY_SECONDS = 2


async def wait_for_position(request: Request, here: House) -> None:
    """Wait until what is about to be read holds the place that `X-Jovey-At-Least` names; 425 when it takes too long.

    What reads the lake (the modules called `reports`, and no others may) waits for the lake, the rest for the log.
    """
    token = request.headers.get(AT_LEAST)
    if token is None or request.method not in {"GET", "HEAD"}:
        return
    position = _position(token)
    reads_lake = request.scope["endpoint"].__module__.endswith(".reports")
    has_reached: Callable[[House, Position], bool] = _lake_has if reads_lake else _log_has
    for look in range(LOOKS_MAX):
        if look:
            await asyncio.sleep(WAIT_SECONDS)
        if await run_in_threadpool(has_reached, here, position):
            return
    where = "lake" if reads_lake else "log"
    raise HTTPException(425, f"The {where} has not reached that position yet.", {"Retry-After": str(_RETRY_SECONDS)})


def refuse_malformed_key(request: Request) -> None:
    """Raise for an Idempotency-Key that is none, also at doors that answer without one."""
    key = request.headers.get(KEY)
    if key is not None and not 1 <= len(key) <= KEY_CHARACTERS_MAX:
        raise _invalid(KEY, f"must have 1 to {KEY_CHARACTERS_MAX} characters")


def _log_has(here: House, position: Position) -> bool:
    return is_reached(position, head(here.engine))


def _lake_has(here: House, position: Position) -> bool:
    return here.lake.has_reached(position)


def _position(token: str) -> Position:
    try:
        return decode(token[:TOKEN_CHARACTERS_MAX])
    except InvalidPosition as error:
        raise _invalid(AT_LEAST, str(error)) from error


def _invalid(header: str, message: str) -> RequestValidationError:
    return RequestValidationError([{"type": "invalid_header", "loc": ("header", header), "msg": message}])

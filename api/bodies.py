"""Bodies: read whole before any door opens, in bounded time and size, in a form that we speak, within JSON's bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.doorstep import Doorstep, No, no_field, speaks_to_programs
from api.json_bounds import first_fault

BODY_BYTES_MAX, BODY_SECONDS_MAX = 1 << 20, 30.0
BULK_BODY_BYTES_MAX, BULK_BODY_SECONDS_MAX = 5 << 20, 120.0
DRAIN_BYTES_MAX = 16 << 20  # read and dropped before a no, so that whoever is still sending hears it
QUERY_BYTES_MAX = 8 << 10
_BULK_PATH = "/api/v1/dealers/orders/bulk"
_JSON, _CSV, _FORM = "application/json", "text/csv", "application/x-www-form-urlencoded"
_SPOKEN = (_JSON, "application/problem+json", "application/x-ndjson", _CSV, "text/event-stream", "text/plain")


class Gone(Exception):
    """The caller left before they had said everything; what they said of it counts for nothing."""


class Bodies:
    """ASGI middleware: hands on the whole body at once, or says no."""

    def __init__(self, app: ASGIApp, doorstep: Doorstep) -> None:
        self._app, self._doorstep = app, doorstep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it here when it may not come in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            found = _no_by_head(scope, headers) or await _read(scope, headers, receive)
        except Gone:
            return
        if isinstance(found, bytes):
            found = _no_by_content(scope, headers, found) or found
        if isinstance(found, No):
            await (await self._doorstep.answer(scope, found))(scope, receive, send)
        else:
            await self._app(scope, _replayed(found, receive), send)


def _no_by_head(scope: Scope, headers: Headers) -> No | None:
    """What is wrong before the body is looked at."""
    if len(scope["query_string"]) > QUERY_BYTES_MAX:
        return No(414, "address_too_long", f"What follows the ? is longer than {QUERY_BYTES_MAX:,} bytes.")
    if "\0" in scope["path"]:
        return no_field("path", "nul_character", "holds a NUL character (U+0000)")
    if b"%00" in scope["query_string"]:
        return no_field("query", "nul_character", "holds a NUL character (U+0000)")
    if speaks_to_programs(scope) and not _is_spoken(headers.getlist("accept")):
        return No(
            406, "not_acceptable", f"Nothing here is said in a form of your Accept; we speak {', '.join(_SPOKEN)}."
        )
    limit, _ = _limits(scope)
    declared = headers.get("content-length", "0")
    size = int(declared) if declared.isascii() and declared.isdigit() else 0
    if size > (limit if "expect" in headers else DRAIN_BYTES_MAX):  # who asks before sending is told before reading
        return _too_large(limit)
    return None


async def _read(scope: Scope, headers: Headers, receive: Receive) -> bytes | No:
    """The whole body, or what is wrong with its size or pace. Raises Gone."""
    limit, seconds = _limits(scope)
    try:
        async with asyncio.timeout(seconds):
            body = await _body(receive, limit)
    except TimeoutError:
        return No(408, "body_too_slow", f"The body took longer than {seconds:g} s.", headers={"Connection": "close"})
    if body is None:
        return _too_large(limit)
    if body and speaks_to_programs(scope) and (no := _unreadable(scope, headers)):
        return no
    return body


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The whole body; None when it is larger than the limit."""
    parts, size, more = [], 0, True
    while more and size <= DRAIN_BYTES_MAX:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        part = message.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts) if size <= limit else None


def _limits(scope: Scope) -> tuple[int, float]:
    """Bytes and seconds of a body."""
    if scope["path"].startswith(_BULK_PATH):
        return BULK_BODY_BYTES_MAX, BULK_BODY_SECONDS_MAX
    return BODY_BYTES_MAX, BODY_SECONDS_MAX


def _too_large(limit: int) -> No:
    detail = f"The body is larger than {limit:,} bytes; send it in parts."
    return No(413, "body_too_large", detail, headers={"Connection": "close"})


def _unreadable(scope: Scope, headers: Headers) -> No | None:
    """A body in a form that this door does not read."""
    kind = _media_type(headers)
    if headers.get("content-encoding", "identity") != "identity":
        return No(415, "unsupported_media_type", "Send the body as it is, without Content-Encoding.")
    is_json = kind == _JSON or (kind.startswith("application/") and kind.endswith("+json"))
    if is_json or (kind == _CSV and scope["path"].startswith(_BULK_PATH)):
        return None
    return No(
        415, "unsupported_media_type", f"This door reads {_JSON}, not {kind or 'a body that does not say its kind'}."
    )


def _no_by_content(scope: Scope, headers: Headers, body: bytes) -> No | None:
    if b"\0" in body or (b"%00" in body and _media_type(headers) == _FORM):
        return no_field("body", "nul_character", "holds a NUL character (U+0000)")
    if not body or not speaks_to_programs(scope) or _media_type(headers) == _CSV:
        return None
    fault = first_fault(body)
    return None if fault is None else no_field(*fault)


def _media_type(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _is_spoken(accepts: Iterable[str]) -> bool:
    """Whether anything we speak is in an Accept header (RFC 9110 §12.5.1); without one everything is."""
    ranges = [one.strip().lower() for one in ",".join(accepts).split(",") if one.strip()]
    wanted = [one.partition(";")[0].strip() for one in ranges if not one.replace(" ", "").endswith((";q=0", ";q=0.0"))]
    return not ranges or any(
        one in {"*/*", *_SPOKEN} or any(one.endswith("/*") and spoken.startswith(one[:-1]) for spoken in _SPOKEN)
        for one in wanted
    )


def _replayed(body: bytes, receive: Receive) -> Receive:
    is_told = False

    async def replay() -> Message:
        nonlocal is_told
        if is_told:
            return await receive()
        is_told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay

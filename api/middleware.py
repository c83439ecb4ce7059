"""What every request passes before any door: an id, a look at its size, a count."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from threading import Lock
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problem import ProblemError, problem
from warehouse.clock import now
from warehouse.ids import new_id

BODY_BYTES_MAX = 1 << 20
BULK_BODY_BYTES_MAX = 5 << 20
_BULK_PATH = "/api/v1/dealers/orders/bulk"
_REQUEST_ID = re.compile(r"^[\w.\-]{1,128}$")
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0)  # seconds


class Tally:
    """Counts requests and their times, for Prometheus; of this process alone."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._within: Counter[float] = Counter()
        self._seconds = 0.0

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One more request was answered."""
        with self._lock:
            self._requests[method, route, status] += 1
            self._seconds += seconds
            self._within.update(limit for limit in _BUCKETS if seconds <= limit)

    def text(self) -> str:
        """All counts in Prometheus' text format."""
        with self._lock:
            lines = ["# TYPE jovey_http_requests_total counter"]
            lines += [
                f'jovey_http_requests_total{{method="{method}",route="{route}",status="{status}"}} {number}'
                for (method, route, status), number in sorted(self._requests.items())
            ]
            total = self._requests.total()
            lines.append("# TYPE jovey_http_request_seconds histogram")
            lines += [f'jovey_http_request_seconds_bucket{{le="{limit}"}} {self._within[limit]}' for limit in _BUCKETS]
            lines.append(f'jovey_http_request_seconds_bucket{{le="+Inf"}} {total}')
            lines += [
                f"jovey_http_request_seconds_sum {self._seconds:.6f}",
                f"jovey_http_request_seconds_count {total}",
            ]
        return "\n".join(lines) + "\n"


class Porch:
    """ASGI middleware: gives the request an id, refuses bodies too large or holding NUL, counts the answer."""

    def __init__(self, app: ASGIApp, tally: Tally) -> None:
        self._app = app
        self._tally = tally

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it here when it may not come in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        request.state.request_id = _request_id(request)
        started, answered = time.perf_counter(), 500

        async def stamped(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request.state.request_id.encode())]
            await send(message)

        try:
            await self._admit(request, receive, stamped)
        finally:
            route = getattr(scope.get("route"), "path", "(none)")
            self._tally.count(request.method, route, answered, time.perf_counter() - started)

    async def _admit(self, request: Request, receive: Receive, send: Send) -> None:
        limit = BULK_BODY_BYTES_MAX if request.url.path.startswith(_BULK_PATH) else BODY_BYTES_MAX
        body = await _body(receive, limit)
        scope, request_id = request.scope, request.state.request_id
        if body is None:
            detail = f"The body is larger than {limit:,} bytes; send it in parts."
            answer = problem(request_id, 413, "body_too_large", detail, headers={"Connection": "close"})
            await answer(scope, receive, send)
        elif nul := _nul(scope, body):
            errors = [ProblemError(field=nul, code="nul_character", message="holds a NUL character (U+0000)")]
            answer = problem(request_id, 422, "invalid_request", f"{nul}: holds a NUL character (U+0000).", errors)
            await answer(scope, receive, send)
        else:
            await self._app(scope, _replayed(body, receive), send)


def _request_id(request: Request) -> str:
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.match(given) else str(new_id(now()))


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The whole body, None once it exceeds the limit."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
        if size > limit:
            return None
    return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    is_told = False

    async def replay() -> Message:
        nonlocal is_told
        if is_told:
            return await receive()
        is_told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _nul(scope: Scope, body: bytes) -> str | None:
    """Where a NUL character stands, which PostgreSQL's text cannot hold: a field's path, `query` or `path`."""
    if "\0" in scope["path"]:
        return "path"
    if b"%00" in scope["query_string"]:
        return "query"
    if b"\0" in body:
        return "body"
    if b"\\u0000" not in body:
        return None
    try:
        return _nul_path(json.loads(body))
    except (ValueError, RecursionError):
        return None  # no JSON: the door says so


def _nul_path(value: Any, path: str = "") -> str | None:
    match value:
        case str():
            return (path or "body") if "\0" in value else None
        case dict():
            inside = [(key, one) for key, one in value.items()]
        case list():
            inside = [(str(place), one) for place, one in enumerate(value)]
        case _:
            return None
    for name, one in inside:
        below = f"{path}.{name}".lstrip(".").replace("\0", "\ufffd")
        if found := below if "\0" in name else _nul_path(one, below):
            return found
    return None

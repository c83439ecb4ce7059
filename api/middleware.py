"""What every request passes first: an id, a count of its answer, and words for what nobody foresaw."""

from __future__ import annotations

import re
import time
from collections import Counter
from threading import Lock

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problem import unexpected
from warehouse.clock import now
from warehouse.ids import new_id

_LEFT = 499  # nginx's word for a caller who left before there was an answer
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
    """ASGI middleware: gives the request an id, counts the answer, and answers when everything behind it failed."""

    def __init__(self, app: ASGIApp, tally: Tally) -> None:
        self._app = app
        self._tally = tally

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; what nobody foresaw is answered here and rises, for the server to log."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        request.state.request_id = _request_id(request)
        started, answered = time.perf_counter(), 0

        async def stamped(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request.state.request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, stamped)
        except Exception as error:
            if not answered:
                await unexpected(request, error)(scope, receive, stamped)
            raise
        finally:
            route = getattr(scope.get("route"), "path", "(none)")
            self._tally.count(request.method, route, answered or _LEFT, time.perf_counter() - started)


def _request_id(request: Request) -> str:
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.match(given) else str(new_id(now()))

"""CORS: pages of the origins that the settings name may call the API with tokens; no cookie ever crosses origins."""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.doorstep import speaks_to_programs

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, "
    "X-Jovey-At-Least, X-Request-ID",
    "Access-Control-Max-Age": "600",
}
_EXPOSED = "ETag, Idempotency-Replayed, RateLimit, RateLimit-Policy, Retry-After, X-Jovey-Position, X-Request-ID"


class Cors:
    """ASGI middleware (Fetch standard, CORS protocol): preflights are answered here, before anybody asks who calls.

    `Access-Control-Allow-Credentials` is never said, so a foreign page's call comes without the session's cookie.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app, self._origins = app, frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or let the page of a known origin read the answer."""
        if scope["type"] != "http" or not self._origins or not speaks_to_programs(scope):
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        origin = asked.get("origin")
        is_known = origin in self._origins

        async def shared(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.add_vary_header("Origin")
                if is_known and origin:
                    headers["Access-Control-Allow-Origin"] = origin
                    headers["Access-Control-Expose-Headers"] = _EXPOSED
                    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
            await send(message)

        if is_known and scope["method"] == "OPTIONS" and "access-control-request-method" in asked:
            await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, shared)
        else:
            await self._app(scope, receive, shared)

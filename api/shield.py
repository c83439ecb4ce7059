"""Shield: headers that every answer of the house bears; what an answer says for itself (a page its policy) stands."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.doorstep import speaks_to_programs

_HEADERS = {
    b"content-security-policy": b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=()",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}
_OF_PROGRAMS = {b"cache-control": b"no-store"}
_OF_HTTPS = {b"strict-transport-security": b"max-age=31536000"}  # a year; subdomains are not ours to promise for


class Shield:
    """ASGI middleware; streams pass through untouched."""

    def __init__(self, app: ASGIApp, *, is_secure: bool) -> None:
        self._app = app
        self._headers = _HEADERS | (_OF_HTTPS if is_secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the headers on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wanted = self._headers | _OF_PROGRAMS if speaks_to_programs(scope) else self._headers

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *((n, one) for n, one in wanted.items() if n not in said)]
            await send(message)

        await self._app(scope, receive, shielded)

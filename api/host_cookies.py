"""Host cookies: over https a browser keeps our cookies under names that only this very host can have set.

Inside the house a cookie is `jovey_session`, outside `__Host-jovey_session` (RFC 6265bis §4.1.3.2): browsers take that
name only from https, for this host and all of its paths, so no neighbour under the same domain can plant one.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OURS, _PREFIX = b"jovey_", b"__Host-"


class HostCookies:
    """ASGI middleware: the prefix goes on on the way out and off on the way in; ours without it are dropped."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rename the cookies of a request or a socket, and of the answer."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return

        async def renamed(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.accept"}:
                message["headers"] = [(n, _outside(one) if n.lower() == b"set-cookie" else one)
                                      for n, one in message.get("headers", ())]  # fmt: skip
            await send(message)

        await self._app({**scope, "headers": list(_inside(scope["headers"]))}, receive, renamed)


def _inside(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    for name, said in headers:
        if name != b"cookie":
            yield name, said
        elif kept := b"; ".join(_taken(said)):
            yield name, kept


def _taken(cookies: bytes) -> Iterable[bytes]:
    for cookie in cookies.split(b";"):
        one = cookie.strip()
        if one.startswith(_PREFIX + _OURS):
            yield one.removeprefix(_PREFIX)
        elif one and not one.startswith(_OURS):
            yield one


def _outside(cookie: bytes) -> bytes:
    """The cookie as the prefix demands it: Secure, with path /, without a domain."""
    if not cookie.startswith(_OURS):
        return cookie
    parts = [part.strip() for part in cookie.split(b";")]
    demanded = [part for part in parts if not part.lower().startswith((b"path=", b"domain=", b"secure"))]
    return _PREFIX + b"; ".join([*demanded, b"Path=/", b"Secure"])

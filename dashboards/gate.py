"""The gate before the screens: lets colleagues in by the session of their cookie, and nobody by what they say."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.people import People, Person, Unreachable
from warehouse.settings import Settings

COOKIE = "jovey_session"
BASE = "/staff"
HEALTH = f"{BASE}/_stcore/health"  # says `ok` and nothing else; the supervisor asks without a session
TRUSTED = b"x-jovey-"  # headers that only this gate may write; .streamlit/config.toml reads them
_PARTS = ("_stcore/", "static/", "media/", "component/", "type/", "front/")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_POLICY = (
    "default-src 'self'; script-src 'self' blob: 'wasm-unsafe-eval'"
    " 'sha256-THxz9J9+wf7rhwR2YkXJoSZ13UCmYyC+3lNDv2+8ugA='; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'"
)
_SECURITY = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where people reach the screens: the public address if there is one, the ports of the API and of the screens."""

    public: str | None
    is_open: bool
    """Any host may lead here: the API listens on every address and was given no public one."""
    api_port: int
    staff_port: int

    @classmethod
    def of(cls, settings: Settings) -> Addresses:
        """The addresses that the settings name; loopback is always ours."""
        public = urlsplit(settings.public_url or "").netloc or None
        is_open = public is None and settings.api_host not in _LOOPBACK
        return cls(public, is_open, settings.api_port, settings.staff_port)

    def has_origin(self, origin: str | None, host: str | None) -> bool:
        """Whether a socket was opened by one of our own pages: a browser always says whose page it was."""
        page = urlsplit(origin or "")
        if not page.netloc:
            return False
        if page.netloc == self.public:
            return True
        return page.netloc == host and (self.is_open or page.hostname in _LOOPBACK)

    def sign_in(self, scope: Scope) -> str:
        """Where a visitor signs in, to come back here afterwards."""
        asked = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
        near = f"/sign-in?next={quote(asked if scope['type'] == 'http' else f'{BASE}/', safe='/')}"
        host = urlsplit(f"//{HTTPConnection(scope).headers.get('host', '')}")
        if host.hostname and _port(host.netloc) == self.staff_port:  # came to the screens' own port
            return f"http://{host.hostname}:{self.api_port}{near}"
        return near


class Gate:
    """ASGI middleware around the screens; whoever it lets in is named by headers that it alone writes.

    `front` is the page that loads the screens; it answers whatever a browser goes to.
    """

    def __init__(self, app: ASGIApp, people: People, addresses: Addresses, front: str) -> None:
        self._app, self._people, self._addresses, self._front = app, people, addresses, front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request or a socket in, or say why not."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        told = HTTPConnection(scope)
        if scope["path"] == HEALTH:
            await self._app(_renamed(scope, {}), receive, send)
            return
        admitted = await self._admitted(told)
        if isinstance(admitted, Response):
            await _answer(admitted, scope, receive, send)
            return
        if scope["type"] == "http" and _is_page(told):
            page = HTMLResponse(self._front, headers={**_SECURITY, "Cache-Control": "no-cache"})
            await page(scope, receive, send)
            return
        await self._app(_renamed(scope, admitted), receive, _secured(send, scope))

    async def _admitted(self, told: HTTPConnection) -> dict[str, str] | Response:
        """The headers that name who comes in, or the answer for those who may not."""
        origin, host = told.headers.get("origin"), told.headers.get("host")
        if told.scope["type"] == "websocket" and not self._addresses.has_origin(origin, host):
            return _page(HTTPStatus.FORBIDDEN, "Not from here", "Only our own pages may open this socket.")
        token = told.cookies.get(COOKIE, "")
        try:
            person = await asyncio.to_thread(self._people.behind, token) if token else None
        except Unreachable:
            words = "The house does not say who you are at the moment. Reload this page in a minute."
            return _page(HTTPStatus.SERVICE_UNAVAILABLE, "The screens wait for the house", words)
        if person is None:
            return RedirectResponse(self._addresses.sign_in(told.scope), HTTPStatus.SEE_OTHER)
        if not person.is_staff:
            words = f"{person.name}, these screens are for colleagues. What you bought is in your account."
            return _page(HTTPStatus.FORBIDDEN, "For colleagues only", words, ("/orders", "Your orders"))
        return _named(person, token) | _same_origin(told, origin)


def _is_page(told: HTTPConnection) -> bool:
    """Whether a browser goes somewhere, and does not fetch a part of where it is."""
    path = told.scope["path"].removeprefix(f"{BASE}/")
    return "text/html" in told.headers.get("accept", "") and not path.startswith(_PARTS)


def _named(person: Person, token: str) -> dict[str, str]:
    functions = ",".join(sorted(person.functions))
    names = {"user": person.id, "name": quote(person.name), "functions": functions, "token": token}
    return {f"x-jovey-{name}": one for name, one in names.items()}


def _same_origin(told: HTTPConnection, origin: str | None) -> dict[str, str]:
    """Behind another proxy the host may be ours inside; the page's own is what Streamlit compares the origin with."""
    return {"host": urlsplit(origin).netloc} if origin and told.scope["type"] == "websocket" else {}


def _renamed(scope: Scope, names: dict[str, str]) -> Scope:
    """The request with our own headers instead of whatever of their names the client sent."""
    own = {name.encode() for name in names}
    headers = [(name, one) for name, one in scope["headers"] if not name.startswith(TRUSTED) and name not in own]
    return {**scope, "headers": headers + [(name.encode(), one.encode("latin-1")) for name, one in names.items()]}


def _secured(send: Send, scope: Scope) -> Send:
    if scope["type"] != "http":
        return send

    async def stamped(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_SECURITY)
        await send(message)

    return stamped


async def _answer(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """A socket that may not open is closed before it is accepted: the browser sees 403."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    await answer(scope, receive, send)


def _page(status: HTTPStatus, title: str, words: str, link: tuple[str, str] = ("/", "To the shop")) -> Response:
    """A page of plain words; it needs neither script nor session."""
    href, label = link
    body = _WORDS.format(title=escape(title), words=escape(words), href=escape(href), label=escape(label))
    return HTMLResponse(body, status, {**_SECURITY, "Cache-Control": "no-store"})


def _port(netloc: str) -> int | None:
    try:
        return urlsplit(f"//{netloc}").port
    except ValueError:
        return None


_WORDS = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>{title} – Jovey</title>
<style>body{{font:1.0625rem/1.6 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1.5rem}}
h1{{font-size:1.5rem}}a{{color:LinkText}}</style></head>
<body><main><h1>{title}</h1><p>{words}</p><p><a href="{href}">{label}</a></p></main></body></html>
"""

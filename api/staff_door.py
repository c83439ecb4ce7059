"""The staff screens' door in the API's origin: passes what comes below /staff on to the screens' own server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

import httpx
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Origin, Subprotocol

_WAIT_SECONDS_MAX = 60.0
_MESSAGE_BYTES_MAX = 64 << 20  # Streamlit's own limit, maxMessageSize, is below it
_NORMAL, _POLICY, _INTERNAL = 1000, 1008, 1011
_HOP_BY_HOP = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)  # RFC 9110 §7.6.1
_ADDED = _HOP_BY_HOP | {"date", "server"}  # our own server writes them
_HANDSHAKE = _HOP_BY_HOP | {"sec-websocket-accept", "sec-websocket-extensions", "sec-websocket-key"}
_HANDSHAKE |= {"sec-websocket-protocol", "sec-websocket-version", "content-length"}

Headers = list[tuple[str, str]]


class StaffDoor:
    """ASGI application in front of the staff screens on loopback; they let in whoever their own gate lets in."""

    def __init__(self, port: int) -> None:
        self._address = f"127.0.0.1:{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request or a socket on."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._request(Request(scope, receive), send)

    async def _request(self, request: Request, send: Send) -> None:
        """The body comes and goes in pieces, packed as it was packed."""
        transport = httpx.AsyncHTTPTransport(verify=False)
        async with httpx.AsyncClient(transport=transport, timeout=_WAIT_SECONDS_MAX) as client:
            asked = client.build_request(
                request.method,
                self._target("http", self._address, request.scope),
                headers=_passed(request.scope["headers"], _HOP_BY_HOP),
                content=request.stream() if _has_body(request) else None,
            )
            try:
                answer = await client.send(asked, stream=True)
            except httpx.TransportError:
                down = HTMLResponse(_DOWN, 503, {"Retry-After": "5", "Cache-Control": "no-store"})
                await down(request.scope, request.receive, send)
                return
            try:
                own = [(name, one) for name, one in answer.headers.raw if name.lower().decode() not in _ADDED]
                await send({"type": "http.response.start", "status": answer.status_code, "headers": own})
                async for part in answer.aiter_raw():
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
            finally:
                await answer.aclose()

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The socket is accepted once the screens have accepted it; before that their no is ours."""
        await receive()
        headers = dict(_passed(scope["headers"], _HANDSHAKE))
        host = headers.pop("host", self._address)  # the browser's own: the gate compares the page's address with it
        origin, agent = headers.pop("origin", None), headers.pop("user-agent", None)
        near, _, port = self._address.partition(":")
        try:
            async with connect(
                self._target("ws", host, scope),
                origin=None if origin is None else Origin(origin),
                subprotocols=[Subprotocol(one) for one in scope["subprotocols"]] or None,
                additional_headers=headers,
                user_agent_header=agent,
                host=near,
                port=int(port),
                proxy=None,  # whatever the environment says: the screens are near
                compression=None,
                max_size=_MESSAGE_BYTES_MAX,
            ) as screens:
                await send({"type": "websocket.accept", "subprotocol": screens.subprotocol})
                await _talk(screens, receive, send)
        except (OSError, InvalidHandshake, InvalidURI):
            await send({"type": "websocket.close", "code": _POLICY})

    @staticmethod
    def _target(scheme: str, host: str, scope: Scope) -> str:
        path = scope.get("raw_path") or scope["path"].encode()
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        return f"{scheme}://{host}{path.decode('latin-1')}{query}"


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _passed(headers: Iterable[tuple[bytes, bytes]], dropped: frozenset[str]) -> Headers:
    named = [(name.decode("latin-1"), one.decode("latin-1")) for name, one in headers]
    return [(name, one) for name, one in named if name not in dropped]


async def _talk(screens: ClientConnection, receive: Receive, send: Send) -> None:
    """Carry messages both ways until one side goes."""
    there = asyncio.create_task(_carry_there(screens, receive))
    back = asyncio.create_task(_carry_back(screens, send))
    try:
        await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in (there, back):
            one.cancel()
        await asyncio.gather(there, back, return_exceptions=True)


async def _carry_there(screens: ClientConnection, receive: Receive) -> None:
    with suppress(ConnectionClosed):
        while (message := await receive())["type"] == "websocket.receive":
            said = message.get("bytes")
            await screens.send(message["text"] if said is None else said)
        await screens.close(_sendable(message.get("code")))


async def _carry_back(screens: ClientConnection, send: Send) -> None:
    with suppress(ConnectionClosed):
        async for said in screens:
            await send({"type": "websocket.send", "text" if isinstance(said, str) else "bytes": said})
    await send({"type": "websocket.close", "code": _sendable(screens.close_code)})


def _sendable(code: int | None) -> int:
    """A closing code that may stand in a close frame; some only stand for its absence (RFC 6455 §7.4.1)."""
    if code is None or code == 1005:
        return _NORMAL
    return _INTERNAL if code in {1006, 1015} else code


_DOWN = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>The staff screens are not up – Jovey</title></head>
<body><main><h1>The staff screens are not up</h1>
<p>They start a few seconds after the rest of the house. Reload this page in a moment; if it stays so, look into
<code>staff.log</code>.</p></main></body></html>
"""

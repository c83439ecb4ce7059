"""Faces: which part of the house answers an address: the API, the staff screens, or the storefront."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

STAFF = "/staff"
_API = ("/api/", "/health/", "/docs", "/openapi.json", "/metrics")


class Faces:
    """ASGI middleware: the API behind it answers its own addresses, `staff` those below /staff, `pages` all others."""

    def __init__(self, app: ASGIApp, pages: ASGIApp, staff: ASGIApp) -> None:
        self._app, self._pages, self._staff = app, pages, staff

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request to the part that answers it."""
        path = scope.get("path", "")
        if scope["type"] == "lifespan" or path.startswith(_API):
            await self._app(scope, receive, send)
        elif path == STAFF or path.startswith(f"{STAFF}/"):
            await self._staff(scope, receive, send)
        else:
            await self._pages(scope, receive, send)

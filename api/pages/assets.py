"""Assets: style sheets, fonts, scripts and icons, named after their content so that browsers keep them for ever."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

ROUTER = APIRouter()
FOLDER = Path(__file__).parents[1] / "static"
STYLE_SHEET = "store.css"  # all of css/*.css in the order of their names, one request
_FOREVER = "public, max-age=31536000, immutable"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".png": "image/png",
}
_PACKED = frozenset({".css", ".js", ".svg"})
_MENTION = re.compile(rb'url\("([\w./-]+)"\)')


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as served; `name` holds eight hexadecimal digits of its content's hash."""

    name: str
    media_type: str
    content: bytes
    packed: bytes | None


@dataclass(frozen=True, slots=True)
class Assets:
    """All of them, found by the name they are served under and by the one templates call them by."""

    served: Mapping[str, Asset]
    named: Mapping[str, str]

    def address(self, name: str) -> str:
        """Where a file is served: `store.css` is /static/store.1a2b3c4d.css."""
        return f"/static/{self.named[name]}"


@cache
def assets() -> Assets:
    """Every file of static/, read and packed once per process."""
    named: dict[str, str] = {}
    served: dict[str, Asset] = {}

    def keep(name: str, content: bytes) -> None:
        one = _asset(name, content)
        named[name], served[one.name] = one.name, one

    for path in sorted(FOLDER.rglob("*")):
        if path.suffix in _MEDIA_TYPES and path.suffix != ".css":
            keep(path.relative_to(FOLDER).as_posix(), path.read_bytes())
    sheets = b"".join(path.read_bytes() for path in sorted((FOLDER / "css").glob("*.css")))
    keep(STYLE_SHEET, _MENTION.sub(_mentioned(named), sheets))
    return Assets(served, named)


@ROUTER.get("/static/{name:path}")
def show_asset(request: Request, name: str) -> Response:
    """One file; under its hashed name only, so that no stale copy can be kept."""
    asset = assets().served.get(name)
    if asset is None:
        raise HTTPException(404)
    headers = {"Cache-Control": _FOREVER, "Vary": "Accept-Encoding"}
    if asset.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=asset.media_type)
    return Response(asset.content, headers=headers, media_type=asset.media_type)


@ROUTER.get("/favicon.ico")
def show_icon() -> Response:
    """The icon, for browsers that ask for it by habit."""
    icon = assets().served[assets().named["icon.svg"]]
    return Response(icon.content, headers={"Cache-Control": "public, max-age=86400"}, media_type=icon.media_type)


def _asset(name: str, content: bytes) -> Asset:
    path = Path(name)
    hashed = path.with_suffix(f".{hashlib.sha256(content).hexdigest()[:8]}{path.suffix}").as_posix()
    packed = gzip.compress(content, 9, mtime=0) if path.suffix in _PACKED else None
    return Asset(hashed, _MEDIA_TYPES[path.suffix], content, packed)


def _mentioned(named: Mapping[str, str]) -> Callable[[re.Match[bytes]], bytes]:
    """A style sheet's `url("vendor/x.woff2")` becomes the address it is served under."""
    return lambda found: f'url("/static/{named[found[1].decode()]}")'.encode()

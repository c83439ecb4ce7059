"""Render: a template and its context become a page, or one block of it for htmx."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from starlette.responses import HTMLResponse

from api.house import House
from api.pages.assets import STYLE_SHEET, assets
from api.pages.frame import frame_of
from api.pages.words import filters
from warehouse.settings import Settings

FAMILIES = (
    ("tank_pump", "Tank pumps"),
    ("pressure_pump", "Pressure pumps"),
    ("borewell_pump", "Borewell pumps"),
    ("drainage_pump", "Drainage pumps"),
    ("accessory", "Accessories"),
    ("spare_part", "Spare parts"),
)
_API = Path(__file__).parents[1]


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    block: str | None = None,
    **context: Any,
) -> HTMLResponse:
    """A page, `receivables/pay.html` being api/receivables/pages/pay.html; of htmx's asking only `block`, if named."""
    here: House = request.app.state.house
    frame = frame_of(request)
    given = {**_surroundings(request, here.settings), "frame": frame, **context}
    found = templates(here.settings.time_zone).get_template(template)
    if block is not None and wants_block(request):
        text = "".join(found.blocks[block](found.new_context(given)))
    else:
        text = found.render(given)
    keeping = "private, no-store" if frame.is_signed_in else "private, no-cache"
    sent = {"Cache-Control": keeping, "Vary": "Cookie, HX-Request, HX-Request-Type", **(headers or {})}
    return HTMLResponse(text, status, sent)


def wants_block(request: Request) -> bool:
    """Whether htmx asks for a part of the page; it names the kind, and a boosted or restored page is a full one."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-Request-Type") == "partial"


def _surroundings(request: Request, settings: Settings) -> dict[str, Any]:
    """What every template may mention."""
    return {
        "company": settings.company,
        "currency": settings.currency,
        "origin": settings.public_url or f"{request.url.scheme}://{request.url.netloc}",
        "path": request.url.path,
        "request_id": getattr(request.state, "request_id", ""),
    }


@cache
def templates(time_zone: str) -> Environment:
    """All templates: the frame's own, and each function's below its slug."""
    functions = {folder.parent.name: FileSystemLoader(folder) for folder in _API.glob("*/pages") if folder.is_dir()}
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(_API / "pages" / "templates"), PrefixLoader(functions)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters(time_zone))
    environment.globals.update(asset=assets().address, style_sheet=assets().address(STYLE_SHEET), families=FAMILIES)
    return environment

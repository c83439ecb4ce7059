"""Pages of a buyer's rights: a file of all that is held about them, and leaving for good."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.auth.cookies import forget_session
from api.customers.commands import EraseCustomer
from api.customers.erasing import refuse_open_orders, refuse_unconfirmed
from api.customers.portrait import portrait
from api.handle import Request as Asked
from api.handle import handle
from api.house import Here
from api.pages.forms import Errors
from api.pages.render import page
from api.pages.visitor import Form, Visit, to
from api.refusals import Refusal
from warehouse.clock import now
from warehouse.ids import new_id

ROUTER = APIRouter()
_HEADERS = {"Content-Disposition": 'attachment; filename="about-you.json"', "Cache-Control": "no-store"}


@ROUTER.get("/account/data")
def download(here: Here, who: Visit) -> Response:
    """Everything that is held about the buyer, as a file."""
    told = portrait(here.engine, who.customer_id)
    body = json.dumps(told, indent=2, ensure_ascii=False)
    return Response(body, media_type="application/json", headers=_HEADERS)


@ROUTER.get("/account/erase")
def ask_erasure(request: Request, who: Visit) -> Response:
    """What erasing means, and the password that confirms it."""
    return _asked(request, who, {})


@ROUTER.post("/account/erase")
def erase(request: Request, here: Here, who: Visit, fields: Form) -> Response:
    """Erase the buyer, if it is them and nothing is open; they are signed out everywhere."""
    at, customer_id = now(), who.customer_id
    assert who.claims is not None, "a buyer came by a session"
    try:
        with here.reading(who.by) as connection:
            refuse_unconfirmed(connection, who.claims, fields.get("password", ""), at)
            refuse_open_orders(connection, customer_id)
        command = EraseCustomer(customer_id=customer_id)
        handle(here.erasing, Asked(command, new_id(at), who.by, at), here.rules)
    except Refusal as refusal:
        is_password = refusal.code == "wrong_password"
        words = "This is not your password." if is_password else refusal.message
        return _asked(request, who, {"password" if is_password else "account": words})
    response = to("/")
    forget_session(response)
    who.tell("good", "You are erased. Nothing that you told us about yourself can be read any more.")
    return response


def _asked(request: Request, who: Visit, errors: Errors) -> Response:
    status = 422 if errors else 200
    return page(request, "customers/erase.html", status=status, buyer=who.buyer, errors=errors)

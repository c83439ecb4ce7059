"""The sandbox's own payment page: test cards do as they say. What is typed there is looked at and forgotten."""

from __future__ import annotations

from decimal import Decimal

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.house import Here, House
from api.pages.mishaps import mishap
from api.pages.render import page
from api.pages.visitor import Form, Visit, to
from api.receivables.paying import asked_order, settle_webhook
from api.receivables.payment_port import Intent, IntentRefused, opened
from api.receivables.sandbox import Sandbox, outcome_of
from warehouse.clock import now

ROUTER = APIRouter()
_CARDS = (
    ("4242 4242 4242 4242", "is approved"),
    ("4000 0000 0000 0002", "is declined"),
    ("4000 0000 0000 9995", "has insufficient funds"),
)


@ROUTER.get("/pay/{token}")
def show_payment_page(request: Request, here: Here, who: Visit, token: str) -> Response:  # noqa: ARG001 - fills the frame
    """What is to be paid, and a field for a test card."""
    try:
        intent = _intent(here, token)
    except IntentRefused as refused:
        return mishap(request, 404, str(refused), "This payment page is over")
    return _page(request, here, intent, token)


@ROUTER.post("/pay/{token}")
def pay(request: Request, here: Here, who: Visit, fields: Form, token: str) -> Response:
    """Let the sandbox decide, and tell the house by the signed message that also comes through the door."""
    try:
        intent = _intent(here, token)
    except IntentRefused as refused:
        return mishap(request, 404, str(refused), "This payment page is over")
    outcome = outcome_of(fields.get("card", "")[:50])
    if outcome is None:
        return _page(request, here, intent, token, "Use one of the test cards on this page; real cards are not taken.")
    sandbox = Sandbox(here.mac_key)
    settled = settle_webhook(here, sandbox, *sandbox.webhook(token, outcome, now()), now())
    if settled.result == "declined":
        return _page(request, here, intent, token, settled.words)
    who.tell("good" if settled.result == "paid" else "note", settled.words)
    return to(f"/orders/{intent.order_number}")


def _intent(here: House, token: str) -> Intent:
    if not here.settings.takes_test_payments:
        raise HTTPException(404)
    return opened(token, here.mac_key)


def _page(request: Request, here: House, intent: Intent, token: str, error: str | None = None) -> Response:
    order = asked_order(here, intent.order_id)
    rest = order.due - order.net_paid if order else Decimal(0)
    waits = order is not None and order.lifecycle not in {"cancelled", "expired"} and not order.has_lapsed(now())
    return page(
        request,
        "receivables/pay.html",
        status=422 if error else 200,
        intent=intent,
        action=f"/pay/{token}",
        cards=_CARDS,
        waits=waits and rest > 0,
        error=error,
    )

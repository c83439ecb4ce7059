"""Pages by letter: ask for a new password, choose it, and confirm an e-mail address.

A letter's link only shows a page; what it is for is done by the form on it, for programs that read mail follow links.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from api.auth.cookies import forget_session
from api.auth.letters import RESET_PATH, VERIFY_PATH
from api.auth.lockout import TooManyTries
from api.auth.passwords import Password
from api.auth.recovery import choose_password, confirm_email, send_reset
from api.house import Here
from api.pages.forms import Errors, Wrong, filled
from api.pages.mishaps import mishap
from api.pages.render import page
from api.pages.visitor import Form, Visit, to
from api.refusals import Refusal

ROUTER = APIRouter()
_TOKEN_LENGTH_MAX = 200
_WORDS = {"password": "Take 10 characters or more; a short sentence is easy to remember."}


class NewPassword(BaseModel):
    """What somebody types who forgot the old one."""

    model_config = ConfigDict(hide_input_in_errors=True)

    password: Password


@ROUTER.get("/forgot-password")
def show_forgotten(request: Request, who: Visit) -> Response:  # noqa: ARG001 - fills the frame
    """The form for the e-mail address."""
    return _forgotten_page(request)


@ROUTER.post("/forgot-password")
def forgot_password(request: Request, here: Here, who: Visit, fields: Form) -> Response:  # noqa: ARG001 - fills the frame
    """Write the letter, if there is an account; the page says the same either way."""
    email = fields.get("email", "")[:255]
    try:
        send_reset(here, request, email)
    except TooManyTries as waits:
        return _forgotten_page(request, email, waits)
    return page(request, "customers/forgot_password.html", errors={}, is_asked=True, email=email)


@ROUTER.get(RESET_PATH)
def show_reset(request: Request, who: Visit) -> Response:  # noqa: ARG001 - fills the frame
    """The form for the new password."""
    return _reset_page(request, request.query_params.get("token", ""))


@ROUTER.post(RESET_PATH)
def reset_password(request: Request, here: Here, who: Visit, fields: Form) -> Response:
    """Take the new password; every session ends, this browser's too."""
    token = fields.get("token", "")[:_TOKEN_LENGTH_MAX]
    try:
        told = filled(NewPassword, {"password": fields.get("password", "")}, _WORDS)
        choose_password(here, token, told.password)
    except Wrong as wrong:
        return _reset_page(request, token, wrong.errors)
    except Refusal as refusal:
        return mishap(request, 403, refusal.message, "That link is over")
    who.tell("good", "Your new password is set. Sign in with it.")
    response = to("/sign-in")
    forget_session(response)
    return response


@ROUTER.get(VERIFY_PATH)
def show_verification(request: Request, who: Visit) -> Response:  # noqa: ARG001 - fills the frame
    """The button that confirms."""
    return page(request, "customers/verify_email.html", token=request.query_params.get("token", "")[:_TOKEN_LENGTH_MAX])


@ROUTER.post(VERIFY_PATH)
def verify_email(request: Request, here: Here, who: Visit, fields: Form) -> Response:
    """Take the e-mail address for theirs, whoever is signed in here."""
    try:
        confirm_email(here, fields.get("token", "")[:_TOKEN_LENGTH_MAX])
    except Refusal as refusal:
        return mishap(request, 403, refusal.message, "That link is over")
    who.tell("good", "Thank you: the e-mail address is confirmed.")
    return to("/account" if who.customer is not None else "/")


def _reset_page(request: Request, token: str, errors: Errors | None = None) -> Response:
    status = 422 if errors else 200
    kept = token[:_TOKEN_LENGTH_MAX]
    return page(request, "customers/reset_password.html", status=status, token=kept, errors=errors or {})


def _forgotten_page(request: Request, email: str = "", waits: TooManyTries | None = None) -> Response:
    status = 200 if waits is None else 429
    headers = {} if waits is None else {"Retry-After": str(waits.retry_after_seconds)}
    errors = {} if waits is None else {"email": str(waits)}
    template = "customers/forgot_password.html"
    return page(request, template, status=status, headers=headers, errors=errors, is_asked=False, email=email)

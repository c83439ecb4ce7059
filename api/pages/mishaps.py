"""Mishaps: every no and every failure as a page in words, with what to do next."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from api.auth.audit import record_refusal
from api.doorstep import PageOf
from api.handle import Busy
from api.pages.frame import Frame
from api.pages.render import page
from api.pages.shield import HEADERS
from api.pages.visitor import visitor
from api.refusals import Refusal, Unauthenticated

_LOG = logging.getLogger("jovey.pages")
_STATUS = {"conflict": 409, "not_found": 404, "forbidden": 403, "moved": 412}
_RETRY_SECONDS = 2


@dataclass(frozen=True, slots=True)
class _Words:
    title: str
    text: str


_WORDS = {
    403: _Words("That is not open to you", "You are signed in as somebody who may not see or do this."),
    404: _Words("There is nothing at this address", "The page moved, or the address has a slip in it."),
    405: _Words("That cannot be done here", "This address shows something; it takes nothing in that way."),
    408: _Words("That took too long", "What you sent did not arrive in time. Please try again."),
    413: _Words("That is too much at once", "What you sent is larger than this shop takes."),
    414: _Words("That address is too long", "Please begin again from the page you came from."),
    422: _Words("We could not read that", "Something in the address or the form is not what we expected."),
    429: _Words("One moment, please", "Too many tries in a short time. Wait a minute, then go on."),
    500: _Words("Something went wrong on our side", "It is not your doing, and nothing was changed. Please try again."),
    503: _Words("We are back in a moment", "The shop is busy or restarting. Nothing was changed. Please try again."),
}


def explain_mishaps(app: FastAPI) -> None:
    """Teach the storefront to say every error as a page."""
    app.add_exception_handler(Unauthenticated, _to_sign_in)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Busy, _busy)
    app.add_exception_handler(OperationalError, _busy)
    app.add_exception_handler(Exception, _unexpected)


def mishap(request: Request, status: int, text: str | None = None, title: str | None = None) -> Response:
    """The page of an HTTP status, in our words or in those given."""
    words = _WORDS.get(status) or _Words(HTTPStatus(status).phrase, "The shop could not do that.")
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        _recognise(request)
    headers = {"Retry-After": str(_RETRY_SECONDS)} if status == 503 else {}
    said, why = title or words.title, text or words.text
    return page(request, "mishap.html", status=status, headers=headers, title=said, text=why, code=status)


def mishap_at_the_door(app: FastAPI) -> PageOf:
    """What makes the page for a request that may not come in: nobody looks who asks, so it costs no question."""

    async def made(scope: Scope, status: int, headers: Mapping[str, str]) -> Response:
        request = Request({**scope, "app": app})
        request.state.frame = Frame()
        answer = mishap(request, status)
        answer.headers.update({**HEADERS, **headers})  # this answer goes out past the shield
        return answer

    return made


def _recognise(request: Request) -> None:
    """An address that leads nowhere asked for no visitor; the frame around its page still shows who looks."""
    if hasattr(request.state, "frame"):
        return
    try:
        visitor(request, request.app.state.house)
    except OperationalError:
        _LOG.warning("request %s: who looks is unknown, the database is away", _id(request))


def _to_sign_in(request: Request, _: Exception) -> Response:
    """To sign in and back; what was being sent is not sent again, so that only pages are come back to."""
    back = request.url.path if request.method == "GET" else "/"
    query = f"?{request.url.query}" if request.method == "GET" and request.url.query else ""
    return RedirectResponse(f"/sign-in?next={quote(back + query, safe='/')}", 303)


def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    record_refusal(request, refusal)
    status = _STATUS[refusal.kind]
    title = _WORDS[status].title if status in _WORDS else "That did not go through"
    return mishap(request, status, refusal.message, title)


def _unreadable(request: Request, _: Exception) -> Response:
    return mishap(request, 422)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return mishap(request, error.status_code)


def _busy(request: Request, error: Exception) -> Response:
    _LOG.warning("request %s put off: %s %s", _id(request), request.method, request.url.path, exc_info=error)
    return mishap(request, 503)


def _unexpected(request: Request, error: Exception) -> Response:
    _LOG.error("request %s failed: %s %s", _id(request), request.method, request.url.path, exc_info=error)
    answer = mishap(request, 500)
    answer.headers.update({**HEADERS, "X-Request-ID": _id(request)})  # this answer goes out past the shield
    return answer


def _id(request: Request) -> str:
    found: str = getattr(request.state, "request_id", "")
    return found

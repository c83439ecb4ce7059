"""Problem: every no and every mishap as RFC 9457 application/problem+json, and the handlers that say it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.auth.audit import record_refusal
from api.auth.lockout import TooManyTries
from api.handle import Busy
from api.refusals import Kind, Refusal, Unauthenticated

MEDIA_TYPE = "application/problem+json"
_STATUS: Mapping[Kind, int] = {"conflict": 409, "not_found": 404, "forbidden": 403, "moved": 412}
_BUSY_SECONDS = 1
ERRORS_MAX = 100  # of one answer; nobody mends more at once
_LOG = logging.getLogger("jovey.api")


class ProblemError(BaseModel):
    """One thing that is wrong with the request."""

    field: str = Field(description="Path of the field, such as `lines.3.quantity`; `body` for the whole of it.")
    code: str
    message: str


class Problem(BaseModel):
    """What went wrong. `code` is stable: programs go by it, people by `detail`."""

    type: str = Field(
        description="The code as a URI, for those who go by it.", examples=["urn:jovey:problem:credit_exceeded"]
    )
    title: str = Field(examples=["Conflict"])
    status: int = Field(examples=[409])
    detail: str = Field(description="What, which one, and what to do about it.")
    code: str
    errors: tuple[ProblemError, ...] = ()
    request_id: str = Field(description="Names this request in the server's log.")


def problem(
    request_id: str,
    status: int,
    code: str,
    detail: str,
    errors: Iterable[ProblemError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer that says what went wrong."""
    said = Problem(
        type=f"urn:jovey:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        errors=tuple(errors),
        request_id=request_id,
    )
    return Response(said.model_dump_json(), status, headers, MEDIA_TYPE)


def explain_problems(app: FastAPI) -> None:
    """Teach the application to say every error as a problem."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Unauthenticated, _unauthenticated)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Busy, _busy)
    app.add_exception_handler(OperationalError, _database_away)
    app.add_exception_handler(PoolTimeout, _database_away)
    app.add_exception_handler(TooManyTries, _too_many_tries)


def unexpected(request: Request, error: Exception) -> Response:
    """The answer to a bug of ours: it says nothing of the inside, and leaves its traces in the log."""
    _LOG.error("request %s failed: %s %s", _id(request), request.method, request.url.path, exc_info=error)
    detail = "Something went wrong on our side. Nothing was done; the request id finds it in our log."
    return problem(_id(request), 500, "internal_error", detail)


def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    record_refusal(request, refusal)
    errors = [ProblemError(field=f.field, code=f.code, message=f.message) for f in refusal.faults]
    return problem(_id(request), _STATUS[refusal.kind], refusal.code, refusal.message, errors)


def _invalid(request: Request, invalid: Exception) -> Response:
    assert isinstance(invalid, RequestValidationError)
    found: Sequence[Mapping[str, Any]] = invalid.errors()
    if found[0]["type"] == "json_invalid":
        why, where = found[0]["ctx"]["error"], found[0]["loc"][-1]
        return problem(_id(request), 400, "malformed_json", f"The body is not JSON: {why} at character {where}.")
    errors = [ProblemError(field=_path(one["loc"]), code=one["type"], message=one["msg"]) for one in found[:ERRORS_MAX]]
    named = "; ".join(f"{error.field}: {error.message}" for error in errors[:3])
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    return problem(_id(request), 422, "invalid_request", f"{named}{more}.", errors)


def _path(place: Sequence[str | int]) -> str:
    """`("body", "lines", 3, "sku")` is `lines.3.sku`; the name of a header, query or path parameter stands alone."""
    return ".".join(str(step) for step in place[1:]) or str(place[0])


def _unauthenticated(request: Request, error: Exception) -> Response:
    assert isinstance(error, Unauthenticated)
    challenge = 'Bearer realm="jovey"' + ("" if error.code == "not_signed_in" else ', error="invalid_token"')
    return problem(_id(request), 401, error.code, str(error), headers={"WWW-Authenticate": challenge})


_HTTP_CODES: Mapping[int, tuple[str, str | None]] = {
    400: ("malformed_body", "The body cannot be read as JSON in UTF-8."),
    404: ("no_such_door", "There is nothing at this address; the list of all addresses is at /docs."),
    425: ("position_not_reached", None),
    429: ("too_many_requests", None),
    503: ("not_ready", None),
}


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, detail = _HTTP_CODES.get(error.status_code, ("http_error", None))
    return problem(_id(request), error.status_code, code, detail or str(error.detail), headers=error.headers)


def _busy(request: Request, error: Exception) -> Response:
    detail = f"{error} Nothing was done; ask again."
    return problem(_id(request), 503, "busy", detail, headers={"Retry-After": str(_BUSY_SECONDS)})


def _database_away(request: Request, error: Exception) -> Response:
    """The database is gone, too slow, or has no connection left; whether a write reached it only its key can tell."""
    _LOG.warning("request %s put off: %s %s", _id(request), request.method, request.url.path, exc_info=error)
    detail = "The database did not answer in time; ask again, a write with the same Idempotency-Key."
    return problem(_id(request), 503, "busy", detail, headers={"Retry-After": str(_BUSY_SECONDS)})


def _too_many_tries(request: Request, error: Exception) -> Response:
    assert isinstance(error, TooManyTries)
    headers = {"Retry-After": str(error.retry_after_seconds)}
    return problem(_id(request), 429, "too_many_tries", str(error), headers=headers)


def _id(request: Request) -> str:
    found: str = request.state.request_id
    return found

"""Doorstep: a no before any door opens: a problem for callers of the API, a page for visitors of the shop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Scope

from api.problem import ProblemError, problem

API = "/api/"
PageOf = Callable[[Scope, int, Mapping[str, str]], Awaitable[Response]]
"""(request, status, headers) -> the storefront's page for it."""


@dataclass(frozen=True, slots=True)
class No:
    """A request that may not come in, and why."""

    status: int
    code: str
    detail: str
    errors: tuple[ProblemError, ...] = ()
    headers: Mapping[str, str] | None = None


def no_field(field: str, code: str, message: str) -> No:
    """The no to a request whose field cannot be read."""
    return No(422, "invalid_request", f"{field}: {message}.", (ProblemError(field=field, code=code, message=message),))


class Doorstep:
    """Says no in the words of whoever asked."""

    def __init__(self, page: PageOf) -> None:
        self._page = page

    async def answer(self, scope: Scope, no: No) -> Response:
        """The answer to a request that goes no further."""
        if not speaks_to_programs(scope):
            return await self._page(scope, no.status, no.headers or {})
        errors: Iterable[ProblemError] = no.errors
        return problem(scope["state"]["request_id"], no.status, no.code, no.detail, errors, no.headers)


def speaks_to_programs(scope: Scope) -> bool:
    """Whether the address is one of the API's."""
    path: str = scope["path"]
    return path.startswith(API)

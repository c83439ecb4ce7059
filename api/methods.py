"""Methods: what an address answers to, over all of its doors; any other method is told so, with the list."""

from __future__ import annotations

import re
from functools import cache

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.access import DOORS
from api.problem import problem


def refuse_other_methods(request: Request) -> None:
    """Raise for an address that is a door's own and takes other methods.

    The router would look on: GET /customers/register would ask for the customer called `register`.
    """
    methods = _written_out().get(request.url.path)
    if methods is not None and request.method not in methods:
        raise HTTPException(405)


def explain_methods(app: FastAPI) -> None:
    """Say 405 with every method of the address; the router alone names those of the first door it finds."""
    app.add_exception_handler(405, _other_method)


def methods_at(path: str) -> frozenset[str]:
    """The methods that an address answers to; none for one that is no door's."""
    if path in _written_out():
        return _written_out()[path]
    return frozenset(method for pattern, method in _patterns() if pattern.fullmatch(path))


def _other_method(request: Request, _: Exception) -> Response:
    allowed = {"Allow": ", ".join(sorted(methods_at(request.url.path)))}
    detail = "This address exists, but not for this method."
    return problem(request.state.request_id, 405, "method_not_allowed", detail, headers=allowed)


@cache
def _written_out() -> dict[str, frozenset[str]]:
    """The addresses without an id in them."""
    plain = {path for _, path in DOORS if "{" not in path}
    return {path: frozenset(method for method, one in DOORS if one == path) for path in plain}


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(re.sub(r"{\w+}", "[^/]+", path)), method) for method, path in DOORS)

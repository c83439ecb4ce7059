"""What every door of the API says of its manners in the OpenAPI document: keys, places in the log, limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from api.manners import AT_LEAST, KEY, KEY_CHARACTERS_MAX, TOKEN_CHARACTERS_MAX

_KEYED = {"post", "put"}
_AT_LEAST = {
    "name": AT_LEAST,
    "in": "header",
    "required": False,
    "description": "An `X-Jovey-Position` that the answer must include; waits two seconds for it, then 425.",
    "schema": {"type": "string", "minLength": 8, "maxLength": TOKEN_CHARACTERS_MAX, "pattern": r"^[\w-]+$"},
}
_KEY = {
    "name": KEY,
    "in": "header",
    "required": False,
    "description": "Taken, and not needed: this answer is never kept, for it holds tokens, or its door does a "
    "thing once by itself.",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_CHARACTERS_MAX},
}
_LIMITS = {
    "RateLimit-Policy": "The limits that count for this caller: `q` requests in `w` seconds.",
    "RateLimit": "Where the caller stands in each: `r` requests are left, for `t` seconds.",
}


def problems_of_manners(method: str, operation: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The statuses that any door of the API can answer with, and their codes."""
    yield "406", ["not_acceptable"]
    yield "422", ["invalid_request"]
    yield "429", ["too_many_requests"]
    yield "500", ["internal_error"]
    if method == "get":
        yield "425", ["position_not_reached"]
    if "requestBody" in operation:
        yield "408", ["body_too_slow"]
        yield "415", ["unsupported_media_type"]


def add_manners(method: str, operation: dict[str, Any]) -> None:
    """Name the headers that a door of the API takes and gives besides its own."""
    parameters = operation.setdefault("parameters", [])
    named = {parameter["name"] for parameter in parameters}
    if method == "get":
        parameters.append(_AT_LEAST)
    elif method in _KEYED and KEY not in named:
        parameters.append(_KEY)
    given = {name: {"description": said, "schema": {"type": "string"}} for name, said in _LIMITS.items()}
    for response in operation["responses"].values():
        response["headers"] = response.get("headers", {}) | given

"""The OpenAPI document, completed from the house's own tables: who may call, and which problems a door answers with."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from api.access import DOORS
from api.codes import FUNCTIONS, codes_of
from api.openapi_manners import add_manners, problems_of_manners
from api.openapi_schemas import made_exact, plainly_named
from api.problem import MEDIA_TYPE, Problem, ProblemError

_FUNCTION_OF_TAG = {name: name for name in FUNCTIONS} | {"dealers": "customers", "returns": "fulfillment"}
_BULK = "/dealers/orders/bulk"
_TAGS = {
    "health": "For those who run the house: is it alive, is it ready, what has it done.",
    "auth": "Sign in, stay signed in, sign out; who am I.",
    "category": "Products, their prices and price lists, and the market around them.",
    "customers": "Those who buy: they register and keep their profile, staff look them up.",
    "dealers": "Those who buy to sell: their application, their terms, their prices and bulk orders.",
    "orders": "From placing to the last piece, also as it happens.",
    "fulfillment": "Stock, and each order's way through the warehouse.",
    "returns": "What comes back, and what becomes of it.",
    "receivables": "Invoices, payments, credit, and who owes what since when.",
    "procurement": "Suppliers, and orders to them.",
    "agents": "What software proposes, and what people decide on it.",
    "events": "The log itself: every fact, as it was recorded and as it happens.",
}
_WRITES = {"post", "put", "delete"}
_WELL = {"200": "What was asked for, as it stands now.", "201": "It is made; this is it.", "204": "It is done."}
_WHAT = {
    "400": "The body is not JSON.",
    "401": "The caller is not known.",
    "403": "The caller may not do this.",
    "404": "There is no such thing, or not for this caller.",
    "409": "A rule of the business says no.",
    "406": "Nothing is said here in a form that `Accept` takes.",
    "408": "The body came too slowly.",
    "412": "It is no longer at the version that `If-Match` names.",
    "413": "The body is too large.",
    "415": "The body is in a form that this door does not read.",
    "422": "The request is malformed; `errors` names the fields.",
    "425": "What `X-Jovey-At-Least` names is not there yet; ask again after `Retry-After`.",
    "429": "Too many requests; ask again after `Retry-After`.",
    "500": "Something went wrong on our side.",
    "503": "Not at this moment; nothing was done, ask again after `Retry-After`.",
}
_LETTER, _LIMITED = {"403": ["letter_token_refused"]}, {"429": ["too_many_tries"]}
_IDENTITY: Mapping[tuple[str, str], Mapping[str, Collection[str]]] = {
    ("post", "/login"): {"401": ["wrong_credentials"], **_LIMITED},
    ("post", "/refresh"): {"401": ["refresh_token_refused"]},
    ("post", "/logout"): {"403": ["no_session"]},
    ("post", "/password"): {"403": ["wrong_password", "no_session"], **_LIMITED},
    ("post", "/password/forgot"): _LIMITED,
    ("post", "/password/reset"): _LETTER,
    ("post", "/email/verify"): _LETTER,
}
"""(method, path below /api/v1/auth) -> status -> codes."""


def completed(app: FastAPI) -> dict[str, Any]:
    """The application's document, saying everything that callers may meet. It takes seconds: keep it."""
    made = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes
    )
    found = plainly_named(deepcopy(made))  # parts of it belong to the routes
    found["servers"] = [{"url": "/", "description": "Wherever this document was found."}]
    found["tags"] = [{"name": name, "description": said} for name, said in _TAGS.items()]
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for model in (ProblemError, Problem):
        schemas[model.__name__] = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas[model.__name__].pop("$defs", None)
    for leftover in ("HTTPValidationError", "ValidationError"):
        schemas.pop(leftover, None)
    streams = _streams(app)
    for path, item in found["paths"].items():
        for method, operation in item.items():
            schemas.update(_lifted(operation))
            _complete_door(path, method, operation, streams.get((method.upper(), path)))
    made_exact(found)
    return found


def _complete_door(path: str, method: str, operation: dict[str, Any], stream: str | None) -> None:
    """Say of a door who may come in, all it can answer with, and the headers it takes and gives."""
    callers = DOORS[method.upper(), path]
    operation["x-callers"] = str(callers)
    operation["responses"].pop("422", None)
    for status, said in _WELL.items():
        if operation["responses"].get(status, {}).get("description") == "Successful Response":
            operation["responses"][status]["description"] = said
    problems: dict[str, set[str]] = {}
    for status, codes in (*_problems(path, method, operation, stream), *_of_identity(path, method)):
        problems.setdefault(status, set()).update(codes)
    operation["responses"] |= {status: _response(status, codes) for status, codes in problems.items()}
    if callers.anyone:
        operation["security"] = [{}, *operation.get("security", [])]
    if method in _WRITES:
        _name_headers(operation["responses"])
    if path.startswith("/api/"):
        add_manners(method, operation)


def _lifted(operation: dict[str, Any]) -> dict[str, Any]:
    """Schemas that a body written by hand brought along, taken out to stand among the others."""
    contents = operation.get("requestBody", {}).get("content", {}).values()
    return {name: one for content in contents for name, one in content["schema"].pop("$defs", {}).items()}


def _streams(app: FastAPI) -> dict[tuple[str, str], str]:
    """The kind of stream that a door's command acts on."""
    return {
        (method, str(route.path)): command.stream
        for route in iter_route_contexts(app.routes)
        if (command := getattr(route.endpoint, "command", None)) is not None
        for method in route.methods or ()
    }


def _problems(
    path: str, method: str, operation: dict[str, Any], stream: str | None
) -> Iterator[tuple[str, Collection[str]]]:
    """Every problem status of a door with its codes; `stream` is what its command acts on, if it has one."""
    callers, is_api = DOORS[method.upper(), path], path.startswith("/api/")
    function = _FUNCTION_OF_TAG.get(operation["tags"][0]) if operation.get("tags") else None
    rules = codes_of("orders" if _BULK in path else function) if function else None
    if "requestBody" in operation:
        yield "400", ["malformed_json", "malformed_body"]
        yield "413", ["body_too_large"]
    yield "401", ["invalid_token", "session_over", *([] if callers.anyone else ["not_signed_in"])]
    if is_api:
        yield from problems_of_manners(method, operation)
    elif "requestBody" in operation or operation.get("parameters"):
        yield "422", ["invalid_request"]
    writes_by_rules = rules is not None and method in _WRITES and not path.endswith(("/preview", "/export"))
    forbidden = {"csrf_token_missing"} if method in _WRITES else set()
    forbidden |= rules["forbidden"] if rules and writes_by_rules else set()
    if not callers.anyone or forbidden:
        yield "403", forbidden | (set() if callers.anyone else {"not_allowed"})
    if rules and writes_by_rules:
        yield "404", rules["not_found"] | ({f"{stream}_not_found"} if stream else set())
        yield "409", rules["conflict"]
        yield "412", ["version_moved"]
    elif "{" in path:
        yield "404", [f"{_thing(path)}_not_found"]
    if path.endswith("/events/stream"):
        yield "409", ["position_unknown", "position_too_far"]
    if is_api or path == "/health/ready":
        # of the API: the lake, or an outside issuer's keys, are not there yet
        yield "503", ["not_ready", *["busy"] * is_api]


def _of_identity(path: str, method: str) -> Iterator[tuple[str, Collection[str]]]:
    """The problems of the doors of identity, whose codes stand in no rules."""
    yield from _IDENTITY.get((method, path.removeprefix("/api/v1/auth")), {}).items()


def _thing(path: str) -> str:
    return path.rpartition("{")[2].partition("}")[0].removesuffix("_id")


def _response(status: str, codes: Collection[str]) -> dict[str, Any]:
    listed = sorted(codes)
    example = {
        "type": f"urn:jovey:problem:{listed[0]}",
        "title": _WHAT[status].rstrip("."),
        "status": int(status),
        "detail": "What, which one, and what to do about it.",
        "code": listed[0],
        "errors": [],
        "request_id": "0199f0c4-7a00-7cc2-9a5e-3b1d2f4c6a70",
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": f"{_WHAT[status]} Codes: {', '.join(f'`{code}`' for code in listed)}.",
        "content": {MEDIA_TYPE: {"schema": schema, "example": example}},
        "x-codes": listed,
    }


def _name_headers(responses: dict[str, Any]) -> None:
    said = {
        "X-Jovey-Position": "Where the write stands in the log; opaque.",
        "ETag": "The version it has now.",
        "Idempotency-Replayed": "`true` when this is the answer to an earlier request with the same key.",
    }
    for status, response in responses.items():
        if status.startswith("2") and status != "204":
            response["headers"] = {name: {"description": d, "schema": {"type": "string"}} for name, d in said.items()}

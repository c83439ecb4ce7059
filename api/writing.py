"""Writing: how every door that changes something works, from the request's body to the answer's headers."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Header, Path, Query, Response
from fastapi import Request as HttpRequest
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import to_json
from sqlalchemy import Connection
from starlette.responses import JSONResponse

from api.actor import Actor
from api.auth.enter import Who
from api.command import Command
from api.handle import Handled, Request, handle_all, kept_hash, request_hash
from api.house import Here, House
from api.refusals import Refusal, not_found
from api.views import View
from warehouse.clock import now
from warehouse.events.event import Ref
from warehouse.ids import derived, named, new_id
from warehouse.log.append import receipts
from warehouse.log.people import People
from warehouse.log.position import Write, encode
from warehouse.log.tail import head

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Names this request: sent again with the same key it has the same answer and no second effect.",
    ),
]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", pattern=r'^(\*|"\d{1,9}")$', description="Only if it is still at this version: its ETag."),
]


@dataclass(frozen=True, slots=True)
class Asked:
    """What came through a write door: who asks, under which command id, for what. `told` are the path and the body."""

    here: House
    by: Actor
    id: UUID
    door: str
    told: Mapping[str, Any]
    expected_version: int | None = None

    @property
    def customer_id(self) -> UUID:
        """The buyer who asks."""
        assert self.by.id is not None
        return self.by.id

    @property
    def said(self) -> str:
        """The request as sent: the door and what was told it."""
        return f"{self.door} {to_json(self.told).decode()}"


Build = Callable[[Asked], Command | Sequence[Command]]
Answer = Callable[[UUID, int, Any, Actor], BaseModel]
"""(stream id, version, state, viewer) -> what this viewer is answered; `View.of` is one."""


def write(
    router: APIRouter,
    method: str,
    path: str,
    command: type[Command],
    view: type[BaseModel],
    *,
    supplied: Collection[str] = (),
    optional: Collection[str] = (),
    defaults: Mapping[str, Any] | None = None,
    build: Build | None = None,
    answer: Callable[[Asked], Answer] | None = None,
    beside: Callable[[Asked], Callable[[Connection], None]] | None = None,
    looks_up: bool = False,
    status: int = 200,
    name: str | None = None,
) -> None:
    """Open a door for a command, under its `name` or another where several doors lead to the same command.

    Path parameters bear the names of the command's fields; with `supplied` they are what the body leaves out; what is
    `optional`, or has a value in `defaults`, the caller may leave out. `build` makes the command from what was asked;
    without it, path and body are the command; one that looks up what may change says so with `looks_up`. A DELETE
    takes the body's fields in its query. The answer is the stream's view, or what `answer` makes. `beside` is asked
    before, and what it gives writes what belongs to the same transaction but is no fact.
    """
    in_path = re.findall(r"{(\w+)}", path)
    known_as = name or command.__name__
    body = body_of(command, {*in_path, *supplied}, optional, defaults or {}, f"{known_as}Body")
    made = build or (lambda asked: command(**asked.told))
    shown = answer or (lambda _: _as_view(view))

    def door(http: HttpRequest, here: Here, by: Who, key: Key, if_match: IfMatch, **told: Any) -> Response:
        asked = asked_of(http, here, by, key, told, if_match)
        if looks_up and key is not None and (before := answered_before(asked)) is not None:
            return answered(here, before, None, status)
        handled = perform(asked, made, shown(asked), beside=beside and beside(asked))
        return answered(here, handled.response, handled.transaction_id, status)

    door.command = command  # type: ignore[attr-defined]
    door.__name__ = "".join(f"_{c.lower()}" if c.isupper() else c for c in known_as).lstrip("_")
    door.__signature__ = _signature(in_path, body, in_query=method == "DELETE")  # type: ignore[attr-defined]
    router.add_api_route(
        path, door, methods=[method], status_code=status, response_model=view, description=command.__doc__
    )


def body_of(
    command: type[Command],
    supplied: Collection[str],
    optional: Collection[str],
    defaults: Mapping[str, Any],
    title: str,
) -> type[BaseModel]:
    """A command's fields less those the door supplies, as the body of a request; unknown fields are refused."""
    fields: dict[str, Any] = {}
    for name, field in command.model_fields.items():
        kind: Any = Annotated[field.annotation, field]
        if name in optional:
            fields[name] = (kind | None, None)
        elif name not in supplied:
            fields[name] = (kind, defaults.get(name, field.default))
    shape = ConfigDict(extra="forbid", frozen=True)
    return create_model(title, __config__=shape, __doc__=command.__doc__, **fields)


def asked_of(
    http: HttpRequest, here: House, by: Actor, key: str | None, told: Mapping[str, Any], if_match: str | None = None
) -> Asked:
    """What a request asks for: path parameters and the fields of its body side by side."""
    fields = told.get("body")
    flat = {**({} if fields is None else dict(fields)), **{name: one for name, one in told.items() if name != "body"}}
    expected = None if if_match in {None, "*"} else int(str(if_match).strip('"'))
    return Asked(here, by, command_id(by, key), f"{http.method} {http.url.path}", flat, expected)


def command_id(by: Actor, key: str | None) -> UUID:
    """The id of the command a request carries: a function of the caller and the key, or a new one without a key."""
    return new_id(now()) if key is None else named("command", by.signature, key)


def perform(
    asked: Asked, build: Build, answer: Answer, *, beside: Callable[[Connection], None] | None = None
) -> Handled:
    """Do what was asked in one transaction, or answer a repetition as the first time.

    Of several commands the last one's stream is the answer's. `beside` writes what belongs to the same transaction but
    is no fact.
    """

    def response(ref: Ref, version: int, state: Any) -> Mapping[str, Any]:
        if version == 0:  # nothing followed, and nothing was there
            raise not_found(ref.stream.replace("_", " "), ref.id)
        return answer(ref.id, version, state, asked.by).model_dump(mode="json", exclude_unset=True)

    try:
        built = build(asked)
    except ValidationError as error:  # a rule over several fields, which the body's model does not know
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from error
    commands = [built] if isinstance(built, Command) else list(built)
    parts = [derived(asked.id, "part", n) for n in range(len(commands) - 1)]
    at = now()
    requests = [
        Request(one, id, asked.by, at, response, asked.expected_version, asked.said)
        for one, id in zip(commands, [*parts, asked.id], strict=True)
    ]
    return handle_all(asked.here.engine, requests, asked.here.rules, beside=beside)[-1]


def answered_before(asked: Asked) -> Mapping[str, Any] | None:
    """What this very request was answered, for doors that look things up, which may have changed since."""
    with asked.here.reading(asked.by) as connection:
        found = receipts(connection, [asked.id]).get(asked.id)
        if found is None:
            return None
        hash_before, response = found
        bare = request_hash(asked.by, asked.said)
        if hash_before not in {kept_hash(connection, bare), bare}:
            raise Refusal("idempotency_key_reused", "This key was used before for a different request; take a new one.")
        return dict(People(connection).reveal_answer(response))


def answered(here: House, body: Mapping[str, Any], transaction_id: int | None, status: int = 200) -> Response:
    """The answer to a write: its body, its version, its place in the log; `transaction_id` is none for a repetition."""
    headers = {}
    if transaction_id is None:
        headers["Idempotency-Replayed"] = "true"
        headers["X-Jovey-Position"] = encode(head(here.engine))  # what is there now includes the first time
    else:
        headers["X-Jovey-Position"] = encode(Write(transaction_id))
    if "version" in body:
        headers["ETag"] = f'"{body["version"]}"'
    return JSONResponse(dict(body), status, headers)


def _as_view(view: type[BaseModel]) -> Answer:
    assert issubclass(view, View), f"{view.__name__} is no view of a stream; say how it is answered"
    return view.of


def _signature(in_path: Collection[str], body: type[BaseModel], *, in_query: bool) -> Signature:
    """What FastAPI reads to find path, headers and body of a door."""
    keyword = Parameter.KEYWORD_ONLY
    parameters = [
        Parameter("http", keyword, annotation=HttpRequest),
        Parameter("here", keyword, annotation=Here),
        Parameter("by", keyword, annotation=Who),
        Parameter("key", keyword, annotation=Key, default=None),
        Parameter("if_match", keyword, annotation=IfMatch, default=None),
        *(Parameter(name, keyword, annotation=Annotated[UUID, Path()]) for name in in_path),
    ]
    if body.model_fields:
        given = Annotated[body, Query() if in_query else Body()]  # type: ignore[valid-type]
        is_optional = not any(field.is_required() for field in body.model_fields.values())
        default = body() if is_optional and not in_query else Parameter.empty
        parameters.append(Parameter("body", keyword, annotation=given, default=default))
    return Signature(parameters)

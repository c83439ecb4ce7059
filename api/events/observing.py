"""The door for observations: what somebody merely saw, by its event type; all else has a door of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request as HttpRequest
from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.actor import Actor
from api.auth.enter import Who
from api.category.commands import ObserveCompetitorPrice
from api.client import DOORS_OF
from api.command import Command
from api.house import Here
from api.refusals import Refusal
from api.views import routed
from api.writing import IfMatch, Key, answered, asked_of, perform
from warehouse.events.vocabulary import VOCABULARY, function_of
from warehouse.ids import derived

ROUTER = routed("/api/v1/events", "events")
DOORS_NAMED_MAX = 6

OBSERVATIONS: Mapping[str, type[Command]] = {"competitor_price.observed": ObserveCompetitorPrice}
"""Facts that change no books: what was seen, and the command that says so. A model's call has a door of its own."""


class Observation(BaseModel):
    """What was seen: the event type, and the fields of its command as `data`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event_type: Annotated[str, StringConstraints(max_length=100)] = Field(examples=["competitor_price.observed"])
    data: dict[str, Any] = Field(
        examples=[{"sku": "TP-050", "competitor": "Aqua", "price": "118.00", "observed_on": "2026-11-23"}]
    )


class Observed(BaseModel):
    """Where the observation stands; `event_id` has no event when the very same was seen before."""

    event_id: UUID
    event_type: str
    aggregate_id: UUID
    version: int


@ROUTER.post("", status_code=201, response_model=Observed)
def observe(
    http: HttpRequest, here: Here, by: Who, body: Observation, key: Key = None, if_match: IfMatch = None
) -> Response:
    """Record what was seen, by those who work in the function it concerns and by its agents."""
    command = _command(body.event_type, by)
    asked = asked_of(http, here, by, key, {"body": body}, if_match)
    event_id = derived(asked.id, 0)

    def answer(id: UUID, version: int, _state: Any, _by: Actor) -> Observed:
        return Observed(event_id=event_id, event_type=body.event_type, aggregate_id=id, version=version)

    handled = perform(asked, lambda _: command(**body.data), answer)
    return answered(here, handled.response, handled.transaction_id, 201)


def _command(event_type: str, by: Actor) -> type[Command]:
    """The command that records an event of this type; raises Refusal with the door to use instead."""
    event = VOCABULARY.get(event_type)
    if event is None:
        raise Refusal("event_type_unknown", f"There is no event type {event_type}; docs/events.md lists them.")
    if event_type not in OBSERVATIONS:
        listed = ", ".join(OBSERVATIONS)
        message = f"{event_type} follows from a command; {_doors_to(event.stream)}. What is taken here: {listed}."
        raise Refusal("not_an_observation", message)
    function = function_of(event)
    if not by.works_in(function):
        raise Refusal("observation_forbidden", f"Only who works in {function} records {event_type}.", kind="forbidden")
    return OBSERVATIONS[event_type]


def _doors_to(stream: str) -> str:
    """Which doors change streams of a kind, in words."""
    doors = [f"{method} /api/v1{path}" for command, (method, path) in DOORS_OF.items() if command.stream == stream]
    if not doors:
        return f"no door changes a {stream.replace('_', ' ')} by itself"
    more = f" and {len(doors) - DOORS_NAMED_MAX} more" if len(doors) > DOORS_NAMED_MAX else ""
    return f"use {', '.join(doors[:DOORS_NAMED_MAX])}{more}"

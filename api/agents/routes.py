"""Doors of the agents: proposals, what people decide on them, and the record of what models were asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy import ColumnElement, DateTime, and_, cast, or_

from api.agents.commands import ApproveDecision, ProposeDecision, RecordModelCall, RejectDecision
from api.agents.state import DECISION, MODEL_CALL, DecisionStatus
from api.agents.views import DecisionView, ModelCallView
from api.auth.enter import Who
from api.house import Here
from api.paging import Page, Paged
from api.reading import listed, newest, seen, shown, state_text, with_status
from api.views import routed
from api.writing import write
from warehouse.clock import now
from warehouse.events.agents import DecidingFunction

ROUTER = routed("/api/v1/agents", "agents")
CATALOG_ROUTER = routed("/api/v1/category", "category")
_DECISION = "/decisions/{decision_id}"


@ROUTER.get("/decisions")
def list_decisions(
    here: Here,
    by: Who,
    paging: Paged,
    status: DecisionStatus | None = None,
    function: DecidingFunction | None = None,
    subject: Annotated[str | None, Query(max_length=50, description="A SKU.")] = None,
) -> Page[DecisionView]:
    """Decisions, the newest first; `proposed` are those that still wait."""
    wanted = {"function": function, "subject": subject}
    where = [state_text(name) == one for name, one in wanted.items() if one is not None]
    with here.reading(by) as connection:
        rows = newest(connection, DECISION, paging, *_standing(status, now()), *where)
    return listed(DecisionView, *rows, by)


@ROUTER.get(_DECISION)
def show_decision(here: Here, by: Who, response: Response, decision_id: UUID) -> DecisionView:
    """One decision."""
    with here.reading(by) as connection:
        return shown(DecisionView, seen(connection, DECISION, decision_id, by), by, response)


@ROUTER.get("/model-calls/{model_call_id}")
def show_model_call(here: Here, by: Who, response: Response, model_call_id: UUID) -> ModelCallView:
    """What a model was asked and answered; not found while it was not asked."""
    with here.reading(by) as connection:
        return shown(ModelCallView, seen(connection, MODEL_CALL, model_call_id, by), by, response)


@CATALOG_ROUTER.get("/recommendations")
def list_recommendations(here: Here, by: Who, paging: Paged) -> Page[DecisionView]:
    """New prices that agents recommend and nobody has decided on yet, the newest first."""
    where = [*_standing("proposed", now()), state_text("function") == "category"]
    with here.reading(by) as connection:
        return listed(DecisionView, *newest(connection, DECISION, paging, *where), by)


def _standing(status: DecisionStatus | None, at: datetime) -> Sequence[ColumnElement[bool]]:
    """The rows of a status at an instant; what has lapsed is expired, recorded or not."""
    expires_at = cast(state_text("expires_at"), DateTime(timezone=True))
    if status == "proposed":
        return (*with_status("proposed"), expires_at > at)
    if status == "expired":
        lapsed = and_(*with_status("proposed"), expires_at <= at)
        return (or_(*with_status("expired"), lapsed),)
    return with_status(status)


write(ROUTER, "POST", "/decisions", ProposeDecision, DecisionView, status=201)
write(ROUTER, "POST", f"{_DECISION}/approve", ApproveDecision, DecisionView)
write(ROUTER, "POST", f"{_DECISION}/reject", RejectDecision, DecisionView)
write(ROUTER, "POST", "/model-calls", RecordModelCall, ModelCallView, status=201)

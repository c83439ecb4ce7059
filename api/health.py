"""Doors for those who run the house: is it alive, is it ready, how much has it done."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

from api.house import Here
from api.limits import Limits
from api.middleware import Tally
from warehouse.log.migrate import newest_revision, revision_at

ROUTER = APIRouter(tags=["health"])


class Health(BaseModel):
    """The application stands; when ready, so does its database."""

    status: Literal["alive", "ready"]


@ROUTER.get("/health/live")
def is_alive() -> Health:
    """Whether the process answers."""
    return Health(status="alive")


@ROUTER.get("/health/ready")
def is_ready(here: Here) -> Health:
    """Whether the database answers and has the shape this version is written for."""
    try:
        with here.engine.connect() as connection:
            found = revision_at(connection)
    except DBAPIError as error:
        raise HTTPException(503, "The database does not answer.", {"Retry-After": "5"}) from error
    if found != newest_revision():
        raise HTTPException(503, f"The database stands at revision {found}; run `jovey up` to migrate it.")
    return Health(status="ready")


@ROUTER.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request) -> str:
    """Requests and their times since this process started, and how many were too many, for Prometheus."""
    tally: Tally = request.app.state.tally
    limits: Limits = request.app.state.limits
    return tally.text() + limits.text()

"""Doors of people's rights (GDPR): have everything that is held about you, and be erased; for staff in their name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request as HttpRequest
from fastapi import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from api.auth.enter import Session, Who
from api.category.commands import Reason
from api.customers.commands import EraseCustomer
from api.customers.erasing import refuse_open_orders, refuse_unconfirmed
from api.customers.portrait import portrait
from api.customers.state import CUSTOMER
from api.house import Here
from api.reading import seen
from api.views import View, routed
from api.writing import Asked, Key, answered, asked_of, perform
from warehouse.clock import now

ROUTER = routed("/api/v1/customers", "customers")


class Portrait(BaseModel):
    """All that is held about a person, the oldest first; words of who was erased read `erased`."""

    person_id: UUID
    as_of: AwareDatetime
    states: tuple[Mapping[str, Any], ...] = Field(description="What stands now: account, orders, invoices, returns.")
    archived_facts: int = Field(
        description="How many old facts stand in the archive and not below; whoever runs the house can hand them out."
    )
    facts: tuple[Mapping[str, Any], ...] = Field(description="Everything that happened, with who did it and when.")
    sign_ins: tuple[Mapping[str, Any], ...]
    password: tuple[Mapping[str, Any], ...] = Field(description="When it was last changed; never the password.")


class Confirmation(BaseModel):
    """Proof that it is you: your password, or nothing within ten minutes of signing in."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    password: Annotated[str, StringConstraints(min_length=1, max_length=1_000)] | None = None


class InTheirName(BaseModel):
    """Why somebody is erased by staff, such as `asked by letter of 2 March`; it must not name people."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Reason


class Erased(View):
    """Who was erased; nothing can be read about them any more."""


@ROUTER.get("/profile/export")
def export_own(here: Here, by: Who, response: Response) -> Portrait:
    """Everything that is held about the caller, as JSON to keep."""
    assert by.id is not None
    return _portrait(here, by.id, response)


@ROUTER.post("/profile/erase", response_model=Erased)
def erase_own(
    http: HttpRequest, here: Here, by: Who, session: Session, body: Confirmation, key: Key = None
) -> Response:
    """Erase the caller: what was written about them is unreadable from now on, and every session ends.

    Refused while orders, invoices or money are open. It cannot be undone.
    """
    assert by.id is not None
    with here.reading(by) as connection:
        refuse_unconfirmed(connection, session, body.password, now())
        refuse_open_orders(connection, by.id)
    return _erase(asked_of(http, here, by, key, {"customer_id": by.id}), None)


@ROUTER.get("/{customer_id}/export")
def export_customer(here: Here, by: Who, customer_id: UUID, response: Response) -> Portrait:
    """Everything that is held about a customer, for who asked by letter."""
    with here.reading(by) as connection:
        seen(connection, CUSTOMER, customer_id, by)
    return _portrait(here, customer_id, response)


@ROUTER.post("/{customer_id}/erase", response_model=Erased)
def erase_customer(
    http: HttpRequest, here: Here, by: Who, customer_id: UUID, body: InTheirName, key: Key = None
) -> Response:
    """Erase a customer who asked for it. Refused while orders, invoices or money are open. It cannot be undone."""
    with here.reading(by) as connection:
        refuse_open_orders(connection, customer_id)
    asked = asked_of(http, here, by, key, {"customer_id": customer_id, "reason": body.reason})
    return _erase(asked, body.reason)


def _portrait(here: Here, person_id: UUID, response: Response) -> Portrait:
    response.headers["Content-Disposition"] = 'attachment; filename="about-you.json"'
    response.headers["Cache-Control"] = "no-store"
    return Portrait.model_validate(portrait(here.engine, person_id))


def _erase(asked: Asked, reason: str | None) -> Response:
    """Through the one pool of connections that may destroy keys."""
    command = EraseCustomer(customer_id=asked.told["customer_id"], reason=reason)
    erasing = replace(asked, here=replace(asked.here, engine=asked.here.erasing))
    handled = perform(erasing, lambda _: command, Erased.of)
    return answered(asked.here, handled.response, handled.transaction_id)

"""What stands before an erasure: that it is really asked for, and that nothing of theirs is still on its way."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from api.auth.passwords import is_password_of
from api.auth.tokens import Claims
from api.orders.state import ORDER
from api.reading import all_of, owned_by
from api.refusals import Refusal
from warehouse.log.tables import states

FRESH = timedelta(minutes=10)
"""A sign-in as young as this is proof enough that it is you."""
_OPEN = ("placed", "held", "confirmed")
_NAMED_MAX = 5  # orders


def refuse_unconfirmed(connection: Connection, session: Claims, password: str | None, at: datetime) -> None:
    """Raise Refusal unless the password is theirs or, without one, they signed in just now."""
    if password is None:
        since = connection.execute(_SIGNED_IN_AT, {"id": session.session_id}).scalar_one_or_none()
        if since is None or at - since > FRESH:
            message = f"Send your password, or sign in anew and ask within {FRESH.seconds // 60} minutes."
            raise Refusal("confirmation_needed", message, kind="forbidden")
    elif not is_password_of(connection, session.person_id, password):
        raise Refusal("wrong_password", "The present password is not this one.", kind="forbidden")


def refuse_open_orders(connection: Connection, customer_id: UUID) -> None:
    """Raise Refusal while an order is on its way: goods and papers need the name and the address."""
    waiting = all_of(connection, ORDER, owned_by(customer_id), states.c.status.in_(_OPEN))
    if waiting:
        names = ", ".join(row.state.number or str(row.id) for row in waiting[:_NAMED_MAX])
        more = f" and {len(waiting) - _NAMED_MAX} more" if len(waiting) > _NAMED_MAX else ""
        message = f"Not yet: {names}{more} still open. Cancel what was not sent, or ask again once all is delivered."
        raise Refusal("orders_open", message)


_SIGNED_IN_AT = text("select created_at from jovey.sessions where id = :id")

"""Doors of identity: sign in, refresh, sign out, who am I, change the password."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.auth.enter import Session, Signed
from api.auth.passwords import Password, hashed, is_password_of, keep, person_with
from api.auth.sessions import Opened, open_session, person_of, refreshed, revoke, revoke_all
from api.auth.tokens import signed
from api.customers.state import StaffMember
from api.house import Here, House
from api.problem import Unauthenticated
from api.refusals import Refusal
from warehouse.clock import now

ROUTER = APIRouter(prefix="/api/v1/auth", tags=["auth"])
Secret = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SignIn(_Body):
    """An e-mail address and its password."""

    email: Annotated[str, StringConstraints(max_length=255)] = Field(examples=["asha@example.com"])
    password: Secret = Field(examples=["a long enough sentence"])


class RefreshToken(_Body):
    """The token that a sign-in or the last refresh gave."""

    refresh_token: Secret


class NewPassword(_Body):
    """A change of password: the present one proves it is you."""

    password: Secret
    new_password: Password


class Tokens(BaseModel):
    """The access token opens doors, the refresh token gets the next pair, once."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int = Field(description="Seconds until the access token is over.")
    refresh_token: str


class Me(BaseModel):
    """Who is signed in, and what they may do."""

    id: UUID
    kind: Literal["consumer", "dealer", "staff"]
    name: str
    email: str | None
    staff_role: str | None = None
    function_access: tuple[str, ...] = ()


@ROUTER.post("/login")
def sign_in(here: Here, body: SignIn) -> Tokens:
    """Sign in with e-mail and password."""
    with here.engine.begin() as connection:
        person_id = person_with(connection, body.email, body.password)
        if person_id is not None and person_of(connection, person_id) is not None:
            return _tokens(here, open_session(connection, person_id, now()))
    raise Unauthenticated("wrong_credentials", "This e-mail address and this password do not belong together.")


@ROUTER.post("/refresh")
def refresh(here: Here, body: RefreshToken) -> Tokens:
    """Exchange a refresh token for a new pair. A token that was exchanged before ends its whole session."""
    with here.engine.begin() as connection:
        opened = refreshed(connection, body.refresh_token, now())
    if opened is None:
        raise Unauthenticated("refresh_token_refused", "This refresh token is used, over or unknown; sign in again.")
    return _tokens(here, opened)


@ROUTER.post("/logout", status_code=204)
def sign_out(here: Here, session: Session) -> None:
    """End this session: its tokens stop working at once."""
    with here.engine.begin() as connection:
        revoke(connection, session.session_id, now())


@ROUTER.get("/me")
def who_am_i(person: Signed) -> Me:
    """Who is signed in."""
    by, state = person.actor, person.state
    assert by.id is not None
    assert by.kind in {"consumer", "dealer", "staff"}
    role = state.staff_role if isinstance(state, StaffMember) else None
    return Me.model_validate(
        {
            "id": by.id,
            "kind": by.kind,
            "name": by.name,
            "email": state.email,
            "staff_role": role,
            "function_access": sorted(by.functions),
        }
    )


@ROUTER.post("/password", status_code=204)
def change_password(here: Here, session: Session, body: NewPassword) -> None:
    """Change the password; every session ends, this one too."""
    new_hash = hashed(body.new_password)
    with here.engine.begin() as connection:
        if not is_password_of(connection, session.person_id, body.password):
            raise Refusal("wrong_password", "The present password is not this one.", kind="forbidden")
        keep(connection, session.person_id, new_hash, now())
        revoke_all(connection, session.person_id, now())


def _tokens(here: House, opened: Opened) -> Tokens:
    lifetime = timedelta(minutes=here.settings.access_token_minutes)
    access = signed(opened.claims, here.signing_key, now(), lifetime)
    return Tokens(access_token=access, expires_in=int(lifetime.total_seconds()), refresh_token=opened.refresh_token)

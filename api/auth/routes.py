"""Doors of identity: sign in, refresh, sign out, who am I, my sessions, change the password."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.auth.audit import record
from api.auth.enter import NOBODY, Session, Signed, Who, state_of_caller
from api.auth.lockout import PASSWORD_OF, forgive, take
from api.auth.passwords import Password, hashed, is_password_of, keep
from api.auth.sessions import Opened, refreshed, revoke_all, sessions_of
from api.auth.signing_in import end_all_sessions, end_other_session, end_own_session
from api.auth.signing_in import sign_in as begin_session
from api.auth.tokens import Claims, signed
from api.customers.state import Customer, StaffMember
from api.house import Here, House
from api.refusals import Refusal, Unauthenticated, not_found
from warehouse.clock import now
from warehouse.events.identity import PasswordChanged, PersonSignedOut

ROUTER = APIRouter(prefix="/api/v1/auth", tags=["auth"])
Secret = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class SecretBody(BaseModel):
    """A body whose words are never said back."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SignIn(SecretBody):
    """An e-mail address and its password."""

    email: Annotated[str, StringConstraints(max_length=255)] = Field(examples=["asha@example.com"])
    password: Secret = Field(examples=["a long enough sentence"])


class RefreshToken(SecretBody):
    """The token that a sign-in or the last refresh gave."""

    refresh_token: Secret


class NewPassword(SecretBody):
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

    id: UUID | None = Field(description="None: an agent.")
    kind: Literal["consumer", "dealer", "staff", "agent"]
    name: str
    email: str | None = None
    email_verified_at: datetime | None = Field(None, description="Of buyers; none: not confirmed yet.")
    staff_role: str | None = None
    function_access: tuple[str, ...] = ()
    scopes: tuple[str, ...] = Field((), description="Of an agent's token: what it may do.")


class SessionView(BaseModel):
    """One sign-in that still stands."""

    id: UUID
    device: str = Field(description="Browser and system; empty where none was told.", examples=["Firefox on Linux"])
    created_at: datetime
    last_used_at: datetime = Field(description="To a few minutes.")
    expires_at: datetime
    is_current: bool = Field(description="Whether it is the one that asks.")


class SessionList(BaseModel):
    """The sessions of one person, the last used first; at most a hundred."""

    items: tuple[SessionView, ...]


@ROUTER.post("/login")
def sign_in(request: Request, here: Here, body: SignIn) -> Tokens:
    """Sign in with e-mail and password; after wrong ones in a row a growing time must pass before the next try."""
    came_in = begin_session(here, request, body.email, body.password)
    if came_in is None:
        raise Unauthenticated("wrong_credentials", "This e-mail address and this password do not belong together.")
    return _tokens(here, came_in.opened)


@ROUTER.post("/refresh")
def refresh(here: Here, body: RefreshToken) -> Tokens:
    """Exchange a refresh token for a new pair. A token that was exchanged before ends its whole session."""
    at = now()
    with here.engine.begin() as connection:
        match refreshed(connection, body.refresh_token, at):
            case Opened() as opened:
                return _tokens(here, opened)
            case Claims() as stolen:
                fact = PersonSignedOut(
                    person_id=stolen.person_id, session_id=stolen.session_id, reason="refresh_token_reused"
                )
                record(connection, fact, NOBODY, at)
            case None:
                pass
    raise Unauthenticated("refresh_token_refused", "This refresh token is used, over or unknown; sign in again.")


@ROUTER.post("/logout", status_code=204)
def sign_out(here: Here, by: Who, session: Session) -> None:
    """End this session: its tokens stop working at once."""
    end_own_session(here, session, by)


@ROUTER.post("/logout-everywhere", status_code=204)
def sign_out_everywhere(here: Here, person: Signed) -> None:
    """End every session, on every device, this one too; outside tokens given before now stop working here as well."""
    assert person.actor.id is not None
    end_all_sessions(here, person.actor.id, person.actor)


@ROUTER.get("/me")
def who_am_i(request: Request, by: Who) -> Me:
    """Who is signed in; of an agent its name, functions and scopes."""
    assert by.kind in {"consumer", "dealer", "staff", "agent"}
    told: dict[str, Any] = {"id": by.id, "kind": by.kind, "name": by.name, "function_access": sorted(by.functions)}
    match state_of_caller(request):
        case None:
            told["scopes"] = sorted(by.scopes)
        case StaffMember() as member:
            told |= {"email": member.email, "staff_role": member.staff_role}
        case Customer() as customer:
            told |= {"email": customer.email, "email_verified_at": customer.email_verified_at}
    return Me.model_validate(told)


@ROUTER.get("/sessions")
def list_sessions(request: Request, here: Here, person: Signed) -> SessionList:
    """Where one is signed in, the last used first."""
    assert person.actor.id is not None
    claims: Claims | None = getattr(request.state, "claims", None)
    own = claims.session_id if claims is not None else None
    with here.engine.connect() as connection:
        found = sessions_of(connection, person.actor.id, now())
    items = [
        SessionView(
            id=one.id,
            device=one.device,
            created_at=one.created_at,
            last_used_at=one.last_used_at,
            expires_at=one.expires_at,
            is_current=one.id == own,
        )
        for one in found
    ]
    return SessionList(items=tuple(items))


@ROUTER.delete("/sessions/{session_id}", status_code=204)
def end_session(here: Here, person: Signed, session_id: UUID) -> None:
    """End one of one's own sessions, such as that of a telephone that was lost."""
    assert person.actor.id is not None
    if not end_other_session(here, person.actor.id, session_id, person.actor):
        raise not_found("session", session_id)


@ROUTER.post("/password", status_code=204)
def change_password(here: Here, by: Who, session: Session, body: NewPassword) -> None:
    """Change the password; every session ends, this one too."""
    at = now()
    with here.engine.begin() as connection:
        tried = take(connection, PASSWORD_OF, str(session.person_id), at)  # a stolen session is no place to guess
    new_hash = hashed(body.new_password)
    with here.engine.begin() as connection:
        if not is_password_of(connection, session.person_id, body.password):
            raise Refusal("wrong_password", "The present password is not this one.", kind="forbidden")
        forgive(connection, tried)
        keep(connection, session.person_id, new_hash, at)
        revoke_all(connection, session.person_id, at)
        record(connection, PasswordChanged(person_id=session.person_id, means="present_password"), by, at)


def _tokens(here: House, opened: Opened) -> Tokens:
    lifetime = timedelta(minutes=here.settings.access_token_minutes)
    access = signed(opened.claims, here.signing_key, now(), lifetime)
    return Tokens(access_token=access, expires_in=int(lifetime.total_seconds()), refresh_token=opened.refresh_token)

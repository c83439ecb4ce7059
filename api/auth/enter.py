"""enter(): the one dependency of every door. It finds out who is calling and whether they may."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.access import DOORS, refuse_unless_included
from api.actor import Actor
from api.auth.sessions import Person, person_behind
from api.auth.tokens import Claims, InvalidToken, verified
from api.house import Here
from api.problem import Unauthenticated
from warehouse.clock import now

NOBODY = Actor("anonymous")
_BEARER = HTTPBearer(
    auto_error=False, scheme_name="access token", description="From POST /api/v1/auth/login; lasts 15 minutes."
)


def enter(
    request: Request, here: Here, token: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> Actor:
    """Who is calling, as the log will name them; raises when the door is not for them."""
    person = None if token is None else _person(request, here, token.credentials)
    by = NOBODY if person is None else person.actor
    refuse_unless_included(by, DOORS[request.method, request.scope["route"].path])
    return by


def signed_in_person(request: Request, by: Who) -> Person:
    """The person behind the token, on doors for those who signed in."""
    person: Person | None = getattr(request.state, "person", None)
    assert person is not None, f"{by} came in through a door for those who signed in"
    return person


def session_claims(request: Request, by: Who) -> Claims:
    """Which session the token belongs to, on doors for those who signed in."""
    claims: Claims | None = getattr(request.state, "claims", None)
    assert claims is not None, f"{by} came in through a door for those who signed in"
    return claims


Who = Annotated[Actor, Depends(enter)]
Signed = Annotated[Person, Depends(signed_in_person)]
Session = Annotated[Claims, Depends(session_claims)]


def _person(request: Request, here: Here, token: str) -> Person:
    try:
        claims = verified(token, here.signing_key)
    except InvalidToken as invalid:
        raise Unauthenticated("invalid_token", str(invalid)) from invalid
    with here.engine.connect() as connection:
        person = person_behind(connection, claims, now())
    if person is None:
        raise Unauthenticated("session_over", "This session is over; sign in again.")
    request.state.person, request.state.claims = person, claims
    return person

"""enter(): the one dependency of every door. It finds out who is calling and whether they may."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from api.access import DOORS, refuse_unless_included
from api.actor import Actor
from api.auth.cookies import CSRF_HEADER, claims_of, is_csrf_token
from api.auth.outside import IssuerUnreachable, Outside
from api.auth.outsiders import person_behind_outside
from api.auth.sessions import Person, note_use, person_behind
from api.auth.tokens import AgentClaims, Claims, InvalidToken, verified
from api.customers.state import Customer, StaffMember
from api.house import Here, House
from api.methods import refuse_other_methods
from api.refusals import Refusal, Unauthenticated
from warehouse.clock import now

NOBODY = Actor("anonymous")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_BEARER = HTTPBearer(
    auto_error=False, scheme_name="access_token", description="From POST /api/v1/auth/login; lasts 15 minutes."
)


def enter(
    request: Request, here: Here, token: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> Actor:
    """Who is calling, as the log will name them; raises when the door is not for them."""
    refuse_other_methods(request)
    by = by_cookie(request, here) if token is None else _by_token(request, here, token.credentials)
    request.state.actor = by
    refuse_unless_included(by, DOORS[request.method, request.scope["route"].path])
    return by


def by_cookie(request: Request, here: House) -> Actor:
    """The person of the browser's session; nobody when there is none, or it is over or not ours.

    A browser sends its cookie with whatever any page asks of us, so what changes something must also show the session's
    CSRF token, which only our own pages know. Raises Refusal without it.
    """
    claims = claims_of(request, here.keys)
    person = None if claims is None else _person(request, here, claims)
    if claims is None or person is None:
        return NOBODY
    if request.method not in _SAFE and not is_csrf_token(request.headers.get(CSRF_HEADER), claims.session_id, here):
        message = f"Send the session's CSRF token as {CSRF_HEADER}, or an access token instead of the cookie."
        raise Refusal("csrf_token_missing", message, kind="forbidden")
    return person.actor


def signed_in_person(request: Request, by: Who) -> Person:
    """The person behind the token, on doors for those who signed in."""
    person: Person | None = getattr(request.state, "person", None)
    assert person is not None, f"{by} came in through a door for those who signed in"
    return person


def state_of_caller(request: Request) -> Customer | StaffMember | None:
    """What the person who calls is known by; None of agents and nobody."""
    person: Person | None = getattr(request.state, "person", None)
    return person.state if person is not None else None


def session_claims(request: Request, person: Signed) -> Claims:
    """Which session the token belongs to, on doors for those who signed in here; raises Refusal for outside tokens."""
    claims: Claims | None = getattr(request.state, "claims", None)
    if claims is None:
        message = f"{person.actor.name} signed in elsewhere, so there is no session or password here; go there for it."
        raise Refusal("no_session", message, kind="forbidden")
    return claims


Who = Annotated[Actor, Depends(enter)]
Signed = Annotated[Person, Depends(signed_in_person)]
Session = Annotated[Claims, Depends(session_claims)]


def _by_token(request: Request, here: House, token: str) -> Actor:
    try:
        if here.outside is not None and here.outside.issued(token):
            person = _outside_person(request, here, here.outside, token)
        else:
            claims = verified(token, here.keys)
            if isinstance(claims, AgentClaims):
                return Actor("agent", name=claims.name, functions=claims.functions, scopes=claims.scopes)
            person = _person(request, here, claims)
    except InvalidToken as invalid:
        raise Unauthenticated("invalid_token", str(invalid)) from invalid
    if person is None:
        raise Unauthenticated("session_over", "This session is over; sign in again.")
    return person.actor


def _outside_person(request: Request, here: House, outside: Outside, token: str) -> Person | None:
    """The person an outside token stands for; raises InvalidToken."""
    try:
        person = person_behind_outside(here, outside.verified(token))
    except IssuerUnreachable as error:
        detail = "The issuer of this token does not show its keys at the moment; try again soon."
        raise HTTPException(503, detail, {"Retry-After": "30"}) from error
    request.state.person = person
    return person


def _person(request: Request, here: House, claims: Claims) -> Person | None:
    at = now()
    with here.engine.begin() as connection:
        person = person_behind(connection, claims, at)
        if person is not None:
            note_use(connection, person, claims, at)
    request.state.person, request.state.claims = person, claims
    return person

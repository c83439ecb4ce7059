"""Tokens: short-lived JWT access tokens (HS256) that name a session, and opaque tokens that work once."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import jwt

from api.auth.keys import SigningKey

ISSUER = "jovey"
PROPOSE, READ_DECISIONS = "decisions:propose", "decisions:read"
RECORD_MODEL_CALLS, READ_MODEL_CALLS = "model-calls:record", "model-calls:read"
AGENT_SCOPES = frozenset({PROPOSE, READ_DECISIONS, RECORD_MODEL_CALLS, READ_MODEL_CALLS})
"""All that an agent at work needs; it can be given less, and there is no more."""
_ALGORITHM = "HS256"
_AGENT = "agent:"


class InvalidToken(Exception):
    """The access token is not ours, was tampered with, or is over; the message is for the caller."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says: whose it is, of which sign-in. What they may do is read anew at each request."""

    person_id: UUID
    session_id: UUID


@dataclass(frozen=True, slots=True)
class AgentClaims:
    """What an agent's token says: which agent, the functions it works for, and what it may do there.

    Short-lived, without a session.
    """

    name: str
    functions: frozenset[str]
    scopes: frozenset[str] = AGENT_SCOPES


class Keys(Protocol):
    """Whoever knows the keys that tokens were signed with, by id."""

    def of(self, id: UUID, /) -> SigningKey | None: ...


def signed(claims: Claims, key: SigningKey, at: datetime, lifetime: timedelta) -> str:
    """An access token for a session."""
    return _encoded({"sub": str(claims.person_id), "sid": str(claims.session_id)}, key, at, lifetime)


def signed_for_agent(claims: AgentClaims, key: SigningKey, at: datetime, lifetime: timedelta) -> str:
    """An access token for an agent; whoever holds the installation's key starts the agents."""
    said = {"fns": sorted(claims.functions), "scope": " ".join(sorted(claims.scopes))}
    return _encoded({"sub": f"{_AGENT}{claims.name}", **said}, key, at, lifetime)


def verified(token: str, keys: Keys) -> Claims | AgentClaims:
    """What a token says, if this house signed it and it is not over; raises InvalidToken."""
    try:
        key = keys.of(UUID(jwt.get_unverified_header(token)["kid"]))
        if key is None:
            raise InvalidToken("The access token is not valid here any longer; sign in again.")
        required = ["exp", "iat", "iss", "sub"]
        said = jwt.decode(token, key.secret, algorithms=[_ALGORITHM], issuer=ISSUER, options={"require": required})
        if said["sub"].startswith(_AGENT):
            scopes = frozenset(said["scope"].split()) & AGENT_SCOPES
            return AgentClaims(said["sub"].removeprefix(_AGENT), frozenset(said["fns"]), scopes)
        return Claims(UUID(said["sub"]), UUID(said["sid"]))
    except jwt.ExpiredSignatureError as error:
        raise InvalidToken("The access token has expired; refresh it or sign in again.") from error
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise InvalidToken("The access token is not valid here; sign in again.") from error


def new_opaque_token() -> str:
    """An opaque token of 256 random bits."""
    return secrets.token_urlsafe(32)


def opaque_token_hash(token: str) -> bytes:
    """What is stored of an opaque token; it is random, so a plain hash cannot be guessed back."""
    return hashlib.sha256(token.encode()).digest()


def _encoded(said: dict[str, Any], key: SigningKey, at: datetime, lifetime: timedelta) -> str:
    payload = {"iss": ISSUER, **said, "iat": at, "exp": at + lifetime}
    return jwt.encode(payload, key.secret, algorithm=_ALGORITHM, headers={"typ": "at+jwt", "kid": str(key.id)})

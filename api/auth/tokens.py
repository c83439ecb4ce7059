"""Tokens: short-lived JWT access tokens (HS256) that name a session, and opaque refresh tokens that work once."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import jwt

from warehouse.installation import installation_key
from warehouse.settings import Settings

ISSUER = "jovey"
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
    """What an agent's token says: which agent, and the functions it may propose for. Short-lived, without a session."""

    name: str
    functions: frozenset[str]


def signed(claims: Claims, key: bytes, at: datetime, lifetime: timedelta) -> str:
    """An access token for a session."""
    payload = {
        "iss": ISSUER,
        "sub": str(claims.person_id),
        "sid": str(claims.session_id),
        "iat": at,
        "exp": at + lifetime,
    }
    return jwt.encode(payload, key, algorithm=_ALGORITHM, headers={"typ": "at+jwt"})


def signed_for_agent(claims: AgentClaims, key: bytes, at: datetime, lifetime: timedelta) -> str:
    """An access token for an agent; whoever holds the installation's key starts the agents."""
    payload = {
        "iss": ISSUER,
        "sub": f"{_AGENT}{claims.name}",
        "fns": sorted(claims.functions),
        "iat": at,
        "exp": at + lifetime,
    }
    return jwt.encode(payload, key, algorithm=_ALGORITHM, headers={"typ": "at+jwt"})


def verified(token: str, key: bytes) -> Claims | AgentClaims:
    """What a token says, if this house signed it and it is not over; raises InvalidToken."""
    try:
        payload = jwt.decode(
            token, key, algorithms=[_ALGORITHM], issuer=ISSUER, options={"require": ["exp", "iat", "iss", "sub"]}
        )
        if payload["sub"].startswith(_AGENT):
            return AgentClaims(payload["sub"].removeprefix(_AGENT), frozenset(payload["fns"]))
        return Claims(UUID(payload["sub"]), UUID(payload["sid"]))
    except jwt.ExpiredSignatureError as error:
        raise InvalidToken("The access token has expired; refresh it or sign in again.") from error
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise InvalidToken("The access token is not valid here; sign in again.") from error


def new_refresh_token() -> str:
    """An opaque token of 256 random bits."""
    return secrets.token_urlsafe(32)


def refresh_token_hash(token: str) -> bytes:
    """What is stored of a refresh token; it is random, so a plain hash cannot be guessed back."""
    return hashlib.sha256(token.encode()).digest()


def signing_key(settings: Settings) -> bytes:
    """The installation's key."""
    return installation_key(settings)

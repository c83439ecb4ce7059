"""Tokens: short-lived JWT access tokens (HS256) that name a session, and opaque refresh tokens that work once."""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import jwt

from warehouse.settings import Settings

ISSUER = "jovey"
_ALGORITHM = "HS256"
_AGENT = "agent:"
_KEY_BYTES_MIN = 32  # RFC 7518 §3.2: a key as long as the hash


class InvalidToken(Exception):
    """The access token is not ours, was tampered with, or is over; the message is for the caller."""


class SecretKeyUnusable(Exception):
    """The key that signs tokens cannot be used; the message is one sentence for the operator."""


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
    """The installation's key: JOVEY_SECRET_KEY, else `<home>/secret.key`, made at first use, for its owner alone."""
    if settings.secret_key is not None:
        return _long_enough(settings.secret_key.encode(), "JOVEY_SECRET_KEY")
    path = settings.home / "secret.key"
    if not path.exists():
        _make_key(path)
    return _long_enough(path.read_bytes().strip(), str(path))


def _make_key(path: Path) -> None:
    """Write a new key beside its place and link it there: of several processes at once, the first one's key stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(48))
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()


def _long_enough(key: bytes, source: str) -> bytes:
    if len(key) < _KEY_BYTES_MIN:
        raise SecretKeyUnusable(f"{source} must hold at least {_KEY_BYTES_MIN} bytes to sign tokens safely.")
    return key

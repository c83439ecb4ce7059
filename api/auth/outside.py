"""Tokens of an outside issuer: verified by its secret or its public keys, never by what the token itself asks for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Protocol
from urllib.parse import urlsplit

import jwt
from jwt import PyJWKClient

from api.auth.tokens import InvalidToken
from api.mail.smtp import is_this_machine
from warehouse.settings import Settings

_LEEWAY_SECONDS = 10  # of clocks
_CACHED_SECONDS = 300.0
_COOLDOWN_SECONDS = 30.0  # between two questions for a key that was not there, or that got no answer
_FETCH_SECONDS_MAX = 5.0
_PUBLIC = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")  # a shared secret is never among public keys


class IssuerUnreachable(Exception):
    """The outside issuer does not show its keys at the moment."""


class OutsideMisconfigured(Exception):
    """The settings of the outside issuer cannot be used; the message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class OutsideClaims:
    """What an outside token says. The e-mail address only if the issuer vouches for it."""

    issuer: str
    subject: str
    issued_at: datetime
    name: str
    email: str | None


class _Verification(Protocol):
    """How a token's key is found, and which algorithms go with such keys."""

    @property
    def algorithms(self) -> tuple[str, ...]: ...

    def key_for(self, token: str, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Outside:
    """The outside issuer, as the settings name it."""

    issuer: str
    audience: str
    verification: _Verification

    @classmethod
    def of(cls, settings: Settings) -> Outside | None:
        """None when there is none. Raises OutsideMisconfigured."""
        if settings.outside_issuer is None:
            return None
        if settings.outside_secret is not None:
            verification: _Verification = _Secret(settings.outside_secret.encode())
        else:
            verification = _PublicKeys(settings.outside_jwks_url or "")
        return cls(settings.outside_issuer, settings.outside_audience, verification)

    def issued(self, token: str) -> bool:
        """Whether a token claims to be theirs, which verified() then looks into."""
        try:
            said = jwt.decode(token, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            return False
        return bool(said.get("iss") == self.issuer)

    def verified(self, token: str) -> OutsideClaims:
        """What it says, if they signed it for us and it is not over; raises InvalidToken, IssuerUnreachable."""
        try:
            said = jwt.decode(
                token,
                self.verification.key_for(token),
                algorithms=list(self.verification.algorithms),
                issuer=self.issuer,
                audience=self.audience,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["aud", "exp", "iat", "iss", "sub"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise InvalidToken("The access token has expired; get a new one where you signed in.") from error
        except (jwt.InvalidTokenError, ValueError, TypeError) as error:
            raise InvalidToken("The access token is not valid here; sign in again.") from error
        return _claims(self.issuer, said)


def _claims(issuer: str, said: dict[str, Any]) -> OutsideClaims:
    subject = said["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:  # OpenID Connect Core §2
        raise InvalidToken("The access token names nobody; sign in again.")
    # only at the top and only if vouched for: what stands in Supabase's user_metadata its users write themselves
    email = said.get("email") if said.get("email_verified") is True else None
    name = said.get("name")
    return OutsideClaims(
        issuer=issuer,
        subject=subject,
        issued_at=datetime.fromtimestamp(said["iat"], UTC),
        name=name if isinstance(name, str) else "",
        email=email if isinstance(email, str) else None,
    )


@dataclass(frozen=True, slots=True)
class _Secret:
    """A secret shared with the issuer."""

    secret: bytes
    algorithms: tuple[str, ...] = ("HS256",)

    def __repr__(self) -> str:
        return "_Secret()"

    def key_for(self, _token: str) -> bytes:
        return self.secret


class _PublicKeys:
    """The issuer's public keys, fetched and kept for minutes; neither unknown keys nor an outage make us ask often."""

    algorithms: tuple[str, ...] = _PUBLIC

    def __init__(self, url: str) -> None:
        if not url.startswith("https://") and not is_this_machine(urlsplit(url).hostname or ""):
            raise OutsideMisconfigured("JOVEY_OUTSIDE_JWKS_URL must begin with https://: its keys decide who comes in.")
        self._client = PyJWKClient(
            url, lifespan=_CACHED_SECONDS, timeout=_FETCH_SECONDS_MAX, cooldown_duration=_COOLDOWN_SECONDS
        )
        self._lock, self._failed_at = Lock(), float("-inf")

    def key_for(self, token: str) -> jwt.PyJWK:
        """The public key that a token names; raises InvalidToken, IssuerUnreachable."""
        kid = jwt.get_unverified_header(token).get("kid")
        if not isinstance(kid, str):
            raise InvalidToken("The access token names no key; sign in again.")
        with self._lock:
            if time.monotonic() - self._failed_at < _COOLDOWN_SECONDS:
                raise IssuerUnreachable
            try:
                return self._client.get_signing_key(kid)
            except jwt.PyJWKClientConnectionError as error:
                self._failed_at = time.monotonic()
                raise IssuerUnreachable from error
            except (jwt.PyJWKClientError, jwt.PyJWKSetError, ValueError) as error:
                raise InvalidToken("The access token is signed by no key of its issuer; sign in again.") from error

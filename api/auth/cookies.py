"""Cookies: a browser's session in an HttpOnly cookie, and the CSRF token that its pages show with every change.

The cookie holds a signed token that names the session; whether the session still stands is looked up at each request,
so signing out anywhere ends it at once.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from uuid import UUID

from starlette.requests import HTTPConnection
from starlette.responses import Response

from api.auth.tokens import Claims, InvalidToken, Keys, signed, verified
from api.house import House
from warehouse.clock import now

SESSION_COOKIE = "jovey_session"
CSRF_HEADER = "X-CSRF-Token"
STAFF_LIFETIME = timedelta(hours=12)  # a working day; buyers stay as long as their session lives


def keep_session(response: Response, claims: Claims, lifetime: timedelta, here: House) -> None:
    """Let the browser remember the sign-in."""
    response.set_cookie(
        SESSION_COOKIE,
        signed(claims, here.signing_key, now(), lifetime),
        max_age=int(lifetime.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=here.settings.is_served_securely,
    )


def forget_session(response: Response) -> None:
    """Let the browser forget it."""
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax")


def claims_of(request: HTTPConnection, keys: Keys) -> Claims | None:
    """Which session the browser's cookie names; None without a cookie, or with one that is over or not ours."""
    try:
        claims = verified(request.cookies.get(SESSION_COOKIE, ""), keys)
    except InvalidToken:
        return None
    return claims if isinstance(claims, Claims) else None


def csrf_token(of: UUID, here: House) -> str:
    """What a page of this session (or of this visitor, before they sign in) shows with every change."""
    return hmac.new(here.mac_key, b"csrf:" + of.bytes, hashlib.sha256).hexdigest()


def is_csrf_token(token: str | None, of: UUID, here: House) -> bool:
    """Whether it is the token of that session or visitor; compared in constant time."""
    return token is not None and hmac.compare_digest(token.encode(), csrf_token(of, here).encode())

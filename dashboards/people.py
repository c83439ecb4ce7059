"""People: who stands behind a session's token, as the API says, remembered for some seconds."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import httpx

FRESH_SECONDS = 15.0  # a sign-out shows on the screens within this time; on every action it does at once
GRACE_SECONDS = 600.0  # while the API does not answer, those it vouched for go on reading
REMEMBERED_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in: `kind` is staff, dealer or consumer; `functions` are those a colleague works in."""

    id: str
    kind: str
    name: str
    functions: frozenset[str]

    @property
    def is_staff(self) -> bool:
        """A colleague."""
        return self.kind == "staff"


class Unreachable(Exception):
    """The API does not answer, so nobody can say whose token it is."""


class People:
    """Asks the API who somebody is; safe from many threads."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._lock = Lock()
        self._known: OrderedDict[bytes, tuple[float, Person | None]] = OrderedDict()

    def behind(self, token: str) -> Person | None:
        """Whose token it is; None when its session is over or it is not ours. Raises Unreachable."""
        name = hashlib.sha256(token.encode()).digest()  # tokens themselves are not kept
        asked_at = time.monotonic()
        known = self._known.get(name)
        if known is not None and asked_at - known[0] < FRESH_SECONDS:
            return known[1]
        try:
            person = self._asked(token)
        except Unreachable:
            if known is not None and asked_at - known[0] < GRACE_SECONDS:
                return known[1]
            raise
        self._remember(name, asked_at, person)
        return person

    def forget(self, token: str) -> None:
        """Ask anew the next time, as after a sign-out."""
        with self._lock:
            self._known.pop(hashlib.sha256(token.encode()).digest(), None)

    def _asked(self, token: str) -> Person | None:
        try:
            answer = self._http.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"})
        except httpx.TransportError as error:
            raise Unreachable("The API does not answer.") from error
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            return None
        if answer.is_error:
            raise Unreachable(f"The API answers {answer.status_code}.")
        said = answer.json()
        return Person(said["id"], said["kind"], said["name"], frozenset(said["function_access"]))

    def _remember(self, name: bytes, at: float, person: Person | None) -> None:
        with self._lock:
            self._known[name] = (at, person)
            self._known.move_to_end(name)
            while len(self._known) > REMEMBERED_MAX:
                self._known.popitem(last=False)

"""Lockout: tries that failed in a row, and the growing time to wait after them; counted for all processes alike.

What is counted is a keyed hash of an e-mail address or of where a request came from, so a person nobody knows waits
like one whom we know. A try is counted before it is made, so that many at once are no way around.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from warehouse.log.people import master_of

_PRUNED_MAX = 20  # rows nobody needs, taken away at each new one


@dataclass(frozen=True, slots=True)
class Policy:
    """`free` tries cost nothing; each later one waits twice as long as the one before, to an upper bound.

    Once nothing was tried for `forgotten_after` they count anew. Nobody is locked out for longer than `wait_max`.
    """

    name: str
    free: int
    forgotten_after: timedelta
    wait: timedelta = timedelta(seconds=5)
    wait_max: timedelta = timedelta(minutes=15)

    def wait_after(self, failures: int) -> timedelta:
        """How long nobody may try again after so many failures in a row."""
        if failures < self.free:
            return timedelta(0)
        doubled: int = 1 << min(failures - self.free, 30)
        return min(self.wait * doubled, self.wait_max)


ACCOUNT = Policy("sign-in account", free=5, forgotten_after=timedelta(days=1))
ADDRESS = Policy("sign-in address", free=20, forgotten_after=timedelta(hours=1))
LETTERS_TO = Policy("letters to", free=3, forgotten_after=timedelta(hours=1), wait=timedelta(minutes=1))
LETTERS_FROM = Policy("letters from", free=20, forgotten_after=timedelta(hours=1), wait=timedelta(minutes=1))
PASSWORD_OF = Policy("password of", free=5, forgotten_after=timedelta(days=1))


class TooManyTries(Exception):
    """Too many tries; nothing was looked at. Says when to come again, and nothing about whether an account exists."""

    def __init__(self, retry_after: timedelta) -> None:
        self.retry_after_seconds = max(1, math.ceil(retry_after.total_seconds()))
        super().__init__(f"Too many tries; try again in {self.retry_after_seconds} s.")


@dataclass(frozen=True, slots=True)
class Try:
    """A try that was counted; `locked_until` is a new time to wait that began with it, if one did."""

    policy: Policy
    key: bytes
    failures: int
    locked_until: datetime | None


def take(connection: Connection, policy: Policy, what: str, at: datetime) -> Try:
    """Count one more try; raises TooManyTries while it must wait. Commit it before the try is made."""
    key = _key(connection, policy, what)
    named = {"key": key, "at": at, "since": at - policy.forgotten_after}
    failures = connection.execute(_COUNT, named).scalar_one_or_none()
    if failures is None:
        until = connection.execute(_UNTIL, named).scalar_one_or_none()
        raise TooManyTries((until or at) - at)
    wait = policy.wait_after(failures)
    until = at + wait if wait else None
    connection.execute(_LOCK, {**named, "until": until})
    if failures == 1:
        connection.execute(_PRUNE, {"old": at - timedelta(days=1), "most": _PRUNED_MAX})
    return Try(policy, key, failures, until)


def forgive(connection: Connection, tried: Try) -> None:
    """It was right: whoever knows an account's password has no failures behind them."""
    connection.execute(_FORGIVE, {"key": tried.key})


def clear(connection: Connection, policy: Policy, what: str) -> None:
    """Nothing failed here any longer, as for an account that has a new password."""
    connection.execute(_FORGIVE, {"key": _key(connection, policy, what)})


def give_back(connection: Connection, tried: Try) -> None:
    """It was right: take this one off the count and no other, or one good account would pay for guesses at others."""
    connection.execute(_GIVE_BACK, {"key": tried.key, "until": tried.locked_until})


def _key(connection: Connection, policy: Policy, what: str) -> bytes:
    return master_of(connection).fingerprint(policy.name, what.encode())


# Of two tries at once the second waits for the first one's row and sees its lock.
_COUNT = text("""
    insert into jovey.attempts as a (key, failures, last_at) values (:key, 1, :at)
    on conflict (key) do update
       set failures = case when a.last_at < :since then 1 else a.failures + 1 end, last_at = excluded.last_at
     where a.locked_until is null or a.locked_until <= :at
    returning failures""")
_UNTIL = text("select locked_until from jovey.attempts where key = :key")
_LOCK = text("update jovey.attempts set locked_until = :until where key = :key")
_FORGIVE = text("delete from jovey.attempts where key = :key")
_GIVE_BACK = text("""
    update jovey.attempts set failures = greatest(failures - 1, 0),
           locked_until = nullif(locked_until, cast(:until as timestamptz))
     where key = :key""")
_PRUNE = text("""
    delete from jovey.attempts where key in (
      select key from jovey.attempts where last_at < :old order by last_at limit :most for update skip locked)""")

"""The shared store of rate limits: one statement hands a process part of a caller's allowance (migration 0009)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, text

SHARES = 20  # a process takes at most a twentieth of a quota at once, so it asks once for as many requests


@dataclass(frozen=True, slots=True)
class Policy:
    """So many requests in so many seconds; `name` is what callers read in the RateLimit fields."""

    name: str
    quota: int
    seconds: int = 60


@dataclass(frozen=True, slots=True)
class Part:
    """What a process was handed: `granted` requests of its own, while `remaining` are left for everybody."""

    granted: int
    remaining: int
    resets_in: float
    """Seconds until the window is over."""


class Store:
    """The windows of all callers, in Postgres; `engine` is this store's own, small and impatient."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")  # one round trip, not three

    def take(self, bucket: bytes, policy: Policy) -> Part:
        """A part of what this caller may still ask for. Raises SQLAlchemyError when the store does not answer."""
        wanted = max(1, policy.quota // SHARES)
        with self._engine.connect() as connection:
            row = connection.execute(
                _TAKE, {"bucket": bucket, "quota": policy.quota, "seconds": policy.seconds, "wanted": wanted}
            ).one()
        return Part(row.granted, row.remaining, row.resets_in)


_TAKE = text("select granted, remaining, resets_in from jovey.take_allowance(:bucket, :quota, :seconds, :wanted)")

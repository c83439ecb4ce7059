"""Limits: how often callers and addresses may ask, counted by parts of their allowance that this process holds.

All processes share the quota through the store and never exceed it together. While the store does not answer, each
process counts alone, so the shop stays open and still has a limit. Record: docs/decisions/0029.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from api.allowance import Part, Policy
from warehouse.settings import Settings

POCKETS_MAX = 20_000  # callers a process remembers; who is forgotten is asked for again
BLIND_SECONDS = 2.0  # for so long a store that failed is not asked again
_LOG = logging.getLogger("jovey.limits")


class Giver(Protocol):
    """What hands out parts of allowances."""

    def take(self, bucket: bytes, policy: Policy) -> Part:
        """A part of what this caller may still ask for; raises SQLAlchemyError."""
        ...


@dataclass(frozen=True, slots=True)
class Policies:
    """The limits of a house. Whoever signed in is counted by who they are, everybody also by their address."""

    address: Policy
    stranger: Policy
    door: Policy
    buyer: Policy
    staff: Policy
    agent: Policy

    @classmethod
    def of(cls, settings: Settings) -> Policies:
        """The limits that the settings name."""
        return cls(
            address=Policy("address", settings.address_requests_per_minute_max),
            stranger=Policy("stranger", settings.stranger_requests_per_minute_max),
            door=Policy("sign-in", settings.sign_in_requests_per_minute_max),
            buyer=Policy("buyer", settings.buyer_requests_per_minute_max),
            staff=Policy("staff", settings.staff_requests_per_minute_max),
            agent=Policy("agent", settings.agent_requests_per_minute_max),
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands after this request: how many more they may make, and when the window is over."""

    policy: Policy
    remaining: int
    resets_in: int
    is_over: bool


@dataclass(slots=True)
class _Pocket:
    """What this process holds of one caller's window."""

    left: int = 0
    beyond: int = 1
    ends_at: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def is_to_be_filled(self, at: float) -> bool:
        return at >= self.ends_at or (self.left == 0 and self.beyond > 0)

    def fill(self, part: Part, at: float) -> None:
        self.left, self.beyond, self.ends_at = part.granted, part.remaining, at + part.resets_in

    def spend(self, policy: Policy, at: float) -> Standing:
        is_over = self.left == 0
        self.left = max(0, self.left - 1)
        return Standing(policy, self.left + self.beyond, max(1, ceil(self.ends_at - at)), is_over)


class Limits:
    """The pockets of this process. To be used on the event loop; only the store is asked in a thread."""

    def __init__(
        self, policies: Policies, store: Giver, key: bytes, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`key` hides who is who in the store."""
        self.policies = policies
        self._store, self._key, self._clock = store, hashlib.sha256(b"limits:" + key).digest(), clock
        self._pockets: OrderedDict[bytes, _Pocket] = OrderedDict()
        self._blind_until = 0.0
        self._refused: Counter[str] = Counter()
        self._failures = 0

    async def spend(self, policy: Policy, subject: str) -> Standing:
        """Count one request of a caller or an address, and say where they stand."""
        bucket = hashlib.blake2b(f"{policy.name}\x1f{subject}".encode(), key=self._key, digest_size=16).digest()
        pocket = self._pocket(bucket)
        if pocket.is_to_be_filled(self._clock()):
            async with pocket.asking:
                at = self._clock()  # the window's end, counted from before it was asked for, is never too late
                if pocket.is_to_be_filled(at):
                    pocket.fill(await self._part(bucket, policy, at), at)
                standing = pocket.spend(policy, self._clock())
        else:
            standing = pocket.spend(policy, self._clock())
        self._refused[policy.name] += standing.is_over
        return standing

    def text(self) -> str:
        """What was refused and how often the store failed, in Prometheus' text format."""
        lines = ["# TYPE jovey_rate_limited_total counter"]
        lines += [f'jovey_rate_limited_total{{policy="{name}"}} {n}' for name, n in sorted(self._refused.items())]
        lines += ["# TYPE jovey_rate_store_failures_total counter", f"jovey_rate_store_failures_total {self._failures}"]
        return "\n".join(lines) + "\n"

    def _pocket(self, bucket: bytes) -> _Pocket:
        pocket = self._pockets.setdefault(bucket, _Pocket())
        self._pockets.move_to_end(bucket)
        while len(self._pockets) > POCKETS_MAX:
            self._pockets.popitem(last=False)
        return pocket

    async def _part(self, bucket: bytes, policy: Policy, at: float) -> Part:
        """A part from the store; all of the quota while it does not answer."""
        if at >= self._blind_until:
            try:
                return await run_in_threadpool(self._store.take, bucket, policy)
            except SQLAlchemyError:
                self._failures += 1
                self._blind_until = self._clock() + BLIND_SECONDS
                _LOG.warning("the store of rate limits does not answer; this process counts alone", exc_info=True)
        return Part(policy.quota, 0, policy.seconds)

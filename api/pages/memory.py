"""Memory: an answer that may be some minutes old, kept by one process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

A = TypeVar("A")


class Memory(Generic[A]):
    """One answer; whoever finds it too old asks anew, others meanwhile get the old one."""

    def __init__(self) -> None:
        self._asking = Lock()
        self._kept: tuple[A, datetime] | None = None

    def get(self, ask: Callable[[], A], at: datetime, lifetime: timedelta) -> A:
        """The answer, not older than `lifetime` unless somebody is just asking."""
        kept = self._kept
        if kept is not None and at - kept[1] < lifetime:
            return kept[0]
        if not self._asking.acquire(blocking=kept is None):
            assert kept is not None, "only an answer that exists may be old"
            return kept[0]
        try:
            if self._kept is kept:
                self._kept = (ask(), at)
            return self._kept[0] if self._kept is not None else ask()
        finally:
            self._asking.release()

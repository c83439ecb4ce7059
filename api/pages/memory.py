"""Memory: an answer that may be some minutes old, kept by one process, and asked for anew while nobody waits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock, Thread
from typing import Generic, TypeVar

A = TypeVar("A")


class Memory(Generic[A]):
    """One answer. Who finds it too old gets it still, and has it asked for by a thread of its own."""

    def __init__(self, first: A) -> None:
        self._asking = Lock()
        self._answer = first
        self._answered_at: datetime | None = None

    def get(self, ask: Callable[[], A], at: datetime, lifetime: timedelta) -> A:
        """The latest answer, `first` until there is one; `ask` must not raise."""
        is_old = self._answered_at is None or at - self._answered_at >= lifetime
        if is_old and self._asking.acquire(blocking=False):
            Thread(target=self._ask, args=(ask, at), name="memory", daemon=True).start()
        return self._answer

    def _ask(self, ask: Callable[[], A], at: datetime) -> None:
        try:
            self._answer, self._answered_at = ask(), at
        finally:
            self._asking.release()

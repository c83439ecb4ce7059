"""Memory: what was asked of the API a while ago, within bounds of number and age."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(Generic[K, V]):
    """Keeps the newest `most` things for some seconds; safe from many threads."""

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds, self._most = seconds, most
        self._lock = Lock()
        self._known: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """What is remembered; None when it never was, or too long ago."""
        known = self._known.get(key)
        return None if known is None or time.monotonic() - known[0] > self._seconds else known[1]

    def keep(self, key: K, one: V) -> None:
        """Remember it from now on."""
        with self._lock:
            self._known[key] = (time.monotonic(), one)
            self._known.move_to_end(key)
            while len(self._known) > self._most:
                self._known.popitem(last=False)

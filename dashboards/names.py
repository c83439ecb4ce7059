"""Names of customers, remembered for some minutes: an erased person is forgotten here by then."""

from __future__ import annotations

import time
from collections import OrderedDict
from threading import Lock

REMEMBERED_SECONDS = 300.0
REMEMBERED_MAX = 10_000


class Names:
    """Customer id -> name; safe from many threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def __contains__(self, id: str) -> bool:
        """Whether it is known, and not for too long."""
        return self.get(id) is not None

    def get(self, id: str) -> str | None:
        """The name; None when it is not known, or for too long."""
        known = self._known.get(id)
        return None if known is None or time.monotonic() - known[0] > REMEMBERED_SECONDS else known[1]

    def keep(self, id: str, name: str) -> None:
        """Remember it from now on."""
        with self._lock:
            self._known[id] = (time.monotonic(), name)
            self._known.move_to_end(id)
            while len(self._known) > REMEMBERED_MAX:
                self._known.popitem(last=False)

"""A writer that is killed, or whose database is: appends without end and journals what it asked and what was answered.

The journal is written before and after each call, so it tells what must be in the log, what may be, and what must not.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from warehouse import clock
from warehouse.events.event import Recorded, Ref
from warehouse.events.orders import OrderCancelled
from warehouse.ids import named, new_id
from warehouse.log.append import Appended, append, sqlstate
from warehouse.postgres import Database

ASKED, ACKNOWLEDGED, TAKEN_BACK = "asked", "acknowledged", "taken back"
SHARED_STREAMS = 3  # which all writers append to, whatever their version
_OWN_STREAMS, _STREAMS_A_COMMAND, _EVENTS_A_STREAM = 6, 3, 3
_SLOW_SECONDS, _PAUSE_SECONDS = 0.05, 0.004
_RETRY_SECONDS, _RETRIES_MAX = 0.1, 1_200
_STOOD_STILL = "25P03"  # the session was ended because it idled in its transaction: a comparison took long
T = TypeVar("T")
_Events = list[Recorded[OrderCancelled]]


@dataclass(slots=True)
class Writer:
    """One process's pen: its own streams with the versions it believes they have."""

    engine: Engine
    journal: Path
    dice: random.Random
    parent: int
    versions: dict[UUID, int] = field(default_factory=dict)

    def begin(self) -> None:
        """Streams nobody else writes to."""
        self.versions = {new_id(clock.now()): 0 for _ in range(_OWN_STREAMS)}

    def step(self) -> None:
        """One command: most are appended at once, some commit late, some are taken back, some are said twice."""
        is_shared = self.dice.random() < 0.15
        events = self._shared() if is_shared else self._own()
        if self.dice.random() < 0.12:
            self._note(TAKEN_BACK, events)
            self._until_answered(lambda: self._take_back(events, expect_any=is_shared))
            return
        self._note(ASKED, events)
        is_slow = self.dice.random() < 0.1
        answer = self._until_answered(lambda: self._append(events, expect_any=is_shared, is_slow=is_slow))
        self._note(ACKNOWLEDGED, events, answer)
        if not is_shared:
            self.versions.update({one.ref.id: one.version for one in events})
        if self.dice.random() < 0.05:
            again = self._until_answered(lambda: self._append(events, expect_any=is_shared, is_slow=False))
            assert again.outcome == "duplicate", again
        time.sleep(self.dice.uniform(0, _PAUSE_SECONDS))

    def _own(self) -> _Events:
        chosen = self.dice.sample(sorted(self.versions), self.dice.randint(1, _STREAMS_A_COMMAND))
        return [
            _event(id, self.versions[id] + place)
            for id in chosen
            for place in range(1, self.dice.randint(1, _EVENTS_A_STREAM) + 1)
        ]

    def _shared(self) -> _Events:
        id = named("crash", self.dice.randrange(SHARED_STREAMS))
        return [_event(id, place) for place in range(1, self.dice.randint(1, _EVENTS_A_STREAM) + 1)]

    def _append(self, events: _Events, *, expect_any: bool, is_slow: bool) -> Appended:
        with self.engine.begin() as connection:
            appended = append(connection, events, expect_any=expect_any)
            if is_slow:
                time.sleep(self.dice.uniform(0, _SLOW_SECONDS))
        return appended

    def _take_back(self, events: _Events, *, expect_any: bool) -> None:
        with self.engine.connect() as connection:
            append(connection, events, expect_any=expect_any)
            connection.rollback()

    def _until_answered(self, ask: Callable[[], T]) -> T:
        """The same events with the same ids again, until the database says what became of them."""
        for _ in range(_RETRIES_MAX):
            try:
                return ask()
            except DBAPIError as error:
                is_away = isinstance(error, (OperationalError, InterfaceError)) or sqlstate(error) == _STOOD_STILL
                if not is_away:
                    raise
                assert os.getppid() == self.parent, "whoever started this writer is gone"
                time.sleep(_RETRY_SECONDS)
        raise TimeoutError(f"No answer in {_RETRIES_MAX} tries.")

    def _note(self, what: str, events: _Events, answer: Appended | None = None) -> None:
        """One line, handed to the kernel at once: it outlives this process."""
        said = {
            "what": what,
            "events": [[str(one.id), str(one.ref.id), one.version] for one in events],
            "positions": [answer.first_position, answer.last_position] if answer else None,
        }
        with self.journal.open("a") as file:
            file.write(json.dumps(said) + "\n")


def _event(stream_id: UUID, version: int) -> Recorded[OrderCancelled]:
    id, now = new_id(clock.now()), clock.now()
    return Recorded(OrderCancelled(reason=id.hex), id, Ref("order", stream_id), version, now, "user:crash", id, id)


def main(server: str, journal: str, seed: str) -> None:
    """Write until killed, or until whoever started this process is gone."""
    database = Database.from_url(server)
    engine = database.engine("jovey_append", pool_size=1)
    dice = random.Random(seed)  # noqa: S311 - chaos, no secret
    writer = Writer(engine, Path(journal), dice, os.getppid())
    writer.begin()
    while os.getppid() == writer.parent:
        writer.step()


if __name__ == "__main__":
    main(*sys.argv[1:])

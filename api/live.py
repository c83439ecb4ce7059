"""Live: one tail of the log per process, for everybody who wants to hear at once what happens.

The tail runs while somebody listens. It reads by snapshot cuts (warehouse/log/tail.py), so it skips nothing that
commits late, and hands every batch to each listener's bounded queue; who does not keep up is let go and comes back with
the place they reached. Record: docs/decisions/0022.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from api.actor import system
from warehouse.log.asker import Asker, reading
from warehouse.log.position import BEGINNING, InvalidPosition, Snapshot, decode, encode
from warehouse.log.tables import events
from warehouse.log.tail import between, head

POLL_SECONDS = 0.25
HEARTBEAT_SECONDS = 15.0
PAGE_EVENTS_MAX = 500  # of one batch
QUEUE_BATCHES_MAX = 64  # a listener who is 16 s behind on a busy log is let go
RESUME_EVENTS_MAX = 100_000  # further back the list of events is the better reading
LISTENERS_MAX = 500  # of one process
_LOG = logging.getLogger("jovey.live")
_TAIL = system("live")
"""The one tail hears everything; of its listeners some may (`hears_everything`), the others are told to look anew."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far somebody has heard: all of `since`, and of what `until` adds to it the events up to `position`."""

    since: Snapshot
    until: Snapshot | None = None
    position: int = 0

    @classmethod
    def parse(cls, token: str) -> Place:
        """The place a token stands for; raises InvalidPosition for any other text."""
        since, *rest = token.split(".")
        if not rest:
            return cls(_cut(since))
        if len(rest) != 2 or not (rest[1].isascii() and rest[1].isdigit()):
            raise InvalidPosition(f"{token[:40]!r} is no position token.")
        return cls(_cut(since), _cut(rest[0]), int(rest[1][:19]))

    def __str__(self) -> str:
        if self.until is None:
            return encode(self.since)
        return f"{encode(self.since)}.{encode(self.until)}.{self.position}"


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in the order of their positions, each with the place its listener has then reached."""

    events: Sequence[tuple[Place, Row[Any]]]


class Listener:
    """Somebody who listens: what they have not heard yet waits here, as far as there is room."""

    def __init__(self, about: UUID | None) -> None:
        self.since = BEGINNING
        self.is_in = asyncio.Event()
        self.over = asyncio.Event()
        self._about = about
        self._waiting: asyncio.Queue[Batch] = asyncio.Queue(QUEUE_BATCHES_MAX)

    def begin(self, since: Snapshot) -> None:
        """From this cut on they hear everything."""
        self.since = since
        self.is_in.set()

    def offer(self, batch: Batch) -> None:
        """Tell them; without room they are let go."""
        wanted = [one for one in batch.events if self._about in {None, one[1].aggregate_id}]
        if wanted:
            try:
                self._waiting.put_nowait(Batch(wanted))
            except asyncio.QueueFull:
                self.let_go()

    def let_go(self) -> None:
        """They hear nothing more."""
        self.over.set()
        self.is_in.set()

    async def next(self, seconds: float) -> Batch | None:
        """What happened next; None after so many seconds of silence."""
        try:
            return await asyncio.wait_for(self._waiting.get(), seconds)
        except TimeoutError:
            return None


def server_is_stopping() -> bool:
    """Whether the uvicorn server of this process was told to stop: it waits for open answers, so they must end."""
    handler = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return bool(getattr(handler, "should_exit", False))


class Live:
    """The tail of this process and its listeners. Only the tail moves the cut, so nobody misses what another heard."""

    def __init__(self, engine: Engine, is_stopping: Callable[[], bool] = server_is_stopping) -> None:
        self._engine = engine
        self._is_stopping = is_stopping
        self._listeners: set[Listener] = set()
        self._arriving: set[Listener] = set()
        self._someone_came = asyncio.Event()
        self._tail: asyncio.Task[None] | None = None

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners) + len(self._arriving)

    @property
    def is_full(self) -> bool:
        """Whether no more listeners are let in."""
        return self.listeners >= LISTENERS_MAX

    @asynccontextmanager
    async def listening(self, about: UUID | None = None) -> AsyncIterator[Listener]:
        """Listen from the log's present head on, to one stream's events alone with `about`."""
        listener = Listener(about)
        self._arriving.add(listener)
        self._someone_came.set()
        if self._tail is None:
            self._tail = asyncio.create_task(self._follow())
        try:
            await listener.is_in.wait()
            yield listener
        finally:
            self._arriving.discard(listener)
            self._listeners.discard(listener)

    def covers(self, place: Place) -> bool:
        """Whether the log has been at that place; not when another log, or a lost future of this one, gave it."""
        return head(self._engine).covers(place.until or place.since)

    def is_far_from(self, place: Place) -> bool:
        """Whether more happened since than a stream should catch up with."""
        there = place.until or place.since
        return len(self._positions(Place(there), head(self._engine), RESUME_EVENTS_MAX + 1)) > RESUME_EVENTS_MAX

    async def pages(self, place: Place, until: Snapshot) -> AsyncIterator[Batch]:
        """What `until` holds beyond a place, page by page."""
        if place.until is not None and place.until != until:
            async for batch in self.pages(place, place.until):
                yield batch
            place = Place(place.until)
        positions = await asyncio.to_thread(self._positions, place, until)
        for start in range(0, len(positions), PAGE_EVENTS_MAX):
            rows = await asyncio.to_thread(self._rows, positions[start : start + PAGE_EVENTS_MAX])
            yield Batch([(_reached(place, until, row.position, positions[-1]), row) for row in rows])

    async def _follow(self) -> None:
        """Read on while somebody listens."""
        cut: Snapshot | None = None
        try:
            while self.listeners and not self._is_stopping():
                self._someone_came.clear()
                cut = await self._advance(cut)
                while self._arriving:
                    listener = self._arriving.pop()
                    self._listeners.add(listener)
                    listener.begin(cut)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._someone_came.wait(), POLL_SECONDS)
        except SQLAlchemyError:
            _LOG.exception("the log cannot be followed; listeners are let go and come back")
        finally:
            self._tail = None
            for listener in (*self._listeners, *self._arriving):
                listener.let_go()

    async def _advance(self, since: Snapshot | None) -> Snapshot:
        """The log's head, once everybody was told what lies before it."""
        until = await asyncio.to_thread(head, self._engine)
        if since is not None and since != until:
            async for batch in self.pages(Place(since), until):
                for listener in tuple(self._listeners):
                    listener.offer(batch)
        return until

    def _positions(self, place: Place, until: Snapshot, limit: int | None = None) -> Sequence[int]:
        """The positions of the events that `until` holds beyond a place, in order.

        The inner query stands behind `offset 0`, so that the planner takes the index on the transactions instead of
        walking the whole log in the order of positions.
        """
        beyond = f"select position from jovey.visible_events where {between(place.since, until)} offset 0"
        wanted = text(f"select * from ({beyond}) beyond where position > :after order by position limit :limit")
        with reading(self._engine, _TAIL) as connection:
            return connection.execute(wanted, {"after": place.position, "limit": limit}).scalars().all()

    def _rows(self, positions: Sequence[int]) -> Sequence[Row[Any]]:
        wanted = select(events).where(events.c.position.in_(positions)).order_by(events.c.position)
        with reading(self._engine, _TAIL) as connection:
            return connection.execute(wanted).all()


def hears_everything(engine: Engine, by: Asker) -> bool:
    """Whether the whole log is open to a caller, as the database has it."""
    with reading(engine, by) as connection:
        return bool(connection.execute(select(func.jovey.hears_everything())).scalar_one())


def message(event: str | None, data: str, place: Place | None) -> str:
    """One server-sent event, of the default kind without a name; `data` may have lines (WHATWG HTML, 9.2.6)."""
    head = [f"id: {place}"] if place is not None else []
    name = [f"event: {event}"] if event is not None else []
    return "\n".join([*head, *name, *(f"data: {line}" for line in data.splitlines()), "", ""])


STILL_HERE = ": still here\n\n"
"""A comment, so that everybody on the way knows the stream lives."""


def greeting(place: Place) -> str:
    """The first words of a stream: when to come back, and from where, even if nothing happens until then."""
    return f"retry: 2000\nid: {place}\n\n"


def _cut(token: str) -> Snapshot:
    position = decode(token)
    if not isinstance(position, Snapshot):
        raise InvalidPosition(f"{token[:40]!r} is the place of a write; take an id of a stream.")
    return position


def _reached(place: Place, until: Snapshot, position: int, last: int) -> Place:
    return Place(until) if position == last else Place(place.since, until, position)

"""Live: one tail of the log per process, for everybody who wants to hear at once what happens.

The tail runs while somebody listens. It reads by snapshot cuts (warehouse/log/tail.py), so it skips nothing that
commits late, and hands every batch to each listener's bounded queue; who does not keep up is let go and comes back with
the place they reached. Whoever's session ended, or whose rights may have changed, is let go too. Records: 22 and 30.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, select, text
from sqlalchemy.exc import SQLAlchemyError

from api.actor import system
from api.auth.standing import Admission, over
from warehouse.clock import now
from warehouse.log.asker import reading
from warehouse.log.position import BEGINNING, InvalidPosition, Snapshot, decode, encode
from warehouse.log.tables import events
from warehouse.log.tail import between, head

POLL_SECONDS = 0.25
HEARTBEAT_SECONDS = 15.0
STANDING_SECONDS = 2.0  # between two looks at the sessions of all listeners: how long an ended one may hear on
PAGE_EVENTS_MAX = 500  # of one batch
QUEUE_BATCHES_MAX = 64  # a listener who is 16 s behind on a busy log is let go
RECENT_EVENTS_MAX = 10_000  # kept in memory, some 20 MB: who comes back soon is told without a look at the log
RESUME_EVENTS_MAX = 100_000  # further back the list of events is the better reading
LISTENERS_MAX = 600  # of one process: 500, and room for those who come back before their leaving was noticed
_LOG = logging.getLogger("jovey.live")
_TAIL = system("live")
"""The one tail hears everything; each listener is told what they may hear (`Interest`)."""


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
            return _token(self.since)
        return f"{_token(self.since)}.{_token(self.until)}.{self.position}"


@dataclass(frozen=True, slots=True)
class Interest:
    """What somebody wants to hear, and may: the events of one stream, or of some types; of all without either."""

    about: UUID | None = None
    types: frozenset[str] | None = None

    def covers(self, event: Row[Any]) -> bool:
        """Whether this event is for them."""
        return self.about in {None, event.aggregate_id} and (self.types is None or event.event_type in self.types)


@dataclass(slots=True)
class Entry:
    """An event of the log, and how it is told, once somebody has put it into words."""

    row: Row[Any]
    _words: str | None = None

    def words(self, tell: Callable[[Row[Any]], str]) -> str:
        """The event as `tell` puts it, which is always the same."""
        if self._words is None:
            self._words = tell(self.row)
        return self._words


Told = tuple["Place", Entry]
"""An event, and the place its listener has reached once they heard it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in the order of their positions. What is made of them is made once for all listeners who are alike."""

    events: Sequence[Told]
    _covered: dict[Interest, Sequence[Told]] = field(default_factory=dict, compare=False)
    _frames: dict[tuple[Interest, Callable[[Told], str]], bytes] = field(default_factory=dict, compare=False)

    def of(self, interest: Interest) -> Sequence[Told]:
        """The events that are for somebody."""
        if interest not in self._covered:
            self._covered[interest] = [one for one in self.events if interest.covers(one[1].row)]
        return self._covered[interest]

    def frame(self, interest: Interest, tell: Callable[[Told], str]) -> bytes:
        """The events that are for somebody, each as `tell` puts it."""
        if (interest, tell) not in self._frames:
            self._frames[interest, tell] = "".join(map(tell, self.of(interest))).encode()
        return self._frames[interest, tell]


EVERYTHING = Interest()


class Listener:
    """Somebody who listens: what they have not heard yet waits here, as far as there is room."""

    def __init__(self, interest: Interest, admission: Admission | None) -> None:
        self.since = BEGINNING
        self.reached: Snapshot | None = None
        self.is_in = asyncio.Event()
        self.over = asyncio.Event()
        self.interest, self.admission = interest, admission
        self._waiting: asyncio.Queue[Batch] = asyncio.Queue(QUEUE_BATCHES_MAX)

    def begin(self, since: Snapshot) -> None:
        """From this cut on they hear everything."""
        self.since = self.reached = since
        self.is_in.set()

    def offer(self, batch: Batch) -> None:
        """Tell them; without room they are let go."""
        if batch.of(self.interest):
            try:
                self._waiting.put_nowait(batch)
            except asyncio.QueueFull:
                self.let_go()

    def let_go(self) -> None:
        """They hear nothing more."""
        self.over.set()
        self.is_in.set()

    @property
    def place(self) -> Place | None:
        """How far they have come when nothing waits for them; None while something does, or is on its way."""
        return None if self.reached is None or not self._waiting.empty() else Place(self.reached)

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
        self._cut: Snapshot | None = None
        self._recent: dict[int, Entry] = {}

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners) + len(self._arriving)

    @property
    def is_full(self) -> bool:
        """Whether no more listeners are let in."""
        return self.listeners >= LISTENERS_MAX

    @asynccontextmanager
    async def listening(
        self, interest: Interest = EVERYTHING, admission: Admission | None = None
    ) -> AsyncIterator[Listener]:
        """Listen from the log's present head on, as long as the admission stands."""
        listener = Listener(interest, admission)
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
        there, cut = place.until or place.since, self._cut
        return (cut is not None and cut.covers(there)) or head(self._engine).covers(there)

    def is_far_from(self, place: Place) -> bool:
        """Whether more happened since than a stream should catch up with."""
        since, until = place.until or place.since, head(self._engine)
        beyond = f"select from jovey.visible_events where {between(since, until)} limit :most"
        counted = text(f"select count(*) from ({beyond}) beyond")
        with reading(self._engine, _TAIL) as connection:
            return int(connection.execute(counted, {"most": RESUME_EVENTS_MAX + 1}).scalar_one()) > RESUME_EVENTS_MAX

    async def pages(self, place: Place, until: Snapshot) -> AsyncIterator[Batch]:
        """What `until` holds beyond a place, page by page."""
        if place.until is not None and place.until != until:
            async for batch in self.pages(place, place.until):
                yield batch
            place = Place(place.until)
        positions = await asyncio.to_thread(self._positions, place, until)
        for start in range(0, len(positions), PAGE_EVENTS_MAX):
            entries = await self._entries(positions[start : start + PAGE_EVENTS_MAX])
            yield Batch([(_reached(place, until, one.row.position, positions[-1]), one) for one in entries])

    async def _follow(self) -> None:
        """Read on while somebody listens."""
        cut: Snapshot | None = None
        looked_at = asyncio.get_running_loop().time()
        try:
            while self.listeners and not self._is_stopping():
                self._someone_came.clear()
                cut = self._cut = await self._advance(cut)
                if asyncio.get_running_loop().time() - looked_at >= STANDING_SECONDS:
                    await self._let_go_of_those_out()
                    looked_at = asyncio.get_running_loop().time()
                while self._arriving:
                    listener = self._arriving.pop()
                    self._listeners.add(listener)
                    listener.begin(cut)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._someone_came.wait(), POLL_SECONDS)
        except SQLAlchemyError:
            _LOG.exception("the log cannot be followed; listeners are let go and come back")
        finally:
            self._tail = self._cut = None
            for listener in (*self._listeners, *self._arriving):
                listener.let_go()

    async def _advance(self, since: Snapshot | None) -> Snapshot:
        """The log's head, once everybody was told what lies before it."""
        until = await asyncio.to_thread(head, self._engine)
        if since is not None and since != until:
            self._reach(None)
            async for batch in self.pages(Place(since), until):
                for listener in tuple(self._listeners):
                    listener.offer(batch)
            self._reach(until)
        return until

    def _reach(self, cut: Snapshot | None) -> None:
        for listener in self._listeners:
            listener.reached = cut

    async def _let_go_of_those_out(self) -> None:
        """Let go whoever's session ended or who changed since they came in; who may come back does so by themselves."""
        admitted = {one: one.admission for one in self._listeners if one.admission is not None}
        ended = await asyncio.to_thread(self._ended, frozenset(admitted.values()))
        for listener, admission in admitted.items():
            if admission in ended:
                listener.let_go()

    def _ended(self, admissions: Collection[Admission]) -> Collection[Admission]:
        return over(self._engine, admissions, now())

    def _positions(self, place: Place, until: Snapshot) -> Sequence[int]:
        """The positions of the events that `until` holds beyond a place, in order.

        The inner query stands behind `offset 0`, so that the planner takes the index on the transactions instead of
        walking the whole log in the order of positions.
        """
        beyond = f"select position from jovey.visible_events where {between(place.since, until)} offset 0"
        wanted = text(f"select * from ({beyond}) beyond where position > :after order by position")
        with reading(self._engine, _TAIL) as connection:
            return connection.execute(wanted, {"after": place.position}).scalars().all()

    async def _entries(self, positions: Sequence[int]) -> Sequence[Entry]:
        """The events at those positions: the recent ones from memory, the others from the log."""
        known = {position: self._recent[position] for position in positions if position in self._recent}
        missing = [position for position in positions if position not in known]
        found = {row.position: Entry(row) for row in await asyncio.to_thread(self._rows, missing)} if missing else {}
        self._recent.update(found)
        while len(self._recent) > RECENT_EVENTS_MAX:
            del self._recent[next(iter(self._recent))]
        everything = known | found
        return [everything[position] for position in positions]

    def _rows(self, positions: Sequence[int]) -> Sequence[Row[Any]]:
        wanted = select(events).where(events.c.position.in_(positions)).order_by(events.c.position)
        with reading(self._engine, _TAIL) as connection:
            return connection.execute(wanted).all()


def message(event: str | None, data: str, place: Place | None) -> str:
    """One server-sent event, of the default kind without a name; `data` may have lines (WHATWG HTML, 9.2.6)."""
    head = [f"id: {place}"] if place is not None else []
    name = [f"event: {event}"] if event is not None else []
    return "\n".join([*head, *name, *(f"data: {line}" for line in data.splitlines()), "", ""])


def still_here(place: Place | None) -> bytes:
    """A comment, so that everybody on the way knows the stream lives; and how far its silent listener has come."""
    return (": still here\n\n" if place is None else f": still here\nid: {place}\n\n").encode()


def greeting(place: Place) -> bytes:
    """The first words of a stream: when to come back, and from where, even if nothing happens until then."""
    return f"retry: 2000\nid: {place}\n\n".encode()


@lru_cache(1_000)
def _token(cut: Snapshot) -> str:
    """The cut as text; all events of a batch share two."""
    return encode(cut)


def _cut(token: str) -> Snapshot:
    position = decode(token)
    if not isinstance(position, Snapshot):
        raise InvalidPosition(f"{token[:40]!r} is the place of a write; take an id of a stream.")
    return position


def _reached(place: Place, until: Snapshot, position: int, last: int) -> Place:
    return Place(until) if position == last else Place(place.since, until, position)

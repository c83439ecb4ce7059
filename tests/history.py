"""given / when / then: the test vocabulary of rules, over facts alone, without a database."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from api.actor import Actor, system
from api.command import Command
from api.functions import DECIDERS, REACTIONS
from api.given import Given
from api.refusals import Refusal
from api.rules import Rules
from api.stream import Stream
from api.streams import STREAMS
from warehouse.events.event import Event, Recorded, Ref
from warehouse.ids import derived, named

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday; when a command comes unless a test says otherwise
HOUSE = system("house")  # who acts unless a test says otherwise


@dataclass(frozen=True)
class Past:
    """A fact that was recorded. `id` is its stream's; none is the stream of the command that follows."""

    event: Event
    id: UUID | None
    at: datetime
    by: Actor


@dataclass(frozen=True)
class Seen:
    """A stream folded from its facts."""

    stream: Stream[Any]
    state: Any
    version: int


@dataclass(frozen=True)
class History:
    """What happened so far. Every method gives a new history, so that tests can share a beginning."""

    facts: tuple[Past, ...] = ()
    rules: Rules = field(default_factory=Rules)

    def under(self, **numbers: Any) -> History:
        """The same history under other rules: `under(over_receipt_rate=Decimal("0.1"))`."""
        return replace(self, rules=replace(self.rules, **numbers))

    def given(
        self, *events: Event, of: UUID | None = None, at: datetime = NOON - timedelta(days=1), by: Actor = HOUSE
    ) -> History:
        """These happened, in the stream `of` that id, or in the one of the command that follows."""
        return replace(self, facts=(*self.facts, *(Past(event, of, at, by) for event in events)))

    def when(self, command: Command, by: Actor = HOUSE, at: datetime = NOON) -> Outcome:
        """Somebody asks for this."""
        ref = command.ref
        told = replace(self, facts=tuple(replace(past, id=past.id or ref.id) for past in self.facts))
        seen = told.seen(ref)
        given = Given(ref, named("command", "asked"), by, at, self.rules, seen.version, told.declared(command))
        try:
            events = tuple(DECIDERS[ref.stream].decide(seen.state, command, given))
        except Refusal as refusal:
            return Outcome(told, ref, given, (), refusal)
        return Outcome(told.given(*events, of=ref.id, at=at, by=by), ref, given, events, None)

    def state(self, stream: Stream[Any], id: UUID) -> Any:
        """What a stream's facts fold to."""
        return self.seen(stream.ref(id)).state

    def seen(self, ref: Ref) -> Seen:
        """A stream folded, with its version."""
        stream = STREAMS[ref.stream]
        state, version = stream.initial, 0
        for past in self.facts:
            if past.id == ref.id and past.event.stream == ref.stream:
                version += 1
                state = stream.evolve(state, recorded(past.event, ref, version, past.at, past.by))
        return Seen(stream, state, version)

    def declared(self, command: Command) -> Callable[[Stream[Any], UUID], Any]:
        """The look at states that a command is granted: its own and those it declared, nothing else."""
        reads = DECIDERS[command.stream].reads(command, self.state)
        granted = {command.ref, *reads.shared, *reads.locked}

        def look(stream: Stream[Any], id: UUID) -> Any:
            if stream.ref(id) not in granted:
                pytest.fail(
                    f"{type(command).__name__} looked at {stream.name} {id}, which it does not declare to read."
                )
            return self.state(stream, id)

        return look


@dataclass(frozen=True)
class Outcome:
    """What came of a command."""

    history: History
    ref: Ref
    asked: Given
    events: tuple[Event, ...]
    refusal: Refusal | None

    def then(self, *expected: Event) -> Outcome:
        """Exactly these facts follow; none at all when none are named."""
        if self.refusal:
            pytest.fail(f"refused with {self.refusal}")
        _expect(self.events, expected)
        return self

    def refused(self, code: str, kind: str = "conflict") -> Refusal:
        """A rule said no, for this reason; gives the refusal, for a look at its message and faults."""
        if self.refusal is None:
            pytest.fail(f"expected the refusal {code}, but this followed:\n" + "\n".join(_lines(self.events)))
        assert (self.refusal.code, self.refusal.kind) == (code, kind), str(self.refusal)
        return self.refusal

    def causes(self, *expected: Command) -> Outcome:
        """Other streams are asked for exactly these in consequence."""
        start = self.asked.version
        after = replace(self.asked, version=start + len(self.events), lookup=self.history.state)
        commands: list[Command] = []
        for place, event in enumerate(self.events, start=start + 1):
            fact = recorded(event, self.ref, place, self.asked.at, self.asked.by)
            for react in REACTIONS.get(type(event), ()):
                commands.extend(react(fact, after))
        _expect(commands, expected)
        return self

    def when(self, command: Command, by: Actor = HOUSE, at: datetime = NOON) -> Outcome:
        """And then somebody asks for this."""
        if self.refusal:
            pytest.fail(f"refused with {self.refusal}")
        return self.history.when(command, by, at)

    @property
    def state(self) -> Any:
        """The command's stream as it stands now."""
        return self.history.seen(self.ref).state


def recorded(event: Event, ref: Ref, version: int, at: datetime = NOON, by: Actor = HOUSE) -> Recorded[Any]:
    """A fact in an envelope, as the log would put it."""
    cause = named("command", str(ref.id), version)
    return Recorded(event, derived(cause, version), ref, version, at, by.signature, cause, cause)


@dataclass(frozen=True)
class Actors:
    """Who may ask."""

    house: Actor = HOUSE

    def staff(self, *functions: str, name: str = "Ada") -> Actor:
        return Actor("staff", named("staff", name), name, frozenset(functions))

    def agent(self, *functions: str) -> Actor:
        return Actor("agent", name=functions[0], functions=frozenset(functions))

    def consumer(self, id: UUID) -> Actor:
        return Actor("consumer", id)

    def dealer(self, id: UUID) -> Actor:
        return Actor("dealer", id)


@pytest.fixture
def history() -> History:
    """An empty history: nothing happened yet."""
    return History()


@pytest.fixture
def actors() -> Actors:
    """Builders of those who ask."""
    return Actors()


@pytest.fixture(scope="session")
def noon() -> datetime:
    """When commands come unless a test says otherwise."""
    return NOON


def _expect(happened: Sequence[Event | Command], expected: Sequence[Event | Command]) -> None:
    if list(happened) != list(expected):
        pytest.fail("\n".join(["expected (-) and happened (+) differ:", *_difference(expected, happened)]))


def _difference(expected: Sequence[Event | Command], happened: Sequence[Event | Command]) -> Iterable[str]:
    return difflib.ndiff(_lines(expected), _lines(happened))


def _lines(said: Sequence[Event | Command]) -> list[str]:
    lines = []
    for one in said:
        lines.append(type(one).__name__)
        lines += [f"    {field} = {_told(value)}" for field, value in dict(one).items()]
    return lines or ["nothing"]


def _told(value: Any) -> str:
    return str(value) if isinstance(value, Decimal | UUID | datetime) else repr(value)

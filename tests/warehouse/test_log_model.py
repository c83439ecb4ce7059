"""The log against a model of it in a few dictionaries: whatever is asked of both, they answer alike."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count, groupby, pairwise
from uuid import UUID

import pytest
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from warehouse.events.category import ProductDeactivated
from warehouse.events.event import Recorded, Ref
from warehouse.log.append import (
    ANSWERED_BEFORE,
    CLAIMED,
    ID_REUSED,
    VERSION_CONFLICT,
    Claim,
    Folded,
    Receipt,
    append,
    load,
    receipts,
    sqlstate,
)
from warehouse.log.tail import Cut, between, take_cut

pytestmark = pytest.mark.whole

EXAMPLES, STEPS, PARTS = 2_000, 8, 4
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WRITERS = st.integers(0, 1)
STREAMS_EACH = 2
_NUMBERS = count(1)


@dataclass(frozen=True)
class Call:
    """One call of append, to be made again; `reason` is the content of each event."""

    events: tuple[Recorded[ProductDeactivated], ...]
    expect_any: bool
    receipt: Receipt | None
    claim: Claim | None

    def altered(self) -> Call:
        last = self.events[-1]._replace(event=ProductDeactivated(reason="something else"))
        return replace(self, events=(*self.events[:-1], last))


@dataclass
class Model:
    """What a log holds: streams as lists of (id, content), ids, receipts, claims and the versions of states."""

    streams: dict[UUID, list[tuple[UUID, str]]] = field(default_factory=dict)
    answers: dict[UUID, bytes] = field(default_factory=dict)
    claims: dict[str, UUID] = field(default_factory=dict)
    states: dict[UUID, int] = field(default_factory=dict)

    def copy(self) -> Model:
        streams = {id: list(events) for id, events in self.streams.items()}
        return Model(streams, dict(self.answers), dict(self.claims), dict(self.states))

    def head(self, stream: UUID) -> int:
        return len(self.streams.get(stream, []))

    def append(self, call: Call) -> str:
        """The outcome, or the code of the refusal; after a refusal the model is no longer good for anything."""
        held = {id: (stream, content) for stream, events in self.streams.items() for id, content in events}
        wanted = {stream: list(mine) for stream, mine in groupby(sorted(call.events, key=by_stream), key=by_stream)}
        bases = {
            stream: self.head(stream) if call.expect_any else mine[0].version - 1 for stream, mine in wanted.items()
        }
        if any(base > self.head(stream) for stream, base in bases.items()):
            return VERSION_CONFLICT
        written = 0
        for stream, mine in wanted.items():
            for version, recorded in enumerate(mine, start=bases[stream] + 1):
                if recorded.id not in held and version == self.head(stream) + 1:
                    self.streams.setdefault(stream, []).append((recorded.id, recorded.event.reason))
                    written += 1
        if written < len(call.events):
            return VERSION_CONFLICT if written else self._seen_before(call, held)
        self.states |= {stream: self.head(stream) for stream in (() if call.expect_any else wanted)}
        return self._beside(call)

    @staticmethod
    def _seen_before(call: Call, held: dict[UUID, tuple[UUID, str]]) -> str:
        found = [recorded for recorded in call.events if recorded.id in held]
        if len(found) == len(call.events) and all(
            held[recorded.id] == (recorded.ref.id, recorded.event.reason) for recorded in found
        ):
            return "duplicate"
        return ID_REUSED if found else VERSION_CONFLICT

    def _beside(self, call: Call) -> str:
        if call.receipt and call.receipt.command_id in self.answers:
            return ANSWERED_BEFORE
        if call.receipt:
            self.answers[call.receipt.command_id] = call.receipt.request_hash
        if call.claim and self.claims.setdefault(call.claim.key, call.claim.holder_id) != call.claim.holder_id:
            return CLAIMED
        return "appended"


def by_stream(recorded: Recorded[ProductDeactivated]) -> UUID:
    return recorded.ref.id


def number() -> UUID:
    return UUID(int=next(_NUMBERS))


@dataclass
class Writer:
    """One who appends: an open transaction as the log and as the model have it, and calls it may make again."""

    connection: Connection
    streams: tuple[Ref, ...]
    model: Model
    calls: list[Call] = field(default_factory=list)


class Log(RuleBasedStateMachine):
    """Two writers with streams of their own, and a reader that cuts; each example begins with empty streams."""

    def __init__(
        self, writers: list[Connection], reader: Engine, looking: Connection, cuts: list[Cut], outcomes: set[str]
    ) -> None:
        super().__init__()
        self.outcomes = outcomes
        self.reader, self.looking = reader, looking
        self.writers = [
            Writer(connection, tuple(Ref("product", number()) for _ in range(STREAMS_EACH)), Model())
            for connection in writers
        ]
        self.committed: list[Model] = [Model(), Model()]
        self.order: list[UUID] = []  # of positions
        self.keys = (f"key {number()}", f"key {number()}")
        self.cuts = cuts  # an example ends with a cut, so the next one begins there
        self.untold: set[UUID] = set()

    @rule(
        who=WRITERS,
        wish=st.lists(st.tuples(st.integers(0, STREAMS_EACH - 1), st.integers(1, 2)), min_size=1, max_size=2),
        off=st.sampled_from([0, 0, 0, 0, 0, 0, -1, 1]),
        expect_any=st.sampled_from([False, False, True]),
        beside=st.sampled_from(["claim", "receipt", "the last receipt", "nothing", "claim"]),
    )
    def append(self, who, wish, off, expect_any, beside) -> None:
        writer = self.writers[who]
        events, heads = [], {ref.id: writer.model.head(ref.id) for ref in writer.streams}
        for place, events_count in wish:
            ref = writer.streams[place]
            for _ in range(events_count):
                heads[ref.id] += 1
                id = number()
                said = ProductDeactivated(reason=str(id))
                version = max(1, heads[ref.id] + off)
                events.append(Recorded(said, id, ref, version, NOON, "test", id, id))
        if any(b.version != a.version + 1 for a, b in pairs(events)):
            return  # the lowest version was cut off at 1: not what a caller can mean
        receipt = Receipt(events[0].id, b"hash", "{}") if beside == "receipt" else None
        if beside == "the last receipt":
            receipt = next((call.receipt for call in reversed(writer.calls) if call.receipt), None)
        claim = Claim("key", self.keys[who], events[0].ref.id) if beside == "claim" else None
        self._call(writer, Call(tuple(events), expect_any, receipt, claim))

    @rule(who=WRITERS, which=st.integers(0, 7), is_altered=st.sampled_from([False, False, True]))
    def append_again(self, who, which, is_altered) -> None:
        writer = self.writers[who]
        if writer.calls:
            call = writer.calls[which % len(writer.calls)]
            self._call(writer, call.altered() if is_altered else call)

    @rule(who=WRITERS, how=st.sampled_from(["commit", "commit", "roll back"]))
    def end(self, who, how) -> None:
        if how == "roll back":
            self._give_up(who)
            return
        before = ids_of(self.committed[who])
        self.writers[who].connection.commit()
        self.committed[who] = self.writers[who].model.copy()
        self.untold |= ids_of(self.committed[who]) - before

    @rule(who=WRITERS, how=st.sampled_from(["cut", "read"]))
    def look(self, who, how) -> None:
        if how == "cut":
            self._cut_and_read()
        else:
            compare((self.writers[who], self.writers[who].model))

    def _cut_and_read(self) -> None:
        self.cuts.append(take_cut(self.reader, "model", self.cuts[-1]))
        new = between(self.cuts[-2].snapshot, self.cuts[-1].snapshot)
        batch = f"select id from jovey.events where {new} order by position"
        found = self.looking.exec_driver_sql(batch).scalars().all()
        assert found == [id for id in self.order if id in self.untold]
        self.untold.clear()

    def _call(self, writer: Writer, call: Call) -> None:
        writer.calls.append(call)
        expected = writer.model.append(call)
        self.outcomes.add(expected)
        if expected in {"appended", "duplicate"}:
            assert append_to_log(writer, call).outcome == expected
            self.order += [one.id for one in call.events if expected == "appended"]
            return
        with pytest.raises(DBAPIError) as refused:
            append_to_log(writer, call)
        assert sqlstate(refused.value) == expected
        self._give_up(self.writers.index(writer))

    def _give_up(self, who: int) -> None:
        self.writers[who].connection.rollback()
        self.writers[who].model = self.committed[who].copy()
        lasting = ids_of(self.committed[who]) | ids_of(self.writers[1 - who].model)
        self.order = [id for id in self.order if id in lasting]

    def teardown(self) -> None:
        """Whatever is open is given up; then everything committed has been told, and stands where the model has it."""
        for who in range(len(self.writers)):
            self._give_up(who)  # all of them first: the next example has the same connections
        try:
            compare(*zip(self.writers, self.committed, strict=True))
        finally:
            self.writers[0].connection.rollback()
        self._cut_and_read()


def append_to_log(writer: Writer, call: Call):
    heads = {one.ref.id: one.version for one in call.events}
    return append(
        writer.connection,
        call.events,
        expect_any=call.expect_any,
        folded=[
            Folded(ref, heads[ref.id], "{}", None, "active", NOON)
            for ref in writer.streams
            if ref.id in heads and not call.expect_any
        ],
        answered=[call.receipt] if call.receipt else [],
        claims=[call.claim] if call.claim else [],
    )


def compare(*told: tuple[Writer, Model]) -> None:
    """The log, as the first writer sees it, holds what the models do: events without a gap, and what is beside."""
    connection = told[0][0].connection
    connection.exec_driver_sql("select set_config('jovey.kind', 'system', true)")  # who sees everything
    streams = {ref.id: model.streams.get(ref.id, []) for writer, model in told for ref in writer.streams}
    rows = connection.exec_driver_sql(
        "select aggregate_id, version, id, data ->> 'reason' as reason from jovey.visible_events"
        " where aggregate_id = any(%s) order by position",
        (list(streams),),
    ).all()
    for stream, events in streams.items():
        mine = [row for row in rows if row.aggregate_id == stream]
        assert [(row.id, row.reason) for row in mine] == events
        assert [row.version for row in mine] == list(range(1, len(mine) + 1))
    states = {one.ref.id: one.version for one in load(connection, shared=list(streams))}
    assert states == {id: version for _, model in told for id, version in model.states.items()}
    asked = [call.receipt.command_id for writer, _ in told for call in writer.calls if call.receipt]
    answers = {id: request_hash for id, (request_hash, _) in receipts(connection, asked).items()}
    assert answers == {id: request_hash for _, model in told for id, request_hash in model.answers.items()}


def ids_of(model: Model) -> set[UUID]:
    return {id for events in model.streams.values() for id, _ in events}


def pairs(events: list[Recorded[ProductDeactivated]]) -> Iterator[tuple[Recorded, Recorded]]:
    """Each event with the next one of its stream."""
    for _, mine in groupby(sorted(events, key=by_stream), key=by_stream):
        yield from pairwise(mine)


@pytest.fixture
def people(scratch) -> Iterator[tuple[list[Connection], Engine, Connection]]:
    """Two writers' connections; a reader's engine for cuts, and its connection that sees each statement's moment."""
    writers, reader = scratch.engine("jovey_append"), scratch.engine("jovey_tail", pool_size=2)
    now = reader.execution_options(isolation_level="AUTOCOMMIT")
    with writers.connect() as first, writers.connect() as second, now.connect() as looking:
        yield [first, second], reader, looking
    writers.dispose()
    reader.dispose()


def meet_every_outcome(log: Log) -> None:
    """What chance may leave out: every answer there is, on purpose."""
    log.append(0, [(0, 1)], 0, expect_any=False, beside="receipt")
    log.end(0, "commit")
    log.append(0, [(0, 1)], 0, expect_any=False, beside="the last receipt")
    log.append_again(0, 0, is_altered=False)
    log.append_again(0, 0, is_altered=True)
    log.append(0, [(0, 1)], 1, expect_any=False, beside="nothing")
    log.append(0, [(0, 1)], 0, expect_any=False, beside="claim")
    log.append(0, [(1, 1)], 0, expect_any=False, beside="claim")
    log.teardown()


@pytest.mark.timeout(600)  # seconds on a quiet machine, minutes beside much other work
@pytest.mark.parametrize("part", range(PARTS))
def test_the_log_and_its_model_answer_alike(people, part):
    outcomes: set[str] = set()
    cuts = [take_cut(people[1], "model", None)]
    meet_every_outcome(Log(*people, cuts, outcomes))
    assert outcomes == {"appended", "duplicate", VERSION_CONFLICT, ID_REUSED, ANSWERED_BEFORE, CLAIMED}
    run_state_machine_as_test(
        seed(random.getrandbits(32) * PARTS + part)(lambda: Log(*people, cuts, outcomes)),
        settings=settings(max_examples=EXAMPLES // PARTS, stateful_step_count=STEPS, deadline=None, database=None),
    )

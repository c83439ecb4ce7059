"""handle(): the one shell around all rules. One transaction: load, lock, decide, append, react; on a conflict again."""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from api.actor import Actor
from api.command import Command
from api.functions import DECIDERS, REACTIONS
from api.given import Given
from api.refusals import Refusal
from api.rules import Rules
from api.stream import Stream
from api.streams import STREAMS
from warehouse.events.event import Event, Recorded, Ref
from warehouse.ids import derived
from warehouse.log.append import (
    CLAIMED,
    ID_REUSED,
    RETRYABLE,
    Appended,
    Claim,
    Folded,
    Loaded,
    Receipt,
    append,
    load,
    peek,
    receipts,
    sqlstate,
)
from warehouse.log.people import People, claim_key, master_of
from warehouse.vault import FINGERPRINT, MARK

ATTEMPTS_MAX = 12
BACKOFF_SECONDS = 0.002  # doubled at every attempt, times a random share: about 8 s in all at the most
CONSEQUENCES_MAX = 20_000  # of one command: a 2,000-line order causes about 2,010

Answer = Callable[[Ref, int, Any], Mapping[str, Any]]
"""What the caller is told: (stream, version, state after) -> JSON object. Kept in the receipt for repetitions."""


class Busy(Exception):
    """The streams stayed contended through every attempt; nothing was done."""


def identity(ref: Ref, version: int, _state: Any) -> Mapping[str, Any]:
    """The plainest answer: which stream, at which version."""
    return {"id": str(ref.id), "version": version}


@dataclass(frozen=True, slots=True)
class Request:
    """A command, under the id that makes its repetition harmless, by somebody, taking effect at an instant.

    With `expected_version` it is refused unless its stream stands exactly there. `said` is what the caller sent, where
    the command holds more than that (ids that were looked up): it then tells a repetition from another request.
    """

    command: Command
    id: UUID
    by: Actor
    at: datetime
    answer: Answer = identity
    expected_version: int | None = None
    said: str | None = None

    @property
    def hash(self) -> bytes:
        """Tells a repetition of this request from another request under the same id."""
        return request_hash(self.by, self.text)

    @property
    def text(self) -> str:
        """What was asked, in full."""
        return self.said or f"{type(self.command).__name__}\x1f{self.command.model_dump_json()}"


def request_hash(by: Actor, said: str) -> bytes:
    """What tells requests apart; only its keyed hash is kept, for what people say of themselves can be guessed."""
    return hashlib.sha256(f"{by.signature}\x1f{said}".encode()).digest()


def kept_hash(connection: Connection, bare: bytes) -> bytes:
    """What is remembered of a request to know it again."""
    return master_of(connection).fingerprint("request", bare)


@dataclass(frozen=True, slots=True)
class Handled:
    """`response` is the answer given, now or the first time; `transaction_id` places the write among the log's cuts."""

    ref: Ref
    response: Mapping[str, Any]
    is_repeated: bool
    transaction_id: int | None


def handle(engine: Engine, request: Request, rules: Rules) -> Handled:
    """Do what one command asks, or raise Refusal; Busy when the world kept moving."""
    return handle_all(engine, [request], rules)[0]


def handle_all(
    engine: Engine, requests: Sequence[Request], rules: Rules, *, beside: Callable[[Connection], None] | None = None
) -> list[Handled]:
    """Do what several commands ask, in order, in one transaction: all or none. Repeated ones are answered as before.

    `beside` writes what belongs into the same transaction but is no fact, such as a password's hash.
    """
    for attempt in range(ATTEMPTS_MAX):
        fresh: list[UUID] = []
        try:
            with engine.begin() as connection:
                handled = _Unit(connection, rules).answer_all(requests, fresh)
                if beside is not None and not all(one.is_repeated for one in handled):
                    beside(connection)
                return handled
        except _MovedOn:
            pass
        except Refusal:  # perhaps of what the very same request, sent twice at once, has just done
            if not _answered_meanwhile(engine, fresh):
                raise
        except DBAPIError as error:
            if sqlstate(error) == CLAIMED:
                raise _claim_refusal(error) from error
            if sqlstate(error) not in RETRYABLE and not (
                sqlstate(error) == ID_REUSED and _answered_meanwhile(engine, fresh)
            ):
                raise
        time.sleep(random.random() * BACKOFF_SECONDS * 2**attempt)  # noqa: S311 - jitter is no secret
    raise Busy(f"{type(requests[0].command).__name__} found its streams moving {ATTEMPTS_MAX} times in a row.")


class _MovedOn(Exception):
    """A state peeked at changed before it was locked."""


@dataclass(slots=True)
class _Held:
    """A state in this transaction: as loaded (`version`, `before`), and as it stands now.

    `stored` is the state as the database holds it, with what is personal hidden; `before` and `now` are what rules see.
    """

    stream: Stream[Any]
    ref: Ref
    version: int
    before: Any
    now: Any
    stored: Any
    head: int
    at: datetime | None = None


class _Unit:
    """What one transaction knows and is about to write."""

    def __init__(self, connection: Connection, rules: Rules) -> None:
        self._connection = connection
        self._rules = rules
        self._people = People(connection)
        self._held: dict[UUID, _Held] = {}
        self._peeked: dict[UUID, tuple[int, Any]] = {}
        self._recorded: list[Recorded[Any]] = []

    def answer_all(self, requests: Sequence[Request], fresh_ids: list[UUID]) -> list[Handled]:
        """Run the requests that have no receipt yet, write everything at once, and answer all of them.

        Whatever happens, `fresh_ids` then names the requests that had none.
        """
        before = receipts(self._connection, [request.id for request in requests])
        fresh = [request for request in requests if request.id not in before]
        fresh_ids.extend(request.id for request in fresh)
        if len(fresh) > 1:  # lock a whole batch at once; a single command declares itself when it is decided
            self._hold(self._declared([request.command for request in fresh]))
        answers: dict[UUID, Mapping[str, Any]] = {}
        for request in fresh:
            self._run(request)
            held = self._held[request.command.ref.id]
            answers[request.id] = request.answer(held.ref, held.head, held.stored)
        written = self._write([self._receipt(r, answers[r.id]) for r in fresh]) if fresh else None
        return [
            Handled(r.command.ref, self._told(answers[r.id]), is_repeated=False, transaction_id=written.transaction_id)
            if written and r.id in answers
            else self._repeated(r, *before[r.id])
            for r in requests
        ]

    def _receipt(self, request: Request, answer: Mapping[str, Any]) -> Receipt:
        return Receipt(request.id, kept_hash(self._connection, request.hash), json.dumps(answer))

    def _told(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._people.reveal_answer(answer)

    def _repeated(self, request: Request, hash_before: bytes, response: Mapping[str, Any]) -> Handled:
        if hash_before not in {kept_hash(self._connection, request.hash), request.hash}:  # older receipts hold it bare
            raise Refusal("idempotency_key_reused", "This key was used before for a different request; take a new one.")
        return Handled(request.command.ref, self._told(response), is_repeated=True, transaction_id=None)

    def _run(self, request: Request) -> None:
        """Decide the command, then whatever its events cause, first come first served."""
        _refuse_hidden(request)
        waiting: deque[tuple[Command, UUID]] = deque([(request.command, request.id)])
        ordinal = 0
        for _ in range(CONSEQUENCES_MAX):
            if not waiting:
                return
            command, cause = waiting.popleft()
            for event in self._decide(command, request):
                recorded = self._record(event, command.ref, request, ordinal, cause)
                ordinal += 1
                given = self._given(command.ref, request)
                for react in REACTIONS.get(type(event), ()):
                    waiting.extend((consequence, recorded.id) for consequence in react(recorded, given))
        raise AssertionError(f"{type(request.command).__name__} caused more than {CONSEQUENCES_MAX} consequences")

    def _decide(self, command: Command, request: Request) -> Sequence[Event]:
        self._hold(self._declared([command]))
        held = self._held[command.ref.id]
        expected = request.expected_version if command is request.command else None
        moved = None if expected in {None, held.version} else _moved(held.ref, held.version, expected)
        try:
            events = DECIDERS[command.stream].decide(held.now, command, self._given(command.ref, request))
        except Refusal as refusal:
            if moved is not None and refusal.kind == "conflict":  # who may not know of it learns no version either
                raise moved from refusal
            raise
        if moved is not None:
            raise moved
        return events

    def _record(self, event: Event, ref: Ref, request: Request, ordinal: int, cause: UUID) -> Recorded[Any]:
        held = self._held[ref.id]
        held.head += 1
        held.at = request.at
        recorded = Recorded(
            event=event,
            id=derived(request.id, ordinal),
            ref=ref,
            version=held.head,
            effective_at=request.at,
            created_by=request.by.signature,
            correlation_id=request.id,
            causation_id=cause,
            subject_id=_subject(event, ref),
        )
        stored = self._people.hide(recorded)
        is_alike = stored is recorded and held.stored is held.now
        held.now = held.stream.evolve(held.now, recorded)
        held.stored = held.now if is_alike else held.stream.evolve(held.stored, stored)
        self._recorded.append(stored)
        return recorded

    def _given(self, ref: Ref, request: Request) -> Given:
        return Given(ref, request.id, request.by, request.at, self._rules, self._held[ref.id].head, self._lookup)

    def _lookup(self, stream: Stream[Any], id: UUID) -> Any:
        if id not in self._held:
            raise AssertionError(f"{stream.name} {id} was read but not declared in reads()")
        held = self._held[id]
        return held.now if held.ref == stream.ref(id) else stream.initial  # one id given twice names one thing

    def _declared(self, commands: Iterable[Command]) -> tuple[dict[UUID, Ref], dict[UUID, Ref]]:
        """All streams the commands declare, shared and locked; their own streams are locked."""
        shared: dict[UUID, Ref] = {}
        locked: dict[UUID, Ref] = {}
        for command in commands:
            reads = DECIDERS[command.stream].reads(command, self._peek)
            locked[command.ref.id] = command.ref
            locked.update((ref.id, ref) for ref in reads.locked)
            shared.update((ref.id, ref) for ref in reads.shared)
        return shared, locked

    def _hold(self, declared: tuple[dict[UUID, Ref], dict[UUID, Ref]]) -> None:
        """Load and lock what is declared and not yet held; streams that do not exist are held at their beginning."""
        shared, locked = ({id: ref for id, ref in refs.items() if id not in self._held} for refs in declared)
        if not shared and not locked:
            return
        missing = shared | locked
        rows = load(self._connection, shared=shared.keys() - locked.keys(), locked=locked)
        found = [one for one in rows if one.ref == missing[one.ref.id]]  # a colleague's id names no supplier
        self._people.met_with(found)
        for loaded, shown in zip(found, self._people.reveal([one.state for one in found]), strict=True):
            if loaded.ref.id in self._peeked and self._peeked[loaded.ref.id][0] != loaded.version:
                raise _MovedOn
            self._keep(loaded, shown)
        for ref in missing.values():
            if ref.id not in self._held:
                stream = STREAMS[ref.stream]
                self._held[ref.id] = _Held(stream, ref, 0, stream.initial, stream.initial, stream.initial, 0)

    def _keep(self, loaded: Loaded, shown: str) -> None:
        stream = STREAMS[loaded.ref.stream]
        stored = stream.parse(loaded.state)
        state = stored if shown == loaded.state else stream.parse(shown)
        self._held[loaded.ref.id] = _Held(stream, loaded.ref, loaded.version, state, state, stored, loaded.version)

    def _peek(self, stream: Stream[Any], id: UUID) -> Any:
        if id in self._held:
            return self._lookup(stream, id)
        if id not in self._peeked:
            self._peeked[id] = (0, stream.initial)
            for loaded in (one for one in peek(self._connection, [id]) if one.ref == stream.ref(id)):
                self._peeked[id] = (loaded.version, stream.parse(*self._people.reveal([loaded.state])))
        return self._peeked[id][1]

    def _write(self, answered: Sequence[Receipt]) -> Appended:
        changed = [held for held in self._held.values() if held.head > held.version]
        claims, unclaims = self._claims(changed)
        appended = append(
            self._connection,
            self._recorded,
            folded=[
                Folded(h.ref, h.head, h.stream.dump(h.stored), h.stream.owner(h.now), h.stream.status(h.now), h.at)
                for h in changed
                if h.at is not None
            ],
            answered=answered,
            claims=claims,
            unclaims=unclaims,
        )
        for recorded in self._recorded:
            if recorded.event.erases_subject:
                assert recorded.subject_id is not None, f"{recorded.event.type} erases nobody"
                self._people.forget(recorded.subject_id)
        return appended

    def _claims(self, changed: Iterable[_Held]) -> tuple[list[Claim], list[Claim]]:
        """Natural keys that changed streams took up, and those they let go."""
        gained: list[Claim] = []
        lost: list[Claim] = []
        for held in changed:
            before, after = self._claimed(held, held.before), self._claimed(held, held.now)
            gained += after - before
            lost += before - after
        return gained, lost

    def _claimed(self, held: _Held, state: Any) -> set[Claim]:
        is_personal = held.stream.has_personal_claims
        return {
            Claim(scope, claim_key(self._connection, scope, key) if is_personal else key, held.ref.id)
            for scope, key in held.stream.claims(state)
        }


def _refuse_hidden(request: Request) -> None:
    """Nobody may write what looks like hidden words: shown again, it would tell them what they may not read."""
    if MARK in request.text:
        raise Refusal("reserved_words", f"No text may contain {MARK!r}.")


def _moved(ref: Ref, version: int, expected: int | None) -> Refusal:
    where = f"The {ref.stream.replace('_', ' ')} is at version {version}, not at {expected}"
    return Refusal("version_moved", f"{where}; read it again and decide anew.", kind="moved")


def _answered_meanwhile(engine: Engine, ids: Sequence[UUID]) -> bool:
    """Some of the requests that had no receipt have one now: asking again gives the answer."""
    with engine.connect() as connection:
        return bool(ids and receipts(connection, ids))


def _subject(event: Event, ref: Ref) -> UUID | None:
    if event.subject is None:
        return None
    found: UUID | None = ref.id if event.subject == "aggregate_id" else getattr(event, event.subject)
    return found


def _claim_refusal(error: DBAPIError) -> Refusal:
    diagnosis = getattr(error.orig, "diag", None)
    scope = getattr(diagnosis, "message_detail", None) or "key"
    message = getattr(diagnosis, "message_primary", None) or str(error.orig)
    return Refusal(f"{scope}_taken", f"the {scope} belongs to another" if FINGERPRINT in message else message)

"""How an agent comes to proposals: what is due and undecided, Claude's advice where it is paid for, and guards."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from api.agents.commands import (
    GuardVerdict,
    ProposeDecision,
    Reorder,
    ReorderPreconditions,
    Reprice,
    RepricePreconditions,
    SeenAsOf,
    Sighting,
    decision_id,
)
from api.agents.policy import decision_key
from assets.ask import Asker, CallBook, Unanswered
from assets.contract import LINES_MAX, Contract, Entry, Line, Reading, Sheet
from warehouse.events.agents import Agent as AgentName
from warehouse.events.agents import FallbackReason, Origin
from warehouse.lake.read import AsOf, Reader
from warehouse.settings import Settings

PROPOSALS_MAX = 200  # of one run, the most urgent first; the next run goes on
UNSEEN = timedelta(minutes=1)  # a write may carry a time so much before the cut that does not hold it yet
_GOING_ON = frozenset({"refusal", "truncated", "invalid", "protocol"})  # failures that the next question may not meet

L = TypeVar("L", bound=Line)
Act = Reorder | Reprice


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do, why, and what the guards say of it."""

    act: Act
    reason: str
    rationale: str
    guards: tuple[GuardVerdict, ...]


@dataclass(frozen=True, slots=True)
class Case(Generic[L]):
    """One subject that something may be proposed about.

    `snapshot` is what tells one situation from another: coarse, so that not every order makes a new one. `formula` is
    the formula's advice; `hear` makes advice of a line of Claude's.
    """

    subject: str
    snapshot: Mapping[str, str]
    situation: tuple[Sighting, ...]
    formula: Advice
    preconditions: ReorderPreconditions | RepricePreconditions
    entry: Entry
    hear: Callable[[L], Advice]


@dataclass(frozen=True, slots=True)
class Due(Generic[L]):
    """What the lake shows to be due, most urgent first, and as of when."""

    cases: Sequence[Case[L]]
    as_of: AsOf


@dataclass(frozen=True, slots=True)
class Agent(Generic[L]):
    """Who proposes, to which function (its contract's), by which contract, and of what it finds in which table."""

    name: AgentName
    contract: Contract[L]
    table: str
    due: Callable[[Reader, Settings], Due[L]]


@dataclass(frozen=True, slots=True)
class Past:
    """The decisions of a function that the lake knows.

    `waiting` and `ended` are by subject: the one that waits; the newest that expired, went stale or was carried out.
    After such an end the same situation is a new one. After a rejection it is not: nobody is asked the same twice.
    """

    ids: frozenset[UUID] = frozenset()
    waiting: Mapping[str, UUID] = field(default_factory=dict)
    ended: Mapping[str, UUID] = field(default_factory=dict)
    next_expiry: datetime | None = None

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], at: datetime) -> Past:
        """From rows of agents.decisions, by what the clock says of those that nobody has decided on."""
        ids, waiting, expiries = set(), {}, []
        ends: dict[str, tuple[datetime, UUID]] = {}
        for row in rows:
            id, status = UUID(str(row["id"])), row["status"]
            ids.add(id)
            lapses = status == "proposed" and row["expires_at"] <= at
            if status == "proposed" and not lapses:
                waiting[row["sku"]] = id
                expiries.append(row["expires_at"])
            if lapses or status in {"expired", "stale", "executed"}:
                end = (row["ended_at"] or row["expires_at"], id)
                ends[row["sku"]] = max(ends.get(row["sku"], end), end)
        ended = {sku: id for sku, (_, id) in ends.items()}
        return cls(frozenset(ids), waiting, ended, min(expiries, default=None))


class Desk(CallBook, Protocol):
    """Where proposals go, and what is known there that the lake may not show yet."""

    def proposed_since(self, function: str, since: datetime) -> Iterator[tuple[UUID, str]]:
        """Decisions proposed since then with their subjects."""

    def is_waiting(self, id: UUID) -> bool:
        """Whether nobody has decided on it yet."""

    def propose(self, command: ProposeDecision) -> str | None:
        """Propose; the code of the refusal when it was refused."""


@dataclass(slots=True)
class Done:
    """What a run did: number of proposals by label, refusals by code, and how many subjects it left for later."""

    proposed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    left: int = 0


@dataclass(frozen=True, slots=True)
class Named(Generic[L]):
    """A case with the hash of its snapshot and the decision that it would be."""

    case: Case[L]
    snapshot_hash: str
    id: UUID


@dataclass(frozen=True, slots=True)
class _Heard:
    """What will be proposed of a case: by whom, or for want of what."""

    advice: Advice
    origin: Origin
    label: FallbackReason | None = None
    answer: Mapping[str, Any] | None = None
    call_id: UUID | None = None


def undecided(agent: Agent[L], cases: Iterable[Case[L]], past: Past) -> list[Named[L]]:
    """The cases that no decision stands for, in their order."""
    named = (_named(agent, case, past) for case in cases)
    return [one for one in named if one.id not in past.ids]


def propose_all(
    agent: Agent[L], due: Due[L], past: Past, desk: Desk, asker: Asker | None, on: date, currency: str
) -> Done:
    """Propose what is due and undecided, each once, however often it is run."""
    as_of = due.as_of
    since = desk.proposed_since(agent.contract.function, as_of.at - UNSEEN)
    unseen = {subject for id, subject in since if id not in past.ids}
    fresh = [
        one
        for one in undecided(agent, due.cases, past)
        if one.case.subject not in unseen and _is_free(one.case.subject, past, desk)
    ]
    now, later = fresh[:PROPOSALS_MAX], fresh[PROPOSALS_MAX:]
    done = Done(left=len(later))
    for one, heard in _heard(agent, now, asker, on, currency):
        refusal = desk.propose(_command(agent, one, heard, as_of))
        if refusal is None:
            done.proposed[heard.label or heard.origin] += 1
        else:
            done.refused[refusal] += 1
    return done


def _is_free(subject: str, past: Past, desk: Desk) -> bool:
    """Whether nothing was decided on the subject that the lake does not show: its stock or price may have moved."""
    waiting = past.waiting.get(subject)
    return waiting is None or desk.is_waiting(waiting)


def _named(agent: Agent[L], case: Case[L], past: Past) -> Named[L]:
    renewed = past.ended.get(case.subject)
    evidence = {**case.snapshot, "renews": str(renewed or "")}
    snapshot_hash = hashlib.sha256(json.dumps(evidence, sort_keys=True).encode()).hexdigest()
    key = decision_key(agent.contract.function, case.subject, snapshot_hash, agent.contract.version)
    return Named(case, snapshot_hash, decision_id(key))


def _heard(
    agent: Agent[L], named: Sequence[Named[L]], asker: Asker | None, on: date, currency: str
) -> Iterator[tuple[Named[L], _Heard]]:
    """Each case with what is proposed of it; questions are asked one after the other until one fails for all."""
    stopped: FallbackReason | None = None
    for start in range(0, len(named), LINES_MAX):
        batch = named[start : start + LINES_MAX]
        if asker is None:
            yield from ((one, _Heard(one.case.formula, "formula")) for one in batch)
            continue
        if stopped is not None:
            yield from ((one, _fallback(one, stopped)) for one in batch)
            continue
        for one, heard in _Sitting(agent, asker, on, currency).heard(batch):
            stopped = heard.label if heard.label and heard.label not in {*_GOING_ON, "guard"} else stopped
            yield one, heard


@dataclass(frozen=True, slots=True)
class _Sitting(Generic[L]):
    """A batch of cases before Claude."""

    agent: Agent[L]
    asker: Asker
    on: date
    currency: str

    def heard(self, batch: Sequence[Named[L]], *, is_half: bool = False) -> Iterator[tuple[Named[L], _Heard]]:
        """Ask about a batch; halve it once when the answer is too long."""
        by_mark = {one.case.entry.mark: one for one in batch}
        sheet = Sheet.of(one.case.entry for one in batch)
        try:
            reading, call_id = self._read(sheet)
        except Unanswered as failure:
            if failure.label == "truncated" and len(batch) > 1 and not is_half:
                middle = len(batch) // 2
                for half in (batch[:middle], batch[middle:]):
                    yield from self.heard(half, is_half=True)
                return
            yield from ((one, _fallback(one, failure.label, failure.call_id)) for one in batch)
            return
        for line_id, entry in sheet.ids.items():
            yield by_mark[entry.mark], _weighed(by_mark[entry.mark], reading.lines.get(line_id), call_id)

    def _read(self, sheet: Sheet) -> tuple[Reading[L], UUID]:
        """Claude's lines; asked once more, by codes alone, when some cannot be taken. Raises Unanswered."""
        contract = self.agent.contract
        answer = self.asker.ask(contract.question(sheet, self.on, self.currency))
        reading = contract.read(answer.text, sheet)
        if reading.codes:
            answer = self.asker.ask(contract.question(sheet, self.on, self.currency, reading.codes))
            reading = contract.read(answer.text, sheet)
        return reading, answer.call_id


def _weighed(one: Named[L], line: L | None, call_id: UUID) -> _Heard:
    """Claude's advice where it can be taken and every guard lets it pass, else the formula's."""
    if line is None:
        return _fallback(one, "invalid", call_id)
    advice = one.case.hear(line)
    answer = line.model_dump(mode="json", exclude={"line_id"})
    if not all(guard.has_passed for guard in advice.guards):
        return _fallback(one, "guard", call_id, answer)
    return _Heard(advice, "claude", answer=answer, call_id=call_id)


def _fallback(
    one: Named[L], label: FallbackReason, call_id: UUID | None = None, answer: Mapping[str, Any] | None = None
) -> _Heard:
    return _Heard(one.case.formula, "fallback", label, answer, call_id)


def _command(agent: Agent[L], one: Named[L], heard: _Heard, as_of: AsOf) -> ProposeDecision:
    return ProposeDecision(
        function=agent.contract.function,
        agent=agent.name,
        subject=one.case.subject,
        contract_version=agent.contract.version,
        snapshot_hash=one.snapshot_hash,
        as_of=SeenAsOf(position=as_of.position, event_number=as_of.event_number, at=as_of.at),
        situation=one.case.situation,
        proposal=heard.advice.act,
        formula=one.case.formula.act,
        model_answer=None if heard.answer is None else dict(heard.answer),
        origin=heard.origin,
        fallback_reason=heard.label,
        reason=heard.advice.reason,
        rationale=heard.advice.rationale,
        guards=heard.advice.guards,
        preconditions=one.case.preconditions,
        model_call_id=heard.call_id,
    )

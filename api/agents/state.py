"""What decisions, dockets and the record of model calls amount to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, assert_never
from uuid import UUID

from api.replace import replace
from api.stream import Stream
from warehouse.events.agents import (
    Agent,
    DecidingFunction,
    DecisionApproved,
    DecisionExecuted,
    DecisionExpired,
    DecisionProposed,
    DecisionRejected,
    DecisionStale,
    DecisionSuperseded,
    Difference,
    DocketRenewed,
    EffectStream,
    FallbackReason,
    LakeView,
    ModelCallRecorded,
    Origin,
    Precondition,
    ProposedAct,
    RejectionCode,
    Sight,
    Verdict,
)
from warehouse.events.event import Happened
from warehouse.money import ZERO

DecisionEvent = (
    DecisionProposed
    | DecisionApproved
    | DecisionRejected
    | DecisionExpired
    | DecisionSuperseded
    | DecisionStale
    | DecisionExecuted
)
DecisionStatus = Literal["proposed", "approved", "executed", "rejected", "expired", "superseded", "stale"]
NOTHING_REQUIRED = Precondition()
ANSWERED = 200  # the HTTP status of a model call that need not be made again


@dataclass(frozen=True)
class Restocking:
    """So many pieces to order from a supplier."""

    sku: str
    supplier_id: UUID
    quantity: int
    unit_cost: Decimal
    location: str
    kind: Literal["reorder"] = "reorder"


@dataclass(frozen=True)
class Repricing:
    """A list price to change."""

    sku: str
    product_id: UUID
    current_price: Decimal
    new_price: Decimal
    kind: Literal["price"] = "price"


@dataclass(frozen=True)
class Effect:
    """The stream in which an approved decision did what it proposed."""

    stream: EffectStream
    id: UUID


@dataclass(frozen=True)
class Decision:
    """What was proposed, by what it saw, and what became of it. `proposed_by` is the signature of who proposed it."""

    number: str = ""
    function: DecidingFunction = "procurement"
    agent: Agent = "reorder"
    subject: str = ""
    contract_version: str = ""
    snapshot_hash: str = ""
    as_of: LakeView | None = None
    situation: tuple[Sight, ...] = ()
    proposal: Restocking | Repricing | None = None
    formula: Restocking | Repricing | None = None
    model_answer: str | None = None
    origin: Origin = "formula"
    fallback_reason: FallbackReason | None = None
    reason: str = ""
    rationale: str = ""
    guards: tuple[Verdict, ...] = ()
    preconditions: Precondition = NOTHING_REQUIRED
    model_call_id: UUID | None = None
    amount: Decimal = ZERO
    currency: str = ""
    proposed_by: str = ""
    proposed_at: datetime | None = None
    expires_at: datetime | None = None
    status: DecisionStatus = "proposed"
    decided_by: str | None = None
    decided_at: datetime | None = None
    rejection_code: RejectionCode | None = None
    decision_reason: str = ""
    superseded_by: UUID | None = None
    differences: tuple[Difference, ...] = ()
    effect: Effect | None = None

    @property
    def act(self) -> Restocking | Repricing:
        """What it proposes to do."""
        assert self.proposal is not None, "a decision proposes something from the beginning"
        return self.proposal

    def status_at(self, at: datetime) -> DecisionStatus:
        """The status at an instant: expiring needs no job, it is a comparison of times."""
        has_lapsed = self.status == "proposed" and self.expires_at is not None and self.expires_at <= at
        return "expired" if has_lapsed else self.status


@dataclass(frozen=True)
class Docket:
    """Which decision counts for a function and a subject, and how much of the log it had seen."""

    decision_id: UUID | None = None
    event_number: int = 0


@dataclass(frozen=True)
class ModelCall:
    """What a model was asked and answered, the last time this request was sent."""

    request_hash: str = ""
    function: DecidingFunction = "procurement"
    model: str = ""
    request: str = ""
    response: str = ""
    request_id: str | None = None
    stop_reason: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cost_usd: Decimal = ZERO
    latency_ms: int = 0
    attempts: int = 0
    status: int = 0
    recorded_at: datetime | None = None


def evolve_decision(decision: Decision, recorded: Happened[DecisionEvent]) -> Decision:
    """The decision after one more fact."""
    match recorded.event:
        case DecisionProposed() as fact:
            return _proposed(fact, recorded)
        case DecisionApproved(reason=reason):
            return _decided(replace(decision, status="approved", decision_reason=reason), recorded)
        case DecisionRejected(reason_code=code, reason=reason):
            rejected = replace(decision, status="rejected", rejection_code=code, decision_reason=reason)
            return _decided(rejected, recorded)
        case DecisionExpired():
            return replace(decision, status="expired")
        case DecisionSuperseded(by_decision_id=newer):
            return replace(decision, status="superseded", superseded_by=newer)
        case DecisionStale(differences=differences):
            return _decided(replace(decision, status="stale", differences=differences), recorded)
        case DecisionExecuted(effect_stream=stream, effect_id=id):
            return replace(decision, status="executed", effect=Effect(stream, id))
        case never:
            assert_never(never)


def _decided(decision: Decision, recorded: Happened[DecisionEvent]) -> Decision:
    return replace(decision, decided_by=recorded.created_by, decided_at=recorded.effective_at)


def _proposed(fact: DecisionProposed, recorded: Happened[DecisionEvent]) -> Decision:
    told = {name: getattr(fact, name) for name in DecisionProposed.model_fields if name not in _RENAMED}
    return Decision(
        **told,
        subject=fact.sku,
        proposal=act_of(fact.proposal),
        formula=act_of(fact.formula),
        proposed_by=recorded.created_by,
        proposed_at=recorded.effective_at,
    )


_RENAMED = frozenset({"sku", "proposal", "formula"})


def act_of(told: ProposedAct) -> Restocking | Repricing:
    """What is to be done, as the one kind of deed that it is."""
    filled = {name: one for name, one in dict(told).items() if one is not None and name != "kind"}
    return Restocking(**filled) if told.kind == "reorder" else Repricing(**filled)


def evolve_docket(_: Docket, recorded: Happened[DocketRenewed]) -> Docket:
    """The docket after one more proposal."""
    return Docket(recorded.event.decision_id, recorded.event.event_number)


def evolve_model_call(_: ModelCall, recorded: Happened[ModelCallRecorded]) -> ModelCall:
    """The call after one more answer."""
    return ModelCall(**dict(recorded.event), recorded_at=recorded.effective_at)


DECISION: Stream[Decision] = Stream(
    name="decision",
    initial=Decision(),
    evolve=evolve_decision,
    status=lambda decision: decision.status,
)
DOCKET: Stream[Docket] = Stream(name="docket", initial=Docket(), evolve=evolve_docket, status=lambda _: "open")
MODEL_CALL: Stream[ModelCall] = Stream(
    name="model_call",
    initial=ModelCall(),
    evolve=evolve_model_call,
    status=lambda call: "answered" if call.status == ANSWERED else "failed",
)

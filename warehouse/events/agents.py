"""Facts of the agents: streams `decision`, `docket` (one per function and subject) and `model_call`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from warehouse.events.event import Amount, Event, Part, UnitPrice

DecidingFunction = Literal["procurement", "category"]
Agent = Literal["reorder", "pricing"]
Origin = Literal["claude", "formula", "fallback"]
FallbackReason = Literal[
    "overloaded",
    "billing",
    "auth",
    "bad_request",
    "timeout",
    "refusal",
    "truncated",
    "invalid",
    "protocol",
    "guard",
    "model",
    "budget",
]
RejectionCode = Literal["quantity", "price", "supplier", "timing", "figures", "other"]
EffectStream = Literal["purchase_order", "product"]


class LakeView(Part):
    """What the lake showed: its cut, the number of the newest event in it, and when it was looked at."""

    position: str
    event_number: int
    at: datetime


class Sight(Part):
    """One thing that was seen, in words people read."""

    name: str
    value: str
    unit: str = ""


class Verdict(Part):
    """What one guard said."""

    name: str
    has_passed: bool
    message: str = ""


class ProposedAct(Part):
    """What is to be done: a `reorder` has supplier, quantity, cost and place, a `price` product and prices."""

    kind: Literal["reorder", "price"]
    sku: str
    supplier_id: UUID | None = None
    quantity: int | None = None
    unit_cost: UnitPrice | None = None
    location: str | None = None
    product_id: UUID | None = None
    current_price: Amount | None = None
    new_price: Amount | None = None


class Precondition(Part):
    """What must still be so when it is approved; those of the other kind of act are none."""

    quantity_on_hand: int | None = None
    unit_cost: UnitPrice | None = None
    current_price: Amount | None = None
    cost: UnitPrice | None = None


class Difference(Part):
    """A thing that was so when it was proposed and is otherwise now."""

    name: str
    was: str
    is_now: str


class DecisionProposed(Event):
    """An agent proposed something to the function it concerns."""

    stream: ClassVar[str] = "decision"
    type: ClassVar[str] = "decision.proposed"

    number: str
    function: DecidingFunction = Field(description="Whose right it takes to decide.")
    agent: Agent
    sku: str = Field(description="The product it is about: the subject.")
    contract_version: str
    snapshot_hash: str = Field(description="SHA-256 of what it was decided from, in hex.")
    as_of: LakeView
    situation: tuple[Sight, ...]
    proposal: ProposedAct
    formula: ProposedAct = Field(description="The formula's own answer; the proposal itself unless Claude's was taken.")
    model_answer: str | None = Field(description="Claude's answer as interpreted, JSON.")
    origin: Origin
    fallback_reason: FallbackReason | None
    reason: str = Field(description="A code, such as SUPPLIER_LATE; NONE when the figures say it all.")
    rationale: str
    guards: tuple[Verdict, ...]
    preconditions: Precondition
    model_call_id: UUID | None
    amount: Amount = Field(description="What the purchase order comes to, or the new price.")
    currency: str
    expires_at: datetime = Field(description="From then on it can no longer be approved.")


class DecisionApproved(Event):
    """Somebody with the right said yes; the effect is in the same transaction."""

    stream: ClassVar[str] = "decision"
    type: ClassVar[str] = "decision.approved"

    reason: str = ""


class DecisionRejected(Event):
    """Somebody with the right said no."""

    stream: ClassVar[str] = "decision"
    type: ClassVar[str] = "decision.rejected"

    reason_code: RejectionCode
    reason: str = ""


class DecisionExpired(Event):
    """Nobody decided in time."""

    stream: ClassVar[str] = "decision"
    type: ClassVar[str] = "decision.expired"


class DecisionSuperseded(Event):
    """A newer proposal about the same subject took its place."""

    stream: ClassVar[str] = "decision"
    type: ClassVar[str] = "decision.superseded"

    by_decision_id: UUID


class DecisionStale(Event):
    """When it was to be approved the world was no longer as the proposal had seen it; nothing was done."""

    stream: ClassVar[str] = "decision"
    type: ClassVar[str] = "decision.stale"

    differences: tuple[Difference, ...]


class DecisionExecuted(Event):
    """What it proposed was done."""

    stream: ClassVar[str] = "decision"
    type: ClassVar[str] = "decision.executed"

    effect_stream: EffectStream
    effect_id: UUID


class DocketRenewed(Event):
    """A new proposal is the one that counts for a function and a subject."""

    stream: ClassVar[str] = "docket"
    type: ClassVar[str] = "docket.renewed"

    function: DecidingFunction
    sku: str
    decision_id: UUID
    event_number: int = Field(description="The number of the newest event that the proposal saw.")


class ModelCallRecorded(Event):
    """A model was asked; request and answer are kept as they went over the wire."""

    stream: ClassVar[str] = "model_call"
    type: ClassVar[str] = "model_call.recorded"

    request_hash: str
    function: DecidingFunction
    model: str
    request: str
    response: str
    request_id: str | None
    stop_reason: str | None
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cost_usd: Decimal
    latency_ms: int
    attempts: int
    status: int = Field(description="HTTP status of the last answer; 0 when none came.")

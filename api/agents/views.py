"""What staff and agents see of decisions and of what models were asked."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, Json, JsonValue

from api.actor import Actor
from api.agents.state import DecisionStatus
from api.views import Shown, View
from warehouse.clock import now
from warehouse.events.agents import (
    Agent,
    DecidingFunction,
    Difference,
    EffectStream,
    FallbackReason,
    LakeView,
    Origin,
    RejectionCode,
    Sight,
    Verdict,
)


class RestockingView(Shown):
    """So many pieces to order from a supplier."""

    kind: Literal["reorder"]
    sku: str
    supplier_id: UUID
    quantity: int
    unit_cost: Decimal
    location: str


class RepricingView(Shown):
    """A list price to change."""

    kind: Literal["price"]
    sku: str
    product_id: UUID
    current_price: Decimal
    new_price: Decimal


class RestockingStandsOn(Shown):
    """What must still be so, give or take a little: pieces on hand, and what a piece costs."""

    quantity_on_hand: int
    unit_cost: Decimal | None


class RepricingStandsOn(Shown):
    """What must still be so: the price, and give or take a little what a piece costs."""

    current_price: Decimal
    cost: Decimal | None


class EffectView(Shown):
    """The stream in which it did what it proposed: the purchase order, or the product."""

    stream: EffectStream
    id: UUID


ActView = Annotated[RestockingView | RepricingView, Field(discriminator="kind")]


class DecisionView(View):
    """What an agent proposes, by what it saw, and what became of it. Its texts are text, never markup."""

    number: str = Field(examples=["AD-261122-7K3M9QXA"])
    function: DecidingFunction = Field(description="Whose right it takes to decide.")
    agent: Agent
    subject: str = Field(description="The SKU it is about.")
    status: DecisionStatus
    proposal: ActView
    formula: ActView = Field(description="The formula's own answer; the proposal itself unless Claude's was taken.")
    model_answer: Json[dict[str, JsonValue]] | None = Field(description="Claude's answer as interpreted.")
    origin: Origin
    fallback_reason: FallbackReason | None
    reason: str
    rationale: str
    situation: tuple[Sight, ...]
    guards: tuple[Verdict, ...]
    preconditions: RestockingStandsOn | RepricingStandsOn
    as_of: LakeView
    contract_version: str
    snapshot_hash: str
    model_call_id: UUID | None
    amount: Decimal = Field(description="What the purchase order comes to, or the new price.")
    currency: str
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime = Field(description="From then on it can no longer be approved.")
    decided_by: str | None
    decided_at: datetime | None
    rejection_code: RejectionCode | None
    decision_reason: str
    superseded_by: UUID | None
    differences: tuple[Difference, ...] = Field(description="Of a stale one: what is no longer as it was.")
    effect: EffectView | None

    @classmethod
    def of(cls, id: UUID, version: int, state: Any, by: Actor) -> Self:  # noqa: ARG003 - all who come in see all of it
        """The view at this moment: one that nobody decided on in time shows as expired."""
        named = cls.model_fields.keys() - {"id", "version", "status", "preconditions"}
        shown = {name: getattr(state, name) for name in named}
        stands_on = RestockingStandsOn if state.act.kind == "reorder" else RepricingStandsOn
        return cls(
            id=id,
            version=version,
            status=state.status_at(now()),
            preconditions=stands_on.model_validate(state.preconditions),
            **shown,
        )


class ModelCallView(View):
    """What a model was asked and answered; `request` and `response` as they went over the wire."""

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
    status: int
    recorded_at: datetime

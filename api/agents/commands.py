"""What may be asked of decisions and of the record of what models were asked."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field, JsonValue, StringConstraints, model_validator
from pydantic_core import from_json

from api.agents.policy import decision_key
from api.category.commands import Price, Sku, product_id
from api.command import Command
from api.fulfillment.commands import Location, Pieces
from warehouse.events.agents import Agent, DecidingFunction, FallbackReason, Origin, RejectionCode
from warehouse.events.event import NonNegativeUnitPrice
from warehouse.ids import named

SIGHTS_MAX, GUARDS_MAX = 60, 40
RATIONALE_LENGTH_MAX = 500
MODEL_ANSWER_LENGTH_MAX = 20_000  # characters of JSON
REQUEST_LENGTH_MAX, RESPONSE_LENGTH_MAX = 200_000, 300_000  # characters; a fact holds a megabyte
POSITION_MAX = 2**63 - 1
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)  # what any store can hold


def decision_id(key: str) -> UUID:
    """A decision's id is a function of its decision_key."""
    return named("decision", key)


def docket_id(function: str, subject: str) -> UUID:
    """The docket of what is proposed to a function about a subject."""
    return named("docket", function, subject)


def model_call_id(request_hash: str) -> UUID:
    """A model call's id is a function of the hash of the request's bytes."""
    return named("model_call", request_hash)


def plain(text: str) -> str:
    """The text less invisible characters (Unicode Cc, Cf), which hide or turn it; white space is one blank."""
    blanked = "".join(" " if one.isspace() else one for one in text)
    return " ".join("".join(one for one in blanked if unicodedata.category(one) not in {"Cc", "Cf"}).split())


def _visible(text: str) -> str:
    if not text:
        raise ValueError("holds nothing that can be seen")
    return text


def _small_enough(answer: dict[str, JsonValue]) -> dict[str, JsonValue]:
    text = json.dumps(answer, allow_nan=False, ensure_ascii=False)
    from_json(text.encode())  # what could not be read again (half a surrogate pair, a hundred brackets) is not kept
    if len(text) > MODEL_ANSWER_LENGTH_MAX:
        raise ValueError(f"is longer than {MODEL_ANSWER_LENGTH_MAX} characters of JSON")
    return answer


Plain = AfterValidator(plain)
Visible = AfterValidator(_visible)
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=100), Plain, Visible]
Phrase = Annotated[str, StringConstraints(max_length=300), Plain]
Rationale = Annotated[str, StringConstraints(min_length=1, max_length=RATIONALE_LENGTH_MAX), Plain, Visible]
Cost = NonNegativeUnitPrice
ModelAnswer = Annotated[dict[str, JsonValue], AfterValidator(_small_enough)]
Count = Annotated[int, Field(ge=0, le=POSITION_MAX)]


class SeenAsOf(Command):
    """What the lake showed: its cut, the number of the newest event in it, and when it was looked at."""

    position: Annotated[str, StringConstraints(max_length=2_000)]
    event_number: Count
    at: Annotated[AwareDatetime, Field(ge=_EARLIEST, lt=_LATEST)]


class Sighting(Command):
    """One thing that was seen, in words people read."""

    name: Word
    value: Phrase
    unit: Annotated[str, StringConstraints(max_length=50), Plain] = ""


class GuardVerdict(Command):
    """What one guard said."""

    name: Word
    has_passed: bool
    message: Phrase = ""


class Reorder(Command):
    """Order so many pieces from a supplier."""

    kind: Literal["reorder"] = "reorder"
    sku: Sku
    supplier_id: UUID
    quantity: Pieces
    unit_cost: Cost
    location: Location = "main"


class Reprice(Command):
    """Change a product's list price."""

    kind: Literal["price"] = "price"
    sku: Sku
    product_id: UUID
    current_price: Price
    new_price: Price


class ReorderPreconditions(Command):
    """What a reorder stands on: pieces on hand at its location, and what a piece costs."""

    quantity_on_hand: Annotated[int, Field(ge=0, le=10_000_000)]
    unit_cost: Cost | None


class RepricePreconditions(Command):
    """What a new price stands on: the price as it is, and what a piece costs."""

    current_price: Price
    cost: Cost | None


Act = Annotated[Reorder | Reprice, Field(discriminator="kind")]


class ProposeDecision(Command):
    """Propose something to the function it concerns; a newer proposal about the same subject replaces an open one."""

    stream: ClassVar[str] = "decision"
    key: ClassVar[str] = "decision_id"

    function: DecidingFunction
    agent: Agent
    subject: Sku
    contract_version: Word
    snapshot_hash: Hash
    as_of: SeenAsOf
    situation: Annotated[tuple[Sighting, ...], Field(max_length=SIGHTS_MAX)]
    proposal: Act
    formula: Act
    model_answer: ModelAnswer | None = None
    origin: Origin
    fallback_reason: FallbackReason | None = None
    reason: Annotated[str, StringConstraints(max_length=50, pattern=r"^[A-Z][A-Z0-9_]*$")] = "NONE"
    rationale: Rationale
    guards: Annotated[tuple[GuardVerdict, ...], Field(max_length=GUARDS_MAX)] = ()
    preconditions: ReorderPreconditions | RepricePreconditions
    model_call_id: UUID | None = None

    @property
    def decision_id(self) -> UUID:
        """The decision that function, subject, snapshot and contract stand for."""
        return decision_id(decision_key(self.function, self.subject, self.snapshot_hash, self.contract_version))

    @model_validator(mode="after")
    def _of_one_piece(self) -> Self:
        if faults := [said for is_wrong, said in _contradictions(self) if is_wrong]:
            raise ValueError("; ".join(faults))
        return self


def _contradictions(told: ProposeDecision) -> tuple[tuple[bool, str], ...]:
    """What cannot be true together, each with the sentence that says so."""
    act, kind = told.proposal, told.proposal.kind
    preconditions = ReorderPreconditions if kind == "reorder" else RepricePreconditions
    function, agent = _WORKERS[kind]
    is_about_another = {act.sku, told.formula.sku} != {told.subject}
    is_elsewhere = isinstance(act, Reprice) and act.product_id != product_id(act.sku)
    is_unchanged = isinstance(act, Reprice) and act.new_price == act.current_price
    return (
        ((told.function, told.agent) != (function, agent), f"a {kind} is proposed to {function} by the agent {agent}"),
        (told.formula.kind != kind, "proposal and formula are of the same kind"),
        (not isinstance(told.preconditions, preconditions), f"a {kind} has the preconditions of a {kind}"),
        (is_about_another, "proposal and formula are about the subject"),
        (is_elsewhere, "a price is the price of the product it names"),
        (is_unchanged, "a new price is another price than the current one"),
        (told.origin != "claude" and act != told.formula, "without Claude the proposal is the formula's"),
        (told.origin == "claude" and told.model_answer is None, "what comes from Claude shows Claude's answer"),
        (
            (told.origin == "fallback") != (told.fallback_reason is not None),
            "a fallback, and nothing else, has a reason",
        ),
    )


_WORKERS = {"reorder": ("procurement", "reorder"), "price": ("category", "pricing")}


class _DecisionCommand(Command):
    stream: ClassVar[str] = "decision"
    key: ClassVar[str] = "decision_id"

    decision_id: UUID


class ApproveDecision(_DecisionCommand):
    """Say yes: the purchase order is drafted or the price changed at once, unless the world has moved too far."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""


class RejectDecision(_DecisionCommand):
    """Say no, and why."""

    reason_code: RejectionCode
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""


class ExpireDecision(_DecisionCommand):
    """Record that nobody decided in time."""


class SupersedeDecision(_DecisionCommand):
    """A newer proposal takes its place, if it still waits."""

    by_decision_id: UUID


class RenewDocket(Command):
    """A new proposal is the one that counts."""

    stream: ClassVar[str] = "docket"
    key: ClassVar[str] = "docket_id"

    function: DecidingFunction
    subject: Sku
    decision_id: UUID
    event_number: Count

    @property
    def docket_id(self) -> UUID:
        """The docket of this function and subject."""
        return docket_id(self.function, self.subject)


class RecordModelCall(Command):
    """Keep what a model was asked and what it answered, before anything is made of it."""

    stream: ClassVar[str] = "model_call"
    key: ClassVar[str] = "model_call_id"

    request_hash: Hash
    function: DecidingFunction
    model: Word
    request: Annotated[str, StringConstraints(min_length=1, max_length=REQUEST_LENGTH_MAX)]
    response: Annotated[str, StringConstraints(max_length=RESPONSE_LENGTH_MAX)]
    request_id: Annotated[str, StringConstraints(max_length=200)] | None = None
    stop_reason: Annotated[str, StringConstraints(max_length=100)] | None = None
    input_tokens: Count = 0
    output_tokens: Count = 0
    cache_read_tokens: Count = 0
    cost_usd: Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=6)] = Decimal(0)
    latency_ms: Count = 0
    attempts: Annotated[int, Field(ge=1, le=1_000)] = 1
    status: Annotated[int, Field(ge=0, le=999)]

    @property
    def model_call_id(self) -> UUID:
        """The call that the hash of its request stands for."""
        return model_call_id(self.request_hash)

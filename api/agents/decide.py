"""The rules of decisions: software proposes, a person with the right decides, and a yes has its effect once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import assert_never
from uuid import UUID

from api.agents.commands import (
    ApproveDecision,
    ExpireDecision,
    ProposeDecision,
    RecordModelCall,
    RejectDecision,
    RenewDocket,
    SupersedeDecision,
)
from api.agents.policy import has_cost_drifted, has_stock_drifted
from api.agents.proposing import propose, reads_of_proposal
from api.agents.state import ANSWERED, DECISION, DOCKET, MODEL_CALL, Decision, Docket, ModelCall, Repricing, Restocking
from api.category.commands import product_id
from api.category.state import PRODUCT
from api.command import Peek, Reads
from api.decider import Decider
from api.fulfillment.commands import stock_id
from api.fulfillment.state import STOCK
from api.given import Given
from api.procurement.state import PURCHASE_ORDER, SUPPLIER
from api.refusals import Refusal, not_found
from warehouse.events.agents import (
    DecisionApproved,
    DecisionExecuted,
    DecisionExpired,
    DecisionRejected,
    DecisionStale,
    DecisionSuperseded,
    Difference,
    DocketRenewed,
    ModelCallRecorded,
    Precondition,
)
from warehouse.events.event import Event
from warehouse.ids import derived

DecisionCommand = ProposeDecision | ApproveDecision | RejectDecision | ExpireDecision | SupersedeDecision


def decide_decision(decision: Decision, command: DecisionCommand, given: Given) -> Sequence[Event]:
    """What follows from a wish about a decision."""
    if isinstance(command, ProposeDecision):
        return propose(decision, command, given)
    if not given.exists:
        raise not_found("decision", command.decision_id)
    match command:
        case ApproveDecision(reason=reason):
            return _approve(decision, reason, given)
        case RejectDecision():
            return _reject(decision, command, given)
        case ExpireDecision():
            return _expire(decision, given)
        case SupersedeDecision(by_decision_id=newer):
            return _supersede(decision, newer, given)
        case never:
            assert_never(never)


def _approve(decision: Decision, reason: str, given: Given) -> Sequence[Event]:
    _refuse_unless_person(decision, given)
    if decision.status == "executed":
        return []
    _refuse_unless_waiting(decision, "approved", given)
    if differences := tuple(_differences(decision, given)):
        return [DecisionStale(differences=differences)]
    match decision.act:
        case Restocking():
            done = DecisionExecuted(effect_stream="purchase_order", effect_id=_purchase_order_id(given.ref.id))
        case Repricing(product_id=id):
            done = DecisionExecuted(effect_stream="product", effect_id=id)
        case never:
            assert_never(never)
    return [DecisionApproved(reason=reason), done]


def _reject(decision: Decision, command: RejectDecision, given: Given) -> Sequence[Event]:
    _refuse_unless_person(decision, given)
    if decision.status == "rejected":
        return []
    _refuse_unless_waiting(decision, "rejected", given)
    return [DecisionRejected(reason_code=command.reason_code, reason=command.reason)]


def _expire(decision: Decision, given: Given) -> Sequence[Event]:
    if decision.status != "proposed":
        return []
    if decision.status_at(given.at) == "proposed":
        raise Refusal("decision_not_expired", f"{decision.number} waits until {decision.expires_at}; leave it open.")
    return [DecisionExpired()]


def _supersede(decision: Decision, newer: UUID, given: Given) -> Sequence[Event]:
    if decision.status != "proposed":
        return []
    if decision.status_at(given.at) == "expired":
        return [DecisionExpired()]
    return [DecisionSuperseded(by_decision_id=newer)]


def _refuse_unless_person(decision: Decision, given: Given) -> None:
    """Software proposes; it never says yes or no."""
    if given.by.kind not in {"staff", "system"} or not given.by.works_in(decision.function):
        message = f"{decision.number} is for people who work in {decision.function} to decide."
        raise Refusal("deciding_forbidden", message, kind="forbidden")


def _refuse_unless_waiting(decision: Decision, deed: str, given: Given) -> None:
    status = decision.status_at(given.at)
    if status != "proposed":
        message = f"{decision.number} is {status}; only what still waits is {deed}."
        raise Refusal(f"decision_is_{status}", message)


def _differences(decision: Decision, given: Given) -> Iterator[Difference]:
    """What the proposal stood on and is otherwise now."""
    product = given.state(PRODUCT, product_id(decision.subject))
    before, act = decision.preconditions, decision.act
    if not product.is_active:
        yield Difference(name="in the catalog", was="yes", is_now="no")
    match act:
        case Restocking():
            yield from _of_stock(act, before, given)
        case Repricing():
            if before.current_price != product.base_price:
                yield Difference(name="list price", was=_told(before.current_price), is_now=_told(product.base_price))
            yield from _of_cost(before.cost, product.cost)
        case never:
            assert_never(never)


def _of_stock(act: Restocking, before: Precondition, given: Given) -> Iterator[Difference]:
    stock = given.state(STOCK, stock_id(act.sku, act.location))
    was = before.quantity_on_hand
    assert was is not None, "a reorder has the pieces on hand among its preconditions"
    if has_stock_drifted(was, stock.on_hand, act.quantity):
        yield Difference(name="pieces on hand", was=str(was), is_now=str(stock.on_hand))
    product = given.state(PRODUCT, product_id(act.sku))
    yield from _of_cost(before.unit_cost, stock.unit_cost if product.cost is None else product.cost)


def _of_cost(was: Decimal | None, cost: Decimal | None) -> Iterator[Difference]:
    is_same = was == cost if was is None or cost is None else not has_cost_drifted(was, cost)
    if not is_same:
        yield Difference(name="cost of a piece", was=_told(was), is_now=_told(cost))


def _told(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"{amount:f}"


def reads_of_decision(command: DecisionCommand, peek: Peek) -> Reads:
    """A proposal looks at its docket; an approval at all that it re-checks and all that it will change."""
    match command:
        case ProposeDecision():
            return reads_of_proposal(command, peek)
        case ApproveDecision():
            return _reads_of_act(peek(DECISION, command.decision_id), command.decision_id)
        case _:
            return Reads()


def _reads_of_act(decision: Decision, decision_id: UUID) -> Reads:
    product = PRODUCT.ref(product_id(decision.subject))
    match decision.proposal:
        case Restocking() as act:
            stock = STOCK.ref(stock_id(act.sku, act.location))
            order = PURCHASE_ORDER.ref(_purchase_order_id(decision_id))
            return Reads(shared=(product, stock, SUPPLIER.ref(act.supplier_id)), locked=(order,))
        case Repricing():
            return Reads(locked=(product,))
        case None:
            return Reads()
        case never:
            assert_never(never)


def _purchase_order_id(decision_id: UUID) -> UUID:
    """One decision drafts one purchase order, whoever approves it and how often."""
    return derived(decision_id, "purchase_order")


def decide_docket(_: Docket, command: RenewDocket, __: Given) -> Sequence[Event]:
    """What follows from a new proposal for a docket."""
    return [
        DocketRenewed(
            function=command.function,
            sku=command.subject,
            decision_id=command.decision_id,
            event_number=command.event_number,
        )
    ]


def decide_model_call(call: ModelCall, command: RecordModelCall, given: Given) -> Sequence[Event]:
    """What follows from a model's answer: the first one counts, and is what a repetition works with."""
    if given.by.kind not in {"agent", "system"} or not given.by.works_in(command.function):
        message = f"Only agents that work for {command.function} record what they asked."
        raise Refusal("recording_forbidden", message, kind="forbidden")
    if call.status != ANSWERED:
        return [ModelCallRecorded(**dict(command))]
    if any(one != getattr(call, name) for name, one in dict(command).items()):
        message = f"The request {command.request_hash} has been answered; read that answer and work with it."
        raise Refusal("model_call_answered", message)
    return []


DECIDERS: tuple[Decider[Decision] | Decider[Docket] | Decider[ModelCall], ...] = (
    Decider(DECISION, decide_decision, reads_of_decision),
    Decider(DOCKET, decide_docket),
    Decider(MODEL_CALL, decide_model_call),
)

"""The rules of proposing: an agent of the function, a thing that can be done, one snapshot for one decision."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import assert_never

from api.agents.commands import ProposeDecision, Reorder, Reprice, docket_id
from api.agents.policy import decision_number
from api.agents.state import DECISION, DOCKET, Decision, act_of
from api.category.commands import product_id
from api.category.policy import margin_floor, month_range, step_range
from api.category.state import PRODUCT, Product
from api.command import Peek, Reads
from api.given import Given
from api.procurement.policy import line_total
from api.procurement.state import SUPPLIER
from api.refusals import Refusal, not_found
from warehouse.events.agents import DecisionProposed, LakeView, Precondition, ProposedAct, Sight, Verdict
from warehouse.events.event import Event


def propose(decision: Decision, command: ProposeDecision, given: Given) -> Sequence[Event]:
    """What follows from a proposal; nothing when it was made before."""
    if given.by.kind not in {"agent", "system"} or not given.by.works_in(command.function):
        message = f"Only agents that work for {command.function} propose to it."
        raise Refusal("proposing_forbidden", message, kind="forbidden")
    proposed = _proposed(command, given)
    if given.exists:
        return _again(decision, proposed)
    _refuse_failed_guards(command)
    _refuse_outdated(command, given)
    _refuse_impossible(command.proposal, given)
    return [proposed]


def reads_of_proposal(command: ProposeDecision, peek: Peek) -> Reads:
    """The docket and the decision on it, the product, and the supplier of an order."""
    docket = DOCKET.ref(docket_id(command.function, command.subject))
    waiting = peek(DOCKET, docket.id).decision_id
    act = command.proposal
    supplier = (SUPPLIER.ref(act.supplier_id),) if isinstance(act, Reorder) else ()
    return Reads(
        shared=(PRODUCT.ref(product_id(act.sku)), *supplier),
        locked=(docket, *(() if waiting is None else (DECISION.ref(waiting),))),
    )


def _proposed(command: ProposeDecision, given: Given) -> DecisionProposed:
    act, answer = command.proposal, command.model_answer
    return DecisionProposed(
        number=decision_number(command.decision_id, given.today),
        function=command.function,
        agent=command.agent,
        sku=command.subject,
        contract_version=command.contract_version,
        snapshot_hash=command.snapshot_hash,
        as_of=LakeView(**dict(command.as_of)),
        situation=tuple(Sight(**dict(one)) for one in command.situation),
        proposal=ProposedAct(**dict(act)),
        formula=ProposedAct(**dict(command.formula)),
        model_answer=None if answer is None else json.dumps(answer, sort_keys=True),
        origin=command.origin,
        fallback_reason=command.fallback_reason,
        reason=command.reason,
        rationale=command.rationale,
        guards=tuple(Verdict(**dict(one)) for one in command.guards),
        preconditions=Precondition(**dict(command.preconditions)),
        model_call_id=command.model_call_id,
        amount=line_total(act.quantity, act.unit_cost) if isinstance(act, Reorder) else act.new_price,
        currency=given.rules.currency,
        expires_at=given.at + _lifetime(act, given),
    )


def _lifetime(act: Reorder | Reprice, given: Given) -> timedelta:
    rules = given.rules
    return rules.reorder_decision_lifetime if isinstance(act, Reorder) else rules.price_decision_lifetime


def _again(decision: Decision, proposed: DecisionProposed) -> Sequence[Event]:
    """The same snapshot once more: nothing if it says the same; when it was looked at may differ."""
    said = {name: getattr(proposed, name) for name in _SAID}
    said |= {"proposal": act_of(proposed.proposal), "formula": act_of(proposed.formula)}
    if said != {name: getattr(decision, name) for name in said}:
        message = f"{decision.number} was decided from the same snapshot and says something else; take a new snapshot."
        raise Refusal("decision_differs", message)
    return []


_SAID = (
    "agent",
    "situation",
    "model_answer",
    "origin",
    "fallback_reason",
    "reason",
    "rationale",
    "guards",
    "preconditions",
    "model_call_id",
)


def _refuse_failed_guards(command: ProposeDecision) -> None:
    failed = [guard.name for guard in command.guards if not guard.has_passed]
    if failed and command.origin == "claude":
        message = f"Claude's answer fails {', '.join(failed)}; propose the formula's, as a fallback."
        raise Refusal("guard_failed", message)


def _refuse_outdated(command: ProposeDecision, given: Given) -> None:
    docket = given.state(DOCKET, docket_id(command.function, command.subject))
    if docket.decision_id is None or docket.event_number <= command.as_of.event_number:
        return
    waiting = given.state(DECISION, docket.decision_id)
    if waiting.status_at(given.at) == "proposed":
        message = f"{waiting.number} about {command.subject} has seen more than this; look again."
        raise Refusal("newer_decision_waits", message)


def _refuse_impossible(act: Reorder | Reprice, given: Given) -> None:
    product = given.state(PRODUCT, product_id(act.sku))
    if not product.exists:
        raise not_found("product", act.sku)
    if not product.is_active:
        raise Refusal("product_inactive", f"{act.sku} is out of the catalog; propose nothing about it.")
    match act:
        case Reorder():
            _refuse_left_supplier(act, given)
        case Reprice(new_price=price):
            _refuse_out_of_bounds(product, price, given)
        case never:
            assert_never(never)


def _refuse_left_supplier(act: Reorder, given: Given) -> None:
    supplier = given.state(SUPPLIER, act.supplier_id)
    if not supplier.name:
        raise not_found("supplier", act.supplier_id)
    if not supplier.is_active:
        raise Refusal("supplier_inactive", f"Nothing more is ordered from {supplier.name}; propose another supplier.")


def _refuse_out_of_bounds(product: Product, price: Decimal, given: Given) -> None:
    """A price that no approval could set is not worth a look: cost and margin, one step, the month's range."""
    floor = margin_floor(product.cost, given.rules.minimum_margin_rate)
    step = step_range(product, given.rules.price_step_rate)
    month = month_range(product, given.at, given.rules.price_month_rate)
    if price < floor or not step.covers(price) or not month.covers(price):
        low = max(floor, step.low, month.low)
        high = min((one.high for one in (step, month) if one.high is not None), default=None)
        until = "" if high is None else f" to {high}"
        message = f"{product.sku} may now cost from {low}{until}, not {price}; look again."
        raise Refusal("price_out_of_bounds", message)

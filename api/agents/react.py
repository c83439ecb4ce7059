"""What follows elsewhere from decisions: an older one gives way, an approved one is done by the ordinary command."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_never

from api.agents.commands import RATIONALE_LENGTH_MAX, RenewDocket, SupersedeDecision, docket_id
from api.agents.state import DECISION, DOCKET, Decision, Repricing, Restocking
from api.category.commands import ChangePrice
from api.command import Command
from api.decider import React
from api.given import Given
from api.procurement.commands import CreatePurchaseOrder, PurchasedLine
from warehouse.events.agents import DecisionExecuted, DecisionProposed
from warehouse.events.event import Event, Recorded


def replace_older(recorded: Recorded[Any], given: Given) -> Iterable[Command]:
    """At most one proposal waits for a function and a subject: the newest."""
    fact: DecisionProposed = recorded.event
    older = given.state(DOCKET, docket_id(fact.function, fact.sku)).decision_id
    if older is not None:
        yield SupersedeDecision(decision_id=older, by_decision_id=recorded.ref.id)
    yield RenewDocket(
        function=fact.function, subject=fact.sku, decision_id=recorded.ref.id, event_number=fact.as_of.event_number
    )


def carry_out(recorded: Recorded[Any], given: Given) -> Iterable[Command]:
    """Draft the purchase order or change the price; if that is refused, so is the approval."""
    fact: DecisionExecuted = recorded.event
    decision = given.state(DECISION, recorded.ref.id)
    match decision.act:
        case Restocking() as order:
            yield CreatePurchaseOrder(
                purchase_order_id=fact.effect_id,
                supplier_id=order.supplier_id,
                lines=(PurchasedLine(sku=order.sku, quantity=order.quantity, unit_cost=order.unit_cost),),
                location=order.location,
                notes=_why(decision),
            )
        case Repricing() as change:
            yield ChangePrice(product_id=fact.effect_id, new_price=change.new_price, reason=_why(decision))
        case never:
            assert_never(never)


def _why(decision: Decision) -> str:
    return f"{decision.number}: {decision.rationale}"[:RATIONALE_LENGTH_MAX]


REACTIONS: dict[type[Event], React] = {DecisionProposed: replace_older, DecisionExecuted: carry_out}

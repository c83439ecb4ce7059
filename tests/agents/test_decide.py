"""The rules of decisions: what may be proposed, who decides, and when a yes has no effect any more."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from api.agents.commands import (
    ApproveDecision,
    ExpireDecision,
    RecordModelCall,
    RejectDecision,
    RenewDocket,
    Reorder,
    SupersedeDecision,
    docket_id,
    model_call_id,
)
from api.category.commands import ChangePrice, product_id
from api.fulfillment.commands import stock_id
from api.procurement.commands import CreatePurchaseOrder, PurchasedLine
from warehouse.events.agents import (
    DecisionApproved,
    DecisionExecuted,
    DecisionExpired,
    DecisionProposed,
    DecisionRejected,
    DecisionStale,
    DecisionSuperseded,
    Difference,
    DocketRenewed,
    ModelCallRecorded,
    Verdict,
)
from warehouse.events.category import ProductCostUpdated, ProductDeactivated, ProductPriceUpdated
from warehouse.events.fulfillment import InventoryAdjusted, InventoryReceived
from warehouse.events.procurement import SupplierDeactivated
from warehouse.ids import derived

PUMP, MAIN = product_id("JP-1"), stock_id("JP-1", "main")
DAY, HOURS_8 = timedelta(days=1), timedelta(hours=8)
SECOND = timedelta(seconds=1)


@pytest.fixture
def ready(history, proposals):
    """The product, its stock and its supplier are there."""
    return proposals.catalog(history)


@pytest.fixture
def buyer(actors):
    return actors.staff("procurement")


@pytest.fixture
def pricer(actors):
    return actors.staff("category")


@pytest.fixture
def make(proposals):
    """A proposal put forward by its agent: its outcome, with the docket renewed."""

    def make(history, command):
        by = proposals.reorder_agent if command.agent == "reorder" else proposals.pricing_agent
        outcome = history.when(command, by=by)
        (fact,) = outcome.events
        listed = DocketRenewed(
            function=fact.function, sku=fact.sku, decision_id=outcome.ref.id, event_number=fact.as_of.event_number
        )
        return outcome.history.given(listed, of=docket_id(fact.function, fact.sku)), outcome

    return make


@pytest.fixture
def waiting(ready, make, proposals):
    """A history in which a decision about a reorder waits."""
    return make(ready, proposals.reorder())[0]


@pytest.fixture
def waiting_price(ready, make, proposals):
    """A history in which a decision about a price waits."""
    return make(ready, proposals.price())[0]


def approve(command, **fields):
    return ApproveDecision(decision_id=command.decision_id, **fields)


def reject(command, **fields):
    return RejectDecision(decision_id=command.decision_id, **({"reason_code": "quantity"} | fields))


def test_an_agent_proposes_a_reorder_that_waits_a_day(ready, proposals, noon):
    command = proposals.reorder()
    outcome = ready.when(command, by=proposals.reorder_agent)

    (fact,) = outcome.events
    assert isinstance(fact, DecisionProposed)
    assert fact.number.startswith("AD-260302-")
    assert (fact.amount, fact.currency) == (Decimal("2400.00"), "USD")
    assert fact.expires_at == noon + DAY
    assert (fact.proposal, fact.model_answer) == (fact.formula, None)
    outcome.causes(RenewDocket(function="procurement", subject="JP-1", decision_id=command.decision_id, event_number=1))


def test_a_price_waits_eight_hours(ready, proposals, noon):
    (fact,) = ready.when(proposals.price(), by=proposals.pricing_agent).events

    assert (fact.amount, fact.expires_at) == (Decimal("104.00"), noon + HOURS_8)


def test_what_claude_answered_is_kept_beside_the_formula(ready, proposals):
    more = Reorder(sku="JP-1", supplier_id=proposals.supplier_id, quantity=60, unit_cost=Decimal(60))
    answer = {"stance": "ADJUST", "evidence_ids": ["e1"], "demand_mult_bp": 15000}
    command = proposals.reorder(proposal=more, origin="claude", model_answer=answer, reason="DEMAND_SHIFT")

    (fact,) = ready.when(command, by=proposals.reorder_agent).events

    assert (fact.proposal.quantity, fact.formula.quantity, fact.amount) == (60, 40, Decimal(3600))
    assert fact.model_answer == '{"demand_mult_bp": 15000, "evidence_ids": ["e1"], "stance": "ADJUST"}'


def test_only_an_agent_of_the_function_proposes(ready, proposals, actors):
    for by in (proposals.pricing_agent, actors.staff("procurement"), actors.agent("fulfillment")):
        ready.when(proposals.reorder(), by=by).refused("proposing_forbidden", "forbidden")


def test_one_snapshot_makes_one_decision(ready, proposals):
    first = ready.when(proposals.reorder(), by=proposals.reorder_agent)
    later = dict(proposals.reorder().as_of) | {"event_number": 9, "position": "further"}

    first.when(proposals.reorder(), by=proposals.reorder_agent).then()
    first.when(proposals.reorder(as_of=later), by=proposals.reorder_agent).then()


@pytest.mark.parametrize(
    "otherwise",
    [{"quantity": 41}, {"rationale": "because"}, {"guards": ()}, {"origin": "fallback", "fallback_reason": "timeout"}],
)
def test_one_snapshot_does_not_say_two_things(ready, proposals, otherwise):
    first = ready.when(proposals.reorder(), by=proposals.reorder_agent)

    first.when(proposals.reorder(**otherwise), by=proposals.reorder_agent).refused("decision_differs")


def test_an_answer_of_claude_that_fails_a_guard_is_not_proposed(ready, proposals):
    failed = (Verdict(name="whole packs", has_passed=False),)
    claude = proposals.reorder(origin="claude", model_answer={}, guards=[one.model_dump() for one in failed])
    fallback = proposals.reorder(
        origin="fallback", fallback_reason="guard", guards=[one.model_dump() for one in failed]
    )

    refusal = ready.when(claude, by=proposals.reorder_agent).refused("guard_failed")
    assert "whole packs" in refusal.message
    (fact,) = ready.when(fallback, by=proposals.reorder_agent).events
    assert fact.guards == failed


def test_nothing_is_proposed_about_what_is_not_there(ready, proposals):
    agent = proposals.reorder_agent
    ready.when(proposals.reorder(sku="JP-9"), by=agent).refused("product_not_found", "not_found")
    ready.when(proposals.reorder(supplier_id=UUID(int=99)), by=agent).refused("supplier_not_found", "not_found")
    left = ready.given(SupplierDeactivated(reason="late"), of=proposals.supplier_id)
    left.when(proposals.reorder(), by=agent).refused("supplier_inactive")
    gone = ready.given(ProductDeactivated(reason="old"), of=PUMP)
    gone.when(proposals.reorder(), by=agent).refused("product_inactive")


@pytest.mark.parametrize("new", ["105.01", "94.99"])
def test_a_price_out_of_reach_is_not_proposed(ready, proposals, new):
    refusal = ready.when(proposals.price(new=new), by=proposals.pricing_agent).refused("price_out_of_bounds")
    assert refusal.message == f"JP-1 may now cost from 95.00 to 105.00, not {new}; look again."


def test_small_steps_do_not_add_up_to_a_price_out_of_reach(ready, proposals):
    stepped = ready.given(
        ProductPriceUpdated(old_price=Decimal(100), new_price=Decimal(105), reason="steel", is_overridden=False),
        ProductPriceUpdated(old_price=Decimal(105), new_price=Decimal(110), reason="steel", is_overridden=False),
        of=PUMP,
    )
    further = proposals.price(current="110.00", new="111.00")
    stepped.when(further, by=proposals.pricing_agent).refused("price_out_of_bounds")


def test_a_price_below_cost_and_margin_is_not_proposed(history, proposals):
    free = proposals.catalog(history, price="0.00", cost="0.00")
    outcome = free.given(ProductCostUpdated(old_cost=Decimal(0), new_cost=Decimal(60), reason="steel"), of=PUMP).when(
        proposals.price(current="0.00", new="62.99"), by=proposals.pricing_agent
    )
    assert outcome.refused("price_out_of_bounds").message.startswith("JP-1 may now cost from 63.00, not 62.99")


def test_a_newer_proposal_takes_the_older_ones_place(waiting, proposals):
    older, newer = proposals.reorder(), proposals.reorder(snapshot=2, quantity=44)

    outcome = waiting.when(newer, by=proposals.reorder_agent)

    outcome.causes(
        SupersedeDecision(decision_id=older.decision_id, by_decision_id=newer.decision_id),
        RenewDocket(function="procurement", subject="JP-1", decision_id=newer.decision_id, event_number=2),
    )
    superseded = SupersedeDecision(decision_id=older.decision_id, by_decision_id=newer.decision_id)
    waiting.when(superseded).then(DecisionSuperseded(by_decision_id=newer.decision_id)).when(superseded).then()


def test_what_had_lapsed_is_recorded_as_expired_rather_than_superseded(waiting, proposals, noon):
    older = proposals.reorder()
    waiting.when(SupersedeDecision(decision_id=older.decision_id, by_decision_id=UUID(int=1)), at=noon + DAY).then(
        DecisionExpired()
    )


def test_who_saw_less_does_not_replace_who_saw_more(ready, make, proposals, buyer):
    newer, older = proposals.reorder(snapshot=7), proposals.reorder(snapshot=6)
    told, _ = make(ready, newer)

    told.when(older, by=proposals.reorder_agent).refused("newer_decision_waits")

    decided = told.when(reject(newer), by=buyer).history
    (fact,) = decided.when(older, by=proposals.reorder_agent).events
    assert fact.as_of.event_number == 6


def test_reorders_and_prices_of_one_product_do_not_meet(waiting, proposals):
    command = proposals.price()
    waiting.when(command, by=proposals.pricing_agent).causes(
        RenewDocket(function="category", subject="JP-1", decision_id=command.decision_id, event_number=1)
    )


def test_a_docket_holds_the_newest(history):
    told = {"function": "procurement", "decision_id": UUID(int=1), "event_number": 4}
    outcome = history.when(RenewDocket(subject="JP-1", **told))
    outcome.then(DocketRenewed(sku="JP-1", **told))
    assert (outcome.state.decision_id, outcome.state.event_number) == (UUID(int=1), 4)


def test_an_approved_reorder_drafts_a_purchase_order(waiting, proposals, buyer):
    command = proposals.reorder()
    order_id = derived(command.decision_id, "purchase_order")

    outcome = waiting.when(approve(command, reason="right"), by=buyer)

    outcome.then(DecisionApproved(reason="right"), DecisionExecuted(effect_stream="purchase_order", effect_id=order_id))
    outcome.causes(
        CreatePurchaseOrder(
            purchase_order_id=order_id,
            supplier_id=proposals.supplier_id,
            lines=(PurchasedLine(sku="JP-1", quantity=40, unit_cost=Decimal(60)),),
            notes=f"{outcome.state.number}: {command.rationale}",
        )
    )
    outcome.when(approve(command), by=buyer).then()


def test_an_approved_price_is_set_within_the_limits_of_prices(waiting_price, proposals, pricer):
    command = proposals.price()

    outcome = waiting_price.when(approve(command), by=pricer)

    outcome.then(DecisionApproved(reason=""), DecisionExecuted(effect_stream="product", effect_id=PUMP))
    outcome.causes(
        ChangePrice(
            product_id=PUMP,
            new_price=Decimal(104),
            reason=f"{outcome.state.number}: {command.rationale}",
            override=False,
        )
    )


def test_software_never_says_yes_or_no(waiting, proposals, actors, buyer):
    command = proposals.reorder()
    for by in (proposals.reorder_agent, actors.agent("procurement"), actors.staff("category"), actors.staff("agents")):
        for wish in (approve(command), reject(command)):
            waiting.when(wish, by=by).refused("deciding_forbidden", "forbidden")


def test_a_yes_that_comes_at_the_last_instant_is_too_late(waiting, proposals, buyer, noon):
    command = proposals.reorder()

    waiting.when(approve(command), by=buyer, at=noon + DAY).refused("decision_is_expired")
    waiting.when(reject(command), by=buyer, at=noon + DAY).refused("decision_is_expired")
    outcome = waiting.when(approve(command), by=buyer, at=noon + DAY - SECOND)
    assert outcome.state.status == "executed"


@pytest.mark.parametrize(
    ("fact", "status"),
    [
        (DecisionRejected(reason_code="price"), "rejected"),
        (DecisionExpired(), "expired"),
        (DecisionSuperseded(by_decision_id=UUID(int=1)), "superseded"),
        (DecisionStale(differences=()), "stale"),
    ],
)
def test_what_no_longer_waits_is_not_approved(waiting, proposals, buyer, fact, status):
    command = proposals.reorder()
    over = waiting.given(fact, of=command.decision_id)

    over.when(approve(command), by=buyer).refused(f"decision_is_{status}")
    over.when(SupersedeDecision(decision_id=command.decision_id, by_decision_id=UUID(int=2))).then()
    over.when(ExpireDecision(decision_id=command.decision_id)).then()


def test_what_was_done_is_not_rejected(waiting, proposals, buyer):
    done = waiting.when(approve(proposals.reorder()), by=buyer)
    done.when(reject(proposals.reorder()), by=buyer).refused("decision_is_executed")


def test_a_person_says_no_and_why(waiting, proposals, buyer):
    command = reject(proposals.reorder(), reason="half would do")
    outcome = waiting.when(command, by=buyer)

    outcome.then(DecisionRejected(reason_code="quantity", reason="half would do"))
    outcome.when(command, by=buyer).then()
    assert (outcome.state.status, outcome.state.decided_by) == ("rejected", buyer.signature)


def test_nobody_decides_on_what_is_not_there(ready, proposals, buyer):
    ready.when(approve(proposals.reorder()), by=buyer).refused("decision_not_found", "not_found")


def test_expiring_is_recorded_once_it_is_so(waiting, proposals, noon):
    command = ExpireDecision(decision_id=proposals.reorder().decision_id)

    waiting.when(command).refused("decision_not_expired")
    waiting.when(command, at=noon + DAY).then(DecisionExpired()).when(command, at=noon + DAY).then()


MOVED_STOCK = InventoryAdjusted(product_id=PUMP, sku="JP-1", location="main", quantity=5, reason="found")
MOVED_LITTLE = InventoryAdjusted(product_id=PUMP, sku="JP-1", location="main", quantity=4, reason="found")


def cost(new):
    return ProductCostUpdated(old_cost=Decimal(60), new_cost=Decimal(new), reason="steel")


@pytest.mark.parametrize(
    ("fact", "of", "difference"),
    [
        (MOVED_STOCK, MAIN, Difference(name="pieces on hand", was="5", is_now="10")),
        (cost("61.21"), PUMP, Difference(name="cost of a piece", was="60.00", is_now="61.21")),
        (cost("58.79"), PUMP, Difference(name="cost of a piece", was="60.00", is_now="58.79")),
        (ProductDeactivated(reason="old"), PUMP, Difference(name="in the catalog", was="yes", is_now="no")),
    ],
)
def test_a_reorder_is_stale_when_the_world_moved(waiting, proposals, buyer, fact, of, difference):
    moved = waiting.given(fact, of=of)

    outcome = moved.when(approve(proposals.reorder()), by=buyer)

    outcome.then(DecisionStale(differences=(difference,))).causes()
    outcome.when(approve(proposals.reorder()), by=buyer).refused("decision_is_stale")


@pytest.mark.parametrize(("fact", "of"), [(MOVED_LITTLE, MAIN), (cost("61.20"), PUMP), (cost("58.80"), PUMP)])
def test_a_reorder_bears_with_what_would_not_change_it(waiting, proposals, buyer, fact, of):
    outcome = waiting.given(fact, of=of).when(approve(proposals.reorder()), by=buyer)
    assert outcome.state.status == "executed"


def test_every_difference_is_named(waiting_price, proposals, pricer):
    moved = waiting_price.given(
        ProductPriceUpdated(old_price=Decimal(100), new_price=Decimal(101), reason="steel", is_overridden=False),
        cost("70"),
        of=PUMP,
    )
    moved.when(approve(proposals.price()), by=pricer).then(
        DecisionStale(
            differences=(
                Difference(name="list price", was="100.00", is_now="101.00"),
                Difference(name="cost of a piece", was="60.00", is_now="70.00"),
            )
        )
    ).causes()


def test_a_cost_that_became_known_is_a_difference(history, make, proposals, pricer):
    unknown = proposals.catalog(history, cost=None)
    told, _ = make(unknown, proposals.price(cost=None))

    assert told.when(approve(proposals.price(cost=None)), by=pricer).state.status == "executed"
    known = told.given(ProductCostUpdated(old_cost=None, new_cost=Decimal(60), reason="first"), of=PUMP)
    known.when(approve(proposals.price(cost=None)), by=pricer).then(
        DecisionStale(differences=(Difference(name="cost of a piece", was="unknown", is_now="60.00"),))
    )


def test_without_a_cost_in_the_catalog_the_stocks_own_counts(history, make, proposals, buyer):
    command = proposals.reorder(on_hand=0, quantity=100)
    told, _ = make(proposals.catalog(history, on_hand=0, cost=None), command)
    there = {"product_id": PUMP, "sku": "JP-1", "location": "main", "quantity": 10, "source": "production"}

    told.when(approve(command), by=buyer).then(
        DecisionStale(differences=(Difference(name="cost of a piece", was="60.00", is_now="unknown"),))
    )
    paid = told.given(InventoryReceived(unit_cost=Decimal(61), **there), of=MAIN)
    assert paid.when(approve(command), by=buyer).state.status == "executed"


def call(**fields):
    told = {"request_hash": "a" * 64, "function": "procurement", "model": "claude-sonnet-5-5", "request": "{}"}
    return RecordModelCall(**told | {"response": "{}", "status": 200} | fields)


def test_the_first_answer_of_a_model_counts(history, proposals):
    agent = proposals.reorder_agent
    outcome = history.when(call(), by=agent)

    outcome.then(ModelCallRecorded(**dict(call())))
    assert outcome.ref.id == model_call_id("a" * 64)
    outcome.when(call(), by=agent).then()
    outcome.when(call(response='{"other": 1}'), by=agent).refused("model_call_answered")


def test_what_was_not_answered_may_be_asked_again(history, proposals):
    agent = proposals.reorder_agent
    failed = history.when(call(status=529, response="overloaded"), by=agent)
    outcome = failed.when(call(), by=agent)

    assert (outcome.state.status, outcome.state.response) == (200, "{}")


def test_only_an_agent_of_the_function_records_its_calls(history, proposals, actors):
    for by in (proposals.pricing_agent, actors.staff("procurement")):
        history.when(call(), by=by).refused("recording_forbidden", "forbidden")

"""What decisions fold to, whatever is done with them in whatever order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from api.agents.commands import ApproveDecision, ExpireDecision, RejectDecision
from api.agents.state import DECISION, DOCKET, MODEL_CALL, Decision, Effect, Repricing, Restocking
from api.category.commands import product_id
from api.fulfillment.commands import AdjustStock
from api.functions import REACTIONS
from api.procurement.state import PURCHASE_ORDER
from warehouse.events.agents import DecisionApproved, DecisionExecuted, DecisionStale, Difference, ModelCallRecorded
from warehouse.events.event import Recorded
from warehouse.ids import derived

TERMINAL = {"executed", "rejected", "expired", "superseded", "stale"}


@pytest.fixture
def waiting(history, proposals):
    ready = proposals.catalog(history)
    return ready.when(proposals.reorder(), by=proposals.reorder_agent)


def test_a_proposal_waits_with_all_that_was_said(waiting, proposals, noon):
    state: Decision = waiting.state

    assert state.proposal == Restocking("JP-1", proposals.supplier_id, 40, state.proposal.unit_cost, "main")
    assert (state.status, state.subject, state.proposed_by) == ("proposed", "JP-1", "agent:reorder")
    assert (state.proposed_at, state.expires_at) == (noon, noon + timedelta(days=1))
    assert (state.decided_by, state.decided_at, state.effect) == (None, None, None)


def test_an_approved_one_names_who_decided_and_what_was_done(waiting, actors, noon):
    done = DecisionExecuted(effect_stream="purchase_order", effect_id=UUID(int=7))
    told = waiting.history.given(DecisionApproved(reason="ok"), done, of=waiting.ref.id, at=noon, by=actors.staff("x"))
    state = told.state(DECISION, waiting.ref.id)

    assert (state.status, state.effect, state.decision_reason) == (
        "executed", Effect("purchase_order", UUID(int=7)), "ok"
    )  # fmt: skip
    assert (state.decided_by, state.decided_at) == (actors.staff("x").signature, noon)


def test_time_alone_makes_a_proposal_expire(waiting, noon):
    day = timedelta(days=1)
    assert waiting.state.status_at(noon + day - timedelta(microseconds=1)) == "proposed"
    assert waiting.state.status_at(noon + day) == "expired"
    stale = DecisionStale(differences=(Difference(name="n", was="1", is_now="2"),))
    told = waiting.history.given(stale, of=waiting.ref.id)
    assert told.state(DECISION, waiting.ref.id).status_at(noon + day) == "stale"


def test_states_are_stored_and_read_again(waiting, history, proposals):
    answer = {"deep": [1, {"é": None}], "n": 0.1}
    priced = proposals.catalog(history).when(
        proposals.price(origin="claude", model_answer=answer, cost=None), by=proposals.pricing_agent
    )
    assert isinstance(priced.state.act, Repricing)
    for stream, state in ((DECISION, waiting.state), (DECISION, priced.state), (DECISION, DECISION.initial)):
        assert stream.parse(stream.dump(state)) == state


def test_a_model_call_is_what_was_recorded_last(history, noon):
    told = {"function": "category", "model": "m", "request": "{}", "request_id": None, "stop_reason": None}
    told |= {"input_tokens": 1, "output_tokens": 2, "cache_read_tokens": 0, "cost_usd": "0.25", "latency_ms": 9}
    told |= {"request_hash": "a" * 64, "attempts": 1}
    first = ModelCallRecorded(**told, response="", status=529)
    second = ModelCallRecorded(**told, response="{}", status=200)

    state = history.given(first, second, of=UUID(int=1), at=noon).state(MODEL_CALL, UUID(int=1))

    assert (state.status, state.response, state.recorded_at) == (200, "{}", noon)
    assert [MODEL_CALL.status(one) for one in (MODEL_CALL.initial, state)] == ["failed", "answered"]
    assert DOCKET.status(DOCKET.initial) == "open"


@pytest.fixture
def done_all(history):
    """Do what a command asks with all that follows from it in other streams, or nothing at all; in memory."""

    def done_all(told, command, by, at):
        outcome = told.when(command, by=by, at=at)
        if outcome.refusal:
            return None
        after = outcome.history
        for place, event in enumerate(outcome.events, start=outcome.asked.version + 1):
            fact = _recorded(outcome, event, place)
            given = _after(outcome, after)
            for react in REACTIONS.get(type(event), ()):
                for consequence in react(fact, given):
                    after = done_all(after, consequence, by, at)
                    if after is None:
                        return None
        return after

    return done_all


def _recorded(outcome, event, version):
    cause, by = outcome.asked.command_id, outcome.asked.by.signature
    return Recorded(event, derived(cause, version), outcome.ref, version, outcome.asked.at, by, cause, cause)


def _after(outcome, history):
    return replace(outcome.asked, lookup=history.state)


def test_whatever_is_done_a_decision_has_one_end_and_at_most_one_effect(done_all, history, proposals, actors, noon):
    buyer = actors.staff("procurement")

    class Life(RuleBasedStateMachine):
        @initialize()
        def begin(self):
            self.told, self.at, self.ends = proposals.catalog(history), noon, {}
            self.commands = {}

        def do(self, command, by):
            self.told = done_all(self.told, command, by, self.at) or self.told

        @rule(snapshot=st.integers(1, 5), quantity=st.integers(30, 50))
        def propose(self, snapshot, quantity):
            command = proposals.reorder(snapshot, quantity=quantity)
            self.commands[command.decision_id] = snapshot
            self.do(command, proposals.reorder_agent)

        @rule(data=st.data())
        def approve(self, data):
            if self.commands:
                id = data.draw(st.sampled_from(sorted(self.commands)))
                self.do(ApproveDecision(decision_id=id), data.draw(st.sampled_from([buyer, proposals.reorder_agent])))

        @rule(data=st.data())
        def reject(self, data):
            if self.commands:
                id = data.draw(st.sampled_from(sorted(self.commands)))
                self.do(RejectDecision(decision_id=id, reason_code="other"), buyer)

        @rule(data=st.data())
        def expire(self, data):
            if self.commands:
                id = data.draw(st.sampled_from(sorted(self.commands)))
                self.do(ExpireDecision(decision_id=id), actors.house)

        @rule(hours=st.sampled_from([1, 12, 24]))
        def wait(self, hours):
            self.at += timedelta(hours=hours)

        @rule(quantity=st.sampled_from([1, 30]))
        def move_stock(self, quantity):
            self.do(AdjustStock(sku="JP-1", quantity=quantity, reason="found"), actors.house)

        @invariant()
        def one_waits_at_the_most(self):
            states = [self.told.state(DECISION, id) for id in self.commands]
            assert sum(one.proposal is not None and one.status_at(self.at) == "proposed" for one in states) <= 1

        @invariant()
        def an_end_is_an_end(self):
            for id in self.commands:
                state = self.told.state(DECISION, id)
                assert state.status != "approved"
                if state.status in TERMINAL:
                    assert self.ends.setdefault(id, state) == state

        @invariant()
        def effects_are_those_of_the_approved(self):
            done = {id for id in self.commands if self.told.state(DECISION, id).status == "executed"}
            drafts = Counter(past.id for past in self.told.facts if past.event.type == "purchase_order.created")
            assert drafts == Counter(derived(id, "purchase_order") for id in done)
            for id in done:
                line = self.told.state(PURCHASE_ORDER, derived(id, "purchase_order")).lines[0]
                assert (line.product_id, line.quantity) == (
                    product_id("JP-1"), self.told.state(DECISION, id).proposal.quantity
                )  # fmt: skip

    run_state_machine_as_test(Life, settings=settings(max_examples=60, stateful_step_count=25, deadline=None))

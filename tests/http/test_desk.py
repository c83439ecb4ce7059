"""The agents' desk at the real doors: proposals arrive once, calls are kept, and a no is told, not raised."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api.agents.commands import RecordModelCall, RejectDecision
from api.auth.tokens import AgentClaims, signed_for_agent
from api.client import Client, Refused
from api.procurement.commands import CreateSupplier
from assets.desk import ApiDesk
from warehouse.clock import now

CALL = RecordModelCall(
    request_hash="b" * 64, function="procurement", model="m", request="{}", response='{"a": 1}', status=200
)


@pytest.fixture
def desk(town, proposals):
    """The reorder agent's desk, in a house with the product and the supplier."""
    town.product(proposals.sku, stock=5)
    town.send(CreateSupplier(supplier_id=proposals.supplier_id, name="Acme"))
    with _client(town, "reorder", "procurement") as client:
        yield ApiDesk(client)


def _client(town, name: str, *functions: str) -> Client:
    key = town.house.signing_key
    token = signed_for_agent(AgentClaims(name, frozenset(functions)), key, now(), timedelta(minutes=5))
    return Client(str(town.nobody().client.base_url), token)


def test_what_is_proposed_waits_is_listed_and_is_proposed_once(desk, proposals):
    begun = now()
    proposal = proposals.reorder()
    assert desk.propose(proposal) is None
    assert desk.propose(proposal) is None
    assert list(desk.proposed_since("procurement", begun)) == [(proposal.decision_id, proposals.sku)]
    assert list(desk.proposed_since("procurement", now())) == []
    assert list(desk.proposed_since("category", begun)) == []
    assert desk.is_waiting(proposal.decision_id)


def test_another_proposal_from_the_same_snapshot_and_one_about_nothing_are_told_by_code(desk, proposals):
    desk.propose(proposals.reorder())
    assert desk.propose(proposals.reorder(rationale="Another reason.")) == "idempotency_key_reused"
    assert desk.propose(proposals.reorder(sku="NOT-THERE")) == "product_not_found"


def test_what_somebody_decided_on_waits_no_more(desk, proposals, town):
    proposal = proposals.reorder()
    desk.propose(proposal)
    town.send(RejectDecision(decision_id=proposal.decision_id, reason_code="timing"))
    assert not desk.is_waiting(proposal.decision_id)


def test_a_call_is_kept_and_found_again(desk):
    assert desk.call(CALL.model_call_id) is None
    desk.record(CALL)
    desk.record(CALL)
    kept = desk.call(CALL.model_call_id)
    assert (kept["status"], kept["response"]) == (200, '{"a": 1}')


def test_an_agent_that_may_not_propose_fails_visibly(town, proposals):
    with _client(town, "reorder", "category") as client, pytest.raises(Refused, match="Only agents"):
        ApiDesk(client).propose(proposals.reorder())
    with _client(town, "reorder", "category") as client, pytest.raises(Refused):
        ApiDesk(client).record(CALL)


def test_without_a_token_nothing_is_seen(town):
    with Client(str(town.nobody().client.base_url)) as client:
        desk = ApiDesk(client)
        with pytest.raises(Refused):
            desk.call(CALL.model_call_id)
        with pytest.raises(Refused):
            list(desk.proposed_since("procurement", now()))

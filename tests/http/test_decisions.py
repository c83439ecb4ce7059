"""Decisions through the doors: an agent proposes, a person decides, and the order or the price follows once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import text

from api.access import DOORS
from api.agents.commands import model_call_id
from api.auth.tokens import AgentClaims, signed_for_agent
from api.category.commands import ChangePrice
from api.parity import differences
from api.procurement.commands import CreateSupplier, DeactivateSupplier
from warehouse.clock import now
from warehouse.ids import derived, new_id

DECISIONS, CALLS = "/api/v1/agents/decisions", "/api/v1/agents/model-calls"


@pytest.fixture
def shelf(town, proposals):
    """A product with five pieces in stock, and its supplier."""
    product = town.product(proposals.sku, stock=5)
    town.send(CreateSupplier(supplier_id=proposals.supplier_id, name="Acme"))
    return product


@pytest.fixture
def agent(town):
    """An agent with its short-lived token."""

    def agent(name, *functions):
        claims = AgentClaims(name, frozenset(functions))
        token = signed_for_agent(claims, town.house.signing_key, now(), timedelta(minutes=5))
        return replace(town.nobody(), token=token)

    return agent


@pytest.fixture
def reorder(agent, proposals, shelf):
    """A reorder proposed through the door: the decision as answered."""

    def reorder(snapshot=1, **told):
        body = proposals.body(proposals.reorder(snapshot, **told))
        answer = agent("reorder", "procurement").post(DECISIONS, body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return reorder


@pytest.fixture
def price(agent, proposals, shelf):
    """A new price proposed through the door: the decision as answered."""

    def price(snapshot=1, **told):
        body = proposals.body(proposals.price(snapshot, **told))
        answer = agent("pricing", "category").post(DECISIONS, body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return price


@pytest.fixture
def hasten(town):
    """Proposals that wait no longer than a moment."""

    def hasten():
        rules = replace(town.house.rules, reorder_decision_lifetime=timedelta(), price_decision_lifetime=timedelta())
        town.app.state.house = replace(town.house, rules=rules)

    return hasten


def orders(caller):
    return caller.get("/api/v1/procurement/purchase-orders").json()["items"]


def test_an_approved_reorder_is_a_purchase_order(town, reorder, proposals):
    asked, sten = reorder(), town.staff()

    answer = sten.post(f"{DECISIONS}/{asked['id']}/approve", {"reason": "right"})

    assert answer.status_code == 200
    decided = answer.json()
    assert (decided["status"], decided["decided_by"], decided["decision_reason"]) == (
        "executed", f"staff:{sten.id}", "right"
    )  # fmt: skip
    (order,) = orders(sten)
    assert decided["effect"] == {"stream": "purchase_order", "id": order["id"]}
    assert (order["status"], order["supplier_id"], order["total_cost"]) == (
        "draft", str(proposals.supplier_id), "2400.00"
    )  # fmt: skip
    assert sten.get(f"{DECISIONS}/{asked['id']}").json() == decided
    assert (asked["status"], asked["effect"], asked["proposed_by"]) == ("proposed", None, "agent:reorder")


def test_a_decision_shows_what_it_was_made_from(reorder, proposals):
    told = proposals.reorder()
    answer = {"stance": "ACCEPT", "deep": [1, None]}

    shown = reorder(origin="claude", model_answer=answer, reason="SEASON")

    assert shown["proposal"] == shown["formula"] == told.proposal.model_dump(mode="json")
    assert (shown["model_answer"], shown["origin"], shown["reason"]) == (answer, "claude", "SEASON")
    assert shown["situation"] == [{"name": "expected demand of a week", "value": "7.4", "unit": "pieces"}]
    assert shown["as_of"]["event_number"] == 1
    assert shown["preconditions"] == {"quantity_on_hand": 5, "unit_cost": "60.00"}
    assert (shown["amount"], shown["currency"], shown["subject"]) == ("2400.00", "USD", "JP-1")
    assert shown["number"].startswith("AD-")


def test_an_approved_price_is_the_products_price(town, price, shelf):
    asked, sten = price(), town.staff("category")
    (recommended,) = sten.get("/api/v1/category/recommendations").json()["items"]
    assert recommended == asked

    decided = sten.post(f"{DECISIONS}/{asked['id']}/approve").json()

    product = sten.get(f"/api/v1/category/products/{shelf}").json()
    assert (decided["status"], decided["effect"]) == ("executed", {"stream": "product", "id": str(shelf)})
    assert product["base_price"] == "104.00"
    assert sten.get("/api/v1/category/recommendations").json()["items"] == []


def test_two_who_approve_at_once_draft_one_purchase_order(town, reorder):
    asked = reorder()
    people = [town.staff("procurement", name=f"p{n}") for n in range(8)]

    with ThreadPoolExecutor(len(people)) as pool:
        answers = list(pool.map(lambda one: one.post(f"{DECISIONS}/{asked['id']}/approve"), people))

    assert [answer.status_code for answer in answers] == [200] * len(people)
    assert len({str(answer.json()) for answer in answers}) == 1
    assert len(orders(people[0])) == 1


def test_yes_and_no_at_once_leave_one_of_them(town, reorder):
    for snapshot in range(1, 5):
        asked = reorder(snapshot)
        yes, no = town.staff("procurement", name=f"y{snapshot}"), town.staff("procurement", name=f"n{snapshot}")
        with ThreadPoolExecutor(2) as pool:
            one = pool.submit(yes.post, f"{DECISIONS}/{asked['id']}/approve")
            other = pool.submit(no.post, f"{DECISIONS}/{asked['id']}/reject", {"reason_code": "timing"})
            assert sorted((one.result().status_code, other.result().status_code)) == [200, 409]
        status = yes.get(f"{DECISIONS}/{asked['id']}").json()["status"]
        order_id = derived_order(asked)
        assert (order_id in {order["id"] for order in orders(yes)}) == (status == "executed")


def derived_order(asked):
    return str(derived(UUID(asked["id"]), "purchase_order"))


def test_proposals_at_once_leave_one_that_waits(town, agent, proposals, shelf):
    clerk = agent("reorder", "procurement")
    bodies = [proposals.body(proposals.reorder(n, as_of=proposals.reorder(1).as_of)) for n in range(1, 7)]

    with ThreadPoolExecutor(len(bodies)) as pool:
        answers = list(pool.map(lambda body: clerk.post(DECISIONS, body), bodies))

    assert {answer.status_code for answer in answers} == {201}
    sten = town.staff()
    assert len(sten.get(f"{DECISIONS}?status=proposed").json()["items"]) == 1
    assert len(sten.get(f"{DECISIONS}?status=superseded").json()["items"]) == len(bodies) - 1


def test_the_same_snapshot_is_answered_with_the_same_decision(agent, proposals, reorder):
    clerk, asked = agent("reorder", "procurement"), reorder()

    again = clerk.post(DECISIONS, proposals.body(proposals.reorder()), Idempotency_Key="another")
    other = clerk.post(DECISIONS, proposals.body(proposals.reorder(quantity=41)))

    assert (again.status_code, again.json()) == (201, asked)
    assert (other.status_code, other.json()["code"]) == (409, "decision_differs")


def test_nobody_but_the_agents_proposes_and_nobody_but_people_decide(town, agent, proposals, reorder):
    asked, body = reorder(), proposals.body(proposals.reorder(2))
    clerk, pricing = agent("reorder", "procurement"), agent("pricing", "category")
    doors = [f"{DECISIONS}/{asked['id']}/approve", f"{DECISIONS}/{asked['id']}/reject"]
    said = {"approve": {}, "reject": {"reason_code": "other"}}

    for caller in (town.staff(name="every"), town.consumer(), town.dealer()):
        assert caller.post(DECISIONS, body).json()["code"] == "not_allowed"
        assert caller.post(CALLS, {}).status_code == 403
    assert pricing.post(DECISIONS, body).json()["code"] == "proposing_forbidden"
    ben, rita = town.consumer("ben"), town.staff("receivables", name="rita")
    others = [town.staff(function, name=function) for function in ("category", "agents")]
    for door in doors:
        told = said[door.rpartition("/")[2]]
        assert town.nobody().post(door, told).status_code == 401
        assert clerk.post(door, told).json()["code"] == "not_allowed"
        assert ben.post(door, told).json()["code"] == "not_allowed"
        assert rita.post(door, told).json()["code"] == "not_allowed"
        for other in others:
            refused = other.post(door, told)
            assert (refused.status_code, refused.json()["code"]) == (403, "deciding_forbidden")
    assert clerk.get(f"{DECISIONS}/{asked['id']}").json()["status"] == "proposed"


def test_an_agents_token_opens_the_agents_doors_alone(agent):
    clerk = agent("reorder", "procurement", "category", "events", "orders")
    for (method, path), callers in DOORS.items():
        if not callers.agents and not callers.anyone:
            answer = clerk.ask(method, path.replace("{", "").replace("}", ""))
            assert answer.status_code == 403, (method, path, answer.text)


def test_a_proposal_that_came_too_late_is_expired_wherever_one_looks(town, hasten, reorder, price):
    hasten()
    asked, priced, sten = reorder(), price(), town.staff()

    refused = sten.post(f"{DECISIONS}/{asked['id']}/approve")

    assert (refused.status_code, refused.json()["code"]) == (409, "decision_is_expired")
    assert sten.get(f"{DECISIONS}/{asked['id']}").json()["status"] == "expired"
    assert sten.get(f"{DECISIONS}?status=proposed").json()["items"] == []
    expired = sten.get(f"{DECISIONS}?status=expired").json()["items"]
    assert [one["id"] for one in expired] == [priced["id"], asked["id"]]
    assert sten.get("/api/v1/category/recommendations").json()["items"] == []
    assert orders(sten) == []


def test_superseded_and_rejected_ones_are_never_done(town, reorder):
    older, newer, sten = reorder(1), reorder(2, quantity=44), town.staff()
    no = sten.post(f"{DECISIONS}/{newer['id']}/reject", {"reason_code": "timing", "reason": "after the fair"})

    assert (no.json()["status"], no.json()["rejection_code"]) == ("rejected", "timing")
    for one, status in ((older, "superseded"), (newer, "rejected")):
        refused = sten.post(f"{DECISIONS}/{one['id']}/approve")
        assert (refused.status_code, refused.json()["code"]) == (409, f"decision_is_{status}")
    assert sten.get(f"{DECISIONS}/{older['id']}").json()["superseded_by"] == newer["id"]
    assert orders(sten) == []


def test_a_stale_one_says_what_moved_and_does_nothing(town, price, shelf):
    asked, sten = price(), town.staff()
    town.send(ChangePrice(product_id=shelf, new_price=Decimal(101), reason="steel"))

    answer = sten.post(f"{DECISIONS}/{asked['id']}/approve")

    assert (answer.status_code, answer.json()["status"]) == (200, "stale")
    assert answer.json()["differences"] == [{"name": "list price", "was": "100.00", "is_now": "101.00"}]
    assert answer.json()["effect"] is None
    assert sten.get(f"/api/v1/category/products/{shelf}").json()["base_price"] == "101.00"


def test_what_the_effect_refuses_refuses_the_approval(town, reorder, proposals):
    asked, sten = reorder(), town.staff()
    town.send(DeactivateSupplier(supplier_id=proposals.supplier_id, reason="late"))

    refused = sten.post(f"{DECISIONS}/{asked['id']}/approve")

    assert (refused.status_code, refused.json()["code"]) == (409, "supplier_inactive")
    assert sten.get(f"{DECISIONS}/{asked['id']}").json() == asked
    assert orders(sten) == []


def test_limits_that_were_tightened_meanwhile_hold_for_an_approved_price(town, price, shelf):
    asked, sten = price(), town.staff()
    rules = replace(town.house.rules, price_step_rate=Decimal("0.02"))
    town.app.state.house = replace(town.house, rules=rules)

    refused = sten.post(f"{DECISIONS}/{asked['id']}/approve")

    assert (refused.status_code, refused.json()["code"]) == (409, "price_step_exceeded")
    assert sten.get(f"{DECISIONS}/{asked['id']}").json()["status"] == "proposed"
    assert sten.get(f"/api/v1/category/products/{shelf}").json()["base_price"] == "100.00"


def test_lists_are_of_a_function_a_subject_a_status(town, reorder, price):
    asked, priced, sten = reorder(), price(), town.staff("agents")

    def ids(query):
        return [one["id"] for one in sten.get(f"{DECISIONS}{query}").json()["items"]]

    assert ids("") == [priced["id"], asked["id"]]
    assert ids("?function=category") == [priced["id"]]
    assert ids("?subject=JP-1&function=procurement&status=proposed") == [asked["id"]]
    assert ids("?subject=JP-9") == []
    page = sten.get(f"{DECISIONS}?limit=1").json()
    assert [one["id"] for one in sten.get(page["next"]).json()["items"]] == [asked["id"]]
    assert sten.get(f"{DECISIONS}/{new_id(now())}").json()["code"] == "decision_not_found"


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"rationale": "x" * 501}, "rationale"),
        ({"rationale": "\u200b"}, "rationale"),
        ({"snapshot_hash": "abc"}, "snapshot_hash"),
        ({"proposal": {"kind": "bribe", "sku": "JP-1"}}, "proposal"),
        ({"origin": "fallback"}, ""),
        ({"as_of": {"position": "p", "event_number": 1, "at": "2026-03-02T12:00:00"}}, "as_of.at"),
        ({"model_answer": [1]}, "model_answer"),
    ],
)
def test_a_malformed_proposal_is_told_where(agent, proposals, shelf, told, field):
    answer = agent("reorder", "procurement").post(DECISIONS, proposals.body(proposals.reorder(), **told))

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["field"].startswith(field)


def test_hostile_words_are_words(reorder):
    hostile = "<img src=x onerror=alert(1)> \u202eevil\u202c '; drop table jovey.events; --"
    shown = reorder(rationale=hostile)
    assert shown["rationale"] == "<img src=x onerror=alert(1)> evil '; drop table jovey.events; --"


def test_a_models_answer_is_kept_before_anything_is_made_of_it(town, agent):
    clerk, asked = agent("reorder", "procurement"), "ab" * 32
    where = f"{CALLS}/{model_call_id(asked)}"
    told = {
        "request_hash": asked,
        "function": "procurement",
        "model": "claude-sonnet-5-5",
        "request": '{"a": "\\u0000"}',
    }
    told |= {"response": '{"content": "<b>\\u0000</b>"}', "cost_usd": "0.003101", "status": 200, "input_tokens": 4000}
    assert clerk.get(where).json()["code"] == "model_call_not_found"

    first, again = clerk.post(CALLS, told), clerk.post(CALLS, told)
    other = clerk.post(CALLS, told | {"response": "{}"})

    assert (first.status_code, first.json()["response"]) == (201, told["response"])
    assert (again.status_code, again.json()) == (201, first.json())
    assert (other.status_code, other.json()["code"]) == (409, "model_call_answered")
    assert clerk.get(where).json() == town.staff("agents").get(where).json() == first.json()
    assert clerk.post(CALLS, told | {"response": "x" * 300_001}).status_code == 422


def test_approving_costs_few_statements(town, reorder, count_statements):
    asked, sten = reorder(), town.staff()
    statements = count_statements(lambda: sten.post(f"{DECISIONS}/{asked['id']}/approve"))
    assert statements == 5  # who is it, receipts, peek at the decision, load, append


def test_proposing_costs_few_statements(agent, proposals, reorder, count_statements):
    reorder()
    clerk, body = agent("reorder", "procurement"), proposals.body(proposals.reorder(2, quantity=44))
    assert count_statements(lambda: clerk.post(DECISIONS, body)) == 4  # receipts, peek at the docket, load, append


def test_the_log_folds_to_the_same_decisions_again(town, database, agent, reorder, price):
    first, newer, priced, sten = reorder(1), reorder(2, quantity=44), price(), town.staff()
    sten.post(f"{DECISIONS}/{newer['id']}/approve")
    sten.post(f"{DECISIONS}/{priced['id']}/reject", {"reason_code": "price"})
    told = {"request_hash": "ab" * 32, "function": "procurement", "model": "m", "request": "{}", "response": "{}"}
    agent("reorder", "procurement").post(CALLS, told | {"status": 200})

    engine = database.engine("jovey_owner")
    with engine.connect() as connection:
        found = list(differences(connection))
        kinds = connection.execute(text("select aggregate_type, count(*) from jovey.states group by 1")).all()
    engine.dispose()

    assert found == []
    assert {("decision", 3), ("docket", 2), ("model_call", 1), ("purchase_order", 1)} <= {tuple(one) for one in kinds}
    assert first["id"] != newer["id"]

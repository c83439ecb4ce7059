"""The pricing agent over a real lake: a price off the ladder each time, rightly labelled, once."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.agents.commands import plain
from assets.category.agent import PRICING, PriceLine
from assets.rounds import look, work
from warehouse import clock

D = Decimal


@pytest.fixture
def round_of(told_company, tray, with_claude):
    """Let the agent work once; with a key unless `keyless`."""

    def run(*, keyless=False):
        plain = told_company.settings
        settings = plain if keyless else with_claude(plain)
        found = look(PRICING, told_company.reader, settings, clock.now())
        return work(found, told_company.reader, tray, settings, clock.now())

    return run


@pytest.fixture
def says(messages_api):
    """What Claude says of the one line; `evidence=True` cites what it was given."""

    def say(evidence=False, **told):
        plain = {"line_id": "L01", "stance": "ACCEPT", "candidate": "C6", "reason": "COMPETITOR_GAP"}
        plain |= {"expected_units_bp": 9_800, "rationale": "Others ask more.", "evidence_ids": []}

        def brain(request):
            ids = re.findall(r"^(e\d+)\|L01\|", request["messages"][0]["content"], re.MULTILINE)
            return {"lines": [{**plain, "evidence_ids": ids if evidence else [], **told}]}

        messages_api.brain = brain

    return say


def test_without_a_key_the_formula_proposes_a_price_and_says_what_it_is_worth(round_of, tray):
    assert round_of(keyless=True).proposed == {"formula": 1}
    (proposed,) = tray.proposed
    assert (proposed.subject, proposed.proposal.new_price, proposed.reason) == ("JP-4", D("105.00"), "COMPETITOR_GAP")
    assert proposed.rationale == (
        "We ask 10.7% less than others: 1 competitor asks 112.00, seen within 30 days. 105.00 is 5.0% more. "
        "Gross profit grows unless sales fall by more than 11.1%. How buyers answer to the price was not measured."
    )
    assert proposed.preconditions.current_price == D("100.00")
    assert all(guard.has_passed for guard in proposed.guards)


def test_what_claude_accepts_is_the_formulas_price_in_claudes_words(round_of, tray, says, messages_api):
    says()
    assert round_of().proposed == {"claude": 1}
    (proposed,) = tray.proposed
    assert (proposed.proposal, proposed.rationale) == (proposed.formula, "Others ask more.")
    assert proposed.model_answer["expected_units_bp"] == 9_800
    (request,) = messages_api.requests
    assert "Heron" not in json.dumps(request)  # who the competitor is, is no matter of the price
    assert "price war" not in json.dumps(request)


def test_claude_chooses_another_rung_by_evidence(round_of, tray, says):
    says(stance="CHOOSE", candidate="c4", evidence=True)
    round_of()
    (proposed,) = tray.proposed
    assert (proposed.origin, proposed.proposal.new_price, proposed.formula.new_price) == ("claude", D(101), D(105))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"stance": "HOLD", "candidate": "C0", "evidence": True}, "Claude advises to keep the price: Others ask more."),
        ({"stance": "CHOOSE", "candidate": "C0", "evidence": True}, "Claude advises to keep the price: "),
        ({"stance": "CHOOSE", "candidate": "C4"}, "Claude asks you to look first: "),
        ({"stance": "ESCALATE", "candidate": "C0"}, "Claude asks you to look first: "),
    ],
)
def test_advice_that_is_no_price_stands_beside_the_formulas(round_of, tray, says, told, words):
    says(**told)
    assert round_of().proposed == {"claude": 1}
    (proposed,) = tray.proposed
    assert proposed.proposal == proposed.formula
    assert proposed.rationale.startswith(words)


@pytest.mark.parametrize(
    "told",
    [
        {"candidate": "C4"},  # it accepts what the formula did not choose
        {"stance": "CHOOSE", "candidate": "C4", "expected_units_bp": -1},
    ],
)
def test_what_the_guards_do_not_let_pass_falls_back_to_the_formula(round_of, tray, says, told):
    says(evidence=True, **told)
    assert round_of().proposed == {"guard": 1}
    (proposed,) = tray.proposed
    assert proposed.proposal == proposed.formula


@pytest.mark.parametrize(("mishap", "label"), [("529", "overloaded"), ("refusal", "refusal"), ("HTML", "protocol")])
def test_whatever_fails_there_is_one_proposal_with_its_label(round_of, tray, messages_api, mishap, label):
    messages_api.always = mishap
    assert round_of().proposed == {label: 1}
    assert tray.proposed[0].proposal == tray.proposed[0].formula


def test_the_contract_is_what_its_version_says():
    """When this fails, the contract changed: give it the next version and note its digest here."""
    assert (PRICING.contract.version, PRICING.contract.digest()[:16]) == ("pricing-1", "b143b7a6338d48eb")


def test_the_instructions_speak_of_our_own_cost_and_demand_and_of_nothing_like_an_agreement():
    words = PRICING.contract.instructions.read_text().lower()
    assert "decide from our cost and our demand" in words
    assert not any(word in words for word in ("price war", "undercut", "match competitors", "coordinate", "retaliat"))


@pytest.fixture(scope="module")
def told_due(told_company):
    return PRICING.due(told_company.reader, told_company.settings)


lines = st.builds(
    PriceLine,
    line_id=st.just("L01"),
    evidence_ids=st.lists(st.just("e1"), max_size=1),
    expected_units_bp=st.integers() | st.integers(1_000, 100_000),
    rationale=st.text(max_size=400),
)


@settings(deadline=None)
@given(line=lines)
def test_whatever_claude_says_a_price_is_one_that_was_offered(told_due, line):
    (case,) = told_due.cases
    advice = case.hear(line)
    assert plain(advice.rationale)
    if all(guard.has_passed for guard in advice.guards):
        assert advice.act.new_price in {D(price) for price in (99, 97, 95, 101, 103, 105)}

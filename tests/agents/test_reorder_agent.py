"""The reorder agent over a real lake: a proposal each time, rightly labelled, once, whatever Claude does."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.agents.commands import plain
from assets.contract import Sheet
from assets.procurement.agent import REORDER, OrderView, ReorderLine
from assets.proposals import undecided
from assets.rounds import look, work
from warehouse import clock

WEEKLY = 12
SKUS = {"JP-1", "JP-2", "JP-3"}
MISHAPS = {
    "429": "overloaded",
    "429 for a day": "overloaded",
    "529": "overloaded",
    "500": "overloaded",
    "drop": "overloaded",
    "spend cap": "billing",
    "usage limit": "billing",
    "402": "billing",
    "401": "auth",
    "403": "auth",
    "400": "bad_request",
    "404": "model",
    "refusal": "refusal",
    "max_tokens": "truncated",
    "context window": "truncated",
    "not JSON": "invalid",
    "another shape": "invalid",
    "no lines": "invalid",
    "HTML": "protocol",
    "cut off": "protocol",
}


@pytest.fixture
def round_of(told_company, tray, with_claude):
    """Let the agent work once; with a key unless `keyless`, and everything else as the settings say."""

    def run(*, keyless=False, **chosen):
        plain = told_company.settings
        settings = plain if keyless else with_claude(plain, **chosen)
        found = look(REORDER, told_company.reader, settings, clock.now())
        return work(found, told_company.reader, tray, settings, clock.now())

    return run


def line_of(line_id, **told):
    plain = {"stance": "ACCEPT", "reason": "NONE", "evidence_ids": [], "demand_mult_bp": 10_000, "lead_time_days": 0}
    plain |= {"service_level": "AS_POLICY", "po_views": [], "rationale": "The figures fit."}
    return {"line_id": line_id, **plain, **told}


@pytest.fixture
def says(messages_api):
    """What Claude says of a SKU; of all others it says ACCEPT. `evidence=True` cites what the line was given."""

    def say(sku="JP-1", evidence=False, **told):
        def brain(request):
            lines = []
            for line_id, cells in table_of(request).items():
                mine = dict(told) if cells["sku"] == sku else {}
                if evidence and cells["sku"] == sku:
                    mine["evidence_ids"] = evidence_of(request)[line_id]
                lines.append(line_of(line_id, **mine))
            return {"lines": lines}

        messages_api.brain = brain

    return say


def table_of(request):
    rows = [row.split("|") for row in request["messages"][0]["content"].splitlines()]
    (head,) = [row for row in rows if row[0] == "line_id"]
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows if re.fullmatch(r"L\d\d", row[0])}


def evidence_of(request):
    found = {}
    for row in request["messages"][0]["content"].splitlines():
        if match := re.match(r"(e\d+)\|(L\d\d)\|", row):
            found.setdefault(match[2], []).append(match[1])
    return found


def of(tray, sku):
    (found,) = [one for one in tray.proposed if one.subject == sku]
    return found


def test_without_a_key_the_formula_proposes_and_says_why(round_of, tray, messages_api):
    done = round_of(keyless=True)
    assert done.proposed == {"formula": 3}
    assert {one.subject for one in tray.proposed} == SKUS
    assert tray.proposed[0].subject == "JP-3"  # it runs out first
    proposed = of(tray, "JP-1")
    assert proposed.proposal == proposed.formula
    assert proposed.proposal.quantity == 82 - (12 + 8) - 5
    assert "17 available and 8 on their way, 8 of them up to 10 days late" in proposed.rationale
    assert proposed.reason == "SUPPLIER_LATE"
    assert all(guard.has_passed for guard in proposed.guards)
    assert proposed.preconditions.quantity_on_hand == 185
    assert not messages_api.requests


def test_what_claude_accepts_is_the_formulas_order_in_claudes_words(round_of, tray, says, messages_api):
    says(rationale="A late order is on its way.", reason="SUPPLIER_LATE")
    assert round_of().proposed == {"claude": 3}
    (call,) = tray.calls.values()
    proposed = of(tray, "JP-1")
    assert (proposed.origin, proposed.reason) == ("claude", "SUPPLIER_LATE")
    assert proposed.rationale == "A late order is on its way."
    assert proposed.proposal == proposed.formula
    assert proposed.model_call_id == call.model_call_id
    assert proposed.model_answer["stance"] == "ACCEPT"
    assert json.loads(call.response)["stop_reason"] == "end_turn"
    assert len(messages_api.requests) == 1


def test_claude_changes_inputs_and_the_formula_computes_anew(round_of, tray, says):
    says(stance="adjust", reason="Demand_Shift", demand_mult_bp=15_000, evidence=True)  # the API promises no capitals
    round_of()
    proposed = of(tray, "JP-1")
    assert (proposed.origin, proposed.reason) == ("claude", "DEMAND_SHIFT")
    assert proposed.proposal.quantity > proposed.formula.quantity
    assert {guard.name for guard in proposed.guards} >= {"demand", "orders", "packs", "cover"}


def test_an_order_that_claude_takes_for_lost_is_ordered_again(round_of, tray, says, told_company):
    (number,) = [
        one["po_number"]
        for row in told_company.reader.query(
            "select awaited from procurement.reorders_due where sku = 'JP-1'", functions=frozenset({"events"})
        ).frame.to_dicts()
        for one in row["awaited"]
    ]
    lost = {"po_ref": number, "treat_as": "lost", "late_days": 0}
    says(stance="ADJUST", reason="PO_LOST", po_views=[lost], evidence=True)
    round_of()
    proposed = of(tray, "JP-1")
    assert proposed.origin == "claude"
    assert proposed.proposal.quantity == proposed.formula.quantity + 8


@pytest.mark.parametrize(
    "told",
    [
        {"demand_mult_bp": 20_001},
        {"demand_mult_bp": 4_999},
        {"lead_time_days": -1},
        {"lead_time_days": 366},
        {"reason": "PO_LOST"},
        {"po_views": [{"po_ref": "PO-0", "treat_as": "LOST", "late_days": 0}]},
        {"lead_time_days": 365},  # an order for more than thirteen weeks beyond the reorder point
    ],
)
def test_what_the_guards_do_not_let_pass_falls_back_to_the_formula(round_of, tray, says, told):
    says(stance="ADJUST", evidence=True, **told)
    assert round_of().proposed == {"claude": 2, "guard": 1}
    proposed = of(tray, "JP-1")
    assert proposed.proposal == proposed.formula
    assert proposed.model_answer is not None
    assert proposed.model_call_id is not None


@pytest.mark.parametrize(
    ("stance", "evidence", "words"),
    [
        ("HOLD", True, "Claude advises to order nothing now: Phase it out."),
        ("HOLD", False, "Claude asks you to look before ordering: Phase it out."),
        ("ESCALATE", False, "Claude asks you to look before ordering: Phase it out."),
        ("ADJUST", False, "Claude asks you to look before ordering: Phase it out."),
    ],
)
def test_advice_that_is_no_order_stands_beside_the_formulas(round_of, tray, says, stance, evidence, words):
    says(stance=stance, reason="PHASE_OUT", rationale="Phase it out.", evidence=evidence)
    round_of()
    proposed = of(tray, "JP-1")
    assert proposed.origin == "claude"
    assert proposed.proposal == proposed.formula
    assert proposed.rationale.startswith(words)


def test_an_adjustment_that_leaves_nothing_to_order_is_advice_to_wait(round_of, tray, says):
    says(stance="ADJUST", reason="DEMAND_SHIFT", demand_mult_bp=5_000, lead_time_days=1, evidence=True)
    round_of()
    assert of(tray, "JP-1").rationale.startswith("Claude advises to order nothing now")


@pytest.mark.parametrize(("mishap", "label"), MISHAPS.items())
def test_whatever_fails_each_product_has_one_proposal_with_its_label(round_of, tray, messages_api, mishap, label):
    messages_api.always = mishap
    assert round_of().proposed == {label: 3}
    assert {one.subject for one in tray.proposed} == SKUS
    assert all(one.proposal == one.formula for one in tray.proposed)


def test_a_day_that_is_spent_asks_nothing(round_of, messages_api):
    assert round_of(model_cost_day_max=0).proposed == {"budget": 3}
    assert not messages_api.requests


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda lines: lines[1:],
        lambda lines: [*lines, lines[0]],
        lambda lines: [{**lines[0], "evidence_ids": ["e99"]}, *lines[1:]],
        lambda lines: [{**lines[0], "line_id": "L99"}, *lines[1:]],
        lambda lines: [{**lines[0], "demand_mult_bp": 10**400}, *lines[1:]],
        lambda lines: [{**lines[0], "rationale": "and so on " * 9_999}, *lines[1:]],
        lambda lines: [{**lines[0], "rationale": "half a letter: \ud800"}, *lines[1:]],
    ],
    ids=["missing", "twice", "evidence of nobody", "line of nobody", "number", "words", "half a letter"],
)
def test_a_line_that_cannot_be_taken_is_asked_about_once_more_by_codes_alone(
    round_of, messages_api, says, tray, spoilt
):
    says()
    good = messages_api.brain
    messages_api.brain = lambda request: {"lines": spoilt(good(request)["lines"])}
    done = round_of()
    assert done.proposed in ({"claude": 2, "invalid": 1}, {"claude": 2, "guard": 1})
    asked = [request["messages"][0]["content"] for request in messages_api.requests]
    if "invalid" in done.proposed:
        assert len(asked) == 2
        assert re.search(r"not accepted: [A-Z_, ]+\.", asked[1])


def test_an_answer_that_is_right_the_second_time_is_claudes(round_of, messages_api, says):
    messages_api.mishaps.append("no lines")
    says()
    assert round_of().proposed == {"claude": 3}


def test_an_answer_that_is_too_long_is_asked_for_in_halves_once(round_of, messages_api, says):
    messages_api.mishaps.append("max_tokens")
    says()
    assert round_of().proposed == {"claude": 3}
    assert [len(table_of(request)) for request in messages_api.requests] == [3, 1, 2]


def test_a_refused_key_is_not_tried_again_in_the_same_round(round_of, messages_api, monkeypatch):
    monkeypatch.setattr("assets.proposals.LINES_MAX", 1)
    messages_api.always = "401"
    assert round_of().proposed == {"auth": 3}
    assert len(messages_api.requests) == 1


def test_a_refusal_of_one_batch_leaves_the_others_to_be_asked(round_of, messages_api, says, monkeypatch):
    monkeypatch.setattr("assets.proposals.LINES_MAX", 1)
    messages_api.mishaps.append("refusal")
    says()
    assert round_of().proposed == {"refusal": 1, "claude": 2}


def test_an_agent_that_was_killed_before_it_proposed_does_not_pay_again(
    round_of, messages_api, says, tray, monkeypatch
):
    says()
    tray.refuses = "killed"
    assert round_of().refused == {"killed": 3}
    tray.refuses = None
    assert round_of().proposed == {"claude": 3}
    assert len(messages_api.requests) == len(tray.calls) == 1


def test_what_was_proposed_since_the_lake_was_refreshed_is_left_alone(round_of, told_company, tray):
    found = look(REORDER, told_company.reader, told_company.settings, clock.now())
    tray.lately = [(one.id, one.case.subject) for one in found.undecided if one.case.subject != "JP-2"]
    assert round_of(keyless=True).proposed == {"formula": 1}
    assert tray.proposed[0].subject == "JP-2"


def test_a_subject_somebody_decided_on_since_waits_for_the_lake(told_company, tray):
    found = look(REORDER, told_company.reader, told_company.settings, clock.now())
    older = next(one for one in found.undecided if one.case.subject == "JP-1")
    past = replace(found.past, waiting={"JP-1": older.id})
    tray.decided = {older.id}
    done = work(replace(found, past=past), told_company.reader, tray, told_company.settings, clock.now())
    assert done.proposed == {"formula": 2}


def test_a_situation_is_new_after_an_end_that_nobody_chose_and_the_same_before(told_company):
    found = look(REORDER, told_company.reader, told_company.settings, clock.now())
    cases, past = found.due.cases, found.past
    before = {one.case.subject: one.id for one in undecided(REORDER, cases, past)}
    known = replace(past, ids=frozenset(before.values()))
    assert undecided(REORDER, cases, known) == []
    lapsed = replace(known, ended={"JP-1": before["JP-1"]})
    (again,) = undecided(REORDER, cases, lapsed)
    assert again.case.subject == "JP-1"
    assert again.id != before["JP-1"]


@pytest.fixture(scope="module")
def told_due(told_company):
    return REORDER.due(told_company.reader, told_company.settings)


def test_no_row_of_the_table_says_which_product_matters_and_no_text_of_others_is_sent(round_of, messages_api, says):
    says()
    round_of()
    (request,) = messages_api.requests
    text = json.dumps(request)
    assert "Kestrel" not in text  # a supplier's name is a text of somebody outside
    assert "Heron" not in text
    assert len(table_of(request)) == 3


def test_the_contract_is_what_its_version_says():
    """When this fails, the contract changed: give it the next version and note its digest here."""
    assert (REORDER.contract.version, REORDER.contract.digest()[:16]) == ("reorder-1", "17221331186574c7")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=12,
)


@settings(deadline=None)
@given(told=json_values, text=st.text(max_size=60))
def test_no_answer_breaks_the_reading(told_due, told, text):
    sheet = Sheet.of(case.entry for case in told_due.cases)
    for said in (text, json.dumps(told), json.dumps({"lines": told}), json.dumps({"lines": [told]})):
        reading = REORDER.contract.read(said, sheet)
        assert reading.codes
        assert not reading.lines


lines = st.builds(
    ReorderLine,
    line_id=st.just("L01"),
    evidence_ids=st.lists(st.just("e1"), max_size=1),
    demand_mult_bp=st.integers() | st.integers(5_000, 20_000),
    lead_time_days=st.integers() | st.integers(0, 60),
    rationale=st.text(max_size=400),
    po_views=st.lists(st.builds(OrderView, po_ref=st.text(max_size=4), late_days=st.integers()), max_size=2),
)


@settings(deadline=None)
@given(line=lines)
def test_whatever_claude_says_only_an_order_within_all_bounds_is_claudes(told_due, line):
    case = told_due.cases[0]
    advice = case.hear(line)
    assert plain(advice.rationale)
    assert len({guard.name for guard in advice.guards}) == len(advice.guards)
    if all(guard.has_passed for guard in advice.guards):
        assert 0 < advice.act.quantity <= 24 + 13 * WEEKLY
        assert advice.act.supplier_id == case.formula.act.supplier_id
        assert advice.act.unit_cost == case.formula.act.unit_cost

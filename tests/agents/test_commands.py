"""What agents may say at all: one shape for each kind of proposal, and words that hide nothing."""

from __future__ import annotations

import functools
import hashlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.agents.commands import ProposeDecision, Sighting, decision_id, plain
from api.agents.policy import decision_key


def test_a_decisions_id_follows_from_function_subject_snapshot_and_contract(proposals):
    one = proposals.reorder()

    assert one.decision_id == decision_id(decision_key("procurement", "JP-1", one.snapshot_hash, "reorder-1"))
    assert decision_key("a", "b", "c", "d") == hashlib.sha256(b"a|b|c|d").hexdigest()
    others = (proposals.reorder(2), proposals.reorder(sku="JP-2"), proposals.reorder(contract_version="reorder-2"))
    assert len({one.decision_id, *(other.decision_id for other in others)}) == 4
    assert proposals.reorder(quantity=9).decision_id == one.decision_id


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"function": "category"}, "a reorder is proposed to procurement by the agent reorder"),
        ({"agent": "pricing"}, "a reorder is proposed to procurement by the agent reorder"),
        ({"subject": "JP-2"}, "proposal and formula are about the subject"),
        ({"origin": "fallback"}, "a fallback, and nothing else, has a reason"),
        ({"fallback_reason": "timeout"}, "a fallback, and nothing else, has a reason"),
        ({"origin": "claude"}, "what comes from Claude shows Claude's answer"),
    ],
)
def test_what_cannot_be_true_together_is_not_proposed(proposals, told, message):
    with pytest.raises(ValidationError, match=message):
        proposals.reorder(**told)


def test_without_claude_the_proposal_is_the_formulas(proposals):
    other = proposals.reorder(quantity=50).proposal
    with pytest.raises(ValidationError, match="without Claude the proposal is the formula's"):
        proposals.reorder(proposal=other)


def test_formula_and_preconditions_are_of_the_proposals_kind(proposals):
    price = proposals.price()
    with pytest.raises(ValidationError, match="proposal and formula are of the same kind"):
        proposals.reorder(formula=price.proposal, origin="claude", model_answer={})
    with pytest.raises(ValidationError, match="a reorder has the preconditions of a reorder"):
        proposals.reorder(preconditions=price.preconditions)


def test_a_price_is_changed_from_what_it_is_to_something_else(proposals):
    with pytest.raises(ValidationError, match="another price than the current one"):
        proposals.price(new="100.00")
    with pytest.raises(ValidationError, match="the price of the product it names"):
        proposals.price(sku="JP-2", proposal=dict(proposals.price().proposal) | {"sku": "JP-2"})


@pytest.mark.parametrize(
    "told",
    [
        {"snapshot_hash": "f" * 63},
        {"snapshot_hash": "F" * 64},
        {"rationale": "x" * 501},
        {"rationale": ""},
        {"rationale": "\u202e\u200b"},
        {"reason": "because"},
        {"model_answer": {"rationale": "x" * 20_000}},
        {"model_answer": {"demand": float("nan")}},
        {"model_answer": {"rationale": "\ud800"}},
        {"model_answer": {"deep": functools.reduce(lambda inner, _: [inner], range(220), 1)}},
        {"model_answer": {"\ud800": 1}},
        {"as_of": {"position": "p", "event_number": 1, "at": "0001-01-01T00:00:00+14:00"}},
        {"situation": [{"name": "n", "value": "v"}] * 61},
        {"colour": "red"},
    ],
)
def test_what_is_too_long_or_unknown_is_refused(proposals, told):
    with pytest.raises(ValidationError):
        ProposeDecision(**dict(proposals.reorder()) | told)


def test_markup_stays_text_and_what_cannot_be_seen_goes(proposals):
    hostile = "<script>alert(1)</script> pay \u202egnp.exe\u202c  now\u200b\r\n\ttoday\x1b[31m"
    command = proposals.reorder(rationale=hostile, situation=[Sighting(name="note", value=hostile)])

    assert command.rationale == "<script>alert(1)</script> pay gnp.exe now today[31m"
    assert command.situation[0].value == command.rationale


@given(st.text())
def test_plain_text_is_plain_already(text):
    once = plain(text)
    assert plain(once) == once
    assert {unicodedata.category(one) for one in once} & {"Cc", "Cf"} == set()

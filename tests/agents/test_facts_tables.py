"""Every fact of the agents fits its table of the lake, whatever of it is left empty."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest

from api.agents.commands import RecordModelCall
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
)

CALL = RecordModelCall(
    request_hash="a" * 64, function="category", model="m", request="{}", response='{"a": "\\u0000"}', status=200
)
SAID = [
    DecisionApproved(reason="ok"),
    DecisionRejected(reason_code="price"),
    DecisionExpired(),
    DecisionSuperseded(by_decision_id=UUID(int=1)),
    DecisionStale(differences=(Difference(name="list price", was="1", is_now="2"),)),
    DecisionExecuted(effect_stream="product", effect_id=UUID(int=2)),
    DocketRenewed(function="category", sku="JP-1", decision_id=UUID(int=3), event_number=7),
    ModelCallRecorded(**dict(CALL)),
]


@pytest.mark.parametrize("fact", SAID, ids=lambda fact: fact.type)
def test_a_fact_is_a_row(small_lake, fact):
    small_lake.given("stream", small_lake.today, fact).built()
    assert small_lake.sql(f"from facts.{fact.table()}").height == 1


def test_proposals_of_both_kinds_are_rows_of_one_table(small_lake, history, proposals):
    ready = proposals.catalog(history)
    (reorder,) = ready.when(proposals.reorder(), by=proposals.reorder_agent).events
    (price,) = ready.when(
        proposals.price(cost=None, origin="claude", model_answer={"a": None}, model_call_id=UUID(int=5)),
        by=proposals.pricing_agent,
    ).events

    small_lake.given("one", small_lake.today, reorder).given("two", small_lake.today, price).built()

    found = small_lake.sql(
        "select proposal.kind, proposal.quantity, proposal.new_price, situation[1].name, guards[1].has_passed, "
        "model_answer, as_of.event_number, preconditions.cost from facts.decision_proposed order by position"
    )
    seen = ("expected demand of a week", True)
    assert found.rows() == [
        ("reorder", 40, None, *seen, None, 1, None),
        ("price", None, Decimal("104.00"), *seen, '{"a": null}', 1, None),
    ]

"""`jovey verify` and `jovey rebuild` over a log in which agents proposed and people decided."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import text

from api.actor import system
from api.agents.commands import ApproveDecision, RecordModelCall, RejectDecision
from api.category.commands import CreateProduct
from api.fulfillment.commands import ReceiveStock
from api.handle import Request, handle_all
from api.procurement.commands import CreateSupplier
from api.rules import Rules
from assets.hot_run import refresh
from orchestration.rebuild import rebuild
from orchestration.verify import examine
from warehouse.ids import derived_at

pytestmark = pytest.mark.whole


@pytest.fixture
def company(outside, database, proposals, noon):
    """A company whose agents proposed twice, of which one was approved, and a price that was rejected."""
    older, newer, price = proposals.reorder(1), proposals.reorder(2, quantity=44), proposals.price(3)
    story = (
        CreateProduct(sku="JP-1", name="Jet 1", category="tank_pump", base_price=Decimal(100), cost=Decimal(60)),
        CreateSupplier(supplier_id=proposals.supplier_id, name="Acme"),
        ReceiveStock(sku="JP-1", quantity=5, source="opening", unit_cost=Decimal(60)),
        RecordModelCall(
            request_hash="a" * 64, function="category", model="m", request="{}", response='{"a": "\\u0000"}', status=200
        ),
        older,
        newer,
        ApproveDecision(decision_id=newer.decision_id),
        price,
        RejectDecision(decision_id=price.decision_id, reason_code="timing"),
    )
    engine = database.engine("jovey_append")
    requests = [Request(wish, derived_at(noon, place), system("test"), noon) for place, wish in enumerate(story)]
    handle_all(engine, requests, Rules())
    engine.dispose()
    refresh(database, outside)
    return outside


def test_decisions_are_sound_and_can_be_made_anew(company, engine):
    assert examine(company).is_sound
    with engine.begin() as connection:
        connection.execute(text("truncate jovey.states, jovey.unique_claims"))

    rebuild(company)

    assert examine(company).is_sound
    with engine.connect() as connection:
        found = connection.execute(text("select status from jovey.states where aggregate_type = 'decision'"))
        assert sorted(found.scalars()) == ["executed", "rejected", "superseded"]

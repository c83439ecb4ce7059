"""What agents propose: a reorder and a new price, by agents with their tokens, over a small catalog as facts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import pytest

from api.actor import Actor
from api.agents.commands import (
    GuardVerdict,
    ProposeDecision,
    Reorder,
    ReorderPreconditions,
    Reprice,
    RepricePreconditions,
    SeenAsOf,
    Sighting,
)
from api.category.commands import product_id
from api.fulfillment.commands import stock_id
from warehouse.events.category import ProductCreated
from warehouse.events.fulfillment import InventoryReceived
from warehouse.events.procurement import SupplierCreated


@dataclass(frozen=True)
class Proposals:
    """Commands that hold by themselves; any field can be told otherwise. `snapshot` numbers what the agent saw."""

    at: datetime
    sku: ClassVar[str] = "JP-1"
    supplier_id: ClassVar[UUID] = UUID(int=3)
    reorder_agent: ClassVar[Actor] = Actor("agent", name="reorder", functions=frozenset({"procurement"}))
    pricing_agent: ClassVar[Actor] = Actor("agent", name="pricing", functions=frozenset({"category"}))

    def reorder(
        self,
        snapshot: int = 1,
        *,
        sku: str = sku,
        supplier_id: UUID = supplier_id,
        quantity: int = 40,
        unit_cost: str = "60.00",
        on_hand: int = 5,
        **told: Any,
    ) -> ProposeDecision:
        """Order pumps: 40 at 60, while 5 are on hand."""
        cost = Decimal(unit_cost)
        act = Reorder(sku=sku, supplier_id=supplier_id, quantity=quantity, unit_cost=cost)
        stands_on = ReorderPreconditions(quantity_on_hand=on_hand, unit_cost=cost)
        rationale = f"{on_hand} on hand, fewer than the 22 that keep us until goods arrive; order {quantity}."
        fields = {"contract_version": "reorder-1", "rationale": rationale, "preconditions": stands_on}
        return self._of("procurement", "reorder", act, snapshot, fields | told)

    def price(
        self,
        snapshot: int = 1,
        *,
        sku: str = sku,
        current: str = "100.00",
        new: str = "104.00",
        cost: str | None = "60.00",
        **told: Any,
    ) -> ProposeDecision:
        """Change a price: from 100 to 104."""
        act = Reprice(sku=sku, product_id=product_id(sku), current_price=Decimal(current), new_price=Decimal(new))
        stands_on = RepricePreconditions(current_price=Decimal(current), cost=cost and Decimal(cost))
        rationale = f"Competitors ask 108 on average; go from {current} to {new}, one step."
        fields = {"contract_version": "pricing-1", "rationale": rationale, "preconditions": stands_on}
        return self._of("category", "pricing", act, snapshot, fields | told)

    def body(self, command: ProposeDecision, **told: Any) -> dict[str, Any]:
        """A proposal as the body of a request."""
        return command.model_dump(mode="json") | told

    def catalog(self, history: Any, *, on_hand: int = 5, price: str = "100.00", cost: str | None = "60.00") -> Any:
        """A history in which the product, its stock and its supplier are there."""
        created = ProductCreated(
            sku=self.sku, name="Jet 1", category="tank_pump", base_price=price, cost=cost, currency="USD"
        )
        product, ago = product_id(self.sku), {"at": self.at - timedelta(days=1)}
        history = history.given(created, of=product, **ago)
        history = history.given(SupplierCreated(name="Acme"), of=self.supplier_id, **ago)
        if not on_hand:
            return history
        there = InventoryReceived(
            product_id=product, sku=self.sku, location="main", quantity=on_hand, unit_cost=None, source="opening"
        )
        return history.given(there, of=stock_id(self.sku, "main"), **ago)

    def _of(
        self, function: str, agent: str, act: Reorder | Reprice, snapshot: int, told: dict[str, Any]
    ) -> ProposeDecision:
        fields: dict[str, Any] = {
            "function": function,
            "agent": agent,
            "subject": act.sku,
            "snapshot_hash": f"{snapshot:064x}",
            "as_of": SeenAsOf(position="a position", event_number=snapshot, at=self.at),
            "situation": (Sighting(name="expected demand of a week", value="7.4", unit="pieces"),),
            "proposal": act,
            "formula": act,
            "origin": "formula",
            "guards": (GuardVerdict(name="whole packs", has_passed=True),),
        }
        return ProposeDecision(**fields | told)


@pytest.fixture(scope="session")
def proposals(noon: datetime) -> Proposals:
    """What agents propose."""
    return Proposals(noon)

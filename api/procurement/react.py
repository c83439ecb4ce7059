"""What follows elsewhere from facts of buying: goods that arrive go into stock."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from api.command import Command
from api.decider import React
from api.fulfillment.commands import ReceiveStock
from api.given import Given
from warehouse.events.event import Event, Recorded
from warehouse.events.procurement import PurchaseOrderReceived


def take_in_goods(recorded: Recorded[Any], _: Given) -> Iterable[Command]:
    """Every line of a receipt goes into the stock of its location, at what it cost there and then."""
    receipt: PurchaseOrderReceived = recorded.event
    for line in receipt.lines:
        yield ReceiveStock(
            sku=line.sku,
            location=receipt.location,
            quantity=line.quantity,
            unit_cost=line.unit_cost,
            source="purchase_order",
            source_id=recorded.ref.id,
        )


REACTIONS: dict[type[Event], React] = {PurchaseOrderReceived: take_in_goods}

"""THE table: every kind of stream with its rules, and what follows from every fact."""

from __future__ import annotations

from typing import Any

from api.category import decide as category
from api.customers import decide as customers
from api.decider import Decider, React
from api.fulfillment import decide as fulfillment
from api.fulfillment import react as fulfillment_react
from api.orders import decide as orders
from api.orders import react as orders_react
from api.procurement import decide as procurement
from api.procurement import react as procurement_react
from api.receivables import decide as receivables
from api.receivables import react as receivables_react
from api.stream import Stream
from warehouse.events.event import Event

DECIDERS: dict[str, Decider[Any]] = {
    decider.stream.name: decider
    for function in (category, customers, orders, fulfillment, procurement, receivables)
    for decider in function.DECIDERS
}

STREAMS: dict[str, Stream[Any]] = {name: decider.stream for name, decider in DECIDERS.items()}

REACTIONS: dict[type[Event], tuple[React, ...]] = {}
for _function in (orders_react, fulfillment_react, procurement_react, receivables_react):
    for _fact, _react in _function.REACTIONS.items():
        REACTIONS[_fact] = (*REACTIONS.get(_fact, ()), _react)

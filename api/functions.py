"""THE table of rules: every kind of stream (streams.py) with what decides on it, and what follows from every fact."""

from __future__ import annotations

from typing import Any

import api.agents.decide
import api.agents.react
import api.category.decide
import api.customers.decide
import api.fulfillment.decide
import api.fulfillment.react
import api.orders.decide
import api.orders.react
import api.procurement.decide
import api.procurement.react
import api.receivables.decide
import api.receivables.react
from api.decider import Decider, React
from warehouse.events.event import Event

DECIDERS: dict[str, Decider[Any]] = {
    decider.stream.name: decider
    for decider in (
        *api.category.decide.DECIDERS,
        *api.customers.decide.DECIDERS,
        *api.orders.decide.DECIDERS,
        *api.fulfillment.decide.DECIDERS,
        *api.procurement.decide.DECIDERS,
        *api.receivables.decide.DECIDERS,
        *api.agents.decide.DECIDERS,
    )
}

_REACTIONS: tuple[dict[type[Event], React], ...] = (
    api.orders.react.REACTIONS,
    api.fulfillment.react.REACTIONS,
    api.procurement.react.REACTIONS,
    api.receivables.react.REACTIONS,
    api.agents.react.REACTIONS,
)
REACTIONS: dict[type[Event], tuple[React, ...]] = {
    fact: tuple(reactions[fact] for reactions in _REACTIONS if fact in reactions)
    for fact in {fact: None for reactions in _REACTIONS for fact in reactions}
}

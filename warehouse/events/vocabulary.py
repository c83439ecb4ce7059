"""VOCABULARY: every stored event type and its class, gathered from the modules of facts."""

from __future__ import annotations

from types import ModuleType

from warehouse.events import agents, category, customers, fulfillment, identity, orders, procurement, receivables
from warehouse.events.event import Event

FUNCTIONS: tuple[ModuleType, ...] = (
    category,
    customers,
    identity,
    orders,
    fulfillment,
    procurement,
    receivables,
    agents,
)


def facts_of(module: ModuleType) -> tuple[type[Event], ...]:
    """The event classes a module defines, in the order written."""
    return tuple(
        found
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, Event) and found.__module__ == module.__name__
    )


VOCABULARY: dict[str, type[Event]] = {fact.type: fact for module in FUNCTIONS for fact in facts_of(module)}


def function_of(event: type[Event]) -> str:
    """The slug of the function a fact belongs to: the module it is written in."""
    return event.__module__.rpartition(".")[2]

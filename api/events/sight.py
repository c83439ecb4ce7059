"""Sight: which events a colleague may see: those of the functions they work in; the database manager's sees all."""

from __future__ import annotations

from functools import cache

from api.actor import Actor
from warehouse.events.vocabulary import VOCABULARY, function_of

EVERYTHING = "events"
"""The database manager's function."""


def types_seen(by: Actor) -> frozenset[str] | None:
    """The event types this caller may see; None is all of them, those of tomorrow too."""
    return None if by.works_in(EVERYTHING) else _types_of(by.functions)


@cache
def _types_of(functions: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name, event in VOCABULARY.items() if function_of(event) in functions)

"""replace() for states: folds take this step for most events, and dataclasses' own would be a quarter of their time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

__all__ = ["replace"]

if TYPE_CHECKING:
    from dataclasses import replace  # which fields there are, and of which types, is known of this one
else:
    S = TypeVar("S")

    def replace(state: S, /, **changes: Any) -> S:
        """A copy of a dataclass with slots and two fields or more, with these changed. Raises KeyError for others."""
        slots = _slots(type(state))
        copy = object.__new__(type(state))
        for write, value in zip(slots.write.values(), slots.read_all(state)):  # noqa: B905 - both are of the same fields
            write(copy, value)
        for name, value in changes.items():
            slots.write[name](copy, value)
        return copy


class _Slots(NamedTuple):
    read_all: Callable[[Any], tuple[Any, ...]]
    write: dict[str, Callable[[Any, Any], None]]


@cache
def _slots(kind: type[Any]) -> _Slots:
    names = [one.name for one in fields(kind)]
    return _Slots(attrgetter(*names), {name: getattr(kind, name).__set__ for name in names})

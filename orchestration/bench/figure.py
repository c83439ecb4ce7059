"""Figure: one measured number beside the one it is held against."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`ratio` is value / against, or the median of many; `ok` says whether the promise holds, if there is one."""

    name: str
    value: float
    unit: str
    against: float | None = None
    ratio: float | None = None
    ok: bool = True


def at_most(name: str, value: float, unit: str, limit: float) -> Figure:
    """A figure that promises not to exceed `limit`."""
    return Figure(name, value, unit, limit, value / limit if limit else None, value <= limit)

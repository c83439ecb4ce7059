"""Upcasts: pure steps that lift an old payload to the next schema version, applied wherever the log is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Payload = Mapping[str, Any]
Step = Callable[[Payload], Payload]

UPCASTS: dict[tuple[str, int], Step] = {
    ("customer.erased", 1): lambda said: {**said, "reason": None},
}
"""(event type, schema version it lifts from) -> the step to the next one."""


def upcast(
    event_type: str, schema_version: int, payload: Payload, *, to: int, steps: Mapping[tuple[str, int], Step] = UPCASTS
) -> Payload:
    """Lift `payload` step by step from `schema_version` to version `to`; KeyError when a step is missing."""
    for version in range(schema_version, to):
        payload = steps[event_type, version](payload)
    return payload

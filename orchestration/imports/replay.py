"""The story's requests through the company's own command handlers, a few hundred in each transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Engine

from api.handle import handle_all
from api.refusals import Refusal
from api.rules import Rules
from orchestration.imports.story import Step

BATCH_LINES = 2_000  # more makes a transaction slower than it saves; fewer write a busy stock's state more often


class CannotImport(Exception):
    """The import cannot go on; the message is one sentence for the operator."""


def replay(engine: Engine, steps: Iterable[Step], rules: Rules) -> Iterator[int]:
    """Handle all steps, each batch wholly or not at all; what was handled before is answered from its receipt.

    Yields after each batch how many lines it stood for. Raises CannotImport when the company's rules refuse.
    """
    for batch in batches(steps):
        try:
            handle_all(engine, [request for step in batch for request in step.requests], rules)
        except Refusal as refusal:
            raise CannotImport(_sentence(refusal)) from refusal
        yield sum(step.lines for step in batch)


def batches(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """Steps in order, in batches of about BATCH_LINES lines (a request without lines counts as one)."""
    batch: list[Step] = []
    weight = 0
    for step in steps:
        batch.append(step)
        weight += max(step.lines, len(step.requests))
        if weight >= BATCH_LINES:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def _sentence(refusal: Refusal) -> str:
    if refusal.code == "idempotency_key_reused":
        return "This database holds an import of another edition of the file; import this one into a fresh database."
    return f"The company's rules refused what the file asks: {refusal.message}"

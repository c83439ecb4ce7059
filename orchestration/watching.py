"""A bar for work on the log: how many of its events are done, and the time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

Watch = Callable[[int, int], None]
"""Told events done and events in all."""


def unwatched(_done: int, _in_all: int) -> None:
    """Nobody wants to know."""


@contextmanager
def watching(console: Console, what: str) -> Iterator[Watch]:
    """A bar while somebody sits at the terminal; silent elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f} of {task.total:,.0f}"))
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal, transient=True
    ) as progress:
        task = progress.add_task(what, total=0)
        yield lambda done, in_all: progress.update(task, completed=done, total=in_all)

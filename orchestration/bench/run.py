"""`jovey bench`: runs a bench by name and shows its figures beside what they promise."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from orchestration.bench.figure import Figure

ALL = "all"
_SIGNS = {True: "[green]✓[/]", False: "[red]✗[/]"}


class UnknownBench(Exception):
    """There is no bench of that name; the message lists those there are."""


def bench(name: str, json_file: Path | None = None) -> bool:
    """Run one bench, or all, print its table and write `json_file`; True when every promise holds."""
    chosen = names() if name == ALL else [name]
    if not set(chosen) <= set(names()):
        raise UnknownBench(f"There is no bench {name}; there are: {', '.join((*names(), ALL))}.")
    return report([figure for each in chosen for figure in _figures(each)], json_file)


def report(figures: Sequence[Figure], json_file: Path | None = None) -> bool:
    """Print the figures' table and write `json_file`; True when every promise holds."""
    Console().print(_table(figures))
    if json_file:
        json_file.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n", encoding="utf-8")
    return all(figure.ok for figure in figures)


def names() -> list[str]:
    """The benches there are: each module of this folder that has `rows()`, its name with dashes."""
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return [path.stem.replace("_", "-") for path in modules if "\ndef rows(" in path.read_text(encoding="utf-8")]


def _figures(name: str) -> list[Figure]:
    module = import_module(f"orchestration.bench.{name.replace('-', '_')}")
    figures: list[Figure] = module.rows()
    return figures


def _table(figures: Sequence[Figure]) -> Table:
    table = Table("", "Figure", "Value", "Unit", "Against", "Ratio")
    for column in table.columns[2:]:
        column.justify = "right"
    for figure in figures:
        numbers = (_short(figure.value), figure.unit, _short(figure.against), _short(figure.ratio))
        table.add_row(_SIGNS[figure.ok], figure.name, *numbers)
    return table


def _short(number: float | None) -> str:
    return "" if number is None else f"{number:,.4g}" if abs(number) < 1000 else f"{number:,.0f}"

"""How an import looks on a terminal: a bar while it runs, then file against lake, and every line accounted for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from orchestration.imports.reconcile import Report, pounds


class _Rate(ProgressColumn):
    """Lines a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} lines/s" if task.speed else "")


@contextmanager
def counting(console: Console, total: int) -> Iterator[Callable[[int], None]]:
    """A bar with rate and time left; silent when nobody is watching."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("importing", total=total)
        yield lambda lines: progress.update(task, advance=lines)


def show(console: Console, report: Report) -> None:
    """File against lake by month and kind, the lines by treatment, and how long it took."""
    console.print(_file_against_lake(report))
    console.print(_treatments(report))
    console.print(_notes(report))
    stages = ", ".join(f"{stage} {seconds:,.1f} s" for stage, seconds in report.seconds.items())
    console.print(f"Imported up to {report.until:%Y-%m-%d %H:%M}: {stages}.")
    for check in report.failures:
        console.print(f"[red]{check.table} fails its check {check.name} in {check.offenders:,} rows.[/red]")
    if report.is_equal:
        console.print("File and lake are equal to the cent and to the piece.")
    else:
        console.print("[red]File and lake differ: see the rows that are marked.[/red]")


def _file_against_lake(report: Report) -> Table:
    table = _table("File against lake, in GBP and in pieces", "month", "kind", "file", "lake", "pieces", "in lake", "")
    month = None
    for row in report.table.iter_rows(named=True):
        if month not in (None, row["month"]):
            table.add_section()
        table.add_row(f"{row['month']:%Y-%m}" if row["month"] != month else "", row["kind"], *_figures(row))
        month = row["month"]
    table.add_section()
    for row in report.totals.iter_rows(named=True):
        table.add_row("all", row["kind"], *_figures(row))
    table.add_row("all", "all", *_figures(report.totals.select(pl.col(pl.Int64).sum()).row(0, named=True)))
    return table


def _figures(row: dict[str, Any]) -> tuple[str, ...]:
    is_equal = row["file"] == row["lake"] and row["file_pieces"] == row["lake_pieces"]
    has_pieces = row["file_pieces"] or row["lake_pieces"]
    pieces = (f"{row[side]:,}" if has_pieces else "" for side in ("file_pieces", "lake_pieces"))
    return pounds(row["file"]), pounds(row["lake"]), *pieces, "=" if is_equal else "[red]≠[/red]"


def _treatments(report: Report) -> Table:
    table = _table("Every line, once", "treatment", "meaning", "lines", "GBP")
    for row in report.kinds.iter_rows(named=True):
        table.add_row(row["treatment"], row["meaning"], f"{row['lines']:,}", pounds(row["cents"]))
    table.add_section()
    table.add_row("all", "", f"{report.kinds['lines'].sum():,}", pounds(int(report.kinds["cents"].sum())))
    return table


def _notes(report: Report) -> Table:
    table = _table("Also", "what", "lines")
    for what, count in report.notes:
        table.add_row(what, f"{count:,}")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0, pad_edge=False, collapse_padding=True
    )
    for column in columns:
        is_text = column in ("month", "kind", "treatment", "meaning", "what", "")
        table.add_column(column, justify="left" if is_text else "right", no_wrap=column not in ("meaning", "what"))
    return table

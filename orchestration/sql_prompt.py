"""`jovey sql`: the lake in DuckDB's own words, read-only, one question or a prompt."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import duckdb
import typer
from duckdb import DuckDBPyConnection

from warehouse.lake.attach import open_reader
from warehouse.postgres import open_database
from warehouse.settings import Settings

_ROWS_SHOWN_MAX = 1000


class QuestionRefused(Exception):
    """DuckDB cannot answer; the message is its own."""


def answer(settings: Settings, query: str, *, csv: bool = False) -> None:
    """Print the answer to one query: a table of at most 1,000 rows for people, or all rows as CSV."""
    with _lake(settings) as lake:
        _print(lake, query, csv=csv)


def prompt(settings: Settings) -> None:
    """Answer queries, each ended by a semicolon, until the end of input; every answer is of the newest snapshot."""
    if find_spec("readline"):
        import readline  # noqa: F401 - gives the prompt editing and history
    with _lake(settings) as lake:
        if sys.stdin.isatty():
            typer.echo("End each query with a semicolon; Ctrl-D leaves. Tables: show all tables;")
        for query in _queries():
            try:
                _print(lake, query)
            except QuestionRefused as refusal:
                typer.echo(str(refusal), err=True)


@contextmanager
def _lake(settings: Settings) -> Iterator[DuckDBPyConnection]:
    with open_database(settings) as database, open_reader(database, settings) as lake:
        yield lake


def _print(lake: DuckDBPyConnection, query: str, *, csv: bool = False) -> None:
    try:
        answered = lake.sql(query)
        if answered is None:
            raise QuestionRefused("The lake answers questions only: start with select, from, with, show or describe.")
        if csv:
            sys.stdout.write(answered.pl().write_csv())
        else:
            answered.show(max_rows=_ROWS_SHOWN_MAX)
    except duckdb.Error as error:
        raise QuestionRefused(str(error)) from error


def _queries() -> Iterator[str]:
    lines: list[str] = []
    while True:
        try:
            line = input("… " if lines else "jovey> ")
        except KeyboardInterrupt:
            lines = []
            typer.echo()
            continue
        except EOFError:
            return
        lines.append(line)
        if line.rstrip().endswith(";"):
            yield "\n".join(lines)
            lines = []

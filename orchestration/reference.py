"""The two reference pages made from code: every event with its fields, every table with its columns."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from types import ModuleType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from assets.hot_run import house_graph
from assets.sql import Check, Derived
from warehouse.events.event import Event, Part, Personal
from warehouse.events.vocabulary import FUNCTIONS, facts_of
from warehouse.lake.shapes import ENVELOPE

_WORDS: dict[type, str] = {
    str: "text",
    bool: "yes or no",
    int: "whole number",
    date: "date",
    datetime: "instant",
    UUID: "id",
    Decimal: "decimal",
}
_DECIMALS = {6: "rate", 4: "unit price", 2: "amount"}  # by decimal places


def events_page() -> str:
    """Every event type, function by function, as Markdown."""
    total = sum(len(facts_of(module)) for module in FUNCTIONS)
    head = (
        "# Events\n\n"
        f"The {total} facts that Jovey records. Generated from `warehouse/events` by `make docs`.\n\n"
        "A stored event bears its *type*; in Python it is the class; in the lake it is a row of `facts.<table>`, with "
        "the envelope's columns before its own. Fields about a living person (*personal*) stay out of the lake. "
        "Amounts have two places, unit prices four, rates six; all travel as decimal strings.\n\n"
        "## The envelope\n\n| column | meaning |\n|---|---|\n"
    )
    envelope = "".join(f"| `{name}` | {meaning} |\n" for name, (_, meaning) in ENVELOPE.items())
    return head + envelope + "".join(_function(module) for module in FUNCTIONS)


def tables_page() -> str:
    """Every derived table and macro, schema by schema, as Markdown."""
    graph = house_graph()
    head = (
        "# Tables\n\n"
        f"The {len(graph.tables)} tables that Jovey derives from the facts, and what is held true of them. Generated "
        "from the headers of `assets/**` by `make docs`.\n\n"
        "The path of a file is the name of its table and of its asset in Dagster. Expectations are checked in the run "
        "that makes the table, other checks beside it or every night.\n"
    )
    ordered = sorted(graph.derived, key=lambda one: one.name)
    schemas = groupby(ordered, key=lambda one: one.name.partition(".")[0])
    return head + "".join(_schema(schema, list(tables), graph.checks) for schema, tables in schemas)


def _function(module: ModuleType) -> str:
    parts: dict[str, type[Part]] = {}
    events = "".join(_event(event, parts) for event in facts_of(module))
    shown = [part for part in parts.values() if part.__module__ == module.__name__]
    about = _summary_of(module.__doc__)
    return f"\n## {module.__name__.rpartition('.')[2]}\n\n{about}\n{events}{''.join(_part(part) for part in shown)}"


def _event(event: type[Event], parts: dict[str, type[Part]]) -> str:
    head = f"\n### `{event.type}`\n\n{_summary_of(inspect.getdoc(event))} "
    where = f"Class `{event.__name__}`, stream `{event.stream}`, table `facts.{event.table()}`.\n"
    return head + where + _fields(event, parts)


def _part(part: type[Part]) -> str:
    return f"\n### {part.__name__}\n\n{_summary_of(inspect.getdoc(part))}\n{_fields(part, {})}"


def _fields(model: type[BaseModel], parts: dict[str, type[Part]]) -> str:
    if not model.model_fields:
        return ""
    rows = "".join(
        f"| `{name}` | {_kind(field.annotation, field.metadata, parts)} | {field.description or ''} |\n"
        for name, field in model.model_fields.items()
    )
    return f"\n| field | kind | meaning |\n|---|---|---|\n{rows}"


def _kind(  # noqa: PLR0911 - one line a kind of type
    annotation: Any, metadata: Sequence[Any], parts: dict[str, type[Part]]
) -> str:
    """An annotation in words; collects the parts it is made of."""
    if any(isinstance(mark, Personal) for mark in metadata):
        return f"{_kind(annotation, [m for m in metadata if not isinstance(m, Personal)], parts)}, personal"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(arguments[0], [*arguments[1:], *metadata], parts)
    if origin in {Union, types.UnionType}:
        present = [argument for argument in arguments if argument is not types.NoneType]
        return " or ".join(_kind(one, metadata, parts) for one in present) + ", or none"
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in arguments)
    if origin is tuple:
        return f"list of {_kind(arguments[0], (), parts)}"
    if annotation is Decimal:
        return _DECIMALS.get(_places(metadata), "decimal")
    if isinstance(annotation, type) and issubclass(annotation, Part):
        parts[annotation.__name__] = annotation
        return annotation.__name__
    return _WORDS[annotation]


def _places(metadata: Sequence[Any]) -> int:
    marks = [inner for mark in metadata for inner in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
    return next((mark.decimal_places for mark in marks if getattr(mark, "decimal_places", None)), 0)


def _schema(schema: str, tables: Sequence[Derived], checks: Sequence[Check]) -> str:
    return f"\n## {schema}\n" + "".join(_table(table, checks) for table in tables)


def _table(table: Derived, checks: Sequence[Check]) -> str:
    title = table.name + (table.macro or "")
    read = ", ".join(f"`{name}`" for name in sorted(table.reads))
    when = " Made anew every night." if table.is_nightly else ""
    head = f"\n### `{title}`\n\n{table.about}\n\nReads {read}.{when}\n"
    rows = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in table.columns.items())
    columns = f"\n| column | meaning |\n|---|---|\n{rows}" if rows else ""
    return head + columns + "".join(_truths(table, checks))


def _truths(table: Derived, checks: Sequence[Check]) -> Iterator[str]:
    """What is held true of a table: one line each, after a blank one."""
    own = [check for check in checks if check.table == table.name]
    if table.expectations or own:
        yield "\n"
    yield from (f"- always: `{expectation}`\n" for expectation in table.expectations)
    yield from (f"- {'every night' if check.is_nightly else 'every run'}: {check.about}\n" for check in own)


def _summary_of(documentation: str | None) -> str:
    return (documentation or "").partition("\n\n")[0].replace("\n", " ")

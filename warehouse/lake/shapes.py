"""Event class -> table of facts: the columns, their types and comments, and the SQL that fills them from JSON."""

from __future__ import annotations

import hashlib
import inspect
import json
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from warehouse.events.event import Event, Personal

Shape = str | dict[str, Any] | list[Any]
"""A DuckDB type, or a dict or a list of shapes: what from_json() wants as its structure."""

ENVELOPE: dict[str, tuple[str, str]] = {
    "position": ("BIGINT", "Place of the event in the log; orders events, with gaps."),
    "event_id": ("UUID", "Identity of the event."),
    "aggregate_id": ("UUID", "The stream the event stands in."),
    "version": ("INTEGER", "Place of the event in its stream, from 1 without gaps."),
    "effective_at": ("TIMESTAMP WITH TIME ZONE", "When it happened in the business."),
    "created_at": ("TIMESTAMP WITH TIME ZONE", "When the log learned of it."),
    "created_by": ("VARCHAR", "Who did it, as user:… or agent:…"),
    "correlation_id": ("UUID", "The command that began the chain."),
    "causation_id": ("UUID", "The command or event right before."),
    "subject_id": ("UUID", "The living person the fact is about, as a pseudonym; names are the API's to resolve."),
}
_SCALARS: dict[type, str] = {
    str: "VARCHAR",
    bool: "BOOLEAN",
    int: "BIGINT",
    date: "DATE",
    datetime: "TIMESTAMP WITH TIME ZONE",
    UUID: "UUID",
}
_DIGITS, _PLACES = 18, 6  # of a Decimal that is neither an amount, a unit price nor a rate: measures


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a facts table; `is_optional` when the event may lack it."""

    name: str
    shape: Shape
    comment: str
    is_optional: bool

    @property
    def type(self) -> str:
        """The column's DuckDB type."""
        return _type(self.shape)


@dataclass(frozen=True, slots=True)
class FactTable:
    """The lake's table of one event type: envelope columns first, then the payload's, personal fields left out."""

    event_type: str
    schema_version: int
    name: str
    comment: str
    payload: tuple[Column, ...]

    @property
    def columns(self) -> dict[str, str]:
        """Column name -> DuckDB type, in table order."""
        envelope = {name: kind for name, (kind, _) in ENVELOPE.items()}
        return envelope | {column.name: column.type for column in self.payload}

    def ddl(self) -> Iterator[str]:
        """The statements that create the table with its comments."""
        columns = ", ".join(f'"{name}" {kind}' for name, kind in self.columns.items())
        yield f"create table facts.{self.name} ({columns})"
        yield f"comment on table facts.{self.name} is {_quoted(self.comment)}"
        comments = {name: said for name, (_, said) in ENVELOPE.items()} | {c.name: c.comment for c in self.payload}
        for name, said in comments.items():
            yield f'comment on column facts.{self.name}."{name}" is {_quoted(said)}'

    def added(self, column: Column) -> Iterator[str]:
        """The statements that add one column."""
        yield f'alter table facts.{self.name} add column "{column.name}" {column.type}'
        yield f'comment on column facts.{self.name}."{column.name}" is {_quoted(column.comment)}'

    def shaped(self, events: str) -> str:
        """The select that makes rows of events of this class and version; `fits` is false where the JSON does not fit.

        `events` is a table with the log's columns, `data` as JSON text. One strict transform a row: a list of one fact,
        unnested, lets no filter on `fits` below the transform, where it would have each row transformed once more.
        """
        if not self.payload:
            return f"select {_ENVELOPE_SELECT}, true as fits from {events}"
        fields = json.dumps({column.name: column.shape for column in self.payload})
        fact = f"try(from_json_strict(data, {_quoted(fields)}))"
        rows = f"select {_ENVELOPE_SELECT}, unnest([{fact}]) as fact from {events}"
        return f"select * exclude (fact), fact is not null as fits, unnest(fact) from ({rows})"


_ENVELOPE_SELECT = (
    "position, id as event_id, aggregate_id, version, effective_at, created_at, created_by, "
    "correlation_id, causation_id, subject_id"
)


def fact_tables(vocabulary: Mapping[str, type[Event]]) -> dict[str, FactTable]:
    """Event type -> its table, for every class of the vocabulary."""
    return {event_type: fact_table(event) for event_type, event in vocabulary.items()}


@cache
def fact_table(event: type[Event]) -> FactTable:
    """The table of one event class."""
    payload = tuple(_columns(event))
    clash = {column.name for column in payload} & ENVELOPE.keys()
    assert not clash, f"{event.__name__}: {', '.join(sorted(clash))} are names of the envelope"
    return FactTable(event.type, event.schema_version, event.table(), _summary(event), payload)


def digest(tables: Sequence[FactTable]) -> str:
    """A fingerprint of all shapes; when it has not moved, the lake's tables need no look."""
    said = repr(sorted(tables, key=lambda table: table.name))
    return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()


def _columns(model: type[BaseModel]) -> Iterator[Column]:
    for name, field in model.model_fields.items():
        shape = _shape(field.annotation, field.metadata)
        if shape is not None:
            comment = field.description or _meaning(name, field.annotation)
            yield Column(name, shape, comment, _is_optional(field.annotation))


def _shape(annotation: Any, metadata: Sequence[Any] = ()) -> Shape | None:  # noqa: PLR0911  one line a kind of type
    """The shape of an annotation; None when it is personal."""
    if any(isinstance(mark, Personal) for mark in metadata):
        return None
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _shape(arguments[0], [*arguments[1:], *metadata])
    if origin in (Union, types.UnionType):
        (present,) = [argument for argument in arguments if argument is not types.NoneType]
        return _shape(present, metadata)
    if origin is Literal:
        return "VARCHAR"
    if origin is tuple:
        assert len(arguments) == 2 and arguments[1] is Ellipsis, f"{annotation} is no tuple of one kind"
        inner = _shape(arguments[0])
        return None if inner is None else [inner]
    if origin is dict:
        inner = _shape(arguments[1])
        return None if inner is None else f"MAP(VARCHAR, {_type(inner)})"
    if annotation is Decimal:
        return _decimal(metadata)
    if issubclass(annotation, BaseModel):
        return {column.name: column.shape for column in _columns(annotation)} or None
    return _SCALARS[annotation]


def _decimal(metadata: Sequence[Any]) -> str:
    marks = [inner for mark in metadata for inner in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
    digits = next((mark.max_digits for mark in marks if getattr(mark, "max_digits", None)), _DIGITS)
    places = next((mark.decimal_places for mark in marks if getattr(mark, "decimal_places", None)), _PLACES)
    return f"DECIMAL({digits},{places})"


def _type(shape: Shape) -> str:
    match shape:
        case str():
            return shape
        case [inner]:
            return f"{_type(inner)}[]"
        case dict():
            return "STRUCT(" + ", ".join(f'"{name}" {_type(inner)}' for name, inner in shape.items()) + ")"
        case _:
            raise AssertionError(f"a list shape has one element, not {shape}")


def _is_optional(annotation: Any) -> bool:
    return types.NoneType in get_args(annotation)


def _meaning(name: str, annotation: Any) -> str:
    """What a field without a description means: its part's docstring, or its name in words."""
    kinds = (annotation, *get_args(annotation))
    parts = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return _summary(parts[0]) if parts else name.replace("_", " ").capitalize() + "."


def _summary(model: type[BaseModel]) -> str:
    return (inspect.getdoc(model) or "").partition("\n\n")[0].replace("\n", " ")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

"""What a fact's payload looks like: its shape in plain words, and made-up payloads of that shape."""

from __future__ import annotations

import types
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from warehouse.events.event import Event, Personal

Shape = str | dict[str, Any] | list[Any]
"""A kind of value; a list of one shape; or the fields of a part, an optional one's name ending in a question mark."""

_KINDS: dict[type, tuple[str, Any]] = {
    str: ("text", "ink"),
    bool: ("yes or no", True),
    int: ("whole number", 3),
    date: ("day", "2026-03-02"),
    datetime: ("instant", "2026-03-02T12:00:00Z"),
    UUID: ("id", "01890000-0000-7000-8000-000000000001"),
}


def shape(event: type[Event]) -> dict[str, Any]:
    """The stream, and every field with its kind: equal as long as old payloads and new ones are alike."""
    return {"stream": event.stream, "subject": event.subject, "fields": _fields(event)}


def specimens(event: type[Event]) -> list[dict[str, Any]]:
    """A payload with every field and one with only those it must have, as the class writes them."""
    made = [_specimen(event, is_whole=is_whole) for is_whole in (True, False)]
    written = [event.model_validate(payload).model_dump(mode="json") for payload in made]
    return written if written[0] != written[1] else written[:1]


def _fields(model: type[BaseModel]) -> dict[str, Shape]:
    return {
        name if field.is_required() else f"{name}?": _shape(field.annotation, field.metadata)
        for name, field in model.model_fields.items()
    }


def _shape(annotation: Any, metadata: Sequence[Any] = ()) -> Shape:  # noqa: PLR0911  one line a kind of type
    origin, arguments = get_origin(annotation), get_args(annotation)
    if marks := [mark for mark in metadata if isinstance(mark, Personal)]:
        hidden = "of a person, in the books" if marks[0].in_books else "of a person"
        return {hidden: _shape(annotation, [mark for mark in metadata if mark not in marks])}
    if origin is Annotated:
        return _shape(arguments[0], [*arguments[1:], *metadata])
    if origin in (Union, types.UnionType):
        return {"or nothing": _shape(_present(arguments), metadata)}
    if origin is Literal:
        return " | ".join(map(str, arguments))
    if origin is tuple:
        return [_shape(arguments[0])]
    if origin is dict:
        return {"by name": _shape(arguments[1])}
    if annotation is Decimal:
        return f"decimal({', '.join(str(number) for number in _digits(metadata))})"
    return _fields(annotation) if issubclass(annotation, BaseModel) else _KINDS[annotation][0]


def _specimen(model: type[BaseModel], *, is_whole: bool) -> dict[str, Any]:
    return {
        name: _value(field.annotation, is_whole=is_whole)
        for name, field in model.model_fields.items()
        if is_whole or field.is_required()
    }


def _value(annotation: Any, *, is_whole: bool) -> Any:  # noqa: PLR0911  one line a kind of type
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _value(arguments[0], is_whole=is_whole)
    if origin in (Union, types.UnionType):
        return _value(_present(arguments), is_whole=is_whole) if is_whole else None
    if origin is Literal:
        return arguments[0]
    if origin is tuple:
        return [_value(arguments[0], is_whole=is_whole)] * (2 if is_whole else 0)
    if origin is dict:
        return {"name": _value(arguments[1], is_whole=is_whole)} if is_whole else {}
    if annotation is Decimal:
        return "0.25"
    return _specimen(annotation, is_whole=is_whole) if issubclass(annotation, BaseModel) else _KINDS[annotation][1]


def _present(arguments: Sequence[Any]) -> Any:
    (present,) = [argument for argument in arguments if argument is not types.NoneType]
    return present


def _digits(metadata: Sequence[Any]) -> list[int]:
    """The digits and places a Decimal is bounded to, if it is."""
    marks = [inner for mark in metadata for inner in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
    names = ("max_digits", "decimal_places")
    return [found for name in names for mark in marks if (found := getattr(mark, name, None)) is not None]

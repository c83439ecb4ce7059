"""Personal fields: which texts of a fact are about a living person, found by their marks, to be hidden one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel

from warehouse.events.event import Personal
from warehouse.ids import named

ERASED = "erased"
"""What a personal text reads once its person's key is gone."""

M = TypeVar("M", bound=BaseModel)
Hide = Callable[[Personal, str, str], str]
"""(mark, path of the field, its words) -> what is stored instead."""


def books_of(year: int) -> UUID:
    """Whose key hides what the documents of a year say about people."""
    return named("books", year)


def hidden(fact: M, hide: Hide) -> M:
    """The fact with each personal text hidden; the very same object when there is none."""
    return _hidden(fact, hide, "", None)


def _hidden(model: M, hide: Hide, path: str, mark: Personal | None) -> M:
    fields = dict.fromkeys(type(model).model_fields, mark) if mark else _personal_fields(type(model))
    changed = {}
    for name, own in fields.items():
        before = getattr(model, name)
        after = _value(before, hide, f"{path}.{name}" if path else name, own)
        if after is not before:
            changed[name] = after
    return type(model).model_validate(dict(model) | changed) if changed else model


def _value(value: Any, hide: Hide, path: str, mark: Personal | None) -> Any:
    match value:
        case None | "":
            return value
        case str():
            assert mark is not None, f"{path} is not marked"
            return hide(mark, path, value)
        case BaseModel():
            return _hidden(value, hide, path, mark)
        case tuple():
            return tuple(_value(one, hide, f"{path}.{n}", mark) for n, one in enumerate(value))
        case _:
            raise TypeError(f"{path}: a personal field holds text, not {type(value).__name__}")


@cache
def _personal_fields(model: type[BaseModel]) -> Mapping[str, Personal | None]:
    """The fields that are marked, and (None) those whose parts bear marked fields."""
    found: dict[str, Personal | None] = {}
    for name, field in model.model_fields.items():
        marks = [mark for mark in (*field.metadata, *_marks(field.annotation)) if isinstance(mark, Personal)]
        if marks:
            found[name] = marks[0]
        elif any(_personal_fields(part) for part in _parts(field.annotation)):
            found[name] = None
    return found


def _marks(annotation: Any) -> Iterator[Any]:
    """What is annotated anywhere inside a type, such as the text in `PersonalText | None`."""
    if get_origin(annotation) is Annotated:
        yield from annotation.__metadata__
    for inner in get_args(annotation):
        yield from _marks(inner)


def _parts(annotation: Any) -> Iterator[type[BaseModel]]:
    """The parts a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _parts(inner)

"""Personal fields: which texts of a fact are about a living person, found by their marks, to be hidden one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel

from warehouse.events.event import Personal

ERASED = "erased"
"""What a personal text reads once its person's key is gone."""

M = TypeVar("M", bound=BaseModel)
Hide = Callable[[str, str], str]
"""(path of the field, its words) -> what is stored instead."""


def hidden(fact: M, hide: Hide) -> M:
    """The fact with each personal text hidden; the very same object when there is none."""
    return _hidden(fact, hide, "", is_personal=False)


def _hidden(model: M, hide: Hide, path: str, *, is_personal: bool) -> M:
    fields = dict.fromkeys(type(model).model_fields, True) if is_personal else _personal_fields(type(model))
    changed = {}
    for name, is_marked in fields.items():
        before = getattr(model, name)
        after = _value(before, hide, f"{path}.{name}" if path else name, is_personal=is_marked)
        if after is not before:
            changed[name] = after
    return model.model_copy(update=changed) if changed else model


def _value(value: Any, hide: Hide, path: str, *, is_personal: bool) -> Any:
    match value:
        case None | "":
            return value
        case str():
            return hide(path, value) if is_personal else value
        case BaseModel():
            return _hidden(value, hide, path, is_personal=is_personal)
        case tuple():
            return tuple(_value(one, hide, f"{path}.{n}", is_personal=is_personal) for n, one in enumerate(value))
        case _:
            raise TypeError(f"{path}: a personal field holds text, not {type(value).__name__}")


@cache
def _personal_fields(model: type[BaseModel]) -> Mapping[str, bool]:
    """The fields that are marked (True), and those whose parts bear marked fields (False)."""
    found = {}
    for name, field in model.model_fields.items():
        if any(isinstance(mark, Personal) for mark in (*field.metadata, *_marks(field.annotation))):
            found[name] = True
        elif any(_personal_fields(part) for part in _parts(field.annotation)):
            found[name] = False
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

"""The states' own replace() does what dataclasses' does, for every class of the modules that use it."""

from __future__ import annotations

import dataclasses
import inspect
from functools import cached_property
from importlib import import_module
from pathlib import Path

import pytest

import api
from api import replace as module
from api.streams import STREAMS

ROOM = Path(api.__file__).parent


def _classes() -> list[type]:
    """The dataclasses of all modules of the room that import api.replace."""
    users = [path for path in ROOM.rglob("*.py") if "from api.replace import" in path.read_text(encoding="utf-8")]
    names = [".".join(("api", *path.relative_to(ROOM).with_suffix("").parts)) for path in users]
    found = {
        kind
        for name in names
        for _, kind in inspect.getmembers(import_module(name), dataclasses.is_dataclass)
        if kind.__module__ == name
    }
    return sorted(found, key=lambda kind: (kind.__module__, kind.__name__))


@pytest.mark.parametrize("kind", _classes())
def test_its_copy_is_the_one_that_dataclasses_make(kind):
    names = [one.name for one in dataclasses.fields(kind)]
    state = kind(**{name: f"{name} before" for name in names})
    for changed in ([], names[:1], names[-1:], names):
        changes = {name: f"{name} after" for name in changed}
        copy = module.replace(state, **changes)
        assert copy == dataclasses.replace(state, **changes)
        assert type(copy) is kind
    assert state == kind(**{name: f"{name} before" for name in names})


@pytest.mark.parametrize("kind", _classes())
def test_it_holds_nothing_but_its_fields(kind):
    """What it computed once, or made of its fields when it began, would go into the copy as it was."""
    assert not inspect.getmembers(kind, lambda one: isinstance(one, cached_property))
    assert not hasattr(kind, "__post_init__")
    assert all(one.init for one in dataclasses.fields(kind))


def test_every_kind_of_stream_is_among_them():
    assert {type(stream.initial) for stream in STREAMS.values()} <= set(_classes())


def test_a_field_that_is_not_there_cannot_be_changed():
    with pytest.raises(KeyError, match="colour"):
        module.replace(STREAMS["order"].initial, colour="red")

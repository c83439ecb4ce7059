"""The states' own replace() does what dataclasses' does, for every class that a fold may change."""

from __future__ import annotations

import dataclasses

import pytest

from api import replace as module
from api.functions import STREAMS
from api.orders.lines import Line
from api.orders.state import Order

STATES = {type(stream.initial) for stream in STREAMS.values()}


@pytest.mark.parametrize("kind", sorted({*STATES, Line}, key=lambda kind: kind.__name__))
def test_its_copy_is_the_one_that_dataclasses_make(kind):
    names = [one.name for one in dataclasses.fields(kind)]
    state = kind(**{name: f"{name} before" for name in names})
    for changed in ([], names[:1], names[-1:], names):
        changes = {name: f"{name} after" for name in changed}
        copy = module.replace(state, **changes)
        assert copy == dataclasses.replace(state, **changes)
        assert type(copy) is kind
    assert state == kind(**{name: f"{name} before" for name in names})


def test_a_field_that_is_not_there_cannot_be_changed():
    with pytest.raises(KeyError, match="colour"):
        module.replace(STREAMS["order"].initial, colour="red")
    assert isinstance(STREAMS["order"].initial, Order)

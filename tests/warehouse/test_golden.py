"""Golden payloads: what was ever written stays readable, and no class changes without a version."""

from __future__ import annotations

import copy
import json
from typing import ClassVar

import pytest

from orchestration.golden import completed, read, wrong
from warehouse.events.event import Event, PersonalText
from warehouse.events.upcasts import UPCASTS, upcast
from warehouse.events.vocabulary import FUNCTIONS, VOCABULARY, facts_of

GOLDEN = {kind: kept for module in FUNCTIONS for kind, kept in read(module).items()}
PAYLOADS = [
    (kind, int(version), payload)
    for kind, versions in GOLDEN.items()
    for version, kept in versions.items()
    for payload in kept["payloads"]
]


class LampLit(Event):
    """A lamp was lit."""

    stream: ClassVar[str] = "lamp"
    type: ClassVar[str] = "lamp.lit"

    watts: int


class LampLitAndMore(LampLit):
    """A lamp was lit by somebody."""

    by: PersonalText = ""


class LampLitTwice(LampLitAndMore):
    """The same, in a version of its own."""

    schema_version: ClassVar[int] = 2


@pytest.mark.parametrize("module", FUNCTIONS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_class_is_as_its_golden_payloads_say(module):
    assert wrong({event.type: event for event in facts_of(module)}, read(module)) == []


def test_all_that_was_ever_written_is_read_by_todays_classes():
    assert PAYLOADS
    for kind, version, payload in PAYLOADS:
        event, kept = VOCABULARY[kind], copy.deepcopy(payload)
        lifted = upcast(kind, version, payload, to=event.schema_version)
        assert payload == kept, f"{kind} {version}: a step changed what it was given"
        assert lifted == upcast(kind, version, payload, to=event.schema_version), f"{kind} {version}: no pure step"
        fact = event.model_validate_json(json.dumps(lifted))
        if version == event.schema_version:
            assert json.loads(fact.model_dump_json()) == payload, kind
            assert event.model_validate_json(json.dumps(lifted), strict=True) == fact, f"{kind}: a fold reads strictly"


def test_every_step_lifts_by_one_version_a_fact_that_there_is():
    for kind, version in UPCASTS:
        assert 1 <= version < VOCABULARY[kind].schema_version


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (LampLit, None),
        (LampLitAndMore, "lamp.lit: its class changed; give it version 2 and an upcast from 1."),
        (LampLitTwice, "lamp.lit: no golden payload of version 2: make docs."),
        (None, "lamp.lit: it was written once and must stay readable."),
    ],
)
def test_a_class_that_changed_without_a_version_is_named(event, sentence):
    golden = completed({"lamp.lit": LampLit}, {})

    assert wrong({"lamp.lit": event} if event else {}, golden) == ([sentence] if sentence else [])


def test_what_is_kept_is_never_written_again():
    golden = completed({"lamp.lit": LampLit}, {})

    assert completed({"lamp.lit": LampLitAndMore}, golden) == golden
    newer = completed({"lamp.lit": LampLitTwice}, golden)
    assert newer["lamp.lit"]["1"] == golden["lamp.lit"]["1"]
    assert newer["lamp.lit"]["2"]["payloads"] == [{"watts": 3, "by": "ink"}, {"watts": 3, "by": ""}]
    assert newer["lamp.lit"]["2"]["shape"]["fields"] == {"watts": "whole number", "by?": {"of a person": "text"}}

"""Words about people: hidden alike for alike, readable under their own key alone, found in a fact by their marks."""

from __future__ import annotations

import json
from typing import Annotated, ClassVar
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.events.event import Event, Part, Personal, PersonalText
from warehouse.events.personal import ERASED, hidden
from warehouse.events.vocabulary import VOCABULARY
from warehouse.vault import (
    LocalMasterKey,
    PersonKey,
    TamperedWords,
    WrongMasterKey,
    blanked,
    keys_named,
    revealed,
)

MASTER = LocalMasterKey.derived(b"a secret of the installation, long enough")
EVENT, OTHER = UUID(int=1), UUID(int=2)
KEY, WRAPPED = PersonKey.new(UUID(int=7), MASTER)


def told(words: str) -> str:
    return json.dumps({"name": words})


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
@settings(deadline=None)
def test_hidden_words_are_read_back_under_their_key_and_no_other(words):
    document = told(KEY.hide(EVENT, "name", words))
    assert keys_named([document]) == {KEY.id}
    assert json.loads(revealed(document, {KEY.id: KEY})) == {"name": words}
    assert json.loads(revealed(document, {KEY.id: None})) == {"name": ERASED}
    assert json.loads(revealed(document, {})) == {"name": ERASED}
    assert json.loads(blanked(document)) == {"name": "hidden"}


def test_a_retry_hides_alike_and_nothing_else_does():
    same = {KEY.hide(EVENT, "name", "Asha"), KEY.hide(EVENT, "name", "Asha")}
    other = {KEY.hide(OTHER, "name", "Asha"), KEY.hide(EVENT, "email", "Asha"), KEY.hide(EVENT, "name", "Bela")}
    assert len(same) == 1
    assert len(same | other) == 4


def test_no_two_texts_share_a_nonce_even_under_one_event_and_field():
    nonces = {KEY.hide(EVENT, "name", str(n)).rpartition(":")[2][:16] for n in range(100)}
    assert len(nonces) == 100


def test_a_key_outlives_its_wrapping_and_needs_the_same_master_key():
    again = PersonKey.unwrapped(KEY.id, WRAPPED, LocalMasterKey.derived(b"a secret of the installation, long enough"))
    assert again.hide(EVENT, "name", "Asha") == KEY.hide(EVENT, "name", "Asha")
    stranger = LocalMasterKey.derived(b"another secret of thirty-two bytes or so")
    assert stranger.id != MASTER.id
    with pytest.raises(WrongMasterKey, match="JOVEY_MASTER_KEY"):
        PersonKey.unwrapped(KEY.id, WRAPPED, stranger)
    with pytest.raises(WrongMasterKey):
        PersonKey.unwrapped(OTHER, WRAPPED, MASTER)


def test_changed_words_are_noticed():
    words = KEY.hide(EVENT, "name", "Asha")
    forged = words[:-5] + ("A" if words[-5] != "A" else "B") + words[-4:]
    with pytest.raises(TamperedWords, match=str(KEY.id)):
        revealed(told(forged), {KEY.id: KEY})


def test_fingerprints_are_keyed_and_differ_by_purpose():
    stranger = LocalMasterKey.derived(b"another secret of thirty-two bytes or so")
    prints = {MASTER.fingerprint("a", b"x"), MASTER.fingerprint("b", b"x"), stranger.fingerprint("a", b"x")}
    assert len(prints) == 3


def test_nothing_secret_is_shown_when_a_key_is_printed():
    assert repr(MASTER).startswith("<") and repr(KEY).startswith("<")


class Home(Part):
    street: PersonalText
    country: str


class Moved(Event):
    """Somebody moved."""

    stream: ClassVar[str] = "person"
    type: ClassVar[str] = "person.moved"

    name: PersonalText | None = None
    label: str = "Home"
    homes: tuple[Home, ...] = ()
    whole: Annotated[Home | None, Personal()] = None
    age: Annotated[int | None, Personal()] = None


def test_marked_texts_are_hidden_wherever_they_stand_and_no_others():
    seen = {}
    home = Home(street="S", country="DE")
    moved = Moved(name="N", homes=(home, home), whole=home)
    stored = hidden(moved, lambda _mark, path, words: seen.setdefault(path, f"<{words}>"))
    assert seen == {
        "name": "<N>", "homes.0.street": "<S>", "homes.1.street": "<S>", "whole.street": "<S>", "whole.country": "<DE>",
    }  # fmt: skip
    assert (stored.label, stored.homes[0].country, stored.whole.country) == ("Home", "DE", "<DE>")


def test_a_fact_without_personal_words_is_left_alone():
    moved = Moved(homes=())
    assert hidden(moved, lambda *_: pytest.fail("there is nothing to hide")) is moved
    assert hidden(Moved(name=""), lambda *_: pytest.fail("nothing is said")).name == ""


def test_a_personal_field_that_is_no_text_stops_the_writer():
    with pytest.raises(TypeError, match="age: a personal field holds text, not int"):
        hidden(Moved(age=7), lambda _mark, _path, words: words)


def test_every_fact_about_a_person_who_can_be_erased_names_them():
    erasing = [fact for fact in VOCABULARY.values() if fact.erases_subject]
    assert erasing and all(fact.subject is not None for fact in erasing)

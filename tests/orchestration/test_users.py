"""`jovey user` and `jovey token`: the first colleague comes from the command line and can sign in at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from rich.console import Console
from sqlalchemy import text

from api.auth.keys import Keyring
from api.auth.passwords import person_with
from api.auth.sessions import person_behind
from api.auth.tokens import verified
from orchestration.users import (
    CannotDo,
    create_customer,
    create_staff,
    issue_token,
    list_users,
    print_users,
    set_password,
)
from warehouse.clock import now
from warehouse.settings import Settings

PASSWORD = "a long enough sentence"


@pytest.fixture
def engine(database):
    """As the API connects, which knows the master key."""
    engine = database.engine("jovey_append")
    yield engine
    engine.dispose()


@pytest.fixture
def settings(database, tmp_path):
    keywords = f"host={database.host}&port={database.port}&user={database.user}"
    return Settings(home=tmp_path, DATABASE_URL=f"postgresql:///{database.name}?{keywords}")


def test_the_first_colleague_can_sign_in_and_works_everywhere(settings, engine):
    id = create_staff(settings, "Asha@Example.com", "Asha", PASSWORD)
    with engine.begin() as connection:
        assert person_with(connection, "asha@example.com", PASSWORD) == id
    (asha,) = list_users(settings)
    assert (asha.email, asha.kind, asha.has_password) == ("asha@example.com", "staff_member", True)
    assert {"orders", "receivables", "events"} <= set(asha.functions)


def test_a_colleague_works_where_they_are_let_in(settings):
    create_staff(settings, "a@example.com", "Asha", PASSWORD, ["accounts_receivable"])
    assert list_users(settings)[0].functions == ("receivables",)


def test_a_customer_can_be_made_too(settings, engine):
    id = create_customer(settings, "c@example.com", "Chen", PASSWORD)
    with engine.begin() as connection:
        assert person_with(connection, "c@example.com", PASSWORD) == id


@pytest.mark.parametrize(
    ("email", "password", "function", "named"),
    [
        ("no address", PASSWORD, "orders", "email"),
        ("a@example.com", "short", "orders", "password"),
        ("a@example.com", PASSWORD, "astrology", "astrology"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_leaves_nothing(settings, engine, email, password, function, named):
    with pytest.raises(CannotDo, match=named):
        create_staff(settings, email, "Asha", password, [function])
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from jovey.credentials")).scalar() == 0


def test_one_address_is_one_person(settings):
    create_staff(settings, "a@example.com", "Asha", PASSWORD)
    with pytest.raises(CannotDo, match="belongs to another"):
        create_customer(settings, "a@example.com", "Chen", PASSWORD)


def test_a_new_password_replaces_the_old_one_and_ends_tokens(settings, engine):
    id = create_staff(settings, "a@example.com", "Asha", PASSWORD)
    token = issue_token(settings, "a@example.com", timedelta(days=1))
    claims = verified(token, Keyring(engine, now()))
    with engine.begin() as connection:
        assert person_behind(connection, claims, now()).actor.id == id
    set_password(settings, "a@example.com", "another long sentence")
    with engine.begin() as connection:
        assert person_with(connection, "a@example.com", PASSWORD) is None
        assert person_with(connection, "a@example.com", "another long sentence") == id
        assert person_behind(connection, claims, now()) is None


def test_nobody_gets_no_token(settings):
    with pytest.raises(CannotDo, match=r"nobody@example\.com"):
        issue_token(settings, "nobody@example.com", timedelta(days=1))


def test_the_table_shows_who_works_where(settings):
    create_staff(settings, "a@example.com", "Asha", PASSWORD, ["orders", "customers"])
    console = Console(record=True, width=120)
    print_users(list_users(settings), console)
    shown = console.export_text()
    assert "a@example.com" in shown
    assert "customers, orders" in shown

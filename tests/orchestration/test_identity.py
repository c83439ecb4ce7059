"""`jovey outbox` and `jovey keys`: what an operator sees of letters and keys, and that a rotation touches no words."""

from __future__ import annotations

import json

import psycopg
import pytest
from rich.console import Console

from api.auth.keys import Keyring
from api.mail.outbox import Letter, post
from orchestration.choices import record_choices
from orchestration.identity import print_keys, print_outbox, rotate
from orchestration.users import create_customer, list_users
from warehouse.clock import now
from warehouse.settings import Settings


@pytest.fixture
def settings(database, tmp_path):
    keywords = f"host={database.host}&port={database.port}&user={database.user}"
    return Settings(home=tmp_path, DATABASE_URL=f"postgresql:///{database.name}?{keywords}")


@pytest.fixture
def engine(database):
    engine = database.engine("jovey_append")
    yield engine
    engine.dispose()


def test_letters_without_a_mail_server_are_printed_whole(settings, engine):
    console = Console(record=True, width=40)
    assert print_outbox(settings, console) == 0
    id = create_customer(settings, "c@example.com", "Chen", "a long enough sentence")
    link = "http://127.0.0.1:8000/reset-password?token=" + "x" * 43
    with engine.begin() as connection:
        post(connection, id, "password_reset", Letter("c@example.com", "[bold]A subject", link), now())
    assert print_outbox(settings, console) == 1
    shown = console.export_text()
    assert "No letter waits." in shown and "To: c@example.com" in shown
    assert link in shown and "[bold]A subject" in shown


def test_keys_are_replaced_and_told_of_without_showing_one(settings, database, engine):
    create_customer(settings, "c@example.com", "Chen", "a long enough sentence")
    first = Keyring(engine, now()).current
    until = rotate(settings)
    second = Keyring(engine, now())
    assert second.current.id != first.id and second.of(first.id) == first
    assert rotate(settings, at_once=True) < until
    third = Keyring(engine, now())
    assert third.of(first.id) is None and third.of(second.current.id) is None
    console = Console(record=True, width=160)
    print_keys(settings, console)
    shown = console.export_text()
    assert [str(one) in shown for one in (first.id, second.current.id, third.current.id)] == [True] * 3
    assert first.secret.hex() not in shown
    assert list_users(settings)[0].name == "Chen"
    with psycopg.connect(database.libpq()) as connection:
        told = "select count(*) from jovey.events where event_type = 'signing_key.replaced'"
        assert connection.execute(told).fetchone() == (2,)


def test_changed_settings_are_in_the_log_and_no_secret_with_them(settings, database, engine):
    assert record_choices(database, settings) == (), "an empty log is left empty for the demo"
    create_customer(settings, "c@example.com", "Chen", "a long enough sentence")
    first = record_choices(database, settings)
    assert {"tax_rate", "master_key", "database_url"} <= set(first)
    assert record_choices(database, settings) == ()
    chosen = {"tax_rate": "0.19", "smtp_url": "smtp://u:pssst@mail.example"}
    other = Settings(home=settings.home, DATABASE_URL=settings.database_url, **chosen)
    assert record_choices(database, other) == ("smtp_url", "tax_rate")
    with psycopg.connect(database.libpq()) as connection:
        told = connection.execute("select data::text from jovey.events where event_type = 'settings.changed'")
        (last,) = told.fetchall()[-1]
    assert {"name": "tax_rate", "value": "0.19"} in json.loads(last)["settings"]
    assert {"name": "smtp_url", "value": "given"} in json.loads(last)["settings"]
    assert "pssst" not in last and "postgresql" not in last

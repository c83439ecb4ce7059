"""`jovey erase` and `jovey export-person`, as an operator types them."""

from __future__ import annotations

import json
import stat
from decimal import Decimal
from uuid import UUID

import pytest
from typer.testing import CliRunner

from api.actor import system
from api.handle import Request, handle
from api.receivables.commands import ReceivePayment
from api.rules import Rules
from orchestration import cli
from orchestration.people import CannotHelp, erase, export_person
from orchestration.users import create_customer, list_users
from warehouse.clock import now
from warehouse.ids import new_id
from warehouse.settings import Settings

PASSWORD = "a long enough sentence"


@pytest.fixture
def settings(database, tmp_path):
    keywords = f"host={database.host}&port={database.port}&user={database.user}"
    return Settings(home=tmp_path, DATABASE_URL=f"postgresql:///{database.name}?{keywords}")


@pytest.fixture
def chen(settings) -> UUID:
    return create_customer(settings, "chen@example.com", "Chen", PASSWORD)


@pytest.fixture
def typed(settings, monkeypatch):
    monkeypatch.setattr(cli, "_settings", lambda: settings)
    return lambda *words, says="": CliRunner().invoke(cli.app, words, input=says)


def test_a_customer_is_erased_by_e_mail_address_and_their_facts_stay(settings, chen, typed, tmp_path):
    assert "Chen" in _written(settings, str(chen), tmp_path / "before.json")
    outcome = typed("erase", "Chen@example.com", says="y\n")
    assert f"{chen} is erased." in outcome.output
    assert list_users(settings) == []
    told = json.loads(_written(settings, str(chen), tmp_path / "after.json"))
    assert [one["event"] for one in told["facts"]] == ["customer.registered", "customer.erased"]
    assert told["facts"][0]["data"]["name"] == "erased"
    assert (told["sign_ins"], told["password"]) == ([], [])


def test_nobody_is_erased_by_a_slip(settings, chen, typed):
    assert typed("erase", str(chen), says="n\n").exit_code == 1
    assert [user.id for user in list_users(settings)] == [chen]


def test_erasing_again_changes_nothing(settings, chen):
    assert erase(settings, str(chen)) == erase(settings, str(chen)) == chen


def test_who_is_not_there_cannot_be_helped(settings, chen, tmp_path):
    with pytest.raises(CannotHelp, match=r"nobody@example\.com"):
        erase(settings, "nobody@example.com")
    with pytest.raises(CannotHelp, match="There is no customer"):
        erase(settings, str(UUID(int=1)))
    with pytest.raises(CannotHelp, match=r"nobody@example\.com"):
        export_person(settings, "nobody@example.com", tmp_path / "nobody.json")


def test_who_has_money_here_is_not_erased(settings, chen, database):
    engine = database.engine("jovey_append")
    paid = ReceivePayment(customer_id=chen, payment_id=UUID(int=5), amount=Decimal(10), received_on=now().date())
    handle(engine, Request(paid, new_id(now()), system("test"), now()), Rules())
    engine.dispose()
    with pytest.raises(CannotHelp, match=r"10\.00 on account"):
        erase(settings, str(chen))


def test_a_person_gets_everything_in_a_file_for_them_alone(settings, chen, typed, tmp_path):
    file = tmp_path / "chen.json"
    outcome = typed("export-person", "chen@example.com", str(file))
    assert outcome.output == f"1 facts are in {file}.\n"
    told = json.loads(file.read_text())
    assert told["person_id"] == str(chen)
    assert told["states"][0]["state"]["email"] == "chen@example.com"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def _written(settings, who, file):
    export_person(settings, who, file)
    return file.read_text()

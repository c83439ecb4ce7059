"""The doctor looks at everything, changes nothing, and names what is wrong."""

from __future__ import annotations

import fcntl
import shutil
import socket
from pathlib import Path

import psycopg
import pytest
from rich.console import Console

from orchestration import up
from orchestration.doctor import doctor, findings
from warehouse.log.migrate import newest_revision
from warehouse.postgres import Database
from warehouse.settings import Settings


def said(settings: Settings) -> dict[str, tuple[bool, str]]:
    return {finding.what: (finding.is_well, finding.said) for finding in findings(settings)}


def test_a_healthy_house_is_shown_whole(filled: Settings):
    console = Console(record=True, width=120)
    assert doctor(filled, console)
    shown = console.export_text()
    for what in ("Python", "Disk", "API port", "Dagster port", "Database", "Migrations", "Lake", "tables in"):
        assert what in shown


def test_each_reader_of_the_log_is_shown_with_its_distance(filled: Settings, database: Database):
    assert said(filled)["Reader lake"] == (True, "at the head")
    with psycopg.connect(database.libpq(), autocommit=True) as connection:
        for sku in ("JP-1", "JP-2"):
            connection.execute(
                """insert into jovey.events (aggregate_id, id, version, schema_version, event_type, aggregate_type,
                     created_by, created_at, effective_at, correlation_id, causation_id, data)
                   select uuidv7(), uuidv7(), 1, 1, 'product.deactivated', 'product', 'user:x',
                     now() - interval '90 s', now(), uuidv7(), uuidv7(), jsonb_build_object('sku', %s::text)""",
                [sku],
            )
    is_well, distance = said(filled)["Reader lake"]
    assert is_well
    assert distance.startswith("2 events behind, the oldest waits for 9")


def test_a_lake_that_nothing_has_filled_yet_is_no_illness(outside: Settings):
    is_well, what = said(outside)["Lake"]
    assert is_well
    assert "empty" in what


def test_a_lake_that_cannot_be_opened_is_named(filled: Settings, database: Database):
    with psycopg.connect(database.libpq(), autocommit=True) as connection:
        connection.execute("revoke usage on schema lake from jovey_lake_read")
    is_well, what = said(filled)["Lake"]
    assert not is_well
    assert what.startswith("cannot be opened: ")


def test_missing_migrations_are_named(outside: Settings, database: Database):
    with psycopg.connect(database.libpq(), autocommit=True) as connection:
        connection.execute("update jovey.alembic_version set version_num = '0001'")
    assert said(outside)["Migrations"] == (
        False,
        f"at 0001, the newest is {newest_revision()}; `jovey up` applies them",
    )


def test_a_taken_port_is_named_with_its_setting(home: Path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = said(Settings(_env_file=None, home=home, api_port=port, dagster_port=0))
    assert found["API port"] == (False, f"{port} is taken by another program; set JOVEY_API_PORT to another port")
    assert found["Dagster port"][0]


def test_a_port_that_jovey_itself_holds_is_well(home: Path):
    with socket.create_server(("127.0.0.1", 0)) as server, (home / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        port = server.getsockname()[1]
        found = said(Settings(_env_file=None, home=home, api_port=port, dagster_port=0))
    assert found["API port"] == (True, f"{port}; Jovey is up")


def test_a_full_disk_is_named(home: Path, monkeypatch: pytest.MonkeyPatch):
    full = shutil._ntuple_diskusage(10**9, 10**9, up.FREE_BYTES_MIN - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: full)
    console = Console(record=True, width=120)
    assert not doctor(Settings(_env_file=None, home=home, api_port=0, dagster_port=0), console)
    assert "Only 1023 MB are free" in console.export_text()


def test_a_database_that_does_not_answer_ends_the_examination(home: Path):
    settings = Settings(_env_file=None, home=home, DATABASE_URL="postgresql:///shop?host=/nowhere", api_port=0)
    *_, last = findings(settings)
    assert (last.what, last.is_well) == ("Database", False)


def test_it_says_whether_agents_ask_claude(home: Path):
    assert "by formula" in said(Settings(_env_file=None, home=home))["Claude"][1]
    keyed = Settings.model_validate({"home": home, "ANTHROPIC_API_KEY": "sk-test"})
    words = said(keyed)["Claude"][1]
    assert "claude-sonnet-5-5" in words and "sk-test" not in words

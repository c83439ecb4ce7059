"""What the operator's tests share: settings that lead to a database of the test's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from assets.lake import Lake
from orchestration import cli
from warehouse.postgres import Database
from warehouse.settings import Settings, settings


class Said(NamedTuple):
    """How a command ended, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Said]


@pytest.fixture
def outside(home: Path, database: Database) -> Settings:
    """Settings whose DATABASE_URL is a fresh, migrated database; its ports are any free ones."""
    url = f"postgresql://{database.user}@/{database.name}?host={database.host}&port={database.port}"
    return Settings(_env_file=None, home=home, DATABASE_URL=url, api_port=0, dagster_port=0, staff_port=0)


@pytest.fixture
def filled(outside: Settings, made_once: Callable[..., Any]) -> Settings:
    """Settings of a house whose lake has its tables."""
    made_once("tables", lambda: Lake.of(outside).refresh())
    return outside


@pytest.fixture
def jovey(outside: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """The command as its operator types it, in this process; test_cli.py starts the installed one."""
    monkeypatch.setenv("JOVEY_HOME", str(outside.home))
    assert outside.database_url
    monkeypatch.setenv("DATABASE_URL", outside.database_url)
    monkeypatch.setenv("COLUMNS", "200")
    settings.cache_clear()

    def run(*words: str) -> Said:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["jovey", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert isinstance(ended.value.code, int | None)
        return Said(ended.value.code or 0, *capsys.readouterr())

    yield run
    settings.cache_clear()

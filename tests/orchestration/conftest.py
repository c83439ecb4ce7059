"""What the operator's tests share: settings that lead to a database of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assets.lake import Lake
from warehouse.postgres import Database
from warehouse.settings import Settings


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

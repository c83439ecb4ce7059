"""A small company told once for all tests that only look at it, and a way to tell others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, Row, text

from api.rules import Rules
from orchestration.demo.books import Company
from orchestration.demo.plan import Plan
from orchestration.demo.story import found
from orchestration.demo.tell import tell


@dataclass(frozen=True)
class Told:
    """A story that was told, what the teller remembers, and the log it left."""

    engine: Engine
    company: Company
    log: list[Row[Any]]


@pytest.fixture(scope="session")
def small() -> Plan:
    """Eleven weeks of a company a quarter of the size; this seed meets all that the tests ask for."""
    return Plan(seed=2, until=date(2026, 3, 14), days=77, size=0.25)


@pytest.fixture(scope="session")
def log_of() -> Callable[[Engine], list[Row[Any]]]:
    """All that a plan must determine, in the order of the log."""

    def log(engine: Engine) -> list[Row[Any]]:
        # words about people lie hidden under keys that are random in each database
        blank = "regexp_replace(data::text, 'hidden:1:[A-Za-z0-9_-]+:[A-Za-z0-9_-]+', 'hidden', 'g')::jsonb as data"
        columns = f"id, event_type, aggregate_id, version, effective_at, created_by, {blank}"
        with engine.connect() as connection:
            return list(connection.execute(text(f"select {columns} from jovey.events order by position")).all())

    return log


@pytest.fixture(scope="session")
def telling(log_of) -> Callable[..., Told]:
    """Tell a plan's story; with `days`, be killed at the end of that many."""

    def run(engine: Engine, plan: Plan, days: int | None = None) -> Told:
        company, expected = found(plan)
        left = iter(range(plan.days if days is None else days))
        try:
            tell(engine, company, expected, Rules(), lambda: next(left))
        except StopIteration:
            assert days is not None
        return Told(engine, company, log_of(engine))

    return run


@pytest.fixture
def another_engine(server, template) -> Iterator[Engine]:
    """A second fresh database, to compare with the first."""
    with _database(server, template) as engine:
        yield engine


@pytest.fixture(scope="module")
def module_engine(server, template) -> Iterator[Engine]:
    """A fresh database for all tests of a file."""
    with _database(server, template) as engine:
        yield engine


@pytest.fixture(scope="module")
def told(module_engine, small, telling) -> Told:
    """The small company's whole story, told once; look, don't touch."""
    return telling(module_engine, small)


@contextmanager
def _database(server, template) -> Iterator[Engine]:
    own = server.sibling(f"demo_{uuid4().hex}")
    with psycopg.connect(server.libpq(), autocommit=True) as connection:
        names = (sql.Identifier(own.name), sql.Identifier(template.name))
        connection.execute(sql.SQL("create database {} template {}").format(*names))
    engine = own.engine()
    yield engine
    engine.dispose()
    with psycopg.connect(server.libpq(), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(own.name)))

"""What tests of every room need: a database of their own, and no way out of this machine."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy
from hypothesis import HealthCheck
from hypothesis import settings as examples
from psycopg import sql

from warehouse import embedded
from warehouse.log.migrate import migrate
from warehouse.postgres import Database
from warehouse.vault import LocalMasterKey

_HOME = "JOVEY_TEST_HOME"  # made by the first process of the run, inherited by the xdist workers
_SECRET = "a secret for tests of thirty-two bytes or more"
_TEMPLATE = "jovey_template"
_MEMORY = Path("/dev/shm")
_MEMORY_BYTES_MIN = 8 * 1024**3

# a machine that stands still for a moment is no finding
examples.register_profile("jovey", deadline=None, suppress_health_check=[HealthCheck.too_slow])
examples.load_profile("jovey")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        _work_in_memory()
        os.environ[_HOME] = tempfile.mkdtemp(prefix="jovey-test-")  # short: a socket's path is limited
    # a developer's own settings must not reach a test
    for name in [name for name in os.environ if name.startswith("JOVEY_") and name != _HOME]:
        del os.environ[name]
    # tests ask nobody outside, so no authority needs trust: reading all of them takes each HTTP client 40 ms
    os.environ.pop("SSL_CERT_FILE", None)
    os.environ["SSL_CERT_DIR"] = os.environ[_HOME]
    os.environ["JOVEY_MASTER_KEY"] = _SECRET  # one for all homes of a test: what one wrote about people, another reads
    for name in ("DATABASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"):
        os.environ.pop(name, None)
    _offer(config, "browsing")
    _offer(config, "history")
    _offer(config, "shop")
    _offer(config, "proposals")
    _offer(config, "small_lake")
    _offer(config, "messages_api")
    _offer(config, "doors")


def _work_in_memory() -> None:
    """Lay every temporary folder, the databases' too, into memory where there is room: a new one takes a tenth."""
    if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _MEMORY_BYTES_MIN:
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None  # asked for anew


def _offer(config: pytest.Config, vocabulary: str) -> None:
    """Make the fixtures of a file beside this one known everywhere; tests/ is no package that could be imported."""
    spec = importlib.util.spec_from_file_location(
        f"jovey_tests_{vocabulary}", Path(__file__).with_name(f"{vocabulary}.py")
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    config.pluginmanager.register(module, spec.name)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(_HOME), ignore_errors=True)


@pytest.fixture(autouse=True, scope="session")
def this_machine_only() -> Iterator[None]:
    """Refuse every connection that leaves the machine: unix sockets and loopback are what tests may reach."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", lambda self, address: connect(self, _local(self, address)))
    patch.setattr(socket.socket, "connect_ex", lambda self, address: connect_ex(self, _local(self, address)))
    yield
    patch.undo()


def _local(client: socket.socket, address):
    if client.family in {socket.AF_INET, socket.AF_INET6} and not _is_loopback(address[0]):
        pytest.fail(f"A test reached for {address}: tests talk to this machine only.")
    return address


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1", ""} or host.startswith("127.")


@pytest.fixture(scope="session")
def server() -> Iterator[Database]:
    """The run's PostgreSQL, shared by all workers: the first one that needs it starts it, the last one stops it."""
    with embedded.serving(Path(os.environ[_HOME]) / "pg", durable=False) as sockets:
        address = Database("postgres", host=str(sockets), port=str(embedded.PORT), user=embedded.SUPERUSER)
        yield replace(address, master_key=lambda: LocalMasterKey.derived(_SECRET.encode()))


@pytest.fixture(scope="session")
def template(server: Database) -> Database:
    """A migrated database that nobody writes to, made by the first worker that needs it."""
    database = server.sibling(_TEMPLATE)
    with (Path(os.environ[_HOME]) / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        draft = server.sibling(f"{_TEMPLATE}_draft")
        if not _exists(server, _TEMPLATE):
            draft.create_missing()
            migrate(draft)
            _run(server, "alter database {} rename to {}", draft.name, _TEMPLATE)
    return database


@pytest.fixture
def database(server: Database, template: Database) -> Iterator[Database]:
    """A fresh, migrated, empty database, dropped afterwards."""
    own = server.sibling(f"test_{uuid4().hex}")
    _run(server, "create database {} template {}", own.name, template.name)
    yield own
    _run(server, "drop database {} with (force)", own.name)


@pytest.fixture
def engine(database: Database) -> Iterator[sqlalchemy.Engine]:
    """Connections to `database` as its superuser; ask `database.engine(role)` for a role's."""
    engine = database.engine()
    yield engine
    engine.dispose()


def _run(server: Database, statement: str, *names: str) -> None:
    with psycopg.connect(server.libpq(), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _exists(server: Database, name: str) -> bool:
    with psycopg.connect(server.libpq()) as connection:
        found = connection.execute("select from pg_database where datname = %s", [name])
        return found.fetchone() is not None


@pytest.fixture
def home() -> Iterator[Path]:
    """A short private folder for JOVEY_HOME, removed afterwards (pytest's own are too deep for sockets)."""
    folder = Path(tempfile.mkdtemp(prefix="jovey-home-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Kept:
    """What a test began with: its database, its home and what making them answered."""

    database: str
    home: Path
    answer: Any


@pytest.fixture(scope="session")
def kept() -> dict[str, Kept]:
    """What this worker made once, by name."""
    return {}


@pytest.fixture
def made_once(
    server: Database, database: Database, home: Path, kept: dict[str, Kept], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, Callable[[], Any]], Any]:
    """Fill `database` and `home` by a function the first time a name is met, and with copies of that ever after.

    Answers what the function answered. It must leave no connection open.
    """

    def filled(name: str, make: Callable[[], Any]) -> Any:
        if name not in kept:
            answer = make()
            copy = Kept(f"kept_{uuid4().hex}", tmp_path_factory.mktemp("kept") / "home", answer)
            _run(server, "create database {} template {}", copy.database, database.name)
            shutil.copytree(home, copy.home)
            kept[name] = copy
            return answer
        _run(server, "drop database {}", database.name)
        _run(server, "create database {} template {}", database.name, kept[name].database)
        shutil.copytree(kept[name].home, home, dirs_exist_ok=True)
        return kept[name].answer

    return filled


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    """Wait until a condition holds, as another process works towards it; fail when it does not within `seconds`."""

    def wait(condition: Callable[[], object], seconds: float = 20, pause_max: float = 0.5) -> None:
        began = time.monotonic()
        while not condition():
            waited = time.monotonic() - began
            assert waited < seconds, f"still not so after {seconds} s"
            time.sleep(min(0.02 + waited / 5, pause_max))  # who looks often keeps a core from what is awaited

    return wait

"""Opens the lake: DuckDB with its extensions from wheels, DuckLake's catalog in PostgreSQL, Parquet in a folder."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import psycopg
from duckdb import DuckDBPyConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from warehouse.postgres import Database
from warehouse.settings import Settings

EXTENSIONS = ("postgres_scanner", "ducklake")
_EMPTY = "The lake is empty: no run has written it yet (jovey up, or a run of the graph)."
_WRITER_LOCK = 4_801_004  # any number that nothing else locks in this database
_WRITER_WAIT_SECONDS_MAX = 120
_WRITER_MEMORY, _READER_MEMORY = "2GB", "1GB"  # beyond it DuckDB spills to the temporary folder


class LakeBusy(Exception):
    """Another process is writing the lake and did not finish in time."""


class LakeMissing(Exception):
    """Nothing has been written to the lake yet."""


@contextmanager
def writing(database: Database) -> Iterator[None]:
    """Be the lake's only writer, in any process; PostgreSQL frees the place when its holder dies. Raises LakeBusy."""
    with psycopg.connect(database.libpq("jovey_lake"), autocommit=True) as connection:
        connection.execute(f"set lock_timeout = '{_WRITER_WAIT_SECONDS_MAX}s'")
        try:
            connection.execute("select pg_advisory_lock(%s)", [_WRITER_LOCK])
        except psycopg.errors.LockNotAvailable as error:
            raise LakeBusy(f"Another process has been writing the lake for {_WRITER_WAIT_SECONDS_MAX} s.") from error
        yield


@contextmanager
def open_writer(database: Database, settings: Settings) -> Iterator[DuckDBPyConnection]:
    """The lake as `lake` (the default catalog), for writing, and the log as `log`, for reading cuts. Hold writing()."""
    with _session(settings, _WRITER_MEMORY) as connection:
        attach_lake(connection, database, settings, role="jovey_lake")
        _attach_log(connection, database)
        connection.execute("use lake")
        yield connection


@contextmanager
def open_reader(database: Database, settings: Settings, *, version: int | None = None) -> Iterator[DuckDBPyConnection]:
    """The lake as `lake` for a role that can only select, as it is now or was at a snapshot version.

    Nothing else is within reach: no file outside the lake, no other database, no setting. Raises LakeMissing.
    """
    with _session(settings, _READER_MEMORY) as connection:
        _attach_written(connection, database, settings, version)
        connection.execute("use lake")
        connection.execute(f"set allowed_directories = [{_quoted(settings.lake_folder)}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection


@contextmanager
def open_for_export(database: Database, settings: Settings, file: Path) -> Iterator[DuckDBPyConnection]:
    """The lake as `lake`, to be read, and a plain DuckDB file as `export` (the default). Raises LakeMissing."""
    with _session(settings, _WRITER_MEMORY) as connection:
        _attach_written(connection, database, settings, None)
        connection.execute(f"attach {_quoted(str(file))} as export")
        connection.execute("use export")
        yield connection


@contextmanager
def open_beside(database: Database, settings: Settings) -> Iterator[DuckDBPyConnection]:
    """The lake as `lake` and the log as `log`, both to be read, and an empty database `beside` (the default) to fill.

    It lives in a file that goes with the connection, so what is derived there may be larger than memory.
    Raises LakeMissing.
    """
    with _session(settings, _WRITER_MEMORY) as connection, TemporaryDirectory(dir=settings.home / "tmp") as folder:
        _attach_written(connection, database, settings, None)
        _attach_log(connection, database)
        connection.execute(f"attach {_quoted(f'{folder}/beside.duckdb')} as beside")
        connection.execute("use beside")
        yield connection


@contextmanager
def open_log(database: Database, settings: Settings) -> Iterator[DuckDBPyConnection]:
    """The log as `log`, to be read, and no lake."""
    with _session(settings, _WRITER_MEMORY) as connection:
        _attach_log(connection, database)
        yield connection


@contextmanager
def open_files(settings: Settings) -> Iterator[DuckDBPyConnection]:
    """DuckDB over files alone: no lake, no log."""
    with _session(settings, _WRITER_MEMORY) as connection:
        yield connection


def _attach_written(
    connection: DuckDBPyConnection, database: Database, settings: Settings, version: int | None
) -> None:
    """Attach the lake for its reading role; LakeMissing when nobody has written it (up to that version) yet."""
    try:
        attach_lake(connection, database, settings, role="jovey_lake_read", read_only=True, version=version)
    except duckdb.Error as error:
        if "does not exist" in str(error) or "not exist at version" in str(error):
            raise LakeMissing(_EMPTY) from error
        raise


def attach_lake(
    connection: DuckDBPyConnection,
    database: Database,
    settings: Settings,
    *,
    role: str,
    read_only: bool = False,
    version: int | None = None,
) -> None:
    """Attach DuckLake as `lake`. Inlining stays off: inlined rows leave a PostgreSQL table per rewrite, without end."""
    path, secret = _address(connection, database, role)
    options = [
        f"data_path {_quoted(settings.lake_folder)}",
        "override_data_path true",  # the home folder may have moved; files are stored relative to it
        "metadata_schema 'lake'",
        "data_inlining_row_limit 0",
        *(["read_only", "create_if_not_exists false"] if read_only else []),
        *([f"snapshot_version {version}"] if version is not None else []),
        *([f"metadata_parameters map {{'SECRET': '{_SECRET}'}}"] if secret else []),
    ]
    connection.execute(f"attach {_quoted(f'ducklake:postgres:{path}')} as lake ({', '.join(options)})")


_SECRET = "postgres_password"  # noqa: S105  the name of DuckDB's secret, not one


def _attach_log(connection: DuckDBPyConnection, database: Database) -> None:
    """Attach PostgreSQL as `log`, read-only. A cut says what is in a batch, so each statement must see at least it.

    DuckDB's default, REPEATABLE READ, freezes the view at the first look at any catalog: a cut taken after that counted
    events as read which the batch did not see, and they were skipped for ever.
    """
    path, secret = _address(connection, database, "jovey_tail")
    how = f"type postgres, read_only, isolation_level 'READ COMMITTED'{secret}"
    connection.execute(f"attach {_quoted(path)} as log ({how})")


@contextmanager
def _session(settings: Settings, memory: str) -> Iterator[DuckDBPyConnection]:
    """A DuckDB in memory that asks no network for extensions; closed whatever happens.

    Their signatures are not looked at once more: that hashes 78 MB, most of the time it takes to open a lake. The lock
    file holds the wheels' hashes, and a test loads what they brought with the signatures asked for.
    """
    spill = settings.home / "tmp"
    spill.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_unsigned_extensions": "true",
            "python_enable_replacements": "false",  # a query's names are tables, never our variables
            "memory_limit": memory,
            "temp_directory": str(spill.resolve()),
        }
    )
    try:
        for extension in EXTENSIONS:
            connection.execute(f"load {_quoted(str(extension_file(extension)))}")
        connection.execute("set timezone = 'UTC'")
        yield connection
    finally:
        connection.close()


def extension_file(name: str) -> Path:
    """The signed binary inside the wheel `duckdb-extension-<name>`."""
    found = importlib.util.find_spec(f"duckdb_extension_{name}")
    assert found and found.origin, f"install duckdb-extension-{name}=={duckdb.__version__}"
    return Path(found.origin).parent / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"


def _address(connection: DuckDBPyConnection, database: Database, role: str) -> tuple[str, str]:
    """The conninfo less its password, and the attach option that supplies the password from a DuckDB secret.

    An attached path is shown to every reader by duckdb_databases(); a secret is not.
    """
    keywords = {word: str(value) for word, value in conninfo_to_dict(database.libpq(role)).items() if value is not None}
    password = keywords.pop("password", None)
    if password is None:
        return make_conninfo(**keywords), ""
    connection.execute(f"create or replace secret {_SECRET} (type postgres, password {_quoted(password)})")
    return make_conninfo(**keywords), f", secret {_SECRET}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

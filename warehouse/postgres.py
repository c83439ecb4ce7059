"""Where the log lives: an outside PostgreSQL named by DATABASE_URL, or the embedded one when there is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import psycopg
import sqlalchemy
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from warehouse import embedded
from warehouse.installation import master_key
from warehouse.settings import Settings
from warehouse.vault import MasterKey

_OLDEST_VERSION = 15  # pg_snapshot, MERGE and pg_control_checkpoint() for ordinary roles
_CONNECT_SECONDS_MAX = 10  # a machine that stands still for some seconds is no dead server
_MAINTENANCE = "postgres"  # the database every server has, to create others from
_REASONS = {
    "password authentication failed": "refuses this user and password; check both in DATABASE_URL",
    "no password supplied": "wants a password; put it into DATABASE_URL as postgresql://user:password@host/database",
    "failed to resolve host": "is at a host whose name is not known; check the host in DATABASE_URL",
    "Connection refused": "does not answer; start it, or check host and port in DATABASE_URL",
    "No such file or directory": "does not answer on its socket; start it, or check the host in DATABASE_URL",
    "timeout expired": f"did not answer within {_CONNECT_SECONDS_MAX} s; check host, port and firewall",
}


class DatabaseUnavailable(Exception):
    """The database cannot be used; the message is one sentence for the operator and holds no password."""


@dataclass(frozen=True, slots=True)
class Database:
    """One database of one server. `keywords` are libpq's other connection keywords, such as sslmode.

    `master_key` gives what people's keys are wrapped with; without it nothing about people can be written or read.
    """

    name: str
    host: str | None = None  # a socket's directory when it starts with a slash; several with commas
    port: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    keywords: tuple[tuple[str, str], ...] = ()
    master_key: Callable[[], MasterKey] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_url(cls, url: str) -> Database:
        """Parse postgresql://user:password@host:port/name?keyword=value, as libpq reads it."""
        scheme = urlsplit(url).scheme
        if scheme not in ("postgresql", "postgres"):
            raise DatabaseUnavailable(f"DATABASE_URL must start with postgresql://, not with {scheme or url[:12]}.")
        try:
            given = {word: str(value) for word, value in conninfo_to_dict(url).items() if value is not None}
        except psycopg.ProgrammingError as error:
            raise DatabaseUnavailable("DATABASE_URL is not a readable postgresql:// address.") from error
        if "dbname" not in given:
            raise DatabaseUnavailable("DATABASE_URL names no database; add it after the host, as in …:5432/jovey.")
        host, port, user, password = (given.pop(word, None) for word in ("host", "port", "user", "password"))
        return cls(given.pop("dbname"), host, port, user, password, tuple(sorted(given.items())))

    def libpq(self, role: str | None = None, **server_settings: str) -> str:
        """Keyword conninfo for psycopg and DuckDB: acts as `role` (none: the login), in UTC, with these `-c` settings.

        It quotes the options with single quotes: double them when it stands inside an SQL literal (ATTACH).
        """
        keywords = dict(self.keywords)
        wanted = {"role": role, "timezone": "UTC", **server_settings}
        options = [f"-c{name}={value}" for name, value in wanted.items() if value]
        keywords["options"] = " ".join(filter(None, [keywords.get("options"), *options]))
        keywords.setdefault("application_name", role or "jovey")
        keywords.setdefault("connect_timeout", str(_CONNECT_SECONDS_MAX))
        return make_conninfo(
            dbname=self.name, host=self.host, port=self.port, user=self.user, password=self.password, **keywords
        )

    def engine(
        self,
        role: str | None = None,
        *,
        pool_size: int = 5,
        lock_timeout_s: float = 2,
        statement_timeout_s: float = 10,
    ) -> sqlalchemy.Engine:
        """A pool of at most `pool_size` connections acting as `role`, in UTC; 0 seconds means without limit.

        The statement timeout also bounds how long a transaction may stand idle. A caller waits 30 s for a connection.
        """
        conninfo = self.libpq(
            role,
            lock_timeout=_milliseconds(lock_timeout_s),
            statement_timeout=_milliseconds(statement_timeout_s),
            idle_in_transaction_session_timeout=_milliseconds(statement_timeout_s),
        )
        return sqlalchemy.create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(conninfo),
            pool_size=pool_size,
            max_overflow=0,
            pool_pre_ping=True,
            use_native_hstore=False,  # we have none: asking for its id is a quarter of a first connection
            execution_options={"master_key": self.master_key},
        )

    def dagster_url(self) -> str:
        """The address for Dagster's storage, which speaks psycopg 2; SQLAlchemy reads a bare scheme as psycopg 3."""
        is_socket = bool(self.host and self.host.startswith("/"))
        query = dict(self.keywords) | ({"host": self.host or ""} if is_socket else {})
        url = sqlalchemy.URL.create(
            "postgresql+psycopg2",
            username=self.user,
            password=self.password,
            host=None if is_socket else self.host,
            port=int(self.port) if self.port else None,
            database=self.name,
            query=query,
        )
        return url.render_as_string(hide_password=False)

    def of(self, settings: Settings) -> Database:
        """The same database with the installation's master key, unless it has one."""
        return self if self.master_key else dataclasses.replace(self, master_key=master_key(settings))

    def sibling(self, name: str) -> Database:
        """Another database of the same server, reached in the same way."""
        return dataclasses.replace(self, name=name)

    def create_missing(self) -> None:
        """Create the database when the server does not have it yet; safe when several do so at once."""
        if self._exists():
            return
        try:
            with psycopg.connect(self.sibling(_MAINTENANCE).libpq(), autocommit=True) as connection:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(self.name)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return
        except psycopg.Error as error:
            wish = f'create database "{self.name}" owner "{self.user}"'
            raise DatabaseUnavailable(f"There is no database {self.name}; ask its administrator to {wish}.") from error

    def _exists(self) -> bool:
        try:
            with psycopg.connect(self.libpq()) as connection:
                _refuse_old(connection.info.server_version)
        except psycopg.OperationalError as error:
            if f'database "{self.name}" does not exist' in str(error):
                return False
            raise DatabaseUnavailable(f"The database {self.name} {_reason(str(error))}.") from error
        return True


@contextmanager
def released(connection: psycopg.Connection) -> Iterator[None]:
    """Afterwards the session holds no advisory lock, though it is still open; a session that was lost holds none.

    Closing alone frees them too, but some moments later: whoever comes at once would be refused.
    """
    try:
        yield
    finally:
        with suppress(psycopg.OperationalError):
            connection.execute("select pg_advisory_unlock_all()")


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The product's database, existing and reachable: DATABASE_URL's, else the embedded server's under `settings.home`.

    The embedded server stops with its last user. Raises DatabaseUnavailable; migrates nothing.
    """
    with ExitStack() as stack:
        if settings.database_url:
            database = Database.from_url(settings.database_url).of(settings)
        else:
            try:
                sockets = stack.enter_context(embedded.serving(settings.home / "postgres"))
            except embedded.ServerFailed as failure:
                raise DatabaseUnavailable(str(failure)) from failure
            address = Database("jovey", host=str(sockets), port=str(embedded.PORT), user=embedded.SUPERUSER)
            database = address.of(settings)
        database.create_missing()
        yield database


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


def _refuse_old(version: int) -> None:
    if version < _OLDEST_VERSION * 10000:
        found = version // 10000
        raise DatabaseUnavailable(f"The server is PostgreSQL {found}; Jovey needs {_OLDEST_VERSION} or later.")


def _reason(said: str) -> str:
    """The operator's sentence for what libpq said; its own last line when the case is not known."""
    for symptom, reason in _REASONS.items():
        if symptom in said:
            return reason
    return f"cannot be reached: {said.strip().splitlines()[-1]}"

"""The door to the database: what DATABASE_URL may say, what a connection brings along, what an operator is told."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import psycopg2
import pytest
import sqlalchemy

from warehouse import embedded
from warehouse.postgres import Database, DatabaseUnavailable, _refuse_old, open_database, released
from warehouse.settings import Settings

SECRET = "a b'c\\d@e/f?g"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A server that asks a clerk, who may not create databases, for a password."""
    with embedded.serving(tmp_path_factory.mktemp("guarded") / "pg", durable=False) as sockets:
        hba = sockets.parent / "data" / "pg_hba.conf"
        if not hba.exists():  # a deep folder has its socket elsewhere
            hba = next(tmp_path_factory.getbasetemp().glob("guarded*/pg/data/pg_hba.conf"))
        hba.write_text("local all clerk scram-sha-256\n" + hba.read_text())
        admin = Database("postgres", str(sockets), str(embedded.PORT), embedded.SUPERUSER)
        with psycopg.connect(admin.libpq(), autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("create role clerk login password {}").format(SECRET))
            connection.execute("create database shop owner clerk")
            connection.execute("select pg_reload_conf()")
        yield Database("shop", str(sockets), str(embedded.PORT), "clerk", SECRET)


def url(database: Database, *, password: str | None = None, name: str | None = None) -> str:
    words = f"{database.user}:{quote(password or database.password or '', safe='')}"
    return f"postgresql://{words}@/{name or database.name}?host={quote(database.host, safe='')}&port={database.port}"


def opened(address: str, home: Path = Path("unused")) -> None:
    with open_database(Settings(_env_file=None, home=home, DATABASE_URL=address)) as database:
        assert database.name


def test_without_a_url_the_embedded_server_holds_the_database(home: Path):
    with open_database(Settings(_env_file=None, home=home)) as database:
        assert database.name == "jovey"
        with psycopg.connect(database.libpq()) as connection:
            assert connection.execute("select current_database()").fetchone() == ("jovey",)
    assert not embedded.is_running(home / "postgres")


def test_an_embedded_server_that_cannot_start_is_a_database_that_is_unavailable(home: Path):
    (home / "file").write_text("")
    with (
        pytest.raises(DatabaseUnavailable, match="cannot be made"),
        open_database(Settings(_env_file=None, home=home / "file")),
    ):
        pass


def test_a_url_is_read_as_libpq_reads_it(guarded: Database):
    assert Database.from_url(url(guarded)) == guarded
    managed = Database.from_url("postgres://shop@db.example:6543/books?sslmode=require")
    assert managed == Database("books", "db.example", "6543", "shop", None, (("sslmode", "require"),))


def test_a_password_is_in_no_picture_of_the_database(guarded: Database):
    assert SECRET not in repr(guarded)
    assert repr(guarded).startswith("Database(name='shop'")


def test_a_password_of_any_characters_reaches_both_drivers(guarded: Database):
    with psycopg.connect(guarded.libpq()) as connection:
        assert connection.execute("select current_user").fetchone() == ("clerk",)
    address = sqlalchemy.make_url(guarded.dagster_url())
    assert address.drivername == "postgresql+psycopg2"
    plain = address.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg2.connect(plain)
    assert connection.info.user == "clerk"
    connection.close()


def test_dagster_reaches_a_host_with_its_port_and_keywords():
    managed = Database.from_url("postgresql://shop:word@db.example:6543/books?sslmode=require")
    there = managed.sibling("books_dagster").dagster_url()
    assert there == "postgresql+psycopg2://shop:word@db.example:6543/books_dagster?sslmode=require"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("mysql://root@localhost/shop", "must start with postgresql://, not with mysql"),
        ("localhost/shop", "must start with postgresql://, not with localhost/sh"),
        ("postgresql://shop@localhost:5432", "names no database"),
        ("postgresql://shop@localhost/books?colour=red", "not a readable postgresql:// address"),
        ("postgresql://shop@/books?host=/nowhere", "does not answer on its socket"),
    ],
)
def test_a_wrong_url_is_answered_in_one_sentence(address: str, sentence: str):
    with pytest.raises(DatabaseUnavailable, match=sentence) as refusal:
        opened(address)
    assert str(refusal.value).count("\n") == 0


def test_an_unknown_host_is_answered_in_one_sentence(monkeypatch: pytest.MonkeyPatch):
    def nobody_knows(*_asked: object, **_how: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody_knows)
    with pytest.raises(DatabaseUnavailable, match="at a host whose name is not known; check the host in DATABASE_URL"):
        opened("postgresql://shop@no-such-host.invalid/books")


def test_a_server_that_is_down_is_answered_in_one_sentence():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(DatabaseUnavailable, match="does not answer; start it, or check host and port"):
            opened(f"postgresql://shop@127.0.0.1:{port}/books")


def test_a_wrong_password_is_said_and_not_repeated(guarded: Database):
    with pytest.raises(DatabaseUnavailable, match="refuses this user and password") as refusal:
        opened(url(guarded, password="open sesame"))
    assert "sesame" not in str(refusal.value)


def test_an_old_server_is_refused():
    _refuse_old(15_00_00)
    with pytest.raises(DatabaseUnavailable, match="is PostgreSQL 14; Jovey needs 15 or later"):
        _refuse_old(14_00_11)


def test_a_missing_database_is_created_once(server: Database):
    database = server.sibling("made_by_the_test")
    database.create_missing()
    database.create_missing()
    opened(f"postgresql://{server.user}@/{database.name}?host={server.host}&port={server.port}")


def test_who_may_not_create_the_database_is_told_what_to_ask_for(guarded: Database):
    with pytest.raises(DatabaseUnavailable, match='ask its administrator to create database "books" owner "clerk"'):
        opened(url(guarded, name="books"))


def test_a_connection_acts_as_the_role_asked_for_in_utc_and_with_limits(database: Database):
    asked = "select current_user, current_setting('timezone'), current_setting('lock_timeout'), "
    asked += "current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout')"
    engine = database.engine("jovey_read", statement_timeout_s=7.5, lock_timeout_s=0)
    with engine.connect() as connection:
        assert tuple(connection.exec_driver_sql(asked).one()) == ("jovey_read", "UTC", "0", "7500ms", "7500ms")
    engine.dispose()


def test_a_pool_lends_no_more_connections_than_it_has(database: Database):
    engine = database.engine(pool_size=2)
    assert engine.pool.size() == 2
    assert engine.pool.overflow() <= 0
    assert engine.pool._max_overflow == 0
    engine.dispose()


def test_a_login_s_own_options_are_kept(server: Database):
    strict = Database(server.name, server.host, server.port, server.user, None, (("options", "-cjit=on"),))
    with psycopg.connect(strict.libpq("pg_monitor")) as connection:
        shown = connection.execute("select current_user, current_setting('jit')").fetchone()
    assert shown == ("pg_monitor", "on")


def test_a_session_gives_back_what_it_held_before_it_is_closed(database: Database):
    with psycopg.connect(database.libpq(), autocommit=True) as held, psycopg.connect(database.libpq()) as other:
        with released(held):
            held.execute("select pg_advisory_lock(7), pg_advisory_lock_shared(8)")
        assert other.execute("select pg_try_advisory_lock(7), pg_try_advisory_lock(8)").fetchone() == (True, True)


def test_a_session_that_was_lost_hides_no_other_error(database: Database):
    lost = psycopg.connect(database.libpq(), autocommit=True)
    lost.close()
    with pytest.raises(ZeroDivisionError), released(lost):
        raise ZeroDivisionError

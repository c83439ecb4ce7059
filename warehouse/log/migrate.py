"""Brings a database to the newest shape: roles (cluster-wide, idempotent), then the numbered revisions."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from warehouse.log.people import claim_key
from warehouse.postgres import Database

ROLES = ("owner", "views", "append", "read", "tail", "erase", "agent", "lake", "lake_read")
_MIGRATION_LOCK = 4_801_000  # any number that nothing else locks


def migrate(database: Database) -> None:
    """Create what is missing and apply what is new; safe to call from several processes at once."""
    engine = database.engine(pool_size=1, lock_timeout_s=0, statement_timeout_s=0)
    with closing(engine.connect()) as connection, connection.begin():
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        for role in ROLES:
            _create_role(connection, f"jovey_{role}")
        connection.execute(text("create schema if not exists jovey authorization jovey_owner"))
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _hide_claims(connection, database)
    engine.dispose()


def _hide_claims(connection: Connection, database: Database) -> None:
    """E-mail addresses that an older version claimed in plain become keyed hashes; their log still holds them plain."""
    plain = connection.execute(text("select key from jovey.unique_claims where scope = 'email' and key like '%@%'"))
    keys = [row.key for row in plain]
    if keys and database.master_key is not None:
        kept = [{"key": key, "kept": claim_key(connection, "email", key)} for key in keys]
        connection.execute(
            text("update jovey.unique_claims set key = :kept where scope = 'email' and key = :key"), kept
        )


def revision_at(connection: Connection) -> str | None:
    """The revision the database stands at; None before the first."""
    if connection.execute(text("select to_regclass('jovey.alembic_version')")).scalar() is None:
        return None
    return connection.execute(text("select version_num from jovey.alembic_version")).scalar()


def newest_revision() -> str | None:
    """The revision this code is written for."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _create_role(connection: Connection, role: str) -> None:
    """Roles belong to the cluster: another database, or a parallel test, may have made it already."""
    connection.exec_driver_sql(f"""
        do $$ begin
          create role {role} nologin;
        exception when duplicate_object or unique_violation then null;
        end $$""")
    connection.exec_driver_sql(f"""
        do $$ begin
          if not pg_has_role(current_user, '{role}', 'usage') then
            execute format('grant {role} to %%I', current_user);
          end if;
        end $$""")

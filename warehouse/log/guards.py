"""The triggers that keep the log as it was written, and what of them is not in its place."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

GUARDS = {
    "events": ("events_append_only", "events_removal", "events_written_once"),
    "removals": ("removals_append_only", "removals_guarded"),
    "seals": ("seals_append_only",),
    "seal_leaves": ("seal_leaves_append_only",),
}
"""Each table of the log and its triggers; all are ENABLE ALWAYS, so that replica mode does not silence them."""

_SLEEPS = "events_written_once"  # until something is removed: while every version stands in the table, its key refuses
_AWAKE = "A"


def breaches(connection: Connection) -> Iterator[str]:
    """What lets somebody change the log unseen until the next seal, a sentence each."""
    found = {(row.relname, row.tgname): row.tgenabled for row in connection.execute(_TRIGGERS, _TABLES)}
    may_sleep = not _has_removals(connection)
    for table, names in GUARDS.items():
        for name in names:
            state = found.pop((table, name), None)
            if state is None:
                yield f"trigger {name} of jovey.{table} is gone"
            elif state != _AWAKE and not (name == _SLEEPS and may_sleep):
                yield f"trigger {name} sleeps: alter table jovey.{table} enable always trigger {name}"
    for table, name in found:
        yield f"trigger {name} of jovey.{table} is not ours"
    for row in connection.execute(_RULES, _TABLES):
        yield f"rule {row.rulename} of jovey.{row.relname} is not ours"
    for row in connection.execute(_HEIRS, _TABLES):
        yield f"table {row.heir} inherits from jovey.{row.relname}: its rows look like the log's"


def _has_removals(connection: Connection) -> bool:
    if not connection.execute(text("select to_regclass('jovey.removals') is not null")).scalar_one():
        return False
    return bool(connection.execute(text("select exists (select from jovey.removals)")).scalar_one())


_TABLES = {"tables": list(GUARDS)}
_OF_OURS = "c.relnamespace = 'jovey'::regnamespace and c.relname = any (:tables)"
_TRIGGERS = text(f"""
    select c.relname, t.tgname, t.tgenabled::text from pg_trigger t join pg_class c on c.oid = t.tgrelid
     where {_OF_OURS} and not t.tgisinternal order by 1, 2""")
_RULES = text(f"""
    select c.relname, r.rulename from pg_rewrite r join pg_class c on c.oid = r.ev_class
     where {_OF_OURS} order by 1, 2""")
_HEIRS = text(f"""
    select c.relname, i.inhrelid::regclass::text as heir from pg_inherits i join pg_class c on c.oid = i.inhparent
     where {_OF_OURS} order by 1, 2""")

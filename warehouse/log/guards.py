"""The triggers and keys that keep the log as it was written, and what of them is not in its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from warehouse.log.migrate import newest_revision, revision_at

_ROW, _BEFORE, _INSERT, _DELETE, _UPDATE, _TRUNCATE = 1, 2, 4, 8, 16, 32  # pg_trigger.tgtype
_ALWAYS = "A"
_CHANGES = _DELETE | _UPDATE | _TRUNCATE


@dataclass(frozen=True, slots=True)
class Guard:
    """A trigger, ENABLE ALWAYS, so that a replica's session does not silence it; `when` are bits of tgtype."""

    table: str
    name: str
    when: int
    function: str
    gone_as: str | None = None
    """What its function calls the rows that are being taken away."""
    may_sleep: bool = False
    """While nothing was removed: every version stands in the table, and its key refuses a second one."""

    @property
    def made_as(self) -> tuple[bool, int, str, str | None]:
        """What the catalog has to say of it: without a condition, and when it calls what with which rows."""
        return True, self.when, f"jovey.{self.function}", self.gone_as

    def __str__(self) -> str:
        return f"trigger {self.name} of jovey.{self.table}"


GUARDS = (
    Guard("events", "events_append_only", _BEFORE | _CHANGES, "refuse_mutation"),
    Guard("events", "events_removal", _DELETE, "refuse_removal", gone_as="gone"),
    Guard("events", "events_written_once", _ROW | _INSERT, "refuse_second_writing", may_sleep=True),
    Guard("removals", "removals_append_only", _BEFORE | _CHANGES, "refuse_seal_mutation"),
    Guard("removals", "removals_guarded", _BEFORE | _INSERT, "refuse_unguarded"),
    Guard("seals", "seals_append_only", _BEFORE | _CHANGES, "refuse_seal_mutation"),
    Guard("seal_leaves", "seal_leaves_append_only", _BEFORE | _CHANGES, "refuse_seal_mutation"),
)
KEYS = {"events_pkey": "position", "events_id_key": "id", "events_stream_version_key": "aggregate_id, version"}
"""What jovey.events refuses to hold twice."""


def breaches(connection: Connection) -> Iterator[str]:
    """What lets somebody change the log unseen until the next seal, a sentence each. Asks the catalog alone.

    What the triggers' functions say is not compared. Another revision than this code's has guards of its own.
    """
    here, newest = revision_at(connection), newest_revision()
    if here != newest:
        yield f"not judged: the log stands at revision {here or 'none'}, this code at {newest}"
        return
    yield from _fallen(connection)
    keys = {row.conname: row.columns for row in connection.execute(_KEYS)}
    yield from (f"key {name} of jovey.events is gone or another" for name in KEYS if keys.get(name) != KEYS[name])
    yield from (f"table {row.named} is not logged" for row in connection.execute(_UNLOGGED, _OURS))
    yield from (f"rule {row.rule} of {row.named} is not ours" for row in connection.execute(_RULES, _OURS))
    for row in connection.execute(_KIN, _OURS):
        yield f"table {row.child} inherits from {row.parent}: who writes there passes the triggers here"


def _fallen(connection: Connection) -> Iterator[str]:
    found = {(row.relname, row.tgname): row for row in connection.execute(_TRIGGERS, _OURS)}
    may_sleep = not _has_removals(connection)
    for guard in GUARDS:
        row = found.pop((guard.table, guard.name), None)
        if row is None:
            yield f"{guard} is gone"
        elif (row.is_plain, row.tgtype, row.function, row.gone_as) != guard.made_as:
            yield f"{guard} is another than the one that was made"
        elif row.tgenabled != _ALWAYS and not (guard.may_sleep and may_sleep):
            yield f"{guard} is not ENABLE ALWAYS"
    yield from (f"trigger {row.trigger} of jovey.{row.relname} is not ours" for row in found.values())


def _has_removals(connection: Connection) -> bool:
    if not connection.execute(text("select to_regclass('jovey.removals') is not null")).scalar_one():
        return False
    return bool(connection.execute(text("select exists (select from jovey.removals)")).scalar_one())


# the catalog by its full name: a search_path may lead elsewhere
_OURS = {"tables": sorted({guard.table for guard in GUARDS})}
_TABLE = "join pg_catalog.pg_class c on c.relnamespace = 'jovey'::pg_catalog.regnamespace and c.relname = any (:tables)"
_TRIGGERS = text(f"""
    select c.relname, t.tgname, t.tgenabled::text, t.tgtype, n.nspname || '.' || p.proname as function,
           t.tgqual is null and t.tgattr = '' and t.tgconstraint = 0 and t.tgnewtable is null as is_plain,
           t.tgoldtable as gone_as, pg_catalog.quote_ident(t.tgname) as trigger
      from pg_catalog.pg_trigger t {_TABLE} and c.oid = t.tgrelid
      join pg_catalog.pg_proc p on p.oid = t.tgfoid join pg_catalog.pg_namespace n on n.oid = p.pronamespace
     where not t.tgisinternal order by 1, 2""")
_KEYS = text("""
    select k.conname, (select pg_catalog.string_agg(a.attname, ', ' order by u.place)
                         from pg_catalog.unnest(k.conkey) with ordinality u(attnum, place)
                         join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum) as columns
      from pg_catalog.pg_constraint k
     where k.conrelid = pg_catalog.to_regclass('jovey.events') and k.contype in ('p', 'u') and not k.condeferrable""")
_UNLOGGED = text(f"""
    select 'jovey.' || c.relname as named from pg_catalog.pg_namespace n {_TABLE}
     where n.oid = c.relnamespace and c.relpersistence <> 'p' order by 1""")
_RULES = text(f"""
    select 'jovey.' || c.relname as named, pg_catalog.quote_ident(r.rulename) as rule
      from pg_catalog.pg_rewrite r {_TABLE} and c.oid = r.ev_class order by 1, 2""")
_NAMED = """(select pg_catalog.format('%I.%I', n.nspname, k.relname)
               from pg_catalog.pg_class k join pg_catalog.pg_namespace n on n.oid = k.relnamespace"""
_KIN = text(f"""
    select {_NAMED} where k.oid = i.inhrelid) as child, {_NAMED} where k.oid = i.inhparent) as parent
      from pg_catalog.pg_inherits i {_TABLE} and c.oid in (i.inhrelid, i.inhparent) order by 1, 2""")

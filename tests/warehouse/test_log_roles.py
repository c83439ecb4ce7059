"""Who may do what to the log: every role at every verb, tried on a real server and held against docs/guarantees.md."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from warehouse.log.migrate import ROLES

GUARANTEES = Path(__file__).parents[2] / "docs" / "guarantees.md"
BEGINS, ENDS = "<!-- roles: begin -->\n", "<!-- roles: end -->"
ROW = """(aggregate_id, id, version, schema_version, event_type, aggregate_type, created_by, effective_at,
    correlation_id, causation_id, data)"""
VALUES = """values (gen_random_uuid(), gen_random_uuid(), 1, 1, 'said', 'stream', 'me', now(),
    gen_random_uuid(), gen_random_uuid(), '{}')"""
NOTHING = "array[]::uuid[], array[]::varchar[], array[]::integer[]"
APPEND = f"""select jovey.append({NOTHING}, '{{}}'::uuid[], '{{}}'::integer[], '{{}}'::uuid[], '{{}}'::varchar[],
    '{{}}'::smallint[], '{{}}'::timestamptz[], '{{}}'::varchar[], '{{}}'::uuid[], '{{}}'::uuid[], '{{}}'::uuid[],
    '{{}}'::jsonb[], '{{}}'::jsonb[])"""
ONE_MORE = "select gen_random_uuid() as id"
VERBS = {
    "read events": "select * from jovey.events",
    "read states": "select * from jovey.states",
    "read events as whom it says": "select * from jovey.visible_events",
    "read states as whom it says": "select * from jovey.visible_states",
    "read receipts": "select * from jovey.command_receipts",
    "read claims": "select * from jovey.unique_claims",
    "read credentials": "select * from jovey.credentials, jovey.sessions, jovey.refresh_tokens",
    "read tail cuts": "select * from jovey.tail_cuts",
    "call append": APPEND,
    "call load": "select * from jovey.load('{}', '{}')",
    "call peek, receipts": "select * from jovey.peek('{}'), jovey.receipts('{}')",
    "disable row level security": "alter table jovey.states disable row level security",
    "drop a policy": "drop policy their_own_to_buyers on jovey.states",
    "write tail cuts": "update jovey.tail_cuts set timeline_id = 1",
    "delete tail cuts": "delete from jovey.tail_cuts",
    "write states": "update jovey.states set version = 9",
    "write receipts, claims": "delete from jovey.command_receipts; delete from jovey.unique_claims",
    "read keys of people": "select * from jovey.person_keys",
    "make keys of people": """insert into jovey.person_keys (key_id, person_id, wrapped_key, master_id)
        values (gen_random_uuid(), gen_random_uuid(), '', 'm')""",
    "change keys of people": "update jovey.person_keys set wrapped_key = ''",
    "destroy keys of people": "delete from jovey.person_keys",
    "destroy sign-ins": "delete from jovey.sessions where person_id is null",
    "read seals": "select * from jovey.seals, jovey.seal_leaves",
    "add seals": "insert into jovey.seal_leaves values (1, 1, '')",
    "change seals": "update jovey.seals set form = 1",
    "drop seals' rows": "delete from jovey.seal_leaves",
    "truncate seals": "truncate jovey.seals, jovey.seal_leaves",
    "read removals": "select * from jovey.removals",
    "guard against a second writing": "select jovey.guard()",
    "add removals": "insert into jovey.removals select * from jovey.removals",
    "change removals": "update jovey.removals set events_kept = 0",
    "remove a seal": "select jovey.retire_seal(1, now(), 'file', '')",
    "read what is unpacked": "select * from jovey.unpacked_events",
    "write what is unpacked": "insert into jovey.unpacked_events select * from jovey.events",
    "read all there was": "select * from jovey.history",
    "read all there was as whom it says": "select * from jovey.visible_history",
    "read how much is archived": "select jovey.archived_events(), jovey.archived_of(null, '{}')",
    "insert": f"insert into jovey.events {ROW} {VALUES}",
    "copy in": "copy jovey.events (id) from stdin",
    "insert, on conflict update": f"""insert into jovey.events {ROW} {VALUES}
        on conflict (id) do update set created_by = 'me'""",
    "merge": f"""merge into jovey.events e using ({ONE_MORE}) one on e.id <> one.id
        when matched then update set created_by = 'me'""",
    "update": "update jovey.events set created_by = 'me'",
    "delete": "delete from jovey.events",
    "truncate": "truncate jovey.events",
    "lock against appends": "lock table jovey.events in share mode",
    "disable trigger": "alter table jovey.events disable trigger events_append_only",
    "create a rule": "create rule quiet as on insert to jovey.events do instead nothing",
    "inherit": "create table jovey.more () inherits (jovey.events)",
    "drop": "drop table jovey.events",
    "replace a function": """create or replace function jovey.load(p_shared uuid[], p_locked uuid[])
        returns setof jovey.states language sql as 'select * from jovey.states'""",
    "reset the sequence": "alter sequence jovey.events_position_seq restart",
    "hold an advisory lock": "select pg_advisory_xact_lock(1)",
    "replica mode": "set session_replication_role = replica",
}
REPLICA_VERBS = (
    "insert, on conflict update",
    "merge",
    "update",
    "delete",
    "truncate",
    "change seals",
    "change removals",
)
COLUMNS = ["superuser", *ROLES]
APPEND_ONLY = "JV403"


@pytest.fixture
def sessions(scratch):
    """One session per role, over a log that holds an event."""
    with psycopg.connect(scratch.libpq(), autocommit=True) as superuser:
        superuser.execute(f"insert into jovey.events {ROW} {VALUES}")
        superuser.execute("select jovey.guard()")  # as in a log from which something was removed
    roles = {"superuser": None} | {role: f"jovey_{role}" for role in ROLES}
    opened = {name: psycopg.connect(scratch.libpq(role)) for name, role in roles.items()}
    yield opened
    for connection in opened.values():
        connection.close()


def tried(connection: psycopg.Connection, statement: str, setting: str = "") -> str:
    """`yes`, `no` for want of a right, or `refused` by the log itself; nothing of it lasts."""
    try:
        if setting:
            connection.execute(setting)
        if statement.startswith("copy"):
            with connection.cursor().copy(statement):
                pass
        else:
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return "no"
    except psycopg.Error as error:
        return "**refused**" if error.sqlstate == APPEND_ONLY else f"yes ({error.sqlstate})"
    finally:
        connection.rollback()
    return "yes"


def table(sessions: dict[str, psycopg.Connection]) -> str:
    lines = [f"| | {' | '.join(COLUMNS)} |", "|---|" + "---|" * len(COLUMNS)]
    rows = [(verb, statement, "") for verb, statement in VERBS.items()]
    rows += [(f"{verb}, in replica mode", VERBS[verb], VERBS["replica mode"]) for verb in REPLICA_VERBS]
    for verb, statement, setting in rows:
        answers = [tried(sessions[name], statement, setting) for name in COLUMNS]
        lines.append(f"| {verb} | {' | '.join('' if answer == 'no' else answer for answer in answers)} |")
    return "\n".join(lines) + "\n"


def test_every_role_may_do_what_the_guarantees_say_and_nothing_else(sessions):
    documented = GUARANTEES.read_text().split(BEGINS)[1].split(ENDS)[0]

    assert documented == table(sessions)


def test_nothing_in_the_log_s_schema_is_everybody_s(scratch):
    """Grants to the pseudo-role public would pass by the table above."""
    everybody = """
        select proname from pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
         where pronamespace = 'jovey'::regnamespace and a.grantee = 0
        union all
        select relname from pg_class c, aclexplode(coalesce(relacl, acldefault('r', relowner))) a
         where relnamespace = 'jovey'::regnamespace and a.grantee = 0"""
    with psycopg.connect(scratch.libpq()) as connection:
        assert connection.execute(everybody).fetchall() == []


def test_an_agent_has_no_right_but_to_read(scratch):
    """Whatever table comes to the schema: agents' role can change none, and use no sequence."""
    changes = """
        select relname from pg_class c, aclexplode(relacl) a
         where relnamespace in ('jovey'::regnamespace, 'lake'::regnamespace) and a.privilege_type <> 'SELECT'
           and a.grantee in ('jovey_agent'::regrole, 'jovey_read'::regrole, 'jovey_lake_read'::regrole)"""
    with psycopg.connect(scratch.libpq()) as connection:
        assert connection.execute(changes).fetchall() == []
        groups = "select roleid::regrole::text from pg_auth_members where member = 'jovey_agent'::regrole"
        assert connection.execute(groups).fetchall() == []


def test_tables_and_functions_belong_to_the_owner_s_role_and_views_to_theirs(scratch):
    """Owners may do anything to what they own; nobody works as jovey_owner or jovey_views."""
    others = """
        select relname from pg_class where relnamespace = 'jovey'::regnamespace and relkind in ('r', 'S', 'v')
           and relowner <> (case relkind when 'v' then 'jovey_views' else 'jovey_owner' end)::regrole
           and relname not like 'alembic%'
        union all
        select proname from pg_proc where pronamespace = 'jovey'::regnamespace and proowner <> 'jovey_owner'::regrole"""
    with psycopg.connect(scratch.libpq()) as connection:
        assert connection.execute(others).fetchall() == []


@pytest.mark.parametrize("role", ROLES)
def test_no_role_can_sign_in_or_more(scratch, role):
    """They are put on by a login that is a member, and give no power over the server."""
    powers = "rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
    with psycopg.connect(scratch.libpq()) as connection:
        found = connection.execute(f"select {powers} from pg_roles where rolname = %s", [f"jovey_{role}"]).fetchone()
    assert found == (False,) * 6

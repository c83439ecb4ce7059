"""What of the log's guards is not in its place is told; a migrated log has all of them."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from warehouse.log.guards import GUARDS, KEYS, breaches


@pytest.fixture
def told(engine):
    """What is told after some statements, which are rolled back."""

    def run(*statements: str) -> list[str]:
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
            return list(breaches(connection))

    return run


def test_a_migrated_log_has_every_guard(told):
    assert told() == []


@pytest.mark.parametrize("guard", GUARDS, ids=str)
def test_a_guard_that_is_gone_is_named(told, guard):
    assert told(f"drop trigger {guard.name} on jovey.{guard.table}") == [f"{guard} is gone"]


@pytest.mark.parametrize("guard", [one for one in GUARDS if not one.may_sleep], ids=str)
@pytest.mark.parametrize("how", ["disable", "enable", "enable replica"])
def test_a_guard_that_does_not_always_fire_is_named(told, guard, how):
    assert told(f"alter table jovey.{guard.table} {how} trigger {guard.name}") == [f"{guard} is not ENABLE ALWAYS"]


WITHOUT_WHAT_IS_GONE = """
    create or replace trigger events_removal after delete on jovey.events execute function jovey.refuse_removal()"""
HARMLESS = "create function jovey.harmless() returns trigger language plpgsql as $$ begin return null; end $$"


@pytest.mark.parametrize(
    "made",
    [
        "before truncate on jovey.events execute function jovey.refuse_mutation()",
        "before delete or truncate or update of position on jovey.events execute function jovey.refuse_mutation()",
        "before delete or truncate or update on jovey.events execute function jovey.harmless()",
        "before delete or truncate or update on jovey.events when (false) execute function jovey.refuse_mutation()",
    ],
)
def test_a_guard_that_was_made_otherwise_is_named(told, made):
    assert told(
        HARMLESS,
        f"create or replace trigger events_append_only {made}",
        "alter table jovey.events enable always trigger events_append_only",
    ) == ["trigger events_append_only of jovey.events is another than the one that was made"]


@pytest.mark.parametrize(
    ("statements", "fault"),
    [
        (["create trigger mine after insert on jovey.events execute function jovey.refuse_unguarded()"],
         "trigger mine of jovey.events is not ours"),
        (["create rule mine as on insert to jovey.events do also select 1"], "rule mine of jovey.events is not ours"),
        (['create rule "My rule" as on insert to jovey.seals do also select 1'],
         'rule "My rule" of jovey.seals is not ours'),
        (["alter table jovey.removals set unlogged"], "table jovey.removals is not logged"),
        ([WITHOUT_WHAT_IS_GONE,
          "alter table jovey.events enable always trigger events_removal"],
         "trigger events_removal of jovey.events is another than the one that was made"),
        (["create table jovey.heir () inherits (jovey.events)"],
         "table jovey.heir inherits from jovey.events: who writes there passes the triggers here"),
        (["create table public.over (like jovey.events)", "alter table jovey.events inherit public.over"],
         "table jovey.events inherits from public.over: who writes there passes the triggers here"),
    ],
    ids=["trigger", "rule", "named rule", "unlogged", "without what is gone", "child", "parent"],
)  # fmt: skip
def test_what_somebody_put_beside_them_is_named(told, statements, fault):
    assert told(*statements) == [fault]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_is_gone_is_named(told, key):
    assert told(f"alter table jovey.events drop constraint {key} cascade") == [
        f"key {key} of jovey.events is gone or another"
    ]


def test_how_names_are_quoted_here_changes_nothing(told):
    assert told("set quote_all_identifiers = on") == []


def test_a_catalog_of_another_hand_is_not_asked(told):
    hide = "create view jovey.pg_trigger as select * from pg_catalog.pg_trigger where false"
    asleep = "alter table jovey.events disable trigger events_removal"
    found = told(hide, "set search_path = jovey, pg_catalog", asleep)
    assert found == ["trigger events_removal of jovey.events is not ENABLE ALWAYS"]


def test_a_log_without_its_tables_of_removals_and_seals_lacks_their_guards(told):
    gone = told("drop table jovey.removals, jovey.seal_leaves, jovey.seals cascade")
    assert gone == [f"{guard} is gone" for guard in GUARDS if guard.table != "events"]


def test_a_log_of_another_revision_is_not_judged(told):
    (only,) = told("update jovey.alembic_version set version_num = '0012'")
    assert only.startswith("not judged: the log stands at revision 0012, this code at ")

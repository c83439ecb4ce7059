"""What of the log's guards is not in its place is told; a migrated log has all of them."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from warehouse.log.guards import GUARDS, breaches

AWAKE = [(table, name) for table, names in GUARDS.items() for name in names if name != "events_written_once"]


@pytest.fixture
def told(engine):
    """What is told after a statement, which is rolled back."""

    def run(statement: str = "select 1") -> list[str]:
        with engine.connect() as connection:
            connection.execute(text(statement))
            return list(breaches(connection))

    return run


def test_a_migrated_log_has_every_guard(told):
    assert told() == []


@pytest.mark.parametrize(("table", "name"), AWAKE)
def test_a_guard_that_sleeps_or_is_gone_is_named(told, table, name):
    wake = f"trigger {name} sleeps: alter table jovey.{table} enable always trigger {name}"
    assert told(f"alter table jovey.{table} disable trigger {name}") == [wake]
    assert told(f"alter table jovey.{table} enable trigger {name}") == [wake], "replica mode would silence it"
    assert told(f"drop trigger {name} on jovey.{table}") == [f"trigger {name} of jovey.{table} is gone"]


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("create trigger mine after insert on jovey.events execute function jovey.refuse_unguarded()",
         "trigger mine of jovey.events is not ours"),
        ("create rule mine as on insert to jovey.events do also select 1", "rule mine of jovey.events is not ours"),
        ("create table jovey.heir () inherits (jovey.events)",
         "table jovey.heir inherits from jovey.events: its rows look like the log's"),
    ],
)  # fmt: skip
def test_what_somebody_put_beside_them_is_named(told, statement, fault):
    assert told(statement) == [fault]


def test_a_log_without_its_tables_of_removals_and_seals_lacks_their_guards(told):
    gone = told("drop table jovey.removals, jovey.seal_leaves, jovey.seals cascade")
    assert gone == [f"trigger {name} of jovey.{table} is gone" for table, name in AWAKE if table != "events"]

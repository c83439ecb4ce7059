"""The lake in Dagster: one small run takes what is new, and the history shows every table it made."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pytest

from assets.graph import FACTS, key_of
from assets.lake import Lake
from orchestration.definitions import build_defs
from orchestration.schedules import purged
from orchestration.sensors import HOT_RUN, Finished, seconds_to_wait, seen_within
from warehouse import clock
from warehouse.events.orders import OrderHeld, OrderReleased

TABLE = """\
-- about: One row per stream.
-- column: id | The stream.
-- column: n | Events.
-- expect: n < 3
select aggregate_id as id, count(*) as n from facts.order_{} group by all
"""


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def lake(works):
    """The real lake resource over five tables on one event type and one on another."""
    for number in range(5):
        works.writes(f"orders.held_{number}", TABLE.format("held"))
    works.writes("orders.released", TABLE.format("released"))
    url = f"postgresql://{works.database.user}@/{works.database.name}?host={works.database.host}&port={works.database.port}"
    settings = works.settings.model_copy(update={"database_url": url})
    return Lake(settings, works.graph)


@pytest.fixture
def hot_run(lake, instance):
    """Runs the job as the daemon would."""
    job = build_defs(lake=lake).resolve_job_def(HOT_RUN)
    return lambda: job.execute_in_process(instance=instance)


def made(instance: dg.DagsterInstance, run_id: str) -> set[str]:
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    return {".".join(record.asset_key.path) for record in records}


def test_the_code_location_loads():
    dg.Definitions.validate_loadable(build_defs())


def test_every_table_is_an_asset_that_names_its_columns_and_its_group():
    graph = build_defs().resolve_asset_graph()
    aging = graph.get(key_of("receivables.aging"))
    assert aging.group_name == "receivables"
    assert key_of("receivables.ledger") in aging.parent_keys
    columns = aging.metadata["dagster/column_schema"].columns
    assert {column.name: column.description for column in columns}[
        "unapplied"
    ] == "Cash and credits on account, negative."


def test_a_run_reports_what_it_made_in_at_most_twenty_five_events(hot_run, works, instance):
    hot_run()
    works.happens("order", OrderHeld(cause="manual", reason="asked"))
    run = hot_run()
    assert made(instance, run.run_id) == {"facts.log", *(f"orders.held_{n}" for n in range(5))}
    kinds = Counter(
        record.event_log_entry.dagster_event_type for record in instance.get_records_for_run(run.run_id).records
    )
    assert kinds.total() <= 25, kinds


def test_a_selected_table_is_made_whether_or_not_it_is_touched(lake, instance):
    defs = build_defs(lake=lake)
    job = defs.resolve_implicit_global_asset_job_def()
    job.execute_in_process(instance=instance, asset_selection=[FACTS])
    run = job.execute_in_process(instance=instance, asset_selection=[key_of("orders.released")])
    assert "orders.released" in made(instance, run.run_id)


def test_a_broken_expectation_is_news_each_time_and_a_pass_only_after_it(hot_run, lake, works, instance):
    def verdicts(run) -> dict[str, bool]:
        found = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
        said = [record.event_log_entry.dagster_event.asset_check_evaluation_data for record in found]
        return {said.asset_key.path[-1]: said.passed for said in said}

    assert set(verdicts(hot_run()).values()) == {True}, "nothing is known of a new table"
    works.happens("order", OrderReleased(reason="fine"))
    assert verdicts(hot_run()) == {}
    works.happens("order", OrderReleased(reason="fine"), OrderReleased(reason="fine"))
    assert verdicts(hot_run()) == {"released": False}
    works.writes("orders.released", TABLE.format("released").replace("n < 3", "n < 4"))
    job = build_defs(lake=replace(lake, graph=works.graph)).resolve_job_def(HOT_RUN)
    assert verdicts(job.execute_in_process(instance=instance)) == {"released": True}


def test_the_night_s_checks_look_at_every_table(lake, instance, hot_run):
    hot_run()
    run = build_defs(lake=lake).resolve_job_def("check_lake").execute_in_process(instance=instance)
    found = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    assert len(found) == 6


def test_the_sensor_asks_for_one_run_while_the_log_is_ahead(lake, works, instance, hot_run, monkeypatch):
    monkeypatch.setattr("orchestration.sensors.WATCH_SECONDS", 0)
    defs = build_defs(lake=lake)
    sensor = defs.get_repository_def().get_sensor_def("log_grew")

    def tick():
        context = dg.build_sensor_context(instance=instance, definitions=defs, resources={"lake": lake})
        return sensor.evaluate_tick(context)

    assert len(tick().run_requests) == 1, "there is no lake yet"
    lake.refresh()
    assert tick().run_requests == []
    works.happens("order", OrderHeld(cause="manual", reason="asked"))
    assert len(tick().run_requests) == 1
    instance.create_run_for_job(defs.resolve_job_def(HOT_RUN), status=dg.DagsterRunStatus.STARTED)
    waiting = tick()
    assert waiting.run_requests == []
    assert "a run is on its way" in waiting.skip_message


def test_after_failures_the_sensor_waits_twice_as_long_each_time():
    failed, succeeded = Finished(True, 0.0), Finished(False, 0.0)
    assert seconds_to_wait([]) == seconds_to_wait([succeeded, failed]) == 0
    assert [seconds_to_wait([failed] * n) for n in range(1, 9)] == [5, 10, 20, 40, 80, 160, 300, 300]
    assert seconds_to_wait([Finished(True, 3.0), succeeded, failed]) == 2
    assert seconds_to_wait([Finished(True, 6.0)]) == 0


def test_the_watch_looks_until_it_sees_or_its_patience_ends():
    clock, looks = [0.0], []

    def wait(seconds: float) -> None:
        clock[0] += seconds

    def look(when_due: float) -> bool:
        looks.append(clock[0])
        return clock[0] >= when_due

    patience = timedelta(seconds=1)
    assert seen_within(lambda: look(0.5), patience, monotonic=lambda: clock[0], pause=wait)
    assert looks == [0, 0.25, 0.5]
    clock[0] = 0.0
    assert not seen_within(lambda: look(9), patience, monotonic=lambda: clock[0], pause=wait)
    assert clock[0] == 1.0


def test_old_runs_are_purged_except_the_ones_that_tables_last_came_from(hot_run, works, instance):
    first = hot_run().run_id
    works.happens("order", OrderHeld(cause="manual", reason="asked"))
    second = hot_run().run_id
    works.happens("order", OrderHeld(cause="manual", reason="asked"))
    third = hot_run().run_id
    assert purged(instance, clock.now()) == 0
    assert purged(instance, clock.now() + timedelta(days=3)) == 1
    assert instance.get_run_by_id(second) is None
    assert instance.get_run_by_id(first) is not None, "orders.released was made then"
    assert instance.get_run_by_id(third) is not None

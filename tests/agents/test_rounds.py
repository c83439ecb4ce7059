"""Round after round over a living house: sensors ask for what is due, and every situation is proposed once."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from api.actor import Actor
from api.agents.commands import ApproveDecision, RejectDecision
from api.orders.commands import PlaceOrder
from api.rules import Rules
from assets.agent_assets import AGENTS, agent_asset
from assets.lake import Lake
from assets.procurement.agent import REORDER
from assets.rounds import Office, look, spent_today, work
from orchestration.agent_sensors import ONCE_IN, Glance, _turn, round_due
from orchestration.demo.advise import HouseDesk, advise
from orchestration.resources import KeptReader, house_resources, open_desk
from orchestration.sensors import Finished, seconds_to_wait
from warehouse import clock
from warehouse.ids import named, new_id


@pytest.fixture
def office(told_company, tray):
    """An office at the company's lake, with a tray for a desk."""

    @contextmanager
    def reader():
        yield told_company.reader

    @contextmanager
    def desk(_agent):
        yield tray

    return Office(told_company.settings, reader, desk)


@pytest.fixture
def location():
    """The reorder agent's asset, job and sensor over an office."""

    def make(office):
        asset = agent_asset(REORDER)
        job = dg.define_asset_job("reorder_agent", selection=dg.AssetSelection.assets(asset.key))
        sensor = round_due(REORDER, job)
        return sensor, dg.Definitions(assets=[asset], jobs=[job], sensors=[sensor], resources={"office": office})

    return make


@pytest.fixture
def tick(office, location):
    """One tick of the reorder sensor with the cursor it left before; returns its answer and the cursor after."""

    def run(cursor=None, instance=None, where=office):
        resources = {"office": where}
        sensor, definitions = location(where)
        with dg.build_sensor_context(
            instance=instance or dg.DagsterInstance.ephemeral(),
            cursor=cursor,
            resources=resources,
            definitions=definitions,
        ) as context:
            answer = sensor(context)
            return answer, context.cursor

    return run


def test_a_tick_asks_for_one_run_and_the_next_waits_for_it(tick):
    asked, cursor = tick()
    assert isinstance(asked, dg.RunRequest)
    assert asked.run_key.startswith("reorder ")
    assert "3 due" in asked.tags["jovey/trigger"]
    skipped, _ = tick(cursor)
    assert skipped.skip_message == "the lake has not moved"


def test_what_was_asked_for_and_is_still_undecided_is_asked_for_once_in_a_while(tick):
    asked, cursor = tick()
    later = Glance.read(cursor)
    again, _ = tick(Glance(later.version, clock.now() - timedelta(seconds=1)).words())
    assert again.run_key.split()[:2] == asked.run_key.split()[:2]  # the same set; Dagster starts a run of one key once


def test_a_key_lasts_ten_minutes_and_after_a_failure_no_longer_than_its_pause(noon_of_march):
    soon, later = noon_of_march + timedelta(seconds=5), noon_of_march + ONCE_IN
    assert _turn(noon_of_march, is_retry=False) == _turn(soon, is_retry=False) != _turn(later, is_retry=False)
    assert _turn(noon_of_march, is_retry=True) != _turn(soon, is_retry=True)


def test_a_lake_without_tables_is_waited_for(tick, told_company, office, tmp_path, database):
    url = f"postgresql://{database.user}@/{database.name}?host={database.host}&port={database.port}"
    kept = KeptReader(told_company.settings.model_copy(update={"database_url": url, "home": tmp_path}))
    skipped, _ = tick(where=Office(told_company.settings, kept, office.open_desk))
    assert skipped.skip_message == "the lake does not have the tables yet"


def test_a_run_that_failed_is_asked_for_again_after_a_pause_under_another_key(tick, location, office, told_company):
    def away(agent):
        return open_desk(told_company.settings.model_copy(update={"api_port": 1}), agent)

    asked, _ = tick()
    with dg.DagsterInstance.ephemeral() as instance:
        _, broken = location(Office(told_company.settings, office.open_reader, away))
        done = broken.resolve_job_def("reorder_agent").execute_in_process(instance=instance, raise_on_error=False)
        assert not done.success
        skipped, _ = tick(instance=instance)
        assert skipped.skip_message.startswith("the last run failed; trying again in")
    assert seconds_to_wait([Finished(has_failed=True, seconds_ago=6)]) == 0
    assert asked.run_key.startswith("reorder ")


@pytest.mark.parametrize(
    ("cursor", "holds"),
    [
        (None, False),
        ("6", False),
        ("7", True),
        ("7 2026-03-01T12:00:00+00:00", False),
        ("7 2026-03-01T12:00:01+00:00", True),
    ],
)
def test_a_glance_holds_until_the_lake_moves_or_a_proposal_runs_out(noon_of_march, cursor, holds):
    glance = Glance.read(cursor)
    assert glance.still_holds(7, noon_of_march) is holds
    assert Glance.read(glance.words()) == glance


@pytest.fixture
def noon_of_march():
    return datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_asset_proposes_and_says_how_much(office, tray):
    done = dg.materialize([agent_asset(REORDER)], resources={"office": office})
    assert done.success
    (made,) = done.asset_materializations_for_node("procurement__agent")
    assert made.metadata["jovey/due"].value == 3
    assert made.metadata["jovey/proposed/formula"].value == 3
    assert tray.labels == Counter(formula=3)


def test_every_agent_has_its_asset_in_its_function():
    keys = {agent_asset(agent).key.to_user_string() for agent in AGENTS}
    assert keys == {"procurement/agent", "category/agent"}


def test_the_house_gives_agents_their_office(told_company):
    office = house_resources(told_company.settings)["office"]
    with office.open_reader() as reader, office.open_reader() as again:
        assert reader is again
        assert reader.as_of().version >= 0
    office.open_reader.close()
    with office.open_desk(REORDER) as desk:
        assert desk.client


def test_round_after_round_each_situation_is_proposed_once(new_company):
    """Slow, some 15 s: a lake of its own that is refreshed between rounds."""
    company = new_company
    assert advise(company.settings, company.database, company.engine) == 4
    assert advise(company.settings, company.database, company.engine) == 0
    rows = company.reader.query("select * from agents.decisions order by sku", functions=frozenset({"events"})).frame
    assert rows.select("sku", "status", "origin").rows() == [
        ("JP-1", "proposed", "formula"),
        ("JP-2", "proposed", "formula"),
        ("JP-3", "proposed", "formula"),
        ("JP-4", "proposed", "formula"),
    ]
    # what somebody approves is ordered, and repriced, and therefore no longer due
    for sku in ("JP-1", "JP-4"):
        company.send(ApproveDecision(decision_id=rows.filter(sku=sku)["id"].item()))
    company.refresh()
    assert advise(company.settings, company.database, company.engine) == 0
    assert {case.subject for case in look(REORDER, company.reader, company.settings, clock.now()).due.cases} == {
        "JP-2",
        "JP-3",
    }
    # a few orders later nothing is new; a refused one is not asked again; a wave of orders is another situation
    order(company, "JP-3", 2)
    company.send(RejectDecision(decision_id=rows.filter(sku="JP-2")["id"].item(), reason_code="timing"))
    company.refresh()
    assert advise(company.settings, company.database, company.engine) == 0
    order(company, "JP-3", 60)
    company.refresh()
    assert advise(company.settings, company.database, company.engine) == 1
    waiting = company.reader.query(
        "select status, count(*) as n from agents.decisions where sku = 'JP-3' group by all order by all",
        functions=frozenset({"events"}),
    ).frame
    assert waiting.rows() == [("proposed", 1), ("superseded", 1)]
    # when nobody decided in time, it is proposed once more
    later = clock.now() + timedelta(hours=25)
    found = look(REORDER, company.reader, company.settings, later)
    assert {one.case.subject for one in found.undecided} == {"JP-3"}


def test_claude_is_asked_by_a_house_with_a_key_and_its_call_is_kept_and_counted(new_company, with_claude, messages_api):
    company = new_company
    settings = with_claude(company.settings)
    messages_api.always = "no lines"
    by = Actor("agent", name="reorder", functions=frozenset({"procurement"}))
    desk = HouseDesk(company.engine, Rules(), by)
    found = look(REORDER, company.reader, settings, clock.now())
    assert work(found, company.reader, desk, settings, clock.now()).proposed == {"invalid": 3}
    asked = len(messages_api.requests)
    assert work(found, company.reader, desk, settings, clock.now()).proposed == {"invalid": 3}  # each known: no effect
    assert len(messages_api.requests) == asked == 2
    company.refresh()
    assert spent_today(company.reader, settings, clock.now()) > 0
    assert look(REORDER, company.reader, settings, clock.now()).undecided == []
    counted = company.reader.query(
        "select fallback_reason, count(*) as n from agents.decisions group by all", functions=frozenset({"events"})
    ).frame
    assert counted.rows() == [("invalid", 3)]


def order(company, sku: str, quantity: int) -> None:
    wanted = [{"sku": sku, "quantity": quantity}]
    at = clock.now()
    placed = PlaceOrder(order_id=new_id(at), customer_id=named("person", "d"), lines=wanted, backorder=True)
    company.send(placed, at)


def test_a_lake_that_was_built_by_other_definitions_is_due_though_no_event_came(told_company):
    plain = told_company.settings
    with Lake.of(plain).watching() as watch:
        assert not watch.is_outdated
    with Lake.of(plain.model_copy(update={"review_days": 8})).watching() as watch:
        assert watch.is_due()

"""`jovey seal`, `archive` and `verify` over a small log, as its operator and Dagster run them."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import dagster as dg
import pytest
from rich.console import Console
from sqlalchemy import text

from api.actor import system
from api.category.commands import ChangePrice, CreateProduct, product_id
from api.handle import Request, handle_all
from api.rules import Rules
from assets.facts import known
from assets.hot_run import refresh
from assets.lake import Lake
from assets.sql import Graph
from orchestration.definitions import build_defs
from orchestration.sealing import LogReport, archive_log, examine_log, proof_of, public_key, seal_log, show_log
from orchestration.verify import verify
from warehouse.ids import derived_at
from warehouse.lake.attach import open_log, open_reader
from warehouse.lake.shapes import fact_table
from warehouse.log.seal_journal import journal_file, remembered
from warehouse.log.seal_key import key_file

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
STORY = (
    CreateProduct(sku="JP-1", name="Jet 1", category="tank_pump", base_price=Decimal(200)),
    ChangePrice(product_id=product_id("JP-1"), new_price=Decimal(205), reason="steel is dearer"),
)


@pytest.fixture
def company(outside, database):
    """A company with a short story in its log."""
    engine = database.engine("jovey_append")
    requests = [Request(wish, derived_at(NOW, place), system("test"), NOW) for place, wish in enumerate(STORY)]
    handle_all(engine, requests, Rules())
    engine.dispose()
    return outside


@pytest.fixture
def tamper(engine, company):
    """Do something to the log that only its owner or a superuser can."""

    def run(statement: str):
        with engine.begin() as connection:
            connection.execute(text("alter table jovey.events disable trigger all"))
            connection.execute(text(statement))

    return run


def told(report: LogReport) -> str:
    said = io.StringIO()
    show_log(Console(file=said, width=250), report)
    return said.getvalue()


def test_a_log_that_was_never_sealed_is_said_to_be(company):
    assert "The log was never sealed: 2 events could be changed unseen" in told(examine_log(company))
    assert not key_file(company).exists(), "looking makes nothing"


def test_verify_tells_the_changed_event_even_when_it_cannot_be_folded_any_more(company, tamper, capsys):
    seal_log(company, NOW)
    assert "2 events under 1 seals are as they were sealed; 0 wait for the next seal" in told(examine_log(company))

    tamper("update jovey.events set data = data - 'new_price' where event_type = 'product.price_updated'")

    with pytest.raises(Exception, match="price_updated"):
        verify(company)
    said = capsys.readouterr().out
    for word in ("Not as it should be", "changed: data", "NOT all as they were sealed"):
        assert word in said


def test_a_file_of_the_archive_that_was_changed_is_told(company):
    seal_log(company, NOW)
    (file,) = archive_log(company, date(2026, 3, 3))
    assert archive_log(company, date(2026, 3, 3)) == []
    assert "2 are archived too" in told(examine_log(company))
    file.path.write_bytes(b"nothing")
    report = examine_log(company)
    assert not report.is_sound
    assert file.path.name in told(report)


def test_a_guard_that_is_down_is_told_while_everything_is_still_as_it_was_sealed(company, engine):
    seal_log(company, NOW)
    with engine.begin() as connection:
        connection.execute(text("alter table jovey.events disable trigger events_removal"))
        connection.execute(
            text('create trigger "[/]" after insert on jovey.events execute function jovey.refuse_unguarded()')
        )
    report = examine_log(company)
    assert (report.is_as_sealed, report.is_sound) == (True, False)
    said = told(report)
    assert "trigger events_removal of jovey.events is not ENABLE ALWAYS" in said
    assert 'trigger "[/]" of jovey.events is not ours' in said
    assert "2 events under 1 seals are as they were sealed" in said
    assert "compare it with a backup" not in said


def test_seals_that_are_gone_with_their_tables_are_missed(company, tamper):
    seal_log(company, NOW)
    tamper("drop table jovey.seals, jovey.seal_leaves")
    (fault,) = examine_log(company).log.faults
    assert fault.what.startswith("the log lacks this seal")


def test_what_is_sealed_before_midnight_of_the_company_is_archived(company):
    seal_log(company, datetime(2026, 3, 2, 23, 30, tzinfo=UTC))
    tokyo = company.model_copy(update={"time_zone": "Asia/Tokyo"})
    assert archive_log(tokyo, date(2026, 3, 3)) == []
    (file,) = archive_log(company, date(2026, 3, 3))
    assert file.events == 2


def test_a_file_of_the_archive_gives_the_facts_that_the_log_gives(company, database):
    refresh(database, company, graph=Graph((), ()))
    seal_log(company, NOW)
    (file,) = archive_log(company, date(2026, 3, 3))
    for event_type in ("product.created", "product.price_updated"):
        table = fact_table(known().events[event_type])
        columns = ", ".join(f'"{name}"' for name in table.columns)
        with open_log(database, company) as connection:
            mine = f"(from read_parquet('{file.path}') where event_type = '{event_type}')"
            archived = connection.execute(f"select {columns}::varchar from ({table.shaped(mine)})").fetchall()
        with open_reader(database, company) as lake:
            assert lake.execute(f"select {columns}::varchar from facts.{table.name}").fetchall() == archived != []


def test_dagster_seals_by_the_hour(company):
    lake = Lake.of(company)
    job = build_defs(lake=lake).resolve_job_def("seal_events")
    with dg.DagsterInstance.ephemeral() as instance:
        assert job.execute_in_process(instance=instance).success
        assert job.execute_in_process(instance=instance).success, "nothing new is no failure"
    assert [one.events for one in remembered(journal_file(company))] == [2]


def test_the_command_seals_proves_and_archives(company, jovey, engine):
    with engine.connect() as connection:
        (first, *_) = connection.execute(text("select id from jovey.events order by position")).scalars()
    sealed = jovey("seal")
    assert sealed.stdout.startswith("Seal 1: 2 events, "), sealed.stderr
    assert jovey("seal", "key").stdout.strip() == public_key(company)
    proof = json.loads(jovey("seal", "prove", str(first)).stdout)
    assert proof == json.loads(proof_of(company, first))
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    archived = jovey("archive", "--before", tomorrow)
    assert "events-00000001-00000001.parquet: 2 events" in archived.stdout, archived.stderr

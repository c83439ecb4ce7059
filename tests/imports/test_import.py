"""The import on a real database: file and lake say the same, once or twice, whole or killed half-way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import polars as pl
import psycopg
import pytest
import sqlalchemy

from api.actor import system
from api.category.commands import CreateProduct
from api.fulfillment.commands import AdjustStock
from api.handle import Request, handle
from api.rules import Rules
from orchestration.imports.notes import notes_on
from orchestration.imports.plan import plan_of
from orchestration.imports.reconcile import of_file
from orchestration.imports.replay import CannotImport
from orchestration.imports.run import cut_of, imported
from orchestration.imports.source import TREATMENTS, read_lines
from warehouse.ids import named
from warehouse.postgres import Database
from warehouse.settings import Settings

# UCI "Online Retail" (Chen et al. 2012, doi:10.1057/dbm.2012.17), CC BY 4.0; beside the project, never in it
REAL = Path(__file__).parents[3] / "shared/data/online_retail/online_retail.parquet"
needs_real = pytest.mark.skipif(not REAL.exists(), reason=f"the real file is not at {REAL}")

# words about people lie hidden under keys that are random in each database
_BLANK = "regexp_replace({}::text, 'hidden:1:[A-Za-z0-9_-]+:[A-Za-z0-9_-]+', 'hidden', 'g')"
EVERYTHING = (
    "select aggregate_id, version, id, event_type, effective_at, created_by, correlation_id, causation_id, "
    f"{_BLANK.format('data')} from jovey.events order by aggregate_id, version"
)
STATES = (
    f"select aggregate_id, version, {_BLANK.format('state')}, status, owner_id from jovey.states order by aggregate_id"
)
RECEIPTS = f"select command_id, {_BLANK.format('response')} from jovey.command_receipts order by command_id"
CLAIMS = "select scope, key, aggregate_id from jovey.unique_claims order by scope, key"


@pytest.fixture
def settings(home):
    return Settings(home=home, currency="GBP", _env_file=None)


@pytest.fixture
def importing(database, settings):
    """Import a file, or its beginning, into the test's database."""

    def run(path, limit=None, until=None, **changes):
        lines = read_lines(path)
        chosen = settings.model_copy(update=changes)
        return imported(database, chosen, lines, cut_of(lines, limit, until), lambda _: None)

    return run


@pytest.fixture
def dirty(write, dirt):
    """The dirty months as a file."""
    return write(dirt)


@pytest.fixture
def dirty_house(importing, made_once, dirty):
    """What the import of the dirty months reported; they are in the test's database and lake."""
    return made_once("dirt", lambda: importing(dirty))


@dataclass
class Elsewhere:
    """Another database, and a home for its lake."""

    database: Database
    engine: sqlalchemy.Engine
    settings: Settings


@pytest.fixture
def elsewhere(server, template, settings):
    database = server.sibling(f"test_{uuid4().hex}")
    with psycopg.connect(server.libpq(), autocommit=True) as connection:
        connection.execute(f"create database {database.name} template {template.name}")
        engine = database.engine()
        yield Elsewhere(database, engine, settings.model_copy(update={"home": settings.home / "elsewhere"}))
        engine.dispose()
        connection.execute(f"drop database {database.name} with (force)")


@pytest.fixture
def command(database, home):
    """Start `jovey import online-retail` on the test's database; whatever still runs at the end is ended."""
    started = []
    url = f"postgresql://{database.user}@/{database.name}?host={quote(database.host, safe='')}&port={database.port}"

    def start(path, **environment):
        settings = {"DATABASE_URL": url, "JOVEY_HOME": str(home), "JOVEY_CURRENCY": "GBP", **environment}
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "orchestration.cli", "import", "online-retail", str(path)],
                env=os.environ | settings,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def log(engine):
    """All that a database holds: events less what belongs to their recording, states, receipts, claims."""

    def contents(of: sqlalchemy.Engine = engine):
        with of.connect() as connection:
            return [connection.exec_driver_sql(query).all() for query in (EVERYTHING, STATES, RECEIPTS, CLAIMS)]

    return contents


def test_file_and_lake_are_equal_by_month_and_kind(dirty_house):
    report = dirty_house
    assert report.is_equal
    assert not report.failures
    kinds = Counter(report.table["kind"].to_list())
    assert set(kinds) == {
        *("goods sold", "charges", "goods credited", "charges credited"),
        *("discounts", "bad debt", "found", "written off"),
    }
    total = report.totals.filter(pl.col("kind") == "goods sold").row(0, named=True)
    assert total["file"] == total["lake"] == 6_120 + 500 + 495 + 510 + 700 + 2_100 + 5_100 + 25_500 + 700
    assert report.totals.filter(pl.col("kind") == "bad debt")["lake"].item() == -5_000


def test_a_difference_of_one_cent_is_seen(dirty_house):
    report = dirty_house
    for column in ("file", "lake", "file_pieces", "lake_pieces"):
        off = report.table.with_columns(pl.col(column) + (pl.int_range(pl.len()) == 3).cast(pl.Int64))
        assert not type(report)(report.until, off, report.kinds, report.notes, {}).is_equal


def test_every_line_is_counted_once(dirty_house, dirt):
    report = dirty_house
    assert report.kinds["lines"].sum() == len(dirt)
    assert report.kinds["treatment"].to_list() == list(TREATMENTS)
    notes = dict(report.notes)
    assert notes["exact duplicates of an earlier line, kept as real lines"] == 1
    assert notes["codes in lower case, folded to upper"] == 1
    assert notes["lines apart from their invoice, moved up to it"] == 1
    assert notes["amounts with a fraction of a cent, rounded half away from zero"] == 1
    assert notes["lines naming another country than the customer's first"] == 2
    assert notes["credits of goods matched to earlier sales: returns"] == 3
    assert notes["credits of goods matched in part: return and stand-alone credit"] == 1
    assert notes["credits of goods without an earlier sale: stand-alone credits"] == 2


def test_importing_twice_adds_nothing(dirty_house, importing, log, dirty):
    once = log()
    assert importing(dirty).is_equal
    assert log() == once


@pytest.mark.proof
def test_a_part_first_makes_no_difference(importing, log, write, dirt, elsewhere):
    path = write(dirt)
    for limit, until in ((3, None), (14, None), (None, date(2010, 12, 31)), (None, date(2011, 2, 1))):
        assert importing(path, limit, until).is_equal
    importing(path)
    assert importing(path, 10).is_equal  # what lies beyond the part is not held against it
    lines = read_lines(path)
    imported(elsewhere.database, elsewhere.settings, lines, lines["at"].max(), lambda _: None)
    assert log(elsewhere.engine) == log()


@pytest.mark.proof
def test_killed_again_and_again_it_ends_with_the_same_log(command, log, write, year, elsewhere, engine, eventually):
    path = write(list(year(60, 8)))
    lines = read_lines(path)
    imported(elsewhere.database, elsewhere.settings, lines, lines["at"].max(), lambda _: None)
    with elsewhere.engine.connect() as connection:
        whole = connection.exec_driver_sql("select count(*) from jovey.events").scalar()

    def recorded():
        with engine.connect() as connection:
            return connection.exec_driver_sql("select count(*) from jovey.events").scalar()

    for share in (0.0, 0.3, 0.6):
        process = command(path)
        eventually(lambda least=share * whole, of=process: recorded() > least or of.poll() is not None, 60, 0.02)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, process.stderr.read()
    assert recorded() < whole
    process = command(path)
    said, complaint = process.communicate(timeout=100)
    assert (process.returncode, complaint) == (0, "")
    assert "File and lake are equal to the cent and to the piece." in said
    assert log() == log(elsewhere.engine)


def test_a_bad_file_is_one_sentence_and_exit_code_2_and_nothing_is_started(command, write, line, home):
    process = command(write([line("1", "10001", 1, 1.0)], UnitPrice=None))
    said, complaint = process.communicate(timeout=60)
    assert (process.returncode, said) == (2, "")
    assert complaint.startswith("The column UnitPrice is missing;") and complaint.count("\n") == 1
    assert not list(home.iterdir())


def test_a_ledger_in_another_currency_is_refused(command, write, dirt):
    process = command(write(dirt), JOVEY_CURRENCY="USD")
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "set JOVEY_CURRENCY=GBP" in complaint


def test_a_database_with_documents_in_another_currency_is_refused(importing, write, dirt, engine):
    book = CreateProduct(sku="PUMP", name="A pump", category="tank_pump", base_price=Decimal(9))
    at = datetime(2010, 11, 1, tzinfo=UTC)
    handle(engine, Request(book, named("test", "pump"), system("test"), at), Rules(currency="USD"))
    with pytest.raises(CannotImport, match="holds documents in USD"):
        importing(write(dirt))


def test_another_edition_of_the_file_is_refused_whole(dirty_house, importing, log, write, dirt):
    before = log()
    changed = [(*one[:5], one[5] + 1, *one[6:]) if one[0] == "500014" else one for one in dirt]
    with pytest.raises(CannotImport, match="holds an import of another edition"):
        importing(write(changed))
    assert log() == before


@pytest.mark.proof
def test_the_lake_follows_in_slices(importing, write, year, monkeypatch):
    monkeypatch.setattr("orchestration.imports.run.REFRESH_LINES", 400)
    monkeypatch.setattr("orchestration.imports.replay.BATCH_LINES", 100)
    report = importing(write(list(year(12, 8))))
    assert report.is_equal
    assert not report.failures


def test_what_the_rules_refuse_is_said(importing, write, dirt, engine):
    path = write(dirt)
    importing(path, 10)
    lost = AdjustStock(sku="10003", quantity=-3, reason="stolen")
    at = datetime(2010, 12, 1, 9, 35, tzinfo=UTC)
    handle(engine, Request(lost, named("test", "lost"), system("test"), at), Rules(currency="GBP"))
    with pytest.raises(CannotImport, match="The company's rules refused what the file asks: 10003: "):
        importing(path)


def test_a_day_before_the_file_begins_is_refused(importing, write, dirt):
    with pytest.raises(CannotImport, match="The file begins after 2010-11-30"):
        importing(write(dirt), None, date(2010, 11, 30))


def test_the_companys_calendar_decides_the_month(importing, write, line):
    late = [line("1", "10001", 1, 1.0, "2010-12-31 23:30"), line("2", "10001", -1, 0.0, "2010-12-31 23:30")]
    report = importing(write(late), time_zone="America/New_York")
    assert report.is_equal
    assert report.table["month"].unique().to_list() == [date(2010, 12, 1)]


@needs_real
def test_the_real_files_months_are_those_published(capsys):
    """Totals of UCI Online Retail by month (its first nine), as reference/quant.md gives them."""
    lines = read_lines(REAL)
    by_month = of_file(lines).group_by("month").agg(pl.col("cents").sum()).sort("month")
    assert by_month["cents"].to_list()[:9] == [
        *(74_895_702, 56_000_026, 49_806_265, 68_326_708, 49_320_712, 72_333_351, 69_112_312, 68_130_011, 68_268_051)
    ]
    assert sum(count for _, count in notes_on(lines, plan_of(lines))[-3:]) == 5_454


@needs_real
def test_a_slice_of_the_real_file_reconciles(importing):
    """UCI Online Retail: its first 500 lines; the command that imports all of them compares all of them."""
    report = importing(REAL, 500)
    assert report.is_equal
    assert not report.failures
    assert report.kinds["lines"].sum() >= 500

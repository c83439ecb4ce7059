"""`jovey retire`, `unpack`, `pack` over a small company: what is removed is read as before, or said to be missing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from api.actor import system
from api.category.commands import ChangePrice, CreateProduct, product_id
from api.customers.commands import RegisterCustomer
from api.events import reports
from api.events.integrity import Absent
from api.handle import Request, handle_all
from api.refold import UnreadableFact, refold
from api.rules import Rules
from assets.hot_run import refresh
from assets.sql import Graph
from orchestration import retention
from orchestration.people import export_person
from orchestration.rebuild import rebuild
from orchestration.retention import RetireRefused, pack, retire, unpack
from orchestration.sealing import archive_log, examine_log, proof_of, seal_log
from orchestration.verify import examine, verify
from warehouse.ids import derived_at
from warehouse.lake.archive import ArchiveRefused
from warehouse.lake.attach import open_reader, open_writer, writing
from warehouse.lake.unpack import whole_history
from warehouse.log.removal import RetentionBusy, alone
from warehouse.log.seal_proof import NoProof

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SEALED = datetime.now(UTC)
BEFORE = date(SEALED.year + 1, 6, 1)
LATER = datetime(BEFORE.year + 7, 6, 2, tzinfo=UTC)
EVE = UUID(int=1)
FACTS = Graph((), ())  # what is derived of them plays no part here
SKUS = ("JP-1", "JP-2", "JP-3")
BEGINNING = (
    *(CreateProduct(sku=sku, name=sku, category="tank_pump", base_price=Decimal(200)) for sku in SKUS),
    RegisterCustomer(customer_id=EVE, name="Eve", email="eve@example.org"),
)
PRICES = tuple(
    tuple(ChangePrice(product_id=product_id(sku), new_price=Decimal(price), reason="steel") for sku in SKUS)
    for price in (205, 210, 208)
)


class Company:
    """Products whose prices move, a customer; their log, seals, archive and lake."""

    def __init__(self, settings, database):
        self.settings, self.database, self.told = settings, database, 0

    def does(self, wishes) -> None:
        engine = self.database.engine("jovey_append")
        requests = []
        for wish in wishes:
            requests.append(Request(wish, derived_at(NOON, self.told), system("test"), NOON))
            self.told += 1
        handle_all(engine, requests, Rules())
        engine.dispose()

    def rows(self, query: str):
        with psycopg.connect(self.database.libpq()) as connection:
            return connection.execute(query).fetchall()

    def stored(self):
        states = "select aggregate_id, version, state::text, owner_id, status, created_at, updated_at from jovey.states"
        return self.rows(f"{states} order by 1"), self.rows("select * from jovey.unique_claims order by scope, key")

    def lake(self):
        with open_reader(self.database, self.settings) as lake:
            return [
                lake.execute(f"select columns(*)::varchar from facts.{name} order by position").fetchall()
                for name in ("product_created", "product_price_updated", "customer_registered")
            ]

    def retire(self, **changes):
        return retire(self.settings, BEFORE, LATER, **{"is_meant": True} | changes)

    @property
    def files(self) -> list[Path]:
        return sorted(self.settings.archive_folder.iterdir())

    def begins(self) -> int:
        """Three seals in two files, all read by the lake; the last price is in neither."""
        self.does(BEGINNING)
        seal_log(self.settings, SEALED)
        self.does(PRICES[0])
        seal_log(self.settings, SEALED)
        archive_log(self.settings, BEFORE)
        self.does(PRICES[1])
        seal_log(self.settings, SEALED)
        archive_log(self.settings, BEFORE)
        self.does(PRICES[2])
        refresh(self.database, self.settings)
        return self.told


@pytest.fixture
def company(outside, database, made_once):
    made = Company(outside, database)
    made.told = made_once("three seals", made.begins)
    return made


@pytest.fixture
def retired(outside, database, made_once):
    """The company whose three seals were removed into the archive."""
    made = Company(outside, database)

    def begins() -> int:
        told = made_once("three seals", made.begins)
        made.retire()
        return told

    made.told = made_once("three seals, removed", begins)
    return made


def test_without_being_meant_it_only_says_what_would_go(company):
    before = company.rows("select * from jovey.events order by position")
    leaving = company.retire(is_meant=False)
    assert [(one.seal.number, one.seal.events, one.file.name) for one in leaving] == [
        (1, 4, "events-00000001-00000002.parquet"),
        (2, 3, "events-00000001-00000002.parquet"),
        (3, 3, "events-00000003-00000003.parquet"),
    ]
    assert company.rows("select * from jovey.events order by position") == before


def test_what_is_younger_than_the_years_that_are_set_is_never_removed(company):
    with pytest.raises(RetireRefused, match=f"stay for 7 years .* the latest day is {BEFORE.year - 7}-"):
        retire(company.settings, BEFORE, SEALED.replace(year=BEFORE.year, month=7, day=1), is_meant=True)
    ten = company.settings.model_copy(update={"retention_years": 10})
    with pytest.raises(RetireRefused, match="stay for 10 years"):
        retire(ten, BEFORE, LATER, is_meant=True)
    leap = datetime(2028, 2, 29, 12, tzinfo=UTC)
    with pytest.raises(RetireRefused, match="the latest day is 2021-02-28"):
        retire(company.settings, date(2021, 3, 1), leap)
    tokyo = company.settings.model_copy(update={"time_zone": "Asia/Tokyo"})
    eve_of = datetime(BEFORE.year + 7, 5, 31, 16, tzinfo=UTC)  # the first of June in Tokyo
    assert retire(tokyo, BEFORE, eve_of)
    with pytest.raises(RetireRefused):
        retire(company.settings, BEFORE, eve_of)
    assert company.rows("select count(*) from jovey.removals") == [(0,)]


def test_seals_younger_than_the_day_stay(company):
    assert retire(company.settings, SEALED.date(), LATER, is_meant=True) == ()


@pytest.mark.parametrize("what", ["gap", "altered", "not archived", "unread", "log", "guard"])
def test_nothing_is_removed_unless_everything_is_proven_and_read(company, what, engine):
    first, second = company.files
    if what == "gap":
        first.unlink()
        said = "events-00000003-00000003.parquet: it begins with seal 3; seal 1 should come next"
    elif what == "altered":
        second.write_bytes(second.read_bytes()[:-60] + bytes(60))
        said = "events-00000003-00000003.parquet: it cannot be read"
    elif what == "not archived":
        second.unlink()
        said = "Seal 3 of .* is not archived yet: jovey archive"
    elif what == "unread":
        with engine.begin() as connection:
            connection.execute(text("update jovey.tail_cuts set snapshot = '3:3:' where consumer = 'lake'"))
        said = "The lake has not read up to seal 3"
    elif what == "guard":
        with engine.begin() as connection:
            connection.execute(text("alter table jovey.events disable trigger events_append_only"))
        said = "not as it should be: guards: trigger events_append_only of jovey.events is not ENABLE ALWAYS"
    else:
        with engine.begin() as connection:
            connection.execute(text("alter table jovey.events disable trigger all"))
            connection.execute(text("update jovey.events set created_by = 'thief' where position = 1"))
        said = "seal 1 .*: changed: created_by"
    for is_meant in (False, True):
        with pytest.raises(RetireRefused, match=said):
            company.retire(is_meant=is_meant)
    assert company.rows("select count(*) from jovey.removals") == [(0,)]
    assert company.rows("select count(*) from jovey.events") == [(13,)]


def test_after_a_removal_all_is_sound_and_what_is_made_anew_is_what_was(company, capsys):
    states, lake = company.stored(), company.lake()
    company.retire()
    assert company.rows("select count(*) from jovey.events") == [(4,)], "a product's last price each, and Eve"
    assert company.rows("select number, events_removed, events_kept from jovey.removals order by 1") == [
        (1, 3, 1), (2, 3, 0), (3, 3, 0)
    ]  # fmt: skip

    assert verify(company.settings)
    assert "9 of them, up to seal 3, stand in the archive alone" in capsys.readouterr().out
    with psycopg.connect(company.database.libpq()) as connection:
        connection.execute("truncate jovey.states, jovey.unique_claims")
    rebuild(company.settings)

    assert company.stored() == states
    assert company.lake() == lake
    assert company.rows("select count(*) from jovey.unpacked_events") == [(0,)], "emptied again"
    assert examine_log(company.settings).is_sound


def test_the_lake_goes_on_and_a_new_shape_of_facts_is_filled_from_the_beginning(retired):
    retired.does([ChangePrice(product_id=product_id("JP-1"), new_price=Decimal(209), reason="copper")])
    assert refresh(retired.database, retired.settings, graph=FACTS).loaded == 1
    lake = retired.lake()
    with writing(retired.database), open_writer(retired.database, retired.settings) as connection:
        connection.execute("drop table facts.product_created")
        connection.execute("update facts.cuts set vocabulary = 'other'")
    refresh(retired.database, retired.settings, graph=FACTS)
    assert retired.lake() == lake


def test_a_removal_that_is_killed_between_two_seals_goes_on_with_the_next(company):
    assert killed_after(company.settings, 2) == -signal.SIGKILL
    assert company.rows("select max(number) from jovey.removals") == [(2,)]
    assert examine_log(company.settings).is_sound
    with whole_history(company.database, company.settings):
        assert company.rows("select count(*) from jovey.history") == [(13,)]

    assert [one.seal.number for one in company.retire()] == [3]
    assert company.rows("select number from jovey.removals order by 1") == [(1,), (2,), (3,)]
    assert company.retire() == ()


def killed_after(settings, number: int) -> int:
    """`retire` in a process of its own that the system kills as soon as this seal is gone; how it ended."""
    script = f"""
import os, signal
from datetime import date, datetime
from orchestration.retention import retire
from warehouse.settings import settings
def kill(removal):
    if removal.number == {number}:
        os.kill(os.getpid(), signal.SIGKILL)
retire(settings(), date.fromisoformat("{BEFORE}"), datetime.fromisoformat("{LATER}"), is_meant=True, watch=kill)
"""
    own = {"JOVEY_HOME": str(settings.home), "DATABASE_URL": settings.database_url}
    return subprocess.run([sys.executable, "-c", script], env=os.environ | own, check=False).returncode


def test_a_long_transaction_of_a_writer_puts_the_first_removal_off_and_no_later_one(company):
    with psycopg.connect(company.database.libpq()) as writer:
        writer.execute("lock table jovey.events in row exclusive mode")
        with pytest.raises(RetireRefused, match="holds the log for more than two seconds"):
            company.retire()
    assert company.rows("select count(*) from jovey.events") == [(13,)]
    with psycopg.connect(company.database.libpq("jovey_owner")) as owner:
        owner.execute("select jovey.guard()")
    with psycopg.connect(company.database.libpq()) as writer:
        writer.execute("lock table jovey.events in row exclusive mode")
        assert len(company.retire()) == 3


def test_what_the_database_refuses_is_told_and_what_went_before_stays_gone(company, monkeypatch):
    monkeypatch.setattr(retention, "_refuse_unread", lambda *_: None)  # as if the reader fell behind since
    with psycopg.connect(company.database.libpq()) as connection:
        (until,) = connection.execute("select cut_to::text from jovey.seals where number = 2").fetchone()
        connection.execute("update jovey.tail_cuts set snapshot = %s where consumer = 'lake'", [until])
    with pytest.raises(RetireRefused, match="seal 3 was not read yet by lake"):
        company.retire()
    assert company.rows("select max(number) from jovey.removals") == [(2,)]


@pytest.mark.parametrize("what", ["missing", "altered", "all gone"])
def test_a_file_that_is_missing_or_altered_is_named_and_nothing_half_happens(retired, what, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    first, second = retired.files
    if what == "altered":
        second.write_bytes(second.read_bytes()[:-60] + bytes(60))
    else:
        second.unlink()
    if what == "all gone":
        first.unlink()
    name = first.name if what == "all gone" else second.name

    report = examine_log(retired.settings)
    assert not report.is_sound
    assert name in {one.file for one in report.misfiled}
    states, lake = retired.stored(), retired.lake()
    for task in (verify, rebuild, unpack):
        with pytest.raises(ArchiveRefused, match=name):
            task(retired.settings)
    assert name in capsys.readouterr().out
    with pytest.raises(ArchiveRefused, match=name):
        refresh(retired.database, retired.settings, from_the_beginning=True)
    assert (retired.stored(), retired.lake()) == (states, lake)
    assert retired.rows("select count(*) from jovey.unpacked_events") == [(0,)]


def test_an_event_that_is_dropped_beside_those_that_were_removed_is_found(retired, engine):
    with engine.begin() as connection:
        connection.execute(text("alter table jovey.events disable trigger all"))
        connection.execute(text("delete from jovey.events where event_type = 'customer.registered'"))
    (fault,) = examine_log(retired.settings).log.faults
    assert fault.what == "10 of its events and those before are gone, 9 were removed into the archive"


def test_unpacked_events_are_held_to_their_seals_and_their_number(retired, engine):
    assert unpack(retired.settings) == 9
    assert examine_log(retired.settings).is_sound
    with engine.begin() as connection:
        connection.execute(text("update jovey.unpacked_events set created_by = 'thief' where version = 1"))
    assert {one.what for one in examine_log(retired.settings).log.faults} == {"changed: created_by"}
    pack(retired.settings)
    assert examine_log(retired.settings).is_sound


def test_what_was_unpacked_on_purpose_stays_until_it_is_packed(retired):
    assert (unpack(retired.settings), unpack(retired.settings)) == (9, 9)
    with whole_history(retired.database, retired.settings):
        assert retired.rows("select count(*) from jovey.history") == [(13,)]
    assert retired.rows("select count(*) from jovey.unpacked_events") == [(9,)]
    retired.does([ChangePrice(product_id=product_id("JP-1"), new_price=Decimal(209), reason="copper")])
    seal_log(retired.settings, SEALED)
    archive_log(retired.settings, BEFORE)
    refresh(retired.database, retired.settings, graph=FACTS)
    retired.retire()
    assert retired.rows("select count(*) from jovey.unpacked_events") == [(0,)], "a removal packs first"
    assert examine_log(retired.settings).is_sound


def test_who_reads_the_whole_is_not_disturbed(retired):
    whole = whole_history(retired.database, retired.settings)
    with whole, whole_history(retired.database, retired.settings):
        assert retired.rows("select count(*) from jovey.history") == [(13,)]
        with pytest.raises(RetentionBusy):
            pack(retired.settings)
    assert retired.rows("select count(*) from jovey.history") == [(4,)]
    with alone(retired.database), pytest.raises(RetentionBusy):
        unpack(retired.settings)


def test_a_stream_is_not_folded_from_its_middle(retired, database):
    engine = database.engine("jovey_read")
    with (
        engine.connect() as connection,
        pytest.raises(UnreadableFact, match="if it stands in the archive: jovey unpack"),
    ):
        list(refold(connection))
    engine.dispose()


def test_an_event_in_the_archive_is_proved_when_it_is_unpacked(company):
    ((first,),) = company.rows("select id from jovey.events order by position limit 1")
    proof = json.loads(proof_of(company.settings, first))
    company.retire()
    with pytest.raises(NoProof, match="9 in the archive: jovey unpack"):
        proof_of(company.settings, first)
    unpack(company.settings)
    assert json.loads(proof_of(company.settings, first)) == proof


def test_a_person_is_handed_what_stands_in_the_archive_too(company, home):
    facts = export_person(company.settings, str(EVE), home / "before.json")
    company.retire()
    assert export_person(company.settings, str(EVE), home / "after.json") == facts
    before, after = (json.loads((home / f"{name}.json").read_text()) for name in ("before", "after"))
    assert before["facts"] == after["facts"]
    assert after["archived_facts"] == 0


def test_the_desk_s_checks_say_what_they_cannot_look_at(company, database):
    assert examine(company.settings).is_sound
    company.retire()
    engine = database.engine("jovey_read")
    with engine.connect() as connection:
        assert list(reports._seals(company.settings, connection)) == [10]
        with pytest.raises(Absent, match="9 old events stand in the archive alone"):
            list(reports._states(connection))
    unpack(company.settings)
    with engine.connect() as connection:
        assert sum(reports._states(connection)) == 4
    engine.dispose()


def test_the_commands(company, jovey):
    young = jovey("retire", "--before", BEFORE.isoformat(), "--yes")
    assert (young.returncode, "stay for 7 years" in young.stderr) == (2, True)
    assert jovey("retire", "--before", "2001-01-01").stdout == "Nothing to remove.\n"
    assert jovey("unpack").stdout == "0 removed events are unpacked.\n"
    assert jovey("pack").stdout == "Nothing is unpacked.\n"


def test_the_command_says_what_would_go_and_the_database_has_the_last_word(outside, database, jovey):
    """Sealed long ago by a clock that was wrong: the events themselves are young."""
    made = Company(outside, database)
    made.does(BEGINNING)
    seal_log(outside, datetime(2010, 3, 2, tzinfo=UTC))
    archive_log(outside, date(2011, 1, 1))
    said = jovey("retire", "--before", "2011-01-01").stdout
    assert "Seal 1 of 2010-03-02: 4 events, events-00000001-00000001.parquet" in said
    assert "Nothing was removed" in said
    refused = jovey("retire", "--before", "2011-01-01", "--yes")
    assert (refused.returncode, "holds what is younger than" in refused.stderr) == (2, True)
    assert made.rows("select count(*) from jovey.events") == [(4,)]


def test_the_command_removes_what_is_old_enough(outside, database, engine, jovey):
    made = Company(outside, database)
    made.does(BEGINNING)
    made.does(PRICES[0])
    with engine.begin() as connection:  # the server's clock says when: only a hand can make a past
        connection.execute(text("alter table jovey.events disable trigger all"))
        connection.execute(text("update jovey.events set created_at = '2010-03-01', effective_at = '2010-03-01'"))
        connection.execute(text("alter table jovey.events enable always trigger events_append_only"))
        connection.execute(text("alter table jovey.events enable always trigger events_removal"))
    seal_log(outside, datetime(2010, 3, 2, tzinfo=UTC))
    archive_log(outside, date(2011, 1, 1))
    refresh(database, outside, graph=FACTS)
    removed = jovey("retire", "--before", "2011-01-01", "--yes")
    assert (removed.returncode, removed.stderr) == (0, "")
    assert removed.stdout == "Seal 1: 3 events removed, 4 stay; events-00000001-00000001.parquet\n"
    assert made.rows("select count(*) from jovey.events") == [(4,)]
    assert examine_log(outside).is_sound

"""Seals of the log: a clean log is sound, and whatever is done to it behind its back is found and named."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from sqlalchemy import text

from warehouse.log import sealing
from warehouse.log.position import BEGINNING, Snapshot
from warehouse.log.seal import Seal, last_seal
from warehouse.log.seal_journal import JournalAhead, JournalUnreadable, extend, remembered
from warehouse.log.seal_key import SealKey, SealKeyUnusable, key_file, seal_key, trusted_keys
from warehouse.log.seal_proof import NoProof, prove_event
from warehouse.log.sealing import SealBusy, seal
from warehouse.log.tail import SourceRewound
from warehouse.log.tampering import FAULTS_MAX, examine_seals
from warehouse.settings import Settings

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEY, OTHER_KEY = SealKey.from_seed(bytes(32)), SealKey.from_seed(bytes(31) + b"\x01")
CHECKER = Path(__file__).parents[2] / "docs" / "guides" / "check_seal_proof.py"
INSERT = """
    insert into jovey.events (aggregate_id, id, version, schema_version, event_type, aggregate_type, created_by,
                              effective_at, correlation_id, causation_id, data)
    values (gen_random_uuid(), gen_random_uuid(), 1, 1, 'thing.happened', 'stream', 'user:test', now(),
            gen_random_uuid(), gen_random_uuid(), jsonb_build_object('amount', '200.00', 'who', 'Zoë "Z" \\ 北'))
    returning id, position"""


@pytest.fixture
def log(database, home):
    """A log that can be written, sealed, examined, and tampered with as its superuser."""
    tail, reader = database.engine("jovey_tail", pool_size=3), database.engine("jovey_read")
    journal = home / "seals.jsonl"

    def append(count: int = 1) -> list:
        with psycopg.connect(database.libpq()) as connection:
            return [SimpleNamespace(id=row[0], position=row[1]) for row in appended(connection, count)]

    def examine(trusted=(KEY.public,), known=None):
        with reader.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            return examine_seals(connection, trusted, remembered(journal) if known is None else known)

    def tamper(*statements: str, **values) -> None:
        with psycopg.connect(database.libpq()) as connection:
            for table in ("events", "seals", "seal_leaves"):
                connection.execute(f"alter table jovey.{table} disable trigger all")
            for statement in statements:
                connection.execute(statement, values)
            for table in ("events", "seals", "seal_leaves"):
                connection.execute(f"alter table jovey.{table} enable always trigger {table}_append_only")

    yield SimpleNamespace(
        database=database,
        tail=tail,
        reader=reader,
        journal=journal,
        append=append,
        seal=lambda key=KEY: seal(tail, key, journal, NOW),
        examine=examine,
        tamper=tamper,
    )
    tail.dispose()
    reader.dispose()


def appended(connection: psycopg.Connection, count: int = 1) -> list:
    return [connection.execute(INSERT).fetchone() for _ in range(count)]


def faults(log, **how) -> list[tuple]:
    return [(one.seal, one.what, one.position) for one in log.examine(**how).faults]


@contextmanager
def other_transaction(log):
    connection = psycopg.connect(log.database.libpq())
    yield connection
    connection.close()


# --- a clean log ---


def test_a_clean_log_is_sound_and_nothing_new_makes_no_seal(log):
    assert log.seal() is None
    log.append(5)
    first = log.seal()
    assert log.seal() is None
    log.append(3)
    second = log.seal()
    log.append(2)

    examined = log.examine()

    assert examined.faults == ()
    assert (examined.chain, examined.events, examined.unsealed, examined.newest) == ((first, second), 8, 2, second)
    assert (second.previous, second.seen, second.number) == (first.hash, first.until, 2)
    assert remembered(log.journal) == [first, second]


def test_a_log_without_a_seal_has_no_fault_and_all_its_events_unsealed(log):
    log.append(2)
    examined = log.examine()
    assert (examined.faults, examined.chain, examined.unsealed, examined.newest) == ((), (), 2, None)


def test_an_event_that_commits_late_is_in_the_seal_of_the_cut_that_holds_it(log):
    with other_transaction(log) as slow:
        ((late_id, _),) = appended(slow)
        log.append(2)
        first = log.seal()
        slow.commit()
        second = log.seal()
    assert (first.events, second.events) == (2, 1)
    assert log.examine().faults == ()
    with log.reader.connect() as connection:
        assert prove_event(connection, late_id).seal == second


def test_many_events_fill_several_rows_of_leaves(log, monkeypatch):
    monkeypatch.setattr(sealing, "LEAVES_PER_ROW", 4)
    log.append(10)
    log.seal()
    with log.reader.connect() as connection:
        assert connection.execute(text("select count(*) from jovey.seal_leaves")).scalar_one() == 3
    assert log.examine().faults == ()


def test_a_statement_is_read_back_as_it_was_written(log):
    log.append()
    made = log.seal()
    assert Seal.parse(made.statement.decode(), made.signature.hex()) == made


def test_seals_are_append_only_for_everybody(log):
    log.append()
    log.seal()
    for statement in (
        "delete from jovey.seals",
        "update jovey.seal_leaves set place = 1",
        "truncate jovey.seal_leaves",
    ):
        with psycopg.connect(log.database.libpq()) as superuser:
            superuser.execute("set session_replication_role = replica")
            with pytest.raises(psycopg.Error) as refused:
                superuser.execute(statement)
            assert refused.value.sqlstate == "JV403"


# --- tampering with events ---


CHANGES = {
    """data = jsonb_set(data, '{amount}', '"200.01"')""": "data",
    "created_by = 'user:other'": "created_by",
    "effective_at = effective_at + interval '1 microsecond'": "effective_at",
    "created_at = created_at - interval '1 day'": "created_at",
    "version = 2": "version",
    "subject_id = gen_random_uuid()": "subject_id",
    "metadata = '{\"a\": 1}', schema_version = 2": "schema_version, metadata",
    "aggregate_id = gen_random_uuid()": "aggregate_id",
    "correlation_id = causation_id": "correlation_id",
    "causation_id = correlation_id": "causation_id",
    "event_type = 'thing.undone', aggregate_type = 'thing'": "event_type, aggregate_type",
}


def test_every_changed_column_is_named_with_its_event(log):
    _, *changed, _ = log.append(len(CHANGES) + 2)
    log.seal()
    for event, change in zip(changed, CHANGES, strict=True):
        log.tamper(f"update jovey.events set {change} where position = {event.position}")
    assert [(fault.seal, fault.what, fault.event_id, fault.position) for fault in log.examine().faults] == [
        (1, f"changed: {columns}", event.id, event.position)
        for event, columns in zip(changed, CHANGES.values(), strict=True)
    ]


def test_an_event_that_was_dropped_is_named(log):
    _, one, _ = log.append(3)
    log.seal()
    log.tamper(f"delete from jovey.events where position = {one.position}")
    assert faults(log) == [(1, "dropped", one.position)]


def test_events_that_were_swapped_are_named_with_their_new_places(log):
    one, other, _ = log.append(3)
    log.seal()
    update = "update jovey.events set position = {} where id = '{}'"
    log.tamper(
        "alter table jovey.events alter column position drop identity",
        update.format(10_000, one.id),
        update.format(one.position, other.id),
        update.format(other.position, one.id),
    )
    assert faults(log) == [
        (1, f"moved to position {other.position}: position", one.position),
        (1, f"moved to position {one.position}: position", other.position),
    ]


def test_an_event_that_was_inserted_into_a_sealed_cut_is_named(log):
    log.append(2)
    log.seal()
    log.append(2)
    log.seal()
    forged = INSERT.replace("(aggregate_id,", "(transaction_id, aggregate_id,").replace("values (", "values ('3', ")
    log.tamper(forged)
    assert [(seal, what) for seal, what, _ in faults(log)] == [(1, "added after it was sealed")]


def test_an_event_that_was_moved_to_another_cut_is_named(log):
    one, _ = log.append(2)
    log.seal()
    log.append(2)
    log.seal()
    log.tamper(f"update jovey.events set transaction_id = pg_current_xact_id() where position = {one.position}")
    assert faults(log) == [(1, "moved: transaction_id", one.position)]
    log.tamper(
        f"""update jovey.events set transaction_id = (select max(transaction_id::text)::xid8 from jovey.events
            where position <> {one.position}) where position = {one.position}"""
    )
    assert faults(log) == [(1, "moved: transaction_id", one.position)]


def test_an_event_that_was_moved_to_another_transaction_of_its_cut_is_named(log):
    one = log.append()[0]
    other = log.append()[0]
    log.seal()
    log.tamper(
        f"""update jovey.events set transaction_id = (select transaction_id from jovey.events
            where position = {other.position}) where position = {one.position}"""
    )
    assert faults(log) == [(1, "changed: transaction_id", one.position)]


def test_rows_that_were_rewritten_as_they_were_are_sound(log):
    one, *_ = log.append(3)
    log.seal()
    log.tamper(
        f"create temp table kept as select * from jovey.events where position = {one.position}",
        f"delete from jovey.events where position = {one.position}",
        "insert into jovey.events overriding system value select * from kept",  # now last in the table
    )
    assert faults(log) == []


def test_an_event_that_was_replaced_by_another_is_dropped_and_added(log):
    one, _ = log.append(2)
    log.seal()
    log.tamper(f"update jovey.events set id = gen_random_uuid() where position = {one.position}")
    assert faults(log) == [(1, "dropped", one.position), (1, "added after it was sealed", one.position)]


def test_of_many_events_gone_the_first_hundred_are_named(log):
    log.append(FAULTS_MAX + 20)
    log.seal()
    log.tamper("delete from jovey.events")
    found = log.examine().faults
    assert len(found) == FAULTS_MAX + 1
    assert found[0].what.startswith(f"{FAULTS_MAX} events or more")


# --- tampering with seals ---


def test_a_truncated_chain_is_found_by_the_journal_and_its_events_are_still_compared(log):
    log.append(2)
    log.seal()
    one, _ = log.append(2)
    log.seal()
    log.tamper(
        "delete from jovey.seal_leaves where number = 2",
        "delete from jovey.seals where number = 2",
        f"delete from jovey.events where position = {one.position}",
    )
    assert [what for _, what, _ in faults(log)] == [
        "the log lacks this seal of 2026-03-02 12:00, which the journal remembers",
        "neither its events (1 of 2) nor the leaves kept of them (0) give its root",
    ]
    with pytest.raises(JournalAhead, match="seal 2 of 2026-03-02 12:00, which the log does not have"):
        log.seal()


def test_a_seal_missing_in_the_middle_is_found_without_the_journal(log):
    for _ in range(3):
        log.append()
        log.seal()
    log.tamper("delete from jovey.seal_leaves where number = 2", "delete from jovey.seals where number = 2")
    assert faults(log, known=[]) == [(3, "seal 2 is missing before it", None)]


def test_a_chain_signed_anew_with_another_key_is_found(log):
    one, _ = log.append(2)
    log.seal()
    log.tamper(
        f"update jovey.events set created_by = 'user:thief' where position = {one.position}",
        "delete from jovey.seal_leaves",
        "delete from jovey.seals",
    )
    before = log.journal.rename(log.journal.with_name("before"))
    log.seal(OTHER_KEY)
    assert [what.partition(" 5")[0] for _, what, _ in faults(log, known=[])] == [
        f"signed with the key {OTHER_KEY.public.hex()}; those trusted: {KEY.public.hex()}"
    ]
    assert "the journal remembers another seal, of 2026-03-02 12:00" in [
        what for _, what, _ in faults(log, known=remembered(before))
    ]


def test_a_seal_whose_words_were_changed_is_found(log):
    log.append()
    log.seal()
    log.append()
    log.seal()
    log.tamper("update jovey.seals set sealed_at = sealed_at - interval '1 day' where number = 1")
    assert [(seal, what) for seal, what, _ in faults(log, known=[])] == [
        (1, "its signature is not that of what it says"),
        (2, "it does not follow the seal before it, which was changed or replaced"),
    ]
    with pytest.raises(JournalAhead, match="which the log has otherwise"):
        log.seal()


def test_a_cut_that_leaves_a_gap_to_the_one_before_is_found(log):
    log.append()
    first = log.seal()
    log.append()
    log.seal()
    with log.reader.connect() as connection:
        draft = replace(last_seal(connection), seen=Snapshot(first.until.xmin + 1, first.until.xmax + 1))
    signed = replace(draft, signature=KEY.sign(draft.statement))
    log.tamper(
        f"update jovey.seals set cut_from = '{draft.seen}', signature = %(signature)s where number = 2",
        signature=signed.signature,
    )
    assert (2, "its cut does not begin where the one before ends", None) in faults(log, known=[])


def test_leaves_that_were_changed_are_told_from_events_that_were(log):
    log.append(3)
    log.seal()
    log.tamper("update jovey.seal_leaves set leaves = overlay(leaves placing '\\x00'::bytea from 30 for 1)")
    assert faults(log) == [(1, "the leaves kept of it were changed; its events are as they were sealed", None)]


def test_leaves_that_were_changed_along_with_an_event_do_not_hide_it(log):
    one, *_ = log.append(3)
    log.seal()
    log.tamper(
        f"update jovey.events set created_by = 'user:thief' where position = {one.position}",
        "delete from jovey.seal_leaves",
    )
    assert [what for _, what, _ in faults(log)] == [
        "neither its events (3 of 3) nor the leaves kept of them (0) give its root"
    ]


def test_a_seal_of_a_form_to_come_is_told_and_not_judged(log):
    log.append()
    log.seal()
    log.tamper("update jovey.seals set form = 2")
    assert "made in form 2, which this code does not read: update it" in [what for _, what, _ in faults(log, known=[])]


# --- crashes, rivals, restores ---


def test_a_crash_between_leaves_and_seal_leaves_nothing_of_either(log, monkeypatch):
    log.append(3)
    with monkeypatch.context() as patch:
        patch.setattr(sealing, "_INSERT_SEAL", text("select 1 / 0"))
        with pytest.raises(Exception, match="division by zero"):
            log.seal()
    with log.reader.connect() as connection:
        assert connection.execute(text("select count(*) from jovey.seal_leaves")).scalar_one() == 0
    assert log.seal().number == 1
    assert log.examine().faults == ()


def test_a_journal_that_missed_a_seal_catches_up(log):
    log.append()
    first = log.seal()
    log.append()
    second = log.seal()
    whole = log.journal.read_bytes()
    log.journal.write_bytes(whole[:-20])  # the power failed while the second line was written
    assert remembered(log.journal) == [first]
    assert log.seal() is None
    assert log.journal.read_bytes() == whole
    log.journal.unlink()
    assert log.seal() is None
    assert remembered(log.journal) == [first, second]


def test_a_journal_that_is_no_journal_is_said_to_be_unreadable(log):
    log.journal.write_text('{"statement": "nonsense", "signature": ""}\n')
    with pytest.raises(JournalUnreadable, match=r"line 1 of .*seals\.jsonl"):
        remembered(log.journal)


def test_of_two_sealers_at_once_the_second_is_sent_away(log):
    log.append(3)
    with log.tail.connect().execution_options(isolation_level="AUTOCOMMIT") as first:
        first.execute(text(f"select pg_advisory_lock({sealing._SEALER_LOCK})"))
        with pytest.raises(SealBusy, match="Another process"):
            log.seal()
        first.execute(text(f"select pg_advisory_unlock({sealing._SEALER_LOCK})"))
    assert log.seal().events == 3


def test_a_log_whose_transactions_were_set_back_is_not_sealed(log):
    log.append()
    log.seal()
    log.journal.unlink()
    log.tamper("update jovey.seals set cut_to = '9999999999:9999999999:'")
    log.append()
    with log.tail.connect() as connection:
        ahead = last_seal(connection)
    with log.tail.connect() as connection, pytest.raises(SourceRewound, match="pg_resetwal with an epoch above 2"):
        sealing._made(connection, KEY, ahead, sealing.take_cut(log.tail, "seal", None), NOW)


# --- proofs ---


def proof_of(log, event) -> dict:
    with log.reader.connect() as connection:
        return prove_event(connection, event.id).as_json()


def checked(home, proof: dict, key: str) -> subprocess.CompletedProcess:
    (home / "proof.json").write_text(json.dumps(proof), encoding="utf-8")
    command = [sys.executable, str(CHECKER), str(home / "proof.json"), key]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_checker_that_knows_nothing_of_jovey_accepts_a_proof_and_no_forged_one(log, home):
    events = log.append(7)
    log.seal()
    proof = proof_of(log, events[6])
    accepted = checked(home, proof, KEY.public.hex())
    assert accepted.returncode == 0, accepted.stderr
    assert accepted.stdout.startswith("Sealed on 2026-03-02T12:00:00+00:00 as number 1: [")
    leaf = json.loads(proof["leaf"])
    assert leaf[3] == str(events[6].id)
    assert leaf[14] == {"amount": "200.00", "who": 'Zoë "Z" \\ 北'}
    for forged in (
        proof | {"leaf": proof["leaf"].replace("200.00", "200.01")},
        proof | {"index": 5},
        proof | {"statement": proof["statement"].replace('"number":1', '"number":2')},
        proof | {"path": proof["path"][:-1]},
    ):
        assert checked(home, forged, KEY.public.hex()).returncode != 0
    assert checked(home, proof, OTHER_KEY.public.hex()).returncode != 0


def test_what_is_not_sealed_or_not_as_sealed_has_no_proof(log):
    one, other = log.append(2)
    with pytest.raises(NoProof, match="newer than the newest seal"):
        proof_of(log, one)
    log.seal()
    log.tamper(
        f"update jovey.events set created_by = 'user:thief' where position = {one.position}",
        f"update jovey.events set id = '00000000-0000-0000-0000-000000000001' where position = {other.position}",
    )
    with pytest.raises(NoProof, match=f"{one.id} is not as seal 1 holds it"):
        proof_of(log, one)
    with pytest.raises(NoProof, match=f"There is no event {other.id}"):
        proof_of(log, other)


# --- keys ---


def test_the_key_is_made_once_for_its_owner_alone(home):
    settings = Settings(_env_file=None, home=home / "new")
    assert trusted_keys(settings) == frozenset()
    key = seal_key(settings)
    assert seal_key(settings).public == key.public
    assert key_file(settings).stat().st_mode & 0o777 == 0o600
    assert trusted_keys(settings) == {key.public}


def test_a_key_from_the_settings_and_past_ones_count(home):
    settings = Settings(_env_file=None, home=home, seal_key="00" * 32, seal_keys_past=f" {OTHER_KEY.public.hex()},")
    assert seal_key(settings).public == KEY.public
    assert trusted_keys(settings) == {KEY.public, OTHER_KEY.public}


@pytest.mark.parametrize("words", ["short", "00" * 31])
def test_a_key_of_another_length_is_refused_by_the_name_of_its_setting(home, words):
    with pytest.raises(SealKeyUnusable, match="JOVEY_SEAL_KEY must be 32 bytes"):
        seal_key(Settings(_env_file=None, home=home, seal_key=words))


def test_an_empty_journal_is_extended_from_its_first_line(home):
    made = Seal(1, BEGINNING, Snapshot(5, 5), 1, bytes(32), bytes(32), NOW, KEY.public, bytes(64))
    extend(home / "deep" / "seals.jsonl", [made])
    assert remembered(home / "deep" / "seals.jsonl") == [made]

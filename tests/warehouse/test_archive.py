"""The archive: files that prove themselves, hold every byte that was sealed, and are read like the log."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import duckdb
import psycopg
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as how
from hypothesis import strategies as st

from warehouse.lake import archive as archive_module
from warehouse.lake.archive import ArchiveRefused, archive, examine_archive
from warehouse.lake.attach import open_files, open_log
from warehouse.log.seal import LEAF, stored_seals
from warehouse.log.seal_key import SealKey
from warehouse.log.sealing import seal
from warehouse.settings import Settings

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEY = SealKey.from_seed(bytes(32))
TRUSTED = {KEY.public}
INSERT = """
    insert into jovey.events (aggregate_id, id, version, schema_version, event_type, aggregate_type, created_by,
                              effective_at, subject_id, correlation_id, causation_id, data)
    values (gen_random_uuid(), gen_random_uuid(), 1, 1, 'thing.happened', 'stream', %s, %s, %s,
            gen_random_uuid(), gen_random_uuid(), %s)"""


class House:
    """A log, its seals and its archive."""

    def __init__(self, database, home, tail):
        self.database, self.home, self.tail = database, home, tail
        self.settings = Settings(_env_file=None, home=home)

    def append(self, by="user:test", at=NOW, subject=None, payload=None) -> None:
        with psycopg.connect(self.database.libpq()) as connection:
            connection.execute(INSERT, [by, at, subject, json.dumps(payload or {"amount": "200.00", "who": "Zoë 北"})])

    def seal(self, *, count: int = 3, at: datetime = NOW):
        for _ in range(count):
            self.append()
        return seal(self.tail, KEY, self.home / "seals.jsonl", at)

    def seals(self):
        with self.tail.connect() as connection:
            return list(stored_seals(connection))

    def archive(self, before=NOW + timedelta(days=1)):
        return archive(self.database, self.settings, self.seals(), TRUSTED, before)

    def examine(self, trusted=TRUSTED):
        return examine_archive(self.settings, self.seals(), trusted)

    def faults(self, trusted=TRUSTED):
        return [one.what for one in self.examine(trusted)[1]]

    def rewrite(self, path, select: str) -> None:
        """Write a file anew from a select over `file`, with the seals it had."""
        with open_files(self.settings) as connection:
            seals = connection.execute("select decode(value) from parquet_kv_metadata(?)", [str(path)]).fetchone()[0]
            draft = path.with_suffix(".other")
            connection.execute(
                f"copy (with file as (from read_parquet('{path}')) {select}) to '{draft}' "
                f"(format parquet, kv_metadata {{jovey_seals: '{seals}'}})"
            )
            draft.replace(path)


@pytest.fixture
def house(database, home):
    tail = database.engine("jovey_tail", pool_size=3)
    yield House(database, home, tail)
    tail.dispose()


@pytest.fixture
def duck(house):
    """DuckDB that reads the log."""
    with open_log(house.database, house.settings) as connection:
        yield connection


def test_seals_made_before_the_day_are_archived_once_and_the_rest_later(house):
    house.seal(count=3, at=NOW)
    house.seal(count=2, at=NOW + timedelta(days=1))
    house.seal(count=4, at=NOW + timedelta(days=2))

    (first,) = house.archive(before=NOW + timedelta(days=2))
    assert (first.path.name, first.events) == ("events-00000001-00000002.parquet", 5)
    assert house.archive(before=NOW + timedelta(days=2)) == []
    (second,) = house.archive(before=NOW + timedelta(days=3))
    assert (second.path.name, second.events) == ("events-00000003-00000003.parquet", 4)

    assert house.examine() == (9, [])
    assert [path.name for path in sorted(house.settings.archive_folder.iterdir())] == [
        first.path.name,
        second.path.name,
    ]


def test_an_archive_that_was_never_begun_is_sound(house):
    assert house.examine() == (0, [])


def test_a_file_is_closed_before_it_grows_too_large(house, monkeypatch):
    monkeypatch.setattr(archive_module, "FILE_EVENTS_MAX", 5)
    for count in (3, 2, 6, 1):
        house.seal(count=count)
    assert [file.events for file in house.archive()] == [5, 6, 1]
    assert house.examine() == (12, [])


WORDS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.none()
FACTS = st.tuples(
    WORDS,
    st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.none() | st.uuids(),
    st.dictionaries(WORDS, WORDS | NUMBERS, max_size=4),
)


@how(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=st.lists(FACTS, min_size=1, max_size=20))
@example(facts=[("\x01\x1f\x7f\"\\u001F\b\f\n\r\t/'", NOW.replace(microsecond=120), None, {"\x1f": 1e-300})])
def test_the_leaf_from_a_file_is_the_leaf_from_the_log_byte_for_byte(house, duck, facts):
    for fact in facts:
        house.append(*fact)
    wanted = ", ".join(archive_module.COLUMNS.values())
    newest = f"from jovey.events order by position desc limit {len(facts)}"
    from_file = duck.execute(
        f"select {archive_module._LEAF} from postgres_query('log', $query$select {wanted} {newest}$query$)"
    ).fetchall()
    with psycopg.connect(house.database.libpq()) as connection:
        from_log = connection.execute(f"select {LEAF} {newest}").fetchall()
    assert from_file == from_log


@pytest.mark.parametrize(
    ("select", "said"),
    [
        (
            "select * replace (replace(data, '200.00', '200.01') as data) from file",
            "the 3 events it holds of seal 1 are",
        ),
        ("from file limit 5", "the 2 events it holds of seal 2 are not the 3 that were sealed"),
        ("from file union all by name select * replace (9 as seal_number) from file limit 7", "1 events are of seal 9"),
    ],
)
def test_a_file_that_was_changed_is_found(house, select, said):
    house.seal()
    house.seal()
    (file,) = house.archive()
    house.rewrite(file.path, select)
    assert any(what.startswith(said) for what in house.faults()), house.faults()


def test_files_of_another_hand_of_another_log_missing_or_broken_are_found(house, database):
    for number in range(3):
        house.seal(at=NOW + timedelta(days=number))
        house.archive(before=NOW + timedelta(days=number + 1))
    first, second, third = sorted(house.settings.archive_folder.iterdir())

    other = SealKey.from_seed(b"\x01" * 32).public
    assert f"seal 1 is signed with the key {KEY.public.hex()}; those trusted: {other.hex()}" in house.faults({other})
    with psycopg.connect(database.libpq()) as connection:
        connection.execute("alter table jovey.seals disable trigger all")
        connection.execute("update jovey.seals set sealed_at = now() where number = 3")
    assert house.faults() == ["seal 3 is not the log's"]
    second.rename(second.with_suffix(".away"))
    assert "it begins with seal 3; seal 2 should come next" in house.faults()
    first.write_bytes(first.read_bytes()[:-100])
    third.unlink()
    (fault,) = house.faults()
    assert fault.startswith("it cannot be read: ")


def test_a_file_that_carries_no_seals_or_forged_ones_is_found(house):
    house.seal()
    house.seal()
    (file,) = house.archive()
    with open_files(house.settings) as connection:
        seals = connection.execute("select decode(value) from parquet_kv_metadata(?)", [str(file.path)]).fetchone()[0]
        forged = seals.replace('\\"events\\":3', '\\"events\\":4')
        connection.execute(f"create temp table file as from read_parquet('{file.path}')")
        connection.execute(f"copy file to '{file.path}' (format parquet, kv_metadata {{jovey_seals: '{forged}'}})")
        assert "the signature of seal 1 is not that of what it says" in house.faults()
        assert "its seals do not follow one another" in house.faults()
        later = seals.replace('\\"jovey_seal\\":1', '\\"jovey_seal\\":2')
        connection.execute(f"copy file to '{file.path}' (format parquet, kv_metadata {{jovey_seals: '{later}'}})")
        assert any("which this code does not read" in what for what in house.faults())
        connection.execute(f"copy file to '{file.path}' (format parquet)")
        assert house.faults() == ["it cannot be read: it carries no seals"]


def test_a_log_that_is_not_as_it_was_sealed_is_not_archived(house, database):
    house.seal()
    with psycopg.connect(database.libpq()) as connection:
        connection.execute("alter table jovey.events disable trigger all")
        connection.execute("update jovey.events set created_by = 'user:thief'")
    with pytest.raises(ArchiveRefused, match="the 3 events it holds of seal 1 are not the 3"):
        house.archive()
    assert list(house.settings.archive_folder.iterdir()) == []


def test_a_file_is_read_by_anyone_with_duckdb(house):
    house.seal()
    (file,) = house.archive()
    with duckdb.connect() as connection:
        found = connection.execute(f"select data ->> 'amount', event_type from '{file.path}'").fetchall()
    assert found == [("200.00", "thing.happened")] * 3

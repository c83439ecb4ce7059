"""A long log: in pages and batches of any size, its facts come to the lake whole, once and in order."""

from __future__ import annotations

import threading
from typing import ClassVar

import duckdb
import psycopg
import pytest

from assets import pages
from assets.facts import MisfitFact, UnknownFact, Vocabulary, load
from warehouse.events.event import Event
from warehouse.lake.attach import open_writer, writing
from warehouse.log.position import BEGINNING
from warehouse.log.tail import take_cut

PAGE = 2_048  # rows: as few as DuckDB hands over
_STORY = """
    insert into jovey.events (aggregate_id, id, version, schema_version, event_type, aggregate_type, created_by,
                              effective_at, correlation_id, causation_id, data)
    select md5((n / 100)::text)::uuid, md5('e' || n)::uuid, 1 + n %% 100, case n %% 3 when 0 then 2 else 1 end,
           case n %% 3 when 2 then 'coin.lost' else 'coin.found' end, 'coin', 'user:test', now(),
           gen_random_uuid(), gen_random_uuid(),
           case n %% 3 when 0 then jsonb_build_object('n', n, 'metal', 'tin')
                      when 1 then jsonb_build_object('n', n) else '{}' end
    from generate_series(1, %s) as n order by n"""


class CoinFound(Event):
    """A coin was found."""

    stream: ClassVar[str] = "coin"
    type: ClassVar[str] = "coin.found"
    schema_version: ClassVar[int] = 2

    n: int
    metal: str


class CoinLost(Event):
    """A coin was lost."""

    stream: ClassVar[str] = "coin"
    type: ClassVar[str] = "coin.lost"


@pytest.fixture
def coins(works):
    works.vocabulary = Vocabulary(
        {CoinFound.type: CoinFound, CoinLost.type: CoinLost},
        {("coin.found", 1): lambda payload: {**payload, "metal": "lead"}},
    )
    return works


def tell(works, events: int) -> None:
    with psycopg.connect(works.database.libpq()) as connection:
        connection.execute(_STORY, [events])


@pytest.mark.parametrize("events", [1, 2 * PAGE, 2 * PAGE + 1])
@pytest.mark.parametrize(("batch", "waiting"), [(1, 10**9), (10**9, 1), (10**9, 10**9)])
def test_every_event_comes_once_as_its_class_of_today(coins, monkeypatch, events, batch, waiting):
    monkeypatch.setattr(pages, "PAGE_ROWS", PAGE)
    monkeypatch.setattr(pages, "BATCH_BYTES_MIN", batch)
    monkeypatch.setattr(pages, "WAITING_BYTES_MAX", waiting)
    tell(coins, events)
    done = coins.refresh()
    assert (done.loaded, done.event_number) == (events, events)
    found = {n: ("tin" if n % 3 == 0 else "lead") for n in range(1, events + 1) if n % 3 != 2}
    assert dict(coins.read("select n, metal from facts.coin_found")) == found
    told = coins.read("select position from facts.coin_found union all select position from facts.coin_lost")
    assert sorted(told) == [(n,) for n in range(1, events + 1)]
    assert coins.refresh().is_idle


def test_batches_are_of_one_class_and_version_and_in_the_log_s_order(coins, monkeypatch, database):
    monkeypatch.setattr(pages, "PAGE_ROWS", PAGE)
    tell(coins, 3 * PAGE)
    with writing(database), open_writer(database, coins.settings) as connection:
        connection.execute("set threads = 3")
        with pages.reading_ahead(connection, "jovey.events", "true") as batches:
            found = [(one.event_type, one.schema_version, one.rows["position"].to_pylist()) for one in batches]
        assert connection.execute("select current_setting('threads')").fetchone() == (3,)
    assert [kind[:2] for kind in found] == [("coin.found", 1), ("coin.lost", 1), ("coin.found", 2)]
    assert [kind[2] for kind in found] == [list(range(n, 3 * PAGE + 1, 3)) for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("batch", "waiting", "pages_each"),
    [(10**9, 10**9, [3]), (1, 10**9, [1, 1, 1]), (10**9, 1, [1, 1, 1]), (150_000, 10**9, [2, 1])],
    ids=["never enough", "enough of it", "enough of all", "enough of it with the next page"],
)
def test_a_class_waits_until_there_is_enough_of_it_or_of_all(coins, monkeypatch, database, batch, waiting, pages_each):
    monkeypatch.setattr(pages, "PAGE_ROWS", PAGE)
    monkeypatch.setattr(pages, "BATCH_BYTES_MIN", batch)
    monkeypatch.setattr(pages, "WAITING_BYTES_MAX", waiting)
    tell(coins, 3 * PAGE)
    with (
        writing(database),
        open_writer(database, coins.settings) as connection,
        pages.reading_ahead(connection, "jovey.events", "true") as batches,
    ):
        rows = [one.rows.num_rows for one in batches if one.event_type == CoinLost.type]
    assert [round(count / (PAGE / 3)) for count in rows] == pages_each


@pytest.mark.parametrize(
    ("vocabulary", "error"),
    [({CoinLost.type: CoinLost}, UnknownFact), ({CoinFound.type: CoinFound, CoinLost.type: CoinLost}, MisfitFact)],
)
def test_who_cannot_go_on_says_why_and_the_reader_ends_too(coins, monkeypatch, vocabulary, error):
    monkeypatch.setattr(pages, "PAGE_ROWS", PAGE)
    monkeypatch.setattr(pages, "BATCH_BYTES_MIN", 1)
    tell(coins, 3 * PAGE)
    with pytest.raises(error):
        coins.refresh(vocabulary=Vocabulary(vocabulary, {}))
    assert not [one for one in threading.enumerate() if one.name.startswith("pages")]
    assert coins.refresh().loaded == 3 * PAGE


def test_what_the_database_says_while_a_page_is_read_is_not_lost(coins, database):
    tell(coins, 10)
    engine = database.engine("jovey_tail", pool_size=1)
    until = take_cut(engine, "test", None).snapshot
    engine.dispose()
    with writing(database), open_writer(database, coins.settings) as connection:
        connection.execute("create schema facts")
        with pytest.raises(duckdb.Error, match="syntax error"):
            load(connection, coins.vocabulary, BEGINNING, until, only=frozenset({"it's"}))

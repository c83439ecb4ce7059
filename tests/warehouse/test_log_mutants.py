"""The log's promises as short checks, and the log broken on purpose: every mutant of its SQL has to die of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import psycopg
import pytest
import sqlalchemy
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from warehouse.events.category import ProductDeactivated
from warehouse.events.event import Recorded, Ref
from warehouse.log import tail
from warehouse.log.append import Claim, Folded, Receipt, append, load, sqlstate
from warehouse.log.position import Snapshot
from warehouse.log.tail import Cut
from warehouse.postgres import Database

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
COMPANY = (0, 1)  # other streams in the same call
NONSENSE = ("22", "25", "42")  # wrong values, transactions and names: no mutant may die of those by accident
FLUSH_LOOKS = 10
CUTS_TRIED = 100
_NUMBERS = count(1_000_000)


@dataclass
class Stage:
    """A log to try promises on: connections that append, and the tail's condition, perhaps a broken one."""

    appending: Engine
    reading: Engine
    superuser: Engine
    eventually: Callable[..., None]
    between: Callable[[Snapshot, Snapshot], str] = tail.between
    opened: list[Connection] = field(default_factory=list)

    def writer(self) -> Connection:
        self.opened.append(self.appending.connect())
        return self.opened[-1]

    def look(self, statement: str, **values: object) -> list[tuple[object, ...]]:
        with self.superuser.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]

    def waits(self, connections: int) -> bool:
        waiting = (
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        )
        return self.look(waiting) == [(connections,)]

    def close(self) -> None:
        for connection in self.opened:
            connection.close()


def stream() -> Ref:
    return Ref("product", UUID(int=next(_NUMBERS)))


def said(ref: Ref, version: int = 1, content: str = "said", at: datetime = NOON) -> Recorded:
    id = UUID(int=next(_NUMBERS))
    return Recorded(ProductDeactivated(reason=content), id, ref, version, at, "test", id, id)


def beside(others: int) -> list[Recorded]:
    """Events of other streams: append has a way of its own for one stream, and has to keep its promises on both."""
    return [said(stream()) for _ in range(others)]


def refused(code: str, connection: Connection, *events: Recorded, **fields: object) -> str:
    """Append has to refuse with this code; gives what it says."""
    with pytest.raises(DBAPIError) as error:
        append(connection, events, **fields)
    connection.rollback()
    assert sqlstate(error.value) == code, str(error.value)
    return str(error.value.orig)


def append_and_commit(connection: Connection, events: list[Recorded]) -> str:
    outcome = append(connection, events, expect_any=True).outcome
    connection.commit()
    return outcome


def raw(connection: Connection, one: UUID, **changes: object) -> None:
    """Call the function itself, with one event of one stream unless changed."""
    sound = {"streams": [one], "kinds": ["x"], "expected": [0], "of": [one], "ordinals": [1], "ids": [one]}
    sound |= {"types": ["x"], "versions": [1], "effective": [NOON], "by": ["t"], "subjects": [None]}
    sound |= {"correlations": [one], "causations": [one], "contents": ["{}"], "metadata": ["{}"]}
    sound |= {"state_ids": None, "commands": None, "claims": None, "unclaims": None}
    connection.exec_driver_sql(
        """select jovey.append(
            %(streams)s::uuid[], %(kinds)s::varchar[], %(expected)s::int[], %(of)s::uuid[], %(ordinals)s::int[],
            %(ids)s::uuid[], %(types)s::varchar[], %(versions)s::smallint[], %(effective)s::timestamptz[],
            %(by)s::varchar[], %(subjects)s::uuid[], %(correlations)s::uuid[], %(causations)s::uuid[],
            %(contents)s::text[]::jsonb[], %(metadata)s::text[]::jsonb[], p_state_ids => %(state_ids)s::uuid[],
            p_commands => %(commands)s::uuid[], p_claim_scopes => %(claims)s::varchar[],
            p_unclaim_scopes => %(unclaims)s::varchar[])""",
        sound | changes,
    )


def raw_refused(connection: Connection, one: UUID, **changes: object) -> str | None:
    """The code raw() is refused with; None when it is not."""
    try:
        raw(connection, one, **changes)
    except DBAPIError as error:
        return sqlstate(error)
    finally:
        connection.rollback()
    return None


def stored(stage: Stage, *refs: Ref, order: str = "position") -> list[tuple[object, ...]]:
    ids = [ref.id for ref in refs]
    return stage.look(f"select id from jovey.events where aggregate_id = any(:ids) order by {order}", ids=ids)


# --- the promises ---


def causes_stand_before_effects_and_locks_are_taken_by_stream(stage):
    log, one, two = stage.writer(), stream(), stream()
    events = [said(two), said(one), said(two, 2)]
    append(log, events)
    log.commit()
    assert stored(stage, one, two) == [(event.id,) for event in events]
    assert stored(stage, one, two, order="ctid") == [(events[1].id,), (events[0].id,), (events[2].id,)]


def an_expected_version_is_the_stream_s_version(stage):
    log = stage.writer()
    for others in COMPANY:
        one = stream()
        append(log, [said(one), said(one, 2), *beside(others)])
        log.commit()
        assert f"expected version 0 but stream {one.id} is at 2" in refused("JV409", log, said(one), *beside(others))
        assert f"expected version 1 but stream {one.id} is at 2" in refused("JV409", log, said(one, 2), *beside(others))
        refused("JV409", log, said(one, 4), *beside(others))
        refused("JV409", log, said(one, 2), said(one, 3), *beside(others))
        append(log, [said(one, 3), *beside(others)])
        log.commit()
        assert len(stored(stage, one)) == 3


def all_streams_of_a_call_go_in_or_none(stage):
    log, one, two = stage.writer(), stream(), stream()
    append(log, [said(one)])
    log.commit()
    refused("JV409", log, said(two), said(one))
    assert stored(stage, two) == []


def the_same_events_again_are_one(stage):
    for others in COMPANY:
        log, events = stage.writer(), [said(stream()), *beside(others)]
        first = append(log, events)
        log.commit()
        again = append(log, events, answered=[Receipt(events[0].id, b"", "{}")])
        log.commit()
        assert (first.outcome, again.outcome) == ("appended", "duplicate")
        assert (first.first_position, first.last_position) == (again.first_position, again.last_position)
        assert stage.look("select from jovey.command_receipts where command_id = :id", id=events[0].id) == []


def an_id_stands_for_one_content(stage):
    log, event = stage.writer(), said(stream())
    append(log, [event])
    log.commit()
    refused("JV410", log, event._replace(event=ProductDeactivated(reason="other")))
    refused("JV410", log, event._replace(ref=stream()))


def an_id_stands_for_one_type(stage):
    log, one = stage.writer(), stream().id
    raw(log, one, ids=[one])
    log.commit()
    assert raw_refused(log, one, ids=[one], types=["product.other"]) == "JV410"


def a_stream_is_of_one_kind(stage):
    log, one = stage.writer(), stream()
    append(log, [said(one)])
    log.commit()
    for others in COMPANY:
        for version in (1, 2):
            refused("JV422", log, said(one, version)._replace(ref=Ref("market", one.id)), *beside(others))


def whoever_expects_nothing_gets_the_next_version(stage):
    log, versions = stage.writer(), "select version from jovey.events where aggregate_id = :id order by position"
    for others in COMPANY:
        one = stream()
        for _ in range(3):
            append(log, [said(one), said(one, 2), *beside(others)], expect_any=True)
        log.commit()
        assert stage.look(versions, id=one.id) == [(n,) for n in range(1, 7)]


def whoever_expects_nothing_waits_for_the_other(stage):
    first, second = stage.writer(), stage.writer()
    for others in COMPANY:
        one = stream()
        append(first, [said(one), *beside(others)], expect_any=True)
        with ThreadPoolExecutor(1) as pool:
            late = pool.submit(append, second, [said(one), *beside(others)], expect_any=True)
            stage.eventually(lambda: stage.waits(1))
            first.commit()
            assert late.result().outcome == "appended"
        second.commit()


def two_who_expect_nothing_cannot_wait_for_one_another(stage):
    low, high = stream(), stream()
    holders = [stage.writer(), stage.writer()]
    for holder, ref in zip(holders, (low, high), strict=True):
        append(holder, [said(ref)], expect_any=True)
    with ThreadPoolExecutor(2) as pool:
        calls = [[said(high), said(low)], [said(low), said(high)]]
        late = [pool.submit(append_and_commit, stage.writer(), call) for call in calls]
        stage.eventually(lambda: stage.waits(2))
        for holder in holders:
            holder.commit()
        assert [one.result() for one in late] == ["appended", "appended"]


def no_version_is_left_out(stage):
    log, one = stage.writer(), stream()
    for others in COMPANY:
        refused("JV400", log, said(one, 1), said(one, 3), *beside(others))
        refused("JV400", log, said(one, 1), said(one, 1), *beside(others))
        refused("JV400", log, said(one), said(one)._replace(version=0), *beside(others))


def a_malformed_call_is_refused(stage):
    log, one, two, three = stage.writer(), stream().id, stream().id, stream().id
    twice = {"of": [one, one], "ordinals": [1, 2], "ids": [one, two], "types": ["x", "x"], "versions": [1, 1]}
    twice |= {"effective": [NOON] * 2, "by": ["t"] * 2, "subjects": [None] * 2, "correlations": [one] * 2}
    twice |= {"causations": [one] * 2, "contents": ["{}"] * 2, "metadata": ["{}"] * 2}
    for wrong in (
        {"expected": [0, 0]},
        {"metadata": ["{}", "{}"]},
        {"metadata": None},
        {"ordinals": [2]},
        {"streams": [two]},
        {"streams": [one, one], "kinds": ["x", "x"], "expected": [0, 0]},
        {"streams": [], "kinds": [], "expected": []},
        {"streams": [None], "of": [None]},
        *({key: value} for key, value in twice.items()),
        {key: [] for key in twice},
        twice | {"streams": [one, one], "kinds": ["x", "x"], "expected": [0, 0]},
        twice | {"of": [one, two], "ordinals": [1, 1]},
        twice | {"of": [one, two]},
        twice
        | {"of": [one, two], "ordinals": [1, 1], "streams": [one, three], "kinds": ["x", "x"], "expected": [0, 0]},
        twice | {"ordinals": [1, 3]},
        {"state_ids": [one]},
        {"commands": [one]},
        {"claims": ["scope"]},
        {"unclaims": ["scope"]},
    ):
        assert raw_refused(log, one, **wrong) == "JV400", wrong
    raw(log, one, **twice)
    nothing = {"state_ids": [], "commands": [], "claims": [], "unclaims": []}
    assert raw_refused(log, three, **nothing) is None, "empty or null is one"


def append_runs_at_read_committed(stage):
    log = stage.appending.connect().execution_options(isolation_level="REPEATABLE READ")
    stage.opened.append(log)
    refused("JV400", log, said(stream()))


def a_state_only_gets_newer_and_knows_its_beginning(stage):
    log, one = stage.writer(), stream()
    later = NOON + timedelta(days=1)
    append(log, [said(one), said(one, 2, at=later)], folded=[Folded(one, 2, "{}", None, "active", later)])
    log.commit()
    refused("JV409", log, said(one, 3), folded=[Folded(one, 1, "{}", None, "active", later)])
    assert [found.version for found in load(log, shared=[one.id])] == [2]
    created = "select created_at, updated_at from jovey.states where aggregate_id = :id"
    assert stage.look(created, id=one.id) == [(NOON, later)]


def a_command_is_answered_once(stage):
    log, one = stage.writer(), stream()
    receipt = Receipt(one.id, b"hash", "{}")
    append(log, [said(one)], answered=[receipt])
    log.commit()
    refused("JV411", log, said(one, 2), answered=[receipt])


def a_key_has_one_holder_who_alone_lets_it_go(stage):
    log, one, two = stage.writer(), stream(), stream()
    mine = Claim("key", str(one.id), one.id)
    append(log, [], claims=[mine])
    append(log, [], unclaims=[replace(mine, holder_id=two.id)])
    log.commit()
    refused("JV412", log, claims=[replace(mine, holder_id=two.id)])
    append(log, [], claims=[replace(mine, holder_id=two.id)], unclaims=[mine])


def states_are_locked_in_the_order_of_streams(stage):
    log, other, low, high = stage.writer(), stage.writer(), stream(), stream()
    for ref in (high, low):
        append(log, [said(ref)], folded=[Folded(ref, 1, "{}", None, "active", NOON)])
    log.commit()
    for wish in ("shared", "locked"):
        assert [found.ref for found in load(log, **{wish: [high.id, low.id]})] == [low, high]
    log.rollback()
    other.exec_driver_sql("set lock_timeout = '20ms'")
    load(log, shared=[low.id], locked=[high.id])
    load(other, shared=[low.id])
    for wish in ({"locked": [low.id]}, {"shared": [high.id]}):
        with pytest.raises(DBAPIError) as error, other.begin_nested():
            load(other, **wish)
        assert sqlstate(error.value) == "55P03", wish


def positions_ascend_with_versions_whoever_writes(stage):
    first, second, one = stage.writer(), stage.writer(), stream()
    for version, writer in enumerate((first, second, first), start=1):
        append(writer, [said(one, version)])
        writer.commit()
    by_position = stage.look("select version from jovey.events where aggregate_id = :id order by position", id=one.id)
    assert by_position == [(1,), (2,), (3,)]


def an_event_bears_its_transaction_s_number_also_under_a_savepoint(stage):
    log, older = stage.writer(), stage.writer()
    older.exec_driver_sql("select pg_current_xact_id()")
    for others in COMPANY:
        one = stream()
        with log.begin_nested():
            told = append(log, [said(one), *beside(others)]).transaction_id
        number = log.execute(text("select pg_current_xact_id()::text::bigint")).scalar_one()
        log.commit()
        found = stage.look("select transaction_id::text::bigint from jovey.events where aggregate_id = :id", id=one.id)
        assert (told, found) == (number, [(number,)])


def the_log_only_grows(stage):
    for mode in ("origin", "replica"):
        for statement in (
            "update jovey.events set created_by = 'me'",
            "delete from jovey.events",
            "truncate jovey.events",
        ):
            with stage.superuser.connect() as superuser:
                superuser.execute(text(f"set session_replication_role = {mode}"))
                with pytest.raises(DBAPIError) as error:
                    superuser.execute(text(statement))
            assert sqlstate(error.value) == "JV403", statement


def the_writers_role_needs_no_right_but_to_call(stage):
    append(stage.writer(), [said(stream())])


def the_caller_s_own_tables_do_not_stand_in_for_the_log_s(stage):
    log, one = stage.writer(), stream()
    log.exec_driver_sql("create temp table events as select * from jovey.visible_events limit 0")
    append(log, [said(one)])
    assert log.exec_driver_sql("select count(*) from pg_temp.events").scalar_one() == 0
    log.rollback()


def every_event_is_in_one_cut(stage):
    """Late ones, ones in flight at either cut, one whose number is the boundary's, ones that come before the read."""
    late, around, straggler, quick = (stage.writer() for _ in range(4))
    refs = [stream() for _ in range(5)]
    late.exec_driver_sql("select pg_current_xact_id()")
    append(around, [said(refs[0])])
    append(quick, [said(refs[1])])
    quick.commit()
    cuts = [cut_and_next(stage, quick, refs[2])]
    append(straggler, [said(refs[3])])
    append(quick, [said(stream())])  # the straggler's number is below the next cut's boundary
    quick.commit()
    append(late, [said(refs[4])])
    late.commit()
    cuts.append(present(stage))
    straggler.commit()  # after the cut and before it is read
    batches = [batch(stage, *cuts, refs)]
    around.commit()
    cuts.append(present(stage))
    batches.append(batch(stage, *cuts[1:], refs))
    assert batches == [[refs[2].id, refs[4].id], [refs[0].id, refs[3].id]]


def cut_and_next(stage: Stage, writer: Connection, ref: Ref) -> Snapshot:
    """A cut, and an event whose transaction's number is the first beyond it."""
    for _ in range(CUTS_TRIED):
        cut = present(stage)
        number = append(writer, [said(ref)]).transaction_id
        if number == cut.xmax:
            writer.commit()
            return cut
        writer.rollback()  # another database of the server took that number
    raise AssertionError(f"{CUTS_TRIED} times somebody else's transaction came first")


def present(stage: Stage) -> Snapshot:
    return tail.head(stage.reading)


def batch(stage: Stage, seen: Snapshot, until: Snapshot, refs: list[Ref]) -> list[object]:
    condition = f"aggregate_id = any(:ids) and ({stage.between(seen, until)})"
    rows = stage.look(
        f"select aggregate_id from jovey.events where {condition} order by position", ids=[r.id for r in refs]
    )
    return [row[0] for row in rows]


def a_cut_is_on_disk_before_it_is_used(stage):
    """With everything a commit without waiting (synchronous_commit off) has written up to it."""
    log = stage.writer()
    log.exec_driver_sql("set synchronous_commit = off")
    for _ in range(FLUSH_LOOKS):
        append(log, [said(stream())])
        log.commit()
        [(written,)] = stage.look("select pg_current_wal_insert_lsn()")
        tail.take_cut(stage.reading, "mutants", None)
        assert stage.look(f"select pg_current_wal_flush_lsn() >= '{written}'::pg_lsn") == [(True,)]


def a_reader_s_place_is_on_record(stage):
    cut = tail.take_cut(stage.reading, "place", None)
    cut = tail.take_cut(stage.reading, "place", cut)
    [found] = stage.look(
        "select snapshot::text, timeline_id, system_identifier from jovey.tail_cuts where consumer = 'place'"
    )
    assert Cut(Snapshot.parse(found[0]), found[1], found[2]) == cut


# --- the log broken on purpose ---


@dataclass(frozen=True)
class Mutant:
    """A change of the SQL that lets a promise be broken, and the check that has to notice.

    `where` is a function of the schema, `between` (the tail's condition), a constant of tail.py, or `ddl`: `new` is
    then executed, and `old` afterwards to mend it. `dies_of` is the SQLSTATE that stands for dying, where one may.
    """

    check: Callable[[Stage], None]
    where: str
    old: str
    new: str
    dies_of: str = "none"

    def __str__(self) -> str:
        return f"{self.where}: {self.old.strip()[:60]!r} becomes {self.new.strip()[:40]!r}"


TRIGGER = """
    drop trigger events_append_only on jovey.events;
    create trigger events_append_only before {verbs} on jovey.events
      for each statement execute function jovey.refuse_mutation();
    alter table jovey.events enable {when} trigger events_append_only;
    alter table jovey.events {removal} trigger events_removal"""  # which refuses a delete once more
SOUND_TRIGGER = TRIGGER.format(verbs="update or delete or truncate", when="always", removal="enable always")
OTHER_TRIGGER = TRIGGER.replace("{removal}", "disable")
SECOND_OF_ONE = "from added;\n      exception when unique"
SECOND_OF_MANY = f"""by u.aggregate_id, u.ordinal
          returning position)
        select count(*), min(position), max(position) into inserted, first_position, last_position {SECOND_OF_ONE}"""
NUMBER = "alter table jovey.events alter column transaction_id set default {}"

MUTANTS = [
    *(
        Mutant(check, "append", old, new)
        for check, old, new in (
            (causes_stand_before_effects_and_locks_are_taken_by_stream, "order by u.aggregate_id, u.ordinal", ""),
            (
                causes_stand_before_effects_and_locks_are_taken_by_stream,
                "by u.aggregate_id, u.ordinal",
                "by u.position",
            ),
            (causes_stand_before_effects_and_locks_are_taken_by_stream, "by u.place),\n", "by u.place desc),\n"),
            (causes_stand_before_effects_and_locks_are_taken_by_stream, "by u.place),\n", "by u.aggregate_id),\n"),
            (an_expected_version_is_the_stream_s_version, "(s.expected > 0 and h.version is null) or", ""),
            (an_expected_version_is_the_stream_s_version, "s.expected > 0 and", "s.expected > 3 and"),
            (an_expected_version_is_the_stream_s_version, "s.expected <> coalesce(h.version, 0)", "false"),
            (an_expected_version_is_the_stream_s_version, "and e.id <> all (p_ids)", "and e.id = any (p_ids)"),
            (
                an_expected_version_is_the_stream_s_version,
                "coalesce(s.expected, (select max(m",
                "coalesce(null, (select max(m",
            ),
            (
                an_expected_version_is_the_stream_s_version,
                "coalesce(s.expected, (select max(e",
                "coalesce(null, (select max(e",
            ),
            (an_expected_version_is_the_stream_s_version, "elsif head > 0 then", "elsif head > 3 then"),
            (an_expected_version_is_the_stream_s_version, "and e.version = head;", "and e.version <= head;"),
            (all_streams_of_a_call_go_in_or_none, "if inserted < n then", "if inserted < 0 then"),
            (an_expected_version_is_the_stream_s_version, "if inserted < n then", "if inserted < n - 1 then"),
            (
                an_expected_version_is_the_stream_s_version,
                "if inserted < n then",
                "if inserted > 0 and inserted < n then",
            ),
            (the_same_events_again_are_one, "elsif known = n then", "elsif false then"),
            (the_same_events_again_are_one, "outcome := 'duplicate';", ""),
            (the_same_events_again_are_one, "        return;", ""),
            (the_same_events_again_are_one, "unique_violation then null", "check_violation then null"),
            (the_same_events_again_are_one, SECOND_OF_ONE, SECOND_OF_ONE.replace("unique", "check")),
            (the_same_events_again_are_one, SECOND_OF_MANY, SECOND_OF_MANY.replace("unique", "check")),
            (an_id_stands_for_one_content, "if same < known then", "if false then"),
            (an_id_stands_for_one_content, " and e.data = u.data", ""),
            (an_id_stands_for_one_content, " and e.aggregate_id = u.aggregate_id)", ")"),
            (an_id_stands_for_one_type, "e.event_type = u.type and ", ""),
            (a_stream_is_of_one_kind, "or h.aggregate_type <> s.type", ""),
            (a_stream_is_of_one_kind, "if kind <> p_stream_types[1] then", "if false then"),
            (a_stream_is_of_one_kind, "if broken.head_type <> broken.type then", "if false then"),
            (whoever_expects_nothing_gets_the_next_version, "(select max(e.version)", "(select min(e.version)"),
            (whoever_expects_nothing_gets_the_next_version, "heads.version + u.ordinal", "heads.version + 1"),
            (whoever_expects_nothing_gets_the_next_version, "head + u.ordinal", "head + 1"),
            (whoever_expects_nothing_gets_the_next_version, "by e.version desc limit 1;", "by e.version limit 1;"),
            (whoever_expects_nothing_gets_the_next_version, "head := coalesce(head, 0)", "head := 0"),
            (whoever_expects_nothing_waits_for_the_other, "array_position(p_expected, null) is not null", "false"),
            (
                whoever_expects_nothing_waits_for_the_other,
                "xact_lock(hashtextextended(s",
                "xact_lock_shared(hashtextextended(s",
            ),
            (
                whoever_expects_nothing_waits_for_the_other,
                "xact_lock(hashtextextended(p",
                "xact_lock_shared(hashtextextended(p",
            ),
            (two_who_expect_nothing_cannot_wait_for_one_another, "where u.expected is null order by u.id", ""),
            (no_version_is_left_out, "or o.ordinal is distinct from o.due", ""),
            (no_version_is_left_out, "where u.ordinal = u.place", ""),
            (no_version_is_left_out, "if streams = 1 and p_ordinals", "if false and p_ordinals"),
            (a_command_is_answered_once, "if n > 0 and outcome is null then", "if n > 0 then"),
            (an_expected_version_is_the_stream_s_version, "head = coalesce(known, 0) and", ""),
            (a_malformed_call_is_refused, "p_streams[1] is not null and", ""),
            *(
                (a_malformed_call_is_refused, f"cardinality(p_{lists})", "1")
                for lists in ("types", "schema_versions", "effective", "by", "subjects", "causations", "data")
            ),
            (a_stream_is_of_one_kind, " and e.aggregate_type = p_stream_types[1];", ";"),
            (a_malformed_call_is_refused, "p_aggregate_ids = p_streams and", ""),
            (a_malformed_call_is_refused, "and p_ordinals = array[1]", ""),
            (append_runs_at_read_committed, "and current_setting('transaction_isolation') = 'read committed'", ""),
            *(
                (a_malformed_call_is_refused, f"{lists},", "")
                for lists in ("p_state_ids", "p_commands", "p_claim_scopes", "p_unclaim_scopes")
            ),
            (
                an_event_bears_its_transaction_s_number_also_under_a_savepoint,
                "events.transaction_id, '",
                "'3'::xid8, '",
            ),
            (positions_ascend_with_versions_whoever_writes, "head + 1, p_schema", "head + 2, p_schema"),
            (a_malformed_call_is_refused, ") <> streams", ") < 0"),
            (a_malformed_call_is_refused, "s.id is null or", ""),
            (a_malformed_call_is_refused, "p_streams[1] = all (p_aggregate_ids)", "true"),
            (
                a_malformed_call_is_refused,
                "p_streams[1] = all (p_aggregate_ids)",
                "p_streams[1] = any (p_aggregate_ids)",
            ),
            (a_malformed_call_is_refused, "and (n = 0) = (streams = 0)", ""),
            (a_malformed_call_is_refused, ", cardinality(p_expected)]", "]"),
            (a_malformed_call_is_refused, ", cardinality(p_metadata)]", "]"),
            (a_malformed_call_is_refused, ", cardinality(p_metadata)])\n       and (n", "])\n       and (n"),
            *(
                (a_malformed_call_is_refused, f"and coalesce(cardinality({lists}), 0) = all", "or 0 <= all")
                for lists in ("p_state_ids", "p_commands", "p_claim_scopes", "p_unclaim_scopes")
            ),
            (append_runs_at_read_committed, "<> 'read committed'", "= 'none'"),
            (a_state_only_gets_newer_and_knows_its_beginning, "where s.version < excluded.version", ""),
            (a_state_only_gets_newer_and_knows_its_beginning, "inserted < cardinality(p_state_ids)", "false"),
            (a_state_only_gets_newer_and_knows_its_beginning, "coalesce(first.effective, u.at)", "u.at"),
            (a_command_is_answered_once, "inserted < cardinality(p_commands)", "false"),
            (a_key_has_one_holder_who_alone_lets_it_go, "where c.aggregate_id <> u.id", "where false"),
            (a_key_has_one_holder_who_alone_lets_it_go, " and c.aggregate_id = u.id", ""),
            (a_key_has_one_holder_who_alone_lets_it_go, "cardinality(p_unclaim_scopes) > 0", "false"),
            (an_event_bears_its_transaction_s_number_also_under_a_savepoint, "pg_current_xact_id()", "'3'::xid8"),
        )
    ),
    *(
        Mutant(states_are_locked_in_the_order_of_streams, "load", old, new)
        for old, new in (
            ("order by s.aggregate_id for share", "for share"),
            ("order by s.aggregate_id for update", "for update"),
            ("for share", ""),
            ("for update", "for share"),
            ("for share", "for update"),
        )
    ),
    Mutant(the_writers_role_needs_no_right_but_to_call, "append", "SECURITY DEFINER", "", dies_of="42501"),
    Mutant(
        the_caller_s_own_tables_do_not_stand_in_for_the_log_s,
        "append",
        "SET search_path TO 'jovey', 'pg_temp'",
        "SET search_path TO 'pg_temp', 'jovey'",
        dies_of="42501",
    ),
    *(
        Mutant(check, "ddl", mended, broken)
        for check, mended, broken in (
            (
                positions_ascend_with_versions_whoever_writes,
                "alter sequence jovey.events_position_seq cache 1",
                "alter sequence jovey.events_position_seq cache 50",
            ),
            (the_log_only_grows, SOUND_TRIGGER, OTHER_TRIGGER.format(verbs="update or delete", when="always")),
            (the_log_only_grows, SOUND_TRIGGER, OTHER_TRIGGER.format(verbs="update or truncate", when="always")),
            (the_log_only_grows, SOUND_TRIGGER, OTHER_TRIGGER.format(verbs="delete or truncate", when="always")),
            (the_log_only_grows, SOUND_TRIGGER, OTHER_TRIGGER.format(verbs="update or delete or truncate", when="")),
            (
                an_event_bears_its_transaction_s_number_also_under_a_savepoint,
                NUMBER.format("pg_current_xact_id()"),
                NUMBER.format("pg_snapshot_xmin(pg_current_snapshot())::text::bigint::text::xid8"),
            ),
        )
    ),
    *(
        Mutant(every_event_is_in_one_cut, "between", old, new)
        for old, new in (
            ("transaction_id >= ", "transaction_id > "),
            ("transaction_id >= ", "transaction_id <= "),
            ("transaction_id < ", "transaction_id > "),
            (" or transaction_id = any (", " or false and transaction_id = any ("),
            (" and pg_visible_in_snapshot", " or pg_visible_in_snapshot"),
            (" and pg_visible_in_snapshot(", " or false and pg_visible_in_snapshot("),
        )
    ),
    Mutant(
        a_cut_is_on_disk_before_it_is_used,
        "_REMEMBER",
        "*",
        "select :consumer, :snapshot, :timeline_id, :system_identifier",
    ),
    Mutant(a_cut_is_on_disk_before_it_is_used, "_DURABLY", "synchronous_commit = on", "synchronous_commit = off"),
    Mutant(a_reader_s_place_is_on_record, "_REMEMBER", "snapshot = excluded.snapshot,", ""),
]
CHECKS = list(dict.fromkeys(mutant.check for mutant in MUTANTS))


@pytest.fixture
def stage(scratch, eventually) -> Iterator[Stage]:
    """Roles as in production, over a server that finds a deadlock at once."""

    def engine(role: str | None = None) -> Engine:
        conninfo = scratch.libpq(role, deadlock_timeout="20", lock_timeout="5000")
        return sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo))

    stage = Stage(engine("jovey_append"), engine("jovey_tail"), engine(), eventually)
    yield stage
    stage.close()
    for one in (stage.appending, stage.reading, stage.superuser):
        one.dispose()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_log_keeps_the_promise(stage, check):
    check(stage)


@pytest.mark.parametrize("mutant", MUTANTS, ids=[f"{place} {mutant}" for place, mutant in enumerate(MUTANTS)])
def test_a_log_broken_on_purpose_is_noticed(stage, scratch, mutant, monkeypatch):
    with broken(stage, scratch, mutant, monkeypatch):
        with pytest.raises((AssertionError, pytest.fail.Exception, DBAPIError)) as noticed:
            mutant.check(stage)
        stage.close()
    code = (sqlstate(noticed.value) or "") if isinstance(noticed.value, DBAPIError) else ""
    assert not code.startswith(NONSENSE) or code == mutant.dies_of, f"no mutant, but nonsense: {noticed.value}"


@contextmanager
def broken(stage: Stage, scratch: Database, mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the mutant in place of the sound SQL, and the sound one back."""
    if mutant.where == "between":
        stage.between = lambda seen, until: mutated(tail.between(seen, until), mutant, optional=True)
        yield
    elif mutant.where.startswith("_"):
        sound = str(getattr(tail, mutant.where))
        monkeypatch.setattr(tail, mutant.where, text(mutant.new if mutant.old == "*" else mutated(sound, mutant)))
        yield
    else:
        with psycopg.connect(scratch.libpq(), autocommit=True) as owner:
            source = f"select pg_get_functiondef(oid) from pg_proc where proname = '{mutant.where}'"
            mended, wrong = mutant.old, mutant.new
            if mutant.where != "ddl":
                [(mended,)] = owner.execute(source).fetchall()
                wrong = mutated(mended, mutant)
            owner.execute(wrong)
            try:
                yield
            finally:
                owner.execute(mended)


def mutated(sound: str, mutant: Mutant, *, optional: bool = False) -> str:
    assert optional or mutant.old in sound, "the SQL has changed: bring this mutant up to date"
    return sound.replace(mutant.old, mutant.new, 1)

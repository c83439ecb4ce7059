"""Mending: streams that are not stored as they fold are put right, a few at a time, while commands go on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import reduce
from itertools import islice
from operator import add
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from api.parity import Compared, unlike
from api.refold import EVERYTHING, Refolded, Span, refold_some
from warehouse.log.append import sqlstate

MENDED_TOGETHER = 200  # streams whose commands wait for one short transaction
_ATTEMPTS_MAX = 5
_DEADLOCK = "40P01"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was put right: rows of states written or taken away, and claims written or taken away."""

    states_written: int = 0
    states_removed: int = 0
    claims_written: int = 0
    claims_removed: int = 0

    def __add__(self, other: Rebuilt) -> Rebuilt:
        return Rebuilt(
            self.states_written + other.states_written,
            self.states_removed + other.states_removed,
            self.claims_written + other.claims_written,
            self.claims_removed + other.claims_removed,
        )


def rebuild(reader: Connection, writers: Engine, span: Span = EVERYTHING) -> Rebuilt:
    """Make jovey.states and jovey.unique_claims what the log says of a span; what is right is left alone.

    The reader stands in a REPEATABLE READ transaction and takes no lock; `writers`, as jovey_owner, lock only streams
    that are wrong, MENDED_TOGETHER at a time, and commit each time: killed anywhere, what was mended stays mended.
    Raises UnreadableFact, and IntegrityError when two streams fold to one natural key.
    """
    done = Rebuilt()
    with closing(unlike(reader, span)) as found:
        while wrong := list(islice(found, MENDED_TOGETHER)):
            done += mend(writers, wrong)
    return done


def mend(writers: Engine, wrong: Iterable[Compared]) -> Rebuilt:
    """Put the given streams right, each as its events say at the moment its row is locked."""
    folded = {one.ref.id: one.refolded for one in wrong}
    done, missing = _written(writers, folded)
    if not missing:
        return done
    # somebody else is written down as the holder of a key: unless they hold it by right, theirs is put right first
    holders, _ = _written(writers, dict.fromkeys(_holders(writers, missing)))
    return reduce(add, (done, holders, _claimed(writers, missing)))


_Claimed = tuple[str, str, UUID]


def _written(writers: Engine, folded: Mapping[UUID, Refolded | None]) -> tuple[Rebuilt, list[_Claimed]]:
    """Write the streams in one transaction; what was written, and the claims that others are in the way of."""
    for attempt in range(1, _ATTEMPTS_MAX + 1):
        try:
            with writers.begin() as connection:
                return _write(connection, folded)
        except OperationalError as error:  # a command that locks in another order; it decides again as well
            if sqlstate(error) != _DEADLOCK or attempt == _ATTEMPTS_MAX:
                raise
    raise AssertionError("the last attempt returns or raises")


def _write(connection: Connection, folded: Mapping[UUID, Refolded | None]) -> tuple[Rebuilt, list[_Claimed]]:
    ids = sorted(folded)
    locked = connection.execute(_LOCK, {"ids": ids}).scalars().all()
    fresh = _as_of_now(connection, folded)
    gone = [id for id in ids if id not in fresh]
    claims = [(scope, key, one.ref.id) for one in fresh.values() for scope, key in sorted(one.claims)]
    claims_removed = connection.execute(_UNCLAIM, {"ids": ids, **_columns(claims)}).rowcount
    states_removed = connection.execute(_REMOVE, {"ids": gone}).rowcount
    states_written = _upsert(connection, list(fresh.values()), locked)
    claims_written = connection.execute(_CLAIM, _columns(claims)).rowcount
    missing = [tuple(row) for row in connection.execute(_MISSING, _columns(claims))]
    return Rebuilt(states_written, states_removed, claims_written, claims_removed), missing


def _as_of_now(connection: Connection, folded: Mapping[UUID, Refolded | None]) -> dict[UUID, Refolded]:
    """The streams folded to their present heads; those that have moved since, or were not folded, are folded anew."""
    heads = {row.id: row.head for row in connection.execute(_HEADS, {"ids": list(folded)})}
    still = {id: one for id, one in folded.items() if one is not None and heads.get(id) == one.version}
    moved = heads.keys() - still.keys()
    with closing(refold_some(connection, moved)) as anew:
        return still | {one.ref.id: one for one in anew}


def _upsert(connection: Connection, streams: Sequence[Refolded], locked: Collection[UUID]) -> int:
    values = {
        "ids": [one.ref.id for one in streams],
        "types": [one.ref.stream for one in streams],
        "versions": [one.version for one in streams],
        "states": [one.state for one in streams],
        "owners": [one.owner_id for one in streams],
        "statuses": [one.status for one in streams],
        "began": [one.created_at for one in streams],
        "moved": [one.updated_at for one in streams],
        "locked": list(locked),
    }
    return connection.execute(_UPSERT, values).rowcount


def _holders(writers: Engine, claims: Sequence[_Claimed]) -> Iterator[UUID]:
    with writers.connect() as connection:
        return iter(connection.execute(_HOLDERS, _columns(claims)).scalars().all())


def _claimed(writers: Engine, claims: Sequence[_Claimed]) -> Rebuilt:
    """Write claims; whoever still holds one does so by right, and the key's constraint says so."""
    with writers.begin() as connection:
        return Rebuilt(claims_written=connection.execute(_CLAIM_OR_FAIL, _columns(claims)).rowcount)


def _columns(claims: Sequence[_Claimed]) -> dict[str, list[object]]:
    return {
        "scopes": [scope for scope, _, _ in claims],
        "keys": [key for _, key, _ in claims],
        "holders": [holder for _, _, holder in claims],
    }


_GIVEN = "unnest(cast(:scopes as varchar[]), cast(:keys as text[]), cast(:holders as uuid[])) as g(scope, key, id)"
_LOCK = text("""
    select aggregate_id from jovey.states where aggregate_id = any(cast(:ids as uuid[])) order by aggregate_id
    for update""")
_HEADS = text("""
    select aggregate_id as id, max(version) as head from jovey.events
    where aggregate_id = any(cast(:ids as uuid[])) group by 1""")
_REMOVE = text("delete from jovey.states where aggregate_id = any(cast(:ids as uuid[]))")
# a row that came in since the locks were taken is its writer's own
_UPSERT = text("""
    insert into jovey.states as s
      (aggregate_id, aggregate_type, version, state, owner_id, status, created_at, updated_at)
    select u.id, u.type, u.version, u.state::jsonb, u.owner_id, u.status, u.began, u.moved
    from unnest(cast(:ids as uuid[]), cast(:types as varchar[]), cast(:versions as integer[]), cast(:states as text[]),
                cast(:owners as uuid[]), cast(:statuses as varchar[]), cast(:began as timestamptz[]),
                cast(:moved as timestamptz[]))
         as u(id, type, version, state, owner_id, status, began, moved)
    order by u.id
    on conflict (aggregate_id) do update set
      aggregate_type = excluded.aggregate_type, version = excluded.version, state = excluded.state,
      owner_id = excluded.owner_id, status = excluded.status, created_at = excluded.created_at,
      updated_at = excluded.updated_at
    where s.aggregate_id = any(cast(:locked as uuid[]))
      and (s.aggregate_type, s.version, s.state, s.owner_id, s.status, s.created_at, s.updated_at) is distinct from
          (excluded.aggregate_type, excluded.version, excluded.state, excluded.owner_id, excluded.status,
           excluded.created_at, excluded.updated_at)""")
_UNCLAIM = text(f"""
    delete from jovey.unique_claims c where c.aggregate_id = any(cast(:ids as uuid[]))
      and not exists (select from {_GIVEN} where (g.scope, g.key, g.id) = (c.scope, c.key, c.aggregate_id))""")
_CLAIM = text(f"""
    insert into jovey.unique_claims (scope, key, aggregate_id) select g.scope, g.key, g.id from {_GIVEN}
    order by g.scope, g.key on conflict do nothing""")
_CLAIM_OR_FAIL = text(f"""
    insert into jovey.unique_claims (scope, key, aggregate_id) select g.scope, g.key, g.id from {_GIVEN}
    order by g.scope, g.key""")
_MISSING = text(f"""
    select g.scope, g.key, g.id from {_GIVEN} join jovey.unique_claims c using (scope, key)
    where c.aggregate_id <> g.id""")
_HOLDERS = text(f"select distinct c.aggregate_id from {_GIVEN} join jovey.unique_claims c using (scope, key)")

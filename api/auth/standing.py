"""Standing: whether the sessions that hold something open still stand, asked for all of them at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine, text

from api.actor import Actor
from api.auth.sessions import person_behind
from api.auth.tokens import Claims
from api.refusals import Unauthenticated


@dataclass(frozen=True, slots=True)
class Admission:
    """By which session somebody came in, and which version of the person: another may have other rights."""

    session_id: UUID
    person_version: int


def admitted(engine: Engine, claims: Claims, by: Actor, at: datetime) -> Admission:
    """The admission that a session gives now; raises Unauthenticated when it is over, or no longer that of `by`.

    The version is read first: what changes after it, over() finds.
    """
    with engine.connect() as connection:
        version = connection.execute(_VERSION, {"person_id": claims.person_id}).scalar_one_or_none()
        person = person_behind(connection, claims, at)
    if version is None or person is None or person.actor != by:
        raise Unauthenticated("session_over", "This session is over, or was changed; sign in again.")
    return Admission(claims.session_id, version)


def over(engine: Engine, admissions: Collection[Admission], at: datetime) -> frozenset[Admission]:
    """Those whose session ended, or whose person changed. One query for all."""
    asked = {"session_ids": [one.session_id for one in admissions], "at": at}
    if not admissions:
        return frozenset()
    with engine.connect() as connection:
        standing = {Admission(row.id, row.version) for row in connection.execute(_STANDING, asked)}
    return frozenset(admissions) - standing


_VERSION = text("select version from jovey.peek(array[cast(:person_id as uuid)])")
_STANDING = text("""
    select session.id, person.version
      from jovey.sessions session
      join jovey.peek(array(select person_id from jovey.sessions where id = any(:session_ids))) person
        on person.aggregate_id = session.person_id
     where session.id = any(:session_ids) and session.revoked_at is null and session.expires_at > :at""")

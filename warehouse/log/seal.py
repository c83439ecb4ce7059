"""Seals: for each cut of the log a signed Merkle root that names its predecessor, so that no row can be changed unseen.

What a seal says can be checked with SHA-256 and Ed25519 alone; docs/guides/check_seal_proof.py does. Record 23.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, text

from warehouse.log.merkle import HASH_BYTES
from warehouse.log.position import Snapshot
from warehouse.log.tail import between

FORM = 1  # of the statement and of the leaves; grows when either changes, and old seals keep theirs
FIRST_PREVIOUS = bytes(HASH_BYTES)  # what the first seal names as its predecessor
LEAVES_PER_ROW = 8_192  # entries in one row of jovey.seal_leaves: 0.7 MB

LEAF_FIELDS = {
    "position": "position",
    "transaction_id": "transaction_id::text",
    "aggregate_id": "aggregate_id",
    "id": "id",
    "created_at": "created_at at time zone 'UTC'",
    "effective_at": "effective_at at time zone 'UTC'",
    "version": "version",
    "schema_version": "schema_version",
    "event_type": "event_type",
    "aggregate_type": "aggregate_type",
    "created_by": "created_by",
    "subject_id": "subject_id",
    "correlation_id": "correlation_id",
    "causation_id": "causation_id",
    "data": "data",
    "metadata": "metadata",
}
"""Column -> what stands for it in a leaf, in this order: a JSON array as PostgreSQL writes it, in UTF-8."""
LEAF = f"pg_catalog.json_build_array({', '.join(LEAF_FIELDS.values())})::text"

# The hashing is spelled out here and not a function of the database: that, an intruder could replace.
_MARK_BYTES = 2
MARKS = tuple(name for name in LEAF_FIELDS if name not in {"position", "id"})
"""The columns of which an entry keeps the first two bytes of their SHA-256: to say later which of them changed."""
MARK = " || ".join(
    f"substr(pg_catalog.sha256(pg_catalog.convert_to(coalesce({name}::text, ''), 'UTF8')), 1, {_MARK_BYTES})"
    for name in MARKS
)
ENTRY = (
    "pg_catalog.int8send(position) || pg_catalog.uuid_send(id) || "
    rf"pg_catalog.sha256('\x00'::bytea || pg_catalog.convert_to({LEAF}, 'UTF8'))"
)
"""Position, id and leaf hash of an event, as bytes."""
ENTRY_BYTES = 8 + 16 + HASH_BYTES
MARKED_BYTES = ENTRY_BYTES + _MARK_BYTES * len(MARKS)


@dataclass(frozen=True, slots=True)
class Seal:
    """What was sealed: the `events` that `until` holds and `seen` does not, in the order of their positions."""

    number: int
    seen: Snapshot
    until: Snapshot
    events: int
    root: bytes
    previous: bytes
    sealed_at: datetime
    public_key: bytes
    signature: bytes = b""
    form: int = FORM

    @property
    def statement(self) -> bytes:
        """What is signed."""
        said = {
            "jovey_seal": self.form,
            "number": self.number,
            "seen": str(self.seen),
            "until": str(self.until),
            "events": self.events,
            "root": self.root.hex(),
            "previous": self.previous.hex(),
            "sealed_at": self.sealed_at.astimezone(UTC).isoformat(),
            "public_key": self.public_key.hex(),
        }
        return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()

    @property
    def hash(self) -> bytes:
        """The hash that the next seal names, and that is worth writing down elsewhere."""
        return sha256(self.statement).digest()

    @classmethod
    def parse(cls, statement: str, signature: str) -> Seal:
        """Read a statement and its hexadecimal signature; raises ValueError or KeyError when they are none."""
        said = json.loads(statement)
        return cls(
            number=said["number"],
            seen=Snapshot.parse(said["seen"]),
            until=Snapshot.parse(said["until"]),
            events=said["events"],
            root=bytes.fromhex(said["root"]),
            previous=bytes.fromhex(said["previous"]),
            sealed_at=datetime.fromisoformat(said["sealed_at"]),
            public_key=bytes.fromhex(said["public_key"]),
            signature=bytes.fromhex(signature),
            form=said["jovey_seal"],
        )


def stored_seals(connection: Connection) -> Iterator[Seal]:
    """The seals of the log, first one first."""
    for row in connection.execute(text(f"select {_COLUMNS} from jovey.seals order by number")):
        yield _seal(row)


def last_seal(connection: Connection) -> Seal | None:
    """The newest seal of the log."""
    row = connection.execute(text(f"select {_COLUMNS} from jovey.seals order by number desc limit 1")).one_or_none()
    return None if row is None else _seal(row)


def entries(connection: Connection, seal: Seal, *, marked: bool = False) -> Iterator[bytes]:
    """The events of a seal's cut as they stand in the log now: ENTRY, with MARK behind it if asked.

    Those that were removed are among them as long as they are unpacked.
    """
    wanted = f"{ENTRY} || {MARK}" if marked else ENTRY
    query = text(f"select {wanted} from jovey.history where {between(seal.seen, seal.until)} order by position")
    with connection.execute(query, execution_options={"yield_per": LEAVES_PER_ROW}) as rows:
        yield from rows.scalars()


def kept_entries(connection: Connection, seal: Seal) -> Iterator[bytes]:
    """The events of a seal's cut as they were when it was made: ENTRY and MARK, from jovey.seal_leaves."""
    query = text("select leaves from jovey.seal_leaves where number = :number order by place")
    with connection.execute(query, {"number": seal.number}, execution_options={"yield_per": 1}) as rows:
        for leaves in rows.scalars():
            yield from (bytes(leaves[at : at + MARKED_BYTES]) for at in range(0, len(leaves), MARKED_BYTES))


_COLUMNS = (
    "number, cut_from::text as seen, cut_to::text as until, event_count, merkle_root, previous_hash, sealed_at, "
    "public_key, signature, form"
)


def _seal(row: Any) -> Seal:
    return Seal(
        number=row.number,
        seen=Snapshot.parse(row.seen),
        until=Snapshot.parse(row.until),
        events=row.event_count,
        root=bytes(row.merkle_root),
        previous=bytes(row.previous_hash),
        sealed_at=row.sealed_at,
        public_key=bytes(row.public_key),
        signature=bytes(row.signature),
        form=row.form,
    )

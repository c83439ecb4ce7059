"""The proof that one event was sealed as it is: its leaf, the path to the root, and the signed seal."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from warehouse.log.merkle import HASH_BYTES, leaf_hash, path
from warehouse.log.seal import ENTRY_BYTES, LEAF, Seal, kept_entries, stored_seals


class NoProof(Exception):
    """The event cannot be proved to have been sealed; the message says why."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What convinces somebody who trusts the public key alone; docs/guides/check_seal_proof.py checks it."""

    leaf: str
    index: int
    path: tuple[bytes, ...]
    seal: Seal

    def as_json(self) -> dict[str, object]:
        """The proof as it is handed out: hashes in hexadecimal, leaf and statement to the byte as they were hashed."""
        return {
            "leaf": self.leaf,
            "index": self.index,
            "path": [sibling.hex() for sibling in self.path],
            "statement": self.seal.statement.decode(),
            "signature": self.seal.signature.hex(),
        }


def prove_event(connection: Connection, event_id: UUID) -> Proof:
    """Prove that the event stands in the log as it was sealed; reads the leaves of its seal. Raises NoProof."""
    query = text(f"select {LEAF} as leaf, transaction_id::text as transaction_id from jovey.history where id = :id")
    row = connection.execute(query, {"id": event_id}).one_or_none()
    if row is None:
        archived = connection.execute(text("select jovey.archived_events()")).scalar_one()
        elsewhere = f", unless it is one of the {archived:,} in the archive: jovey unpack, and ask again"
        raise NoProof(f"There is no event {event_id}{elsewhere if archived else ''}.")
    seal = _holder(connection, int(row.transaction_id))
    if seal is None:
        raise NoProof(f"Event {event_id} is newer than the newest seal; seal first: jovey seal.")
    kept = list(kept_entries(connection, seal))
    leaves = [entry[ENTRY_BYTES - HASH_BYTES : ENTRY_BYTES] for entry in kept]
    leaf = leaf_hash(row.leaf.encode())
    index = next((at for at, entry in enumerate(kept) if entry[8:24] == event_id.bytes), None)
    if index is None or leaves[index] != leaf:
        raise NoProof(f"Event {event_id} is not as seal {seal.number} holds it: jovey verify tells what differs.")
    return Proof(row.leaf, index, tuple(path(leaves, index)), seal)


def _holder(connection: Connection, transaction_id: int) -> Seal | None:
    """The first seal whose cut holds that transaction."""
    return next((one for one in stored_seals(connection) if one.until.includes(transaction_id)), None)

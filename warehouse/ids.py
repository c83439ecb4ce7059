"""Identifiers: new ones by time (UUIDv7), derived ones by content (UUIDv8): a retry says the same thing twice."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from functools import lru_cache
from uuid import UUID

_TIME_BITS = 48


def new_id(at: datetime) -> UUID:
    """A UUIDv7 of the given instant (RFC 9562 §5.7): sorts by millisecond, random behind it."""
    milliseconds = int(at.timestamp() * 1000)
    return _stamped(milliseconds, os.urandom(10), version=7)


def derived(parent: UUID, *names: str | int) -> UUID:
    """A UUIDv8 that is a function of its parent and names; the parent's 48-bit time prefix keeps indexes local."""
    digest = hashlib.blake2b(_joined(names), key=parent.bytes, digest_size=10).digest()
    return _stamped(parent.int >> (128 - _TIME_BITS), digest, version=8)


@lru_cache(maxsize=100_000)  # a large order asks for the ids of its stocks and products a dozen times
def named(kind: str, *names: str | int) -> UUID:
    """A UUIDv8 that is a function of a natural key: `named("product", sku)` is that product's id everywhere."""
    digest = hashlib.blake2b(_joined(names), person=kind.encode()[:16], digest_size=16).digest()
    return _stamped(int.from_bytes(digest[:6]), digest[6:], version=8)


def derived_at(at: datetime, *names: str | int) -> UUID:
    """A UUIDv8 that is a function of an instant (its time prefix) and names: command ids of replays and demos."""
    digest = hashlib.blake2b(_joined(names), person=b"at", digest_size=10).digest()
    return _stamped(int(at.timestamp() * 1000), digest, version=8)


_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base 32: no I, L, O, U


def short_code(of: UUID, length: int = 8) -> str:
    """`length` Crockford base-32 characters of the id's random part, for numbers that people read aloud."""
    bits = of.int & ((1 << 5 * length) - 1)
    return "".join(_ALPHABET[bits >> 5 * place & 31] for place in reversed(range(length)))


def _joined(names: tuple[str | int, ...]) -> bytes:
    return "\x1f".join(str(name) for name in names).encode()


def _stamped(milliseconds: int, tail: bytes, *, version: int) -> UUID:
    value = milliseconds << 80 | int.from_bytes(tail)
    value = value & ~(0xF << 76) | version << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)

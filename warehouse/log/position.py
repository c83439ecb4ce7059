"""Positions in the log: a snapshot cut as PostgreSQL thinks of it, and the opaque token that the world sees of it."""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass
from itertools import pairwise
from typing import assert_never

_CUT, _WRITE = 1, 2
_IN_FLIGHT_MAX = 10_000  # more than any server's max_connections with room to spare


class InvalidPosition(ValueError):
    """The text is no position token."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A cut through the log: transactions from `xmax` on are not in it, nor those `in_flight` between `xmin` and it."""

    xmin: int
    xmax: int
    in_flight: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Snapshot:
        """Read PostgreSQL's own text of a pg_snapshot, `xmin:xmax:xip,xip,…`."""
        xmin, xmax, in_flight = text.split(":")
        return cls(int(xmin), int(xmax), tuple(int(xid) for xid in in_flight.split(",") if xid))

    def __str__(self) -> str:
        return f"{self.xmin}:{self.xmax}:{','.join(map(str, self.in_flight))}"

    def includes(self, transaction_id: int) -> bool:
        """The cut holds what that transaction wrote, if it committed."""
        return transaction_id < self.xmax and transaction_id not in self.in_flight

    def covers(self, other: Snapshot) -> bool:
        """Every transaction of the other cut is in this one too."""
        missing = (xid for xid in self.in_flight if xid < other.xmax)
        beyond = range(self.xmax, other.xmax)
        waiting = set(other.in_flight)
        return len(beyond) <= len(waiting) and waiting.issuperset(beyond) and waiting.issuperset(missing)


BEGINNING = Snapshot(1, 1)
"""The cut before the first event."""


@dataclass(frozen=True, slots=True)
class Write:
    """The place of one committed write: reached by every cut that includes its transaction."""

    transaction_id: int


Position = Snapshot | Write


def encode(position: Position) -> str:
    """The position as URL-safe text; its content is nobody's business."""
    match position:
        case Snapshot(xmin, xmax, in_flight):
            steps = [xid - before for before, xid in pairwise((xmin, *sorted(in_flight)))]
            body = bytes([_CUT]) + _packed(xmin, xmax - xmin, *steps)
        case Write(transaction_id):
            body = bytes([_WRITE]) + _packed(transaction_id)
        case _:
            assert_never(position)
    sealed = body + zlib.crc32(body).to_bytes(4)
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def decode(token: str) -> Position:
    """The position behind a token; raises InvalidPosition for anything that encode() did not write."""
    try:
        sealed = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise InvalidPosition(f"{token[:40]!r} is no position token.") from error
    body, check = sealed[:-4], sealed[-4:]
    if len(body) < 2 or zlib.crc32(body).to_bytes(4) != check:
        raise InvalidPosition(f"{token[:40]!r} is no position token.")
    numbers = _unpacked(body[1:])
    if body[0] == _WRITE and len(numbers) == 1:
        return Write(numbers[0])
    if body[0] == _CUT and len(numbers) >= 2:
        return _snapshot(*numbers)
    raise InvalidPosition(f"{token[:40]!r} is a position token of another version.")


def is_reached(position: Position, cut: Snapshot) -> bool:
    """The cut holds everything the position asks for: what `X-Jovey-At-Least` waits for."""
    match position:
        case Snapshot():
            return cut.covers(position)
        case Write(transaction_id):
            return cut.includes(transaction_id)
        case _:
            assert_never(position)


def _snapshot(xmin: int, width: int, *steps: int) -> Snapshot:
    in_flight, at = [], xmin
    for step in steps[:_IN_FLIGHT_MAX]:
        at += step
        in_flight.append(at)
    return Snapshot(xmin, xmin + width, tuple(in_flight))


def _packed(*numbers: int) -> bytes:
    """Numbers as base-128 digits, low digit first, the high bit set while more follow."""
    packed = bytearray()
    for number in numbers:
        rest = number
        while rest > 0x7F:
            packed.append(rest & 0x7F | 0x80)
            rest >>= 7
        packed.append(rest)
    return bytes(packed)


def _unpacked(packed: bytes) -> list[int]:
    numbers, number, shift = [], 0, 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number, shift = 0, 0
    return numbers

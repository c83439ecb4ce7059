"""Cart: what somebody means to buy, carried by their own browser under our seal. One cart makes at most one order."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import zlib
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from api.orders.commands import OrderedLine
from warehouse.clock import now
from warehouse.ids import new_id

SKUS_MAX = 50  # so that the sealed cart fits into a cookie of 4 kB
QUANTITY_MAX = 100_000
_SEAL_BYTES = 16
_TEXT_BYTES_MAX = 20_000


@dataclass(frozen=True, slots=True)
class CartLine:
    """So many pieces of a product, and the unit price it was put in at."""

    sku: str
    quantity: int
    seen_price: Decimal


@dataclass(frozen=True, slots=True)
class Cart:
    """Lines in the order they were put in; `removed` can be put back, `ship_to` is the label of an address."""

    id: UUID
    lines: tuple[CartLine, ...] = ()
    removed: CartLine | None = None
    ship_to: str = ""

    @property
    def pieces(self) -> int:
        """How many pieces are in it."""
        return sum(line.quantity for line in self.lines)

    def line(self, sku: str) -> CartLine | None:
        """The line of a product."""
        return next((line for line in self.lines if line.sku == sku), None)

    def with_line(self, line: CartLine) -> Cart:
        """The cart with a product's line as given: in its old place, or last."""
        lines = tuple(line if one.sku == line.sku else one for one in self.lines)
        return replace(self, lines=lines if self.line(line.sku) else (*lines, line), removed=None)

    def without(self, sku: str) -> Cart:
        """The cart without a product, which can be put back."""
        lines = tuple(one for one in self.lines if one.sku != sku)
        return replace(self, lines=lines, removed=self.line(sku) or self.removed)

    def ordered_lines(self) -> tuple[OrderedLine, ...]:
        """The lines as an order takes them."""
        return tuple(OrderedLine(sku=line.sku, quantity=line.quantity) for line in self.lines)


def new_cart() -> Cart:
    """An empty cart with an id of its own."""
    return Cart(new_id(now()))


def sealed_cart(cart: Cart, key: bytes) -> str:
    """The cart as a cookie's value."""
    lines = [[line.sku, line.quantity, str(line.seen_price)] for line in cart.lines]
    removed = cart.removed and [cart.removed.sku, cart.removed.quantity, str(cart.removed.seen_price)]
    text = json.dumps([str(cart.id), lines, removed, cart.ship_to], separators=(",", ":"))
    packed = zlib.compress(text.encode(), 9)
    return base64.urlsafe_b64encode(_seal(packed, key) + packed).decode()


def read_cart(cookie: str, key: bytes) -> Cart:
    """The cart of a cookie; an empty new one without it, or with one that is not ours."""
    try:
        raw = base64.b64decode(cookie, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return new_cart()
    packed = raw[_SEAL_BYTES:]
    if not hmac.compare_digest(raw[:_SEAL_BYTES], _seal(packed, key)):
        return new_cart()
    id, lines, removed, ship_to = json.loads(zlib.decompressobj().decompress(packed, _TEXT_BYTES_MAX))
    return Cart(UUID(id), tuple(map(_line, lines)), removed and _line(removed), ship_to)


def _line(said: list[str | int]) -> CartLine:
    sku, quantity, price = said
    return CartLine(str(sku), int(quantity), Decimal(price))


def _seal(packed: bytes, key: bytes) -> bytes:
    return hmac.new(key, b"cart:" + packed, hashlib.sha256).digest()[:_SEAL_BYTES]

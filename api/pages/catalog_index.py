"""Catalog index: every product on sale with its stock, kept in memory and true at every request.

One probe per request sums the versions of all product and stock streams, on sale or not. A version only grows, and a
commit shows its new versions at once, so the sum differs if and only if something changed, whichever process did it.
Times would not do: a transaction that began earlier may commit later. Nor would the sum of what a visitor may see: one
product that comes on sale may weigh as much as another that goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, text

from api.category.state import PRODUCT, Product
from api.fulfillment.state import STOCK, Stock
from api.reading import Row, found_among
from warehouse.log.tables import states

LOCATION = "main"  # the warehouse that serves the storefront


@dataclass(frozen=True, slots=True)
class Item:
    """A product on sale and its stock; without a stock stream none ever arrived."""

    id: UUID
    product: Product
    stock: Stock | None

    def available(self, at: datetime) -> int:
        """Pieces that an order may have at an instant."""
        return 0 if self.stock is None else max(0, self.stock.available(at))


class Catalog:
    """What one process remembers of the catalog."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: tuple[int, int] | None = None
        self._products: dict[UUID, Row[Product]] = {}
        self._stocks: dict[UUID, Row[Stock]] = {}
        self._items: tuple[Item, ...] = ()

    def items(self, connection: Connection) -> tuple[Item, ...]:
        """Products on sale in the order of their SKUs: one statement, three more after a change.

        The connection reads on behalf of nobody in particular: what is remembered is shown to everybody.
        """
        streams, versions = connection.execute(_PROBE).one()
        with self._lock:
            if (streams, versions) != self._seen:
                self._refresh(connection)
                self._seen = streams, versions  # as probed, before it was read: what came between is read again
            return self._items

    def _refresh(self, connection: Connection) -> None:
        """Read again what changed, and only that."""
        versions = {row.aggregate_id: (row.aggregate_type, row.version) for row in connection.execute(_VERSIONS)}
        for stream, known in ((PRODUCT, self._products), (STOCK, self._stocks)):
            self._bring_up(connection, stream, known, versions)
        stocks = {row.state.product_id: row.state for row in self._stocks.values() if row.state.location == LOCATION}
        on_sale = [row for row in self._products.values() if row.state.is_active]
        items = (Item(row.id, row.state, stocks.get(row.id)) for row in on_sale)
        self._items = tuple(sorted(items, key=lambda item: item.product.sku))

    @staticmethod
    def _bring_up(
        connection: Connection, stream: Any, known: dict[UUID, Row[Any]], versions: dict[UUID, tuple[str, int]]
    ) -> None:
        now_there = {id: version for id, (kind, version) in versions.items() if kind == stream.name}
        for gone in known.keys() - now_there.keys():
            del known[gone]
        changed = [id for id, version in now_there.items() if id not in known or known[id].version != version]
        if changed:
            known.update(found_among(connection, stream, changed))


_PROBE = text("select streams, versions from jovey.catalog_version()")
_VERSIONS = select(states.c.aggregate_id, states.c.aggregate_type, states.c.version).where(
    states.c.aggregate_type.in_((PRODUCT.name, STOCK.name))
)

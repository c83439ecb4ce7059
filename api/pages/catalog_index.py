"""Catalog index: every product on sale with its stock, kept in memory and true at every request.

One probe per request sums the versions of all product and stock streams. A version only grows, and a commit shows its
new versions at once, so the sum differs if and only if something changed, whichever process changed it. Times would not
do: a transaction that began earlier may commit later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, func, select

from api.category.state import PRODUCT, Product
from api.fulfillment.state import STOCK, Stock
from api.reading import Row, found_among
from warehouse.log.tables import states

LOCATION = "main"  # the warehouse that serves the storefront
_KINDS = (PRODUCT.name, STOCK.name)


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
        self._versions: dict[UUID, int] = {}
        self._products: dict[UUID, Row[Product]] = {}
        self._stocks: dict[UUID, Row[Stock]] = {}
        self._items: tuple[Item, ...] = ()

    def items(self, connection: Connection) -> tuple[Item, ...]:
        """Products on sale in the order of their SKUs: one statement, three more after a change."""
        seen = connection.execute(_PROBE).one()
        with self._lock:
            if tuple(seen) != (len(self._versions), sum(self._versions.values())):
                self._refresh(connection)
            return self._items

    def _refresh(self, connection: Connection) -> None:
        """Read again what changed, and only that."""
        versions = {row.aggregate_id: (row.aggregate_type, row.version) for row in connection.execute(_VERSIONS)}
        for stream, known in ((PRODUCT, self._products), (STOCK, self._stocks)):
            self._bring_up(connection, stream, known, versions)
        rows: list[Row[Any]] = [*self._products.values(), *self._stocks.values()]
        self._versions = {row.id: row.version for row in rows}
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


def _of_the_catalog() -> ColumnElement[bool]:
    return states.c.aggregate_type.in_(_KINDS)


_PROBE = select(func.count(), func.coalesce(func.sum(states.c.version), 0)).where(_of_the_catalog())
_VERSIONS = select(states.c.aggregate_id, states.c.aggregate_type, states.c.version).where(_of_the_catalog())

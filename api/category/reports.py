"""What the catalog asks of the lake: which products sell best."""

from __future__ import annotations

from datetime import datetime

from warehouse.lake.attach import LakeMissing
from warehouse.lake.read import Reader

_READS = frozenset({"orders"})
BEST_SELLERS_MAX = 1_000


def best_sellers(lake: Reader, since: datetime) -> tuple[str, ...]:
    """SKUs by the number of orders since an instant that hold them, the most first; none while there is no lake."""
    try:
        answer = lake.query(_BEST_SELLERS, {"since": since, "most": BEST_SELLERS_MAX}, functions=_READS)
    except LakeMissing:
        return ()
    return tuple(answer.frame["sku"])


_BEST_SELLERS = """
    select sku from orders.order_items where kind = 'product' and created_at >= $since
     group by sku order by count(distinct order_id) desc, sku limit $most"""

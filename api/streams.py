"""THE table of streams: every kind there is, by name. Who only folds imports no more; functions.py has the rules."""

from __future__ import annotations

from typing import Any

from api.agents.state import DECISION, DOCKET, MODEL_CALL
from api.category.state import MARKET, PRICE_LIST, PRODUCT
from api.customers.state import CUSTOMER, STAFF_MEMBER
from api.fulfillment.state import RETURN, SHIPMENT, STOCK
from api.orders.state import ORDER
from api.procurement.state import PURCHASE_ORDER, SUPPLIER
from api.receivables.state import ACCOUNT, SERIES
from api.stream import Stream

STREAMS: dict[str, Stream[Any]] = {
    stream.name: stream
    for stream in (
        DECISION,
        DOCKET,
        MODEL_CALL,
        PRODUCT,
        PRICE_LIST,
        MARKET,
        CUSTOMER,
        STAFF_MEMBER,
        STOCK,
        SHIPMENT,
        RETURN,
        ORDER,
        SUPPLIER,
        PURCHASE_ORDER,
        ACCOUNT,
        SERIES,
    )
}

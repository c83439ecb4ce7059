"""Who may call which door, written down a second time: from the contract, never from the house's own table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

FUNCTIONS = (
    "category", "customers", "orders", "fulfillment", "procurement", "production", "receivables", "forecasting",
    "agents", "roadmap", "events",
)  # fmt: skip
BUYERS = frozenset({"consumer", "dealer"})
STAFF = frozenset({"nothing", *FUNCTIONS})
AGENTS = frozenset({"reorder agent", "pricing agent"})


@dataclass(frozen=True)
class Row:
    """A door, the callers it opens to, and a request that is well formed: `$name` stands for an id of the world.

    `is_own`: what is asked for belongs to a buyer, and other buyers find nothing. `answers` are the codes, next to
    success and the refusals of rules, by which one sees that the caller came in. `blind` may ask and find nothing.
    """

    method: str
    path: str
    opens: frozenset[str]
    body: Any = None
    is_own: bool = False
    query: str = ""
    answers: frozenset[str] = field(default=frozenset())
    is_slow: bool = False  # it hashes a password, which is meant to take its time
    blind: frozenset[str] = frozenset()

    @property
    def ends_sessions(self) -> bool:
        return self.path.endswith(("/logout", "/logout-everywhere"))

    @property
    def door(self) -> tuple[str, str]:
        return self.method, self.path

    def filled(self, ids: Mapping[str, str]) -> tuple[str, Any]:
        """Address and body with these ids."""
        address = re.sub(r"{(\w+)}", lambda found: str(ids[found[1]]), self.path)
        return address + self.query, _filled(self.body, ids)


def _filled(value: Any, ids: Mapping[str, str]) -> Any:
    match value:
        case str():
            return ids[value[1:]] if value.startswith("$") else value
        case dict():
            return {name: _filled(one, ids) for name, one in value.items()}
        case list():
            return [_filled(one, ids) for one in value]
        case _:
            return value


_WORDS = {
    "anyone": BUYERS | STAFF | AGENTS | {"nobody"},
    "buyers": BUYERS,
    "staff": STAFF,
    "software": AGENTS,  # the kind of caller; `agents` are the staff of that function
    "reorder": frozenset({"reorder agent"}),
    "pricing": frozenset({"pricing agent"}),
    "deciding": frozenset({"agents", "procurement", "category"}),
}


def row(
    door: str,
    opens: str,
    body: Any = None,
    *,
    own: bool = False,
    query: str = "",
    answers: str = "",
    slow: bool = False,
    blind: str = "",
) -> Row:
    method, path = door.split()
    callers, seeing_nothing = (
        frozenset[str]().union(*(_WORDS.get(word, {word}) for word in words.split())) for words in (opens, blind)
    )
    assert callers | seeing_nothing <= _WORDS["anyone"], door
    prefix = "" if path.startswith(("/health", "/metrics")) else "/api/v1"
    seen_by = frozenset(answers.split())
    return Row(method, prefix + path, callers, body, own, query, seen_by, slow, seeing_nothing - callers)


WHY = {"reason": "it is time"}
PRODUCT = {"name": "Jet 1", "category": "tank_pump"}
TERMS = {"tier": "standard", "discount_rate": "0.1", "credit_limit": "1000.00", "terms": "net_30"}
LINE = {"scope": "all", "discount_rate": "0.2", "valid_from": "2026-01-01"}
LIST = {"lines": [{"sku": "P-1", "quantity": 1}]}
ADDRESS = {
    "recipient": "Asha Rao", "street": "1 Main Road", "city": "Pune", "postal_code": "411001", "country": "IN",
}  # fmt: skip
MONEY = {"amount": "1.00", "received_on": "2026-03-02"}
PUT_AGAINST = {"invoice_id": "$invoice_id", "amount": "1.00"}
SEEN = {"sku": "P-1", "competitor": "Acme", "price": "98.00", "observed_on": "2026-03-01"}
SALES = "orders customers"
CALL = {
    "request_hash": "f" * 64, "function": "procurement", "model": "m", "request": "{}", "response": "{}", "status": 200,
}  # fmt: skip
ROWS = (
    row("GET /health/live", "anyone"),
    row("GET /health/ready", "anyone"),
    row("GET /metrics", "anyone"),
    # auth
    row("POST /auth/login", "anyone", {"email": "x@example.com", "password": "no"},
        answers="wrong_credentials too_many_tries", slow=True),
    row("POST /auth/refresh", "anyone", {"refresh_token": "no"}, answers="refresh_token_refused"),
    row("POST /auth/logout", "buyers staff"),
    row("POST /auth/logout-everywhere", "buyers staff"),
    row("GET /auth/me", "buyers staff software"),
    row("GET /auth/sessions", "buyers staff"),
    row("DELETE /auth/sessions/{session_id}", "buyers staff", answers="session_not_found"),
    row("POST /auth/password/forgot", "anyone", {"email": "x@example.com"}, answers="too_many_tries"),
    row("POST /auth/password/reset", "anyone", {"token": "no", "new_password": "a long enough sentence"},
        answers="letter_token_refused"),
    row("POST /auth/email/verification", "buyers", answers="too_many_tries"),
    row("POST /auth/email/verify", "anyone", {"token": "no"}, answers="letter_token_refused"),
    row("POST /auth/password", "buyers staff", {"password": "no", "new_password": "a long enough sentence"},
        answers="wrong_password too_many_tries", slow=True),
    # category
    row("GET /category/products", "anyone"),
    row("GET /category/products/{product_id}", "anyone"),
    row("POST /category/products", "category", PRODUCT | {"sku": "P-9", "base_price": "1.00"}),
    row("PUT /category/products/{product_id}", "category", PRODUCT),
    row("DELETE /category/products/{product_id}", "category"),
    row("POST /category/products/{product_id}/reactivate", "category"),
    row("POST /category/products/{product_id}/media", "category",
        {"kind": "image", "url": "/static/a.svg", "title": "a"}),
    row("POST /category/products/{product_id}/cost", "category procurement", WHY | {"new_cost": "61.00"}),
    row("GET /category/pricing-strategy", "category"),
    row("POST /category/pricing/update", "category", WHY | {"product_id": "$product_id", "new_price": "101.00"}),
    row("GET /category/price-lists", "category"),
    row("POST /category/price-lists", "category", {"name": "Premium", "tier": "premium"}),
    row("GET /category/price-lists/{price_list_id}", "category"),
    row("POST /category/price-lists/{price_list_id}/lines", "category", LINE),
    row("DELETE /category/price-lists/{price_list_id}/lines", "category", query="?scope=all&valid_from=2026-01-01"),
    row("GET /category/market-intelligence", "category"),
    row("POST /category/market-intelligence", "category",
        {"sku": "P-1", "competitor": "Acme", "price": "99.00", "observed_on": "2026-03-01"}),
    row("GET /category/recommendations", "category"),
    # customers and dealers
    row("POST /customers/register", "anyone",
        {"name": "Rani", "email": "asha@example.com", "password": "a long enough sentence"}, slow=True),
    row("GET /customers/profile", "buyers"),
    row("PUT /customers/profile", "buyers", {"name": "Somebody"}),
    row("POST /customers/profile/addresses", "buyers",
        {"label": "home", "address": ADDRESS}),
    row("GET /customers/profile/export", "buyers"),
    row("POST /customers/profile/erase", "buyers", {"password": "no"}, answers="wrong_password too_many_tries",
        slow=True),
    row("GET /customers/{customer_id}/export", "customers"),
    row("POST /customers/{customer_id}/erase", "customers", WHY),
    row("GET /customers", f"{SALES} receivables"),
    row("GET /customers/{customer_id}", f"{SALES} receivables"),
    row("POST /dealers/apply", "consumer", {"company_name": "Pumps Ltd"}),
    row("GET /dealers/pricing", "dealer"),
    row("GET /dealers/account", "dealer"),
    row("GET /dealers/orders", "dealer"),
    row("POST /dealers/orders/bulk", "dealer", {"lines": [{"sku": "NONE-1", "quantity": 1}]}),
    row("POST /dealers/orders/bulk/preview", "dealer", LIST),
    row("GET /dealers", f"{SALES} receivables"),
    row("POST /dealers/{customer_id}/approve", "customers", TERMS),
    row("POST /dealers/{customer_id}/reject", "customers", WHY),
    row("PUT /dealers/{customer_id}/terms", "customers", TERMS | WHY),
    row("POST /dealers/{customer_id}/suspend", "customers", WHY),
    # orders
    row("GET /orders", f"buyers {SALES} fulfillment receivables"),
    row("POST /orders", f"buyers {SALES}", LIST | {"customer_id": "$customer_id"}, own=True),
    row("GET /orders/{order_id}", f"buyers {SALES} fulfillment receivables", own=True),
    row("GET /orders/{order_id}/stream", f"buyers {SALES} fulfillment receivables", own=True),
    row("PUT /orders/{order_id}/cancel", f"buyers {SALES}", WHY, own=True),
    row("POST /orders/{order_id}/hold", f"{SALES} receivables", WHY),
    row("POST /orders/{order_id}/release", f"{SALES} receivables", WHY),
    row("POST /orders/{order_id}/short-close", SALES, WHY | {"line_no": 1}),
    # fulfillment
    row("GET /fulfillment/orders", "fulfillment"),
    row("GET /fulfillment/orders/{order_id}", "fulfillment"),
    row("GET /fulfillment/shipments", "fulfillment"),
    row("POST /fulfillment/orders/{order_id}/pick", "fulfillment"),
    row("POST /fulfillment/orders/{order_id}/pack", "fulfillment", {"packages": 1}),
    row("POST /fulfillment/orders/{order_id}/ship", "fulfillment", {"carrier": "Blue Van"}),
    row("POST /fulfillment/orders/{order_id}/deliver", "fulfillment"),
    row("POST /fulfillment/orders/{order_id}/cancel-shipment", "fulfillment", WHY),
    row("GET /fulfillment/inventory", "fulfillment procurement category"),
    row("POST /fulfillment/inventory/adjust", "fulfillment", WHY | {"sku": "P-1", "quantity": 1}),
    row("POST /fulfillment/inventory/count", "fulfillment", {"sku": "P-1", "counted_quantity": 90}),
    row("POST /fulfillment/inventory/receive", "fulfillment", {"sku": "P-1", "quantity": 1}),
    row("POST /fulfillment/inventory/transfer", "fulfillment",
        {"sku": "P-1", "quantity": 1, "location": "main", "to_location": "shop"}),
    row("GET /returns", f"buyers {SALES} fulfillment"),
    row("POST /returns", f"buyers {SALES}",
        {"order_id": "$order_id", "lines": [{"line_no": 1, "quantity": 1, "reason": "leaks"}]}, own=True),
    row("GET /returns/{return_id}", f"buyers {SALES} fulfillment", own=True),
    row("POST /fulfillment/returns/{return_id}/approve", "fulfillment"),
    row("POST /fulfillment/returns/{return_id}/receive", "fulfillment"),
    row("POST /fulfillment/returns/{return_id}/inspect", "fulfillment",
        {"findings": [{"line_no": 1, "outcome": "refund", "is_saleable": True}]}),
    row("POST /fulfillment/returns/{return_id}/close", "fulfillment", WHY),
    # receivables
    row("GET /ar/invoices", "buyers receivables"),
    row("GET /ar/invoices/{invoice_id}", "buyers receivables", own=True),
    row("POST /ar/invoices/{invoice_id}/send", "receivables"),
    row("POST /ar/invoices/{invoice_id}/record-payment", "receivables", MONEY),
    row("POST /ar/invoices/{invoice_id}/credit-note", "receivables",
        WHY | {"lines": [{"line_no": 1, "quantity": 1}]}),
    row("POST /ar/invoices/{invoice_id}/dispute", "buyers receivables", WHY, own=True),
    row("POST /ar/invoices/{invoice_id}/write-off", "receivables", WHY),
    row("POST /ar/invoices/{invoice_id}/remind", "receivables", {"level": 1}),
    row("POST /ar/payments", "receivables", MONEY | {"customer_id": "$customer_id"}),
    row("POST /ar/payments/{payment_id}/allocate", "receivables", PUT_AGAINST),
    row("POST /ar/payments/{payment_id}/unallocate", "receivables", PUT_AGAINST | WHY),
    row("POST /ar/payments/{payment_id}/refund", "receivables",
        WHY | {"amount": "1.00", "customer_id": "$customer_id"}),
    row("GET /ar/accounts/{customer_id}", f"{SALES} receivables"),
    row("POST /ar/accounts/{customer_id}/hold", "receivables", WHY),
    row("POST /ar/accounts/{customer_id}/release", "receivables", WHY),
    row("POST /payments/webhooks/{provider}", "anyone", {}, answers="webhook_refused"),
    row("GET /ar/reports/aging", "receivables", answers="not_ready"),
    row("GET /ar/reports/revenue", "receivables", answers="not_ready"),
    # procurement
    row("GET /procurement/suppliers", "procurement"),
    row("POST /procurement/suppliers", "procurement", {"name": "Castings Ltd"}),
    row("GET /procurement/suppliers/{supplier_id}", "procurement"),
    row("PUT /procurement/suppliers/{supplier_id}", "procurement", {"name": "Castings Ltd"}),
    row("DELETE /procurement/suppliers/{supplier_id}", "procurement"),
    row("GET /procurement/purchase-orders", "procurement fulfillment"),
    row("POST /procurement/purchase-orders", "procurement",
        {"supplier_id": "$supplier_id", "lines": [{"sku": "P-1", "quantity": 5, "unit_cost": "60.00"}]}),
    row("GET /procurement/purchase-orders/{purchase_order_id}", "procurement fulfillment"),
    row("POST /procurement/purchase-orders/{purchase_order_id}/approve", "procurement"),
    row("POST /procurement/purchase-orders/{purchase_order_id}/send", "procurement"),
    row("POST /procurement/purchase-orders/{purchase_order_id}/confirm", "procurement",
        {"expected_on": "2026-04-01"}),
    row("POST /procurement/purchase-orders/{purchase_order_id}/receive", "procurement fulfillment"),
    row("POST /procurement/purchase-orders/{purchase_order_id}/short-close", "procurement", WHY),
    row("POST /procurement/purchase-orders/{purchase_order_id}/cancel", "procurement", WHY),
    # agents
    row("GET /agents/decisions", "deciding software"),
    row("POST /agents/decisions", "reorder", "$proposal"),
    row("GET /agents/decisions/{decision_id}", "deciding reorder", blind="pricing"),
    row("POST /agents/decisions/{decision_id}/approve", "procurement"),  # it is a reorder
    row("POST /agents/decisions/{decision_id}/reject", "procurement", {"reason_code": "other"}),
    row("POST /agents/model-calls", "reorder", CALL),
    row("GET /agents/model-calls/{model_call_id}", "deciding reorder", blind="pricing"),
    # events
    row("GET /events", "staff"),
    row("GET /events/stream", "staff"),
    row("GET /events/newest", "staff"),
    row("GET /events/{event_id}", "category events", blind="staff"),  # of a product
    row("GET /events/readers", "events"),
    row("GET /events/integrity", "events"),
    row("POST /events", "category pricing", {"event_type": "competitor_price.observed", "data": SEEN}),
    row("POST /events/export", "staff", {"format": "ndjson"}),
)  # fmt: skip


@dataclass(frozen=True)
class Doors:
    """Every door as the contract has it, and the kinds of staff: one per function, and one who works in none."""

    rows: tuple[Row, ...] = ROWS
    staff: frozenset[str] = STAFF


@pytest.fixture(scope="session")
def contract() -> Doors:
    """Who may call which door."""
    return Doors()

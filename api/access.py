"""Access: the one table of who may call which door, and the words for those who may not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from api.actor import Actor
from api.auth.tokens import AGENT_SCOPES, PROPOSE, READ_DECISIONS, READ_MODEL_CALLS, RECORD_MODEL_CALLS
from api.refusals import Refusal, Unauthenticated

Buyer = Literal["consumer", "dealer"]


@dataclass(frozen=True, slots=True)
class Callers:
    """Who may come in. Buyers see and act on what is theirs alone; staff come in by the function they work in.

    Agents come in by a token of the house that bears one of the door's scopes; the rules look at the functions in it.
    """

    anyone: bool = False
    buyers: frozenset[Buyer] = frozenset()
    functions: frozenset[str] = frozenset()
    all_staff: bool = False
    scopes: frozenset[str] = frozenset()

    def includes(self, by: Actor) -> bool:
        """Whether this caller may come in."""
        return (
            self.anyone
            or by.kind == "system"
            or by.kind in self.buyers
            or (by.kind == "agent" and bool(self.scopes & by.scopes))
            or (by.kind == "staff" and (self.all_staff or bool(self.functions & by.functions)))
        )

    @property
    def agents(self) -> bool:
        """Whether agents with the right scope may come in."""
        return bool(self.scopes)

    def __or__(self, other: Callers) -> Callers:
        """Those and these."""
        return Callers(
            self.anyone or other.anyone,
            self.buyers | other.buyers,
            self.functions | other.functions,
            self.all_staff or other.all_staff,
            self.scopes | other.scopes,
        )

    def __str__(self) -> str:
        """In words, for the documentation."""
        if self.anyone:
            return "anyone"
        staff = ["staff"] if self.all_staff else [f"staff ({', '.join(sorted(self.functions))})"] * bool(self.functions)
        agents = [f"agents ({', '.join(sorted(self.scopes))})"] * bool(self.scopes)
        return ", ".join([f"{kind} (own)" for kind in sorted(self.buyers)] + staff + agents)


def staff(*functions: str) -> Callers:
    """Staff who work in one of these functions."""
    return Callers(functions=frozenset(functions))


def agents(*scopes: str) -> Callers:
    """Agents whose token bears one of these scopes."""
    return Callers(scopes=frozenset(scopes))


ANYONE = Callers(anyone=True)
BUYERS = Callers(buyers=frozenset({"consumer", "dealer"}))
CONSUMERS = Callers(buyers=frozenset({"consumer"}))
DEALERS = Callers(buyers=frozenset({"dealer"}))
ALL_STAFF = Callers(all_staff=True)
SIGNED_IN = BUYERS | ALL_STAFF
AGENTS = agents(*AGENT_SCOPES)
CATALOG = staff("category")
PEOPLE = staff("customers")
SALES = staff("orders", "customers")
SHIPPING = staff("fulfillment")
BUYING = staff("procurement")
LEDGER = staff("receivables")
LOG = staff("events")
DECIDING = staff("agents", "procurement", "category")

_API = "/api/v1"
_PRODUCT, _PRICES = f"{_API}/category/products/{{product_id}}", f"{_API}/category/price-lists"
_DEALER, _ORDER = f"{_API}/dealers/{{customer_id}}", f"{_API}/orders/{{order_id}}"
_SHIP, _STOCK = f"{_API}/fulfillment/orders/{{order_id}}", f"{_API}/fulfillment/inventory"
_RETURN = f"{_API}/fulfillment/returns/{{return_id}}"
_INVOICE, _PAYMENT = f"{_API}/ar/invoices/{{invoice_id}}", f"{_API}/ar/payments/{{payment_id}}"
_ACCOUNT, _SUPPLIERS = f"{_API}/ar/accounts/{{customer_id}}", f"{_API}/procurement/suppliers"
_PURCHASES = f"{_API}/procurement/purchase-orders"
_PURCHASE = f"{_PURCHASES}/{{purchase_order_id}}"
_AGENTS = f"{_API}/agents"
_DECISION = f"{_AGENTS}/decisions/{{decision_id}}"

DOORS: dict[tuple[str, str], Callers] = {
    ("GET", "/health/live"): ANYONE,
    ("GET", "/health/ready"): ANYONE,
    ("GET", "/metrics"): ANYONE,
    ("POST", f"{_API}/auth/login"): ANYONE,
    ("POST", f"{_API}/auth/refresh"): ANYONE,
    ("POST", f"{_API}/auth/logout"): SIGNED_IN,
    ("POST", f"{_API}/auth/logout-everywhere"): SIGNED_IN,
    ("GET", f"{_API}/auth/me"): SIGNED_IN | AGENTS,
    ("GET", f"{_API}/auth/sessions"): SIGNED_IN,
    ("DELETE", f"{_API}/auth/sessions/{{session_id}}"): SIGNED_IN,
    ("POST", f"{_API}/auth/password"): SIGNED_IN,
    ("POST", f"{_API}/auth/password/forgot"): ANYONE,
    ("POST", f"{_API}/auth/password/reset"): ANYONE,  # the letter's token is the proof
    ("POST", f"{_API}/auth/email/verification"): BUYERS,
    ("POST", f"{_API}/auth/email/verify"): ANYONE,  # here too
    # category: everyone may look at what is on sale
    ("GET", f"{_API}/category/products"): ANYONE,
    ("GET", _PRODUCT): ANYONE,
    ("POST", f"{_API}/category/products"): CATALOG,
    ("PUT", _PRODUCT): CATALOG,
    ("DELETE", _PRODUCT): CATALOG,
    ("POST", f"{_PRODUCT}/reactivate"): CATALOG,
    ("POST", f"{_PRODUCT}/media"): CATALOG,
    ("POST", f"{_PRODUCT}/cost"): CATALOG | BUYING,
    ("GET", f"{_API}/category/pricing-strategy"): CATALOG,
    ("POST", f"{_API}/category/pricing/update"): CATALOG,
    ("GET", _PRICES): CATALOG,
    ("POST", _PRICES): CATALOG,
    ("GET", f"{_PRICES}/{{price_list_id}}"): CATALOG,
    ("POST", f"{_PRICES}/{{price_list_id}}/lines"): CATALOG,
    ("DELETE", f"{_PRICES}/{{price_list_id}}/lines"): CATALOG,
    ("GET", f"{_API}/category/market-intelligence"): CATALOG,
    ("POST", f"{_API}/category/market-intelligence"): CATALOG,
    # customers and dealers
    ("POST", f"{_API}/customers/register"): ANYONE,
    ("GET", f"{_API}/customers/profile"): BUYERS,
    ("PUT", f"{_API}/customers/profile"): BUYERS,
    ("POST", f"{_API}/customers/profile/addresses"): BUYERS,
    ("GET", f"{_API}/customers"): SALES | LEDGER,
    ("GET", f"{_API}/customers/{{customer_id}}"): SALES | LEDGER,
    ("POST", f"{_API}/dealers/apply"): CONSUMERS,
    ("GET", f"{_API}/dealers/pricing"): DEALERS,
    ("GET", f"{_API}/dealers/account"): DEALERS,
    ("GET", f"{_API}/dealers/orders"): DEALERS,
    ("POST", f"{_API}/dealers/orders/bulk"): DEALERS,
    ("POST", f"{_API}/dealers/orders/bulk/preview"): DEALERS,
    ("GET", f"{_API}/dealers"): SALES | LEDGER,
    ("POST", f"{_DEALER}/approve"): PEOPLE,
    ("POST", f"{_DEALER}/reject"): PEOPLE,
    ("PUT", f"{_DEALER}/terms"): PEOPLE,
    ("POST", f"{_DEALER}/suspend"): PEOPLE,
    # orders
    ("GET", f"{_API}/orders"): BUYERS | SALES | SHIPPING | LEDGER,
    ("POST", f"{_API}/orders"): BUYERS | SALES,
    ("GET", _ORDER): BUYERS | SALES | SHIPPING | LEDGER,
    ("GET", f"{_ORDER}/stream"): BUYERS | SALES | SHIPPING | LEDGER,
    ("PUT", f"{_ORDER}/cancel"): BUYERS | SALES,
    ("POST", f"{_ORDER}/hold"): SALES | LEDGER,
    ("POST", f"{_ORDER}/release"): SALES | LEDGER,
    ("POST", f"{_ORDER}/short-close"): SALES,
    # fulfillment
    ("GET", f"{_API}/fulfillment/orders"): SHIPPING,
    ("GET", _SHIP): SHIPPING,
    ("GET", f"{_API}/fulfillment/shipments"): SHIPPING,
    ("POST", f"{_SHIP}/pick"): SHIPPING,
    ("POST", f"{_SHIP}/pack"): SHIPPING,
    ("POST", f"{_SHIP}/ship"): SHIPPING,
    ("POST", f"{_SHIP}/deliver"): SHIPPING,
    ("POST", f"{_SHIP}/cancel-shipment"): SHIPPING,
    ("GET", _STOCK): SHIPPING | BUYING | CATALOG,
    ("POST", f"{_STOCK}/adjust"): SHIPPING,
    ("POST", f"{_STOCK}/count"): SHIPPING,
    ("POST", f"{_STOCK}/receive"): SHIPPING,
    ("POST", f"{_STOCK}/transfer"): SHIPPING,
    ("GET", f"{_API}/returns"): BUYERS | SALES | SHIPPING,
    ("POST", f"{_API}/returns"): BUYERS | SALES,
    ("GET", f"{_API}/returns/{{return_id}}"): BUYERS | SALES | SHIPPING,
    ("POST", f"{_RETURN}/approve"): SHIPPING,
    ("POST", f"{_RETURN}/receive"): SHIPPING,
    ("POST", f"{_RETURN}/inspect"): SHIPPING,
    ("POST", f"{_RETURN}/close"): SHIPPING,
    # receivables
    ("GET", f"{_API}/ar/invoices"): BUYERS | LEDGER,
    ("GET", _INVOICE): BUYERS | LEDGER,
    ("POST", f"{_INVOICE}/send"): LEDGER,
    ("POST", f"{_INVOICE}/record-payment"): LEDGER,
    ("POST", f"{_INVOICE}/credit-note"): LEDGER,
    ("POST", f"{_INVOICE}/dispute"): BUYERS | LEDGER,
    ("POST", f"{_INVOICE}/write-off"): LEDGER,
    ("POST", f"{_INVOICE}/remind"): LEDGER,
    ("POST", f"{_API}/ar/payments"): LEDGER,
    ("POST", f"{_PAYMENT}/allocate"): LEDGER,
    ("POST", f"{_PAYMENT}/unallocate"): LEDGER,
    ("POST", f"{_PAYMENT}/refund"): LEDGER,
    ("GET", _ACCOUNT): LEDGER | SALES,
    ("POST", f"{_ACCOUNT}/hold"): LEDGER,
    ("POST", f"{_ACCOUNT}/release"): LEDGER,
    ("POST", f"{_API}/payments/webhooks/{{provider}}"): ANYONE,  # it proves itself by its signature
    ("GET", f"{_API}/ar/reports/aging"): LEDGER,
    ("GET", f"{_API}/ar/reports/revenue"): LEDGER,
    # procurement
    ("GET", _SUPPLIERS): BUYING,
    ("POST", _SUPPLIERS): BUYING,
    ("GET", f"{_SUPPLIERS}/{{supplier_id}}"): BUYING,
    ("PUT", f"{_SUPPLIERS}/{{supplier_id}}"): BUYING,
    ("DELETE", f"{_SUPPLIERS}/{{supplier_id}}"): BUYING,
    ("GET", _PURCHASES): BUYING | SHIPPING,
    ("POST", _PURCHASES): BUYING,
    ("GET", _PURCHASE): BUYING | SHIPPING,
    ("POST", f"{_PURCHASE}/approve"): BUYING,
    ("POST", f"{_PURCHASE}/send"): BUYING,
    ("POST", f"{_PURCHASE}/confirm"): BUYING,
    ("POST", f"{_PURCHASE}/receive"): BUYING | SHIPPING,
    ("POST", f"{_PURCHASE}/short-close"): BUYING,
    ("POST", f"{_PURCHASE}/cancel"): BUYING,
    # agents: software proposes, the rules ask for the right of the function that decides
    ("GET", f"{_AGENTS}/decisions"): DECIDING | agents(READ_DECISIONS),
    ("POST", f"{_AGENTS}/decisions"): agents(PROPOSE),
    ("GET", _DECISION): DECIDING | agents(READ_DECISIONS),
    ("POST", f"{_DECISION}/approve"): DECIDING,
    ("POST", f"{_DECISION}/reject"): DECIDING,
    ("POST", f"{_AGENTS}/model-calls"): agents(RECORD_MODEL_CALLS),
    ("GET", f"{_AGENTS}/model-calls/{{model_call_id}}"): DECIDING | agents(READ_MODEL_CALLS),
    ("GET", f"{_API}/category/recommendations"): CATALOG,
    # events
    ("GET", f"{_API}/events"): ALL_STAFF,  # of the functions they work in: api/events/sight.py
    ("GET", f"{_API}/events/stream"): ALL_STAFF,
    ("GET", f"{_API}/events/newest"): ALL_STAFF,
    ("GET", f"{_API}/events/readers"): LOG,
    ("GET", f"{_API}/events/integrity"): LOG,
    ("GET", f"{_API}/events/{{event_id}}"): ALL_STAFF,
    ("POST", f"{_API}/events"): ALL_STAFF | AGENTS,  # observations of the functions they work in
    ("POST", f"{_API}/events/export"): ALL_STAFF,
    # what a person may ask of whoever keeps their data
    ("GET", f"{_API}/customers/profile/export"): BUYERS,
    ("POST", f"{_API}/customers/profile/erase"): BUYERS,
    ("GET", f"{_API}/customers/{{customer_id}}/export"): PEOPLE,
    ("POST", f"{_API}/customers/{{customer_id}}/erase"): PEOPLE,
}
"""(method, path) -> who may call. A door without a row does not open: the application refuses to start."""


def refuse_unless_included(by: Actor, callers: Callers) -> None:
    """Raise Unauthenticated or Refusal for a caller that may not come in."""
    if callers.includes(by):
        return
    if by.kind == "anonymous":
        raise Unauthenticated("not_signed_in", "Sign in first: send `Authorization: Bearer <access token>`.")
    raise Refusal("not_allowed", f"This is for {callers} only; you are signed in as {_in_words(by)}.", kind="forbidden")


def _in_words(by: Actor) -> str:
    match by.kind:
        case "staff":
            return f"staff ({', '.join(sorted(by.functions)) or 'no function'})"
        case "agent":
            return f"agent ({', '.join(sorted(by.scopes)) or 'no scope'})"
        case _:
            return by.kind

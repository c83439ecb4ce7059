"""With every check of the application taken away, no door and no page shows anybody what is not theirs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import true

from api.access import AGENTS, ALL_STAFF, BUYING, CATALOG, DECIDING, DOORS, LEDGER, SALES, SHIPPING, Callers
from api.actor import Actor
from api.agents.commands import RecordModelCall
from api.auth.tokens import AgentClaims, signed_for_agent
from api.category.commands import (
    CreatePriceList,
    DeactivateProduct,
    ObserveCompetitorPrice,
    dealer_price_list_id,
    product_id,
)
from api.customers.policy import FUNCTIONS
from api.procurement.commands import CreatePurchaseOrder, CreateSupplier, PurchasedLine
from api.views import View
from warehouse.clock import now
from warehouse.ids import named

pytestmark = pytest.mark.whole

WORDS = {
    "cost 61.37": ALL_STAFF | AGENTS,
    "Pump GONE-1": CATALOG,
    "Terms of 1907": CATALOG,
    "Rival Pumps": CATALOG,
    "Asha": SALES | LEDGER,
    "Deva": SALES | LEDGER,
    "order of asha": SALES | SHIPPING | LEDGER,
    "order of deva": SALES | SHIPPING | LEDGER,
    "INV-000001": LEDGER | SALES,
    "Blue Van": SHIPPING,
    "too loud": SALES | SHIPPING,
    "Hidden Supplies": BUYING,
    "night-dock": BUYING | SHIPPING,
    "asked of the model": DECIDING,
}
"""What is written somewhere in the town, and who of the company may read it."""
PAGES = ("/pumps", "/pumps/GONE-1", "/cart", "/orders", "/orders/{order_id}", "/account")


@pytest.fixture
def stories(town):
    """Asha and Deva with an order each; Deva's was shipped, invoiced and comes back. Around them the company's own."""
    town.product("P-1", cost="61.37")
    town.product("GONE-1")
    town.send(DeactivateProduct(product_id=product_id("GONE-1"), reason="old"))
    people = {"asha": town.consumer("asha"), "deva": town.dealer("deva")}
    sten, ids = town.staff(), {}
    for name, person in people.items():
        body = {"lines": [{"sku": "P-1", "quantity": 1}], "reference": f"order of {name}"}
        ids[name] = person.post("/api/v1/orders", body).json()["id"]
    for step, body in (("pick", None), ("pack", {"packages": 1}), ("ship", {"carrier": "Blue Van"}), ("deliver", None)):
        moved = sten.post(f"/api/v1/fulfillment/orders/{ids['deva']}/{step}", body)
        assert moved.status_code == 200, moved.text
    back = {"order_id": ids["deva"], "lines": [{"line_no": 1, "quantity": 1, "reason": "too loud"}]}
    assert people["deva"].post("/api/v1/returns", back).status_code == 201
    supplier, purchase, deva = named("supplier", "x"), named("purchase", "x"), people["deva"].id
    line = PurchasedLine(sku="P-1", quantity=3, unit_cost=Decimal("50.00"))
    call = RecordModelCall(
        request_hash="a" * 64, function="category", model="m", request="asked of the model", response="x", status=200
    )
    for command in (
        CreateSupplier(supplier_id=supplier, name="Hidden Supplies"),
        CreatePurchaseOrder(purchase_order_id=purchase, supplier_id=supplier, lines=(line,), location="night-dock"),
        CreatePriceList(price_list_id=dealer_price_list_id(deva), name="Terms of 1907", customer_id=deva),
        ObserveCompetitorPrice(sku="P-1", competitor="Rival Pumps", price=Decimal(90), observed_on=date(2026, 1, 5)),
        call,
    ):
        town.send(command)
    (invoice,) = people["deva"].get("/api/v1/ar/invoices").json()["items"]
    ids |= {"supplier": supplier, "purchase": purchase, "call": call.model_call_id, "invoice": invoice["id"]}
    ids["return"] = people["deva"].get("/api/v1/returns").json()["items"][0]["id"]
    ids["event"] = sten.get("/api/v1/events?event_type=order.placed").json()["items"][0]["id"]
    return people, ids


@pytest.fixture
def unchecked(stories, monkeypatch):
    """The application without its own checks: who may come in, whose something is, what is hidden from buyers."""
    monkeypatch.setattr("api.auth.enter.refuse_unless_included", lambda *_: None)
    monkeypatch.setattr(Actor, "is_buyer", lambda _: False)
    monkeypatch.setattr(View, "staff_only", classmethod(lambda _: set()))
    monkeypatch.setattr("api.category.routes.with_status", lambda _: ())
    for module in ("api.orders.bulk", "api.pages.orders"):
        monkeypatch.setattr(f"{module}.owned_by", lambda _: true())
    return stories


def doors(people, ids):
    """Every GET of the API with the ids of what is Deva's, and of what is Asha's; but for streams and exports.

    An export is everything that is held about one person, read as the house for who may ask for it.
    """
    for whose, person in people.items():
        fill = {
            "product_id": product_id("GONE-1"), "price_list_id": dealer_price_list_id(people["deva"].id),
            "customer_id": person.id, "order_id": ids[whose], "return_id": ids["return"], "invoice_id": ids["invoice"],
            "supplier_id": ids["supplier"], "purchase_order_id": ids["purchase"], "decision_id": UUID(int=1),
            "model_call_id": ids["call"], "event_id": ids["event"],
        }  # fmt: skip
        for method, path in DOORS:
            is_left_out = path.endswith(("/stream", "/export")) or path in {"/health/ready", "/metrics"}
            if method == "GET" and not is_left_out:
                yield path.format(**fill)
        yield f"/api/v1/orders?customer_id={person.id}"
        yield from (page.format(order_id=ids[whose]) for page in PAGES)


def callers(town, people):
    key = town.house.signing_key
    agent = signed_for_agent(AgentClaims("clerk", frozenset({"procurement"})), key, now(), timedelta(minutes=5))
    yield "nobody", Callers(), (), town.nobody()
    yield "asha", Callers(), ("Asha", "order of asha"), people["asha"]
    own = ("Deva", "order of deva", "Terms of 1907", "INV-000001", "Blue Van", "too loud")
    yield "deva", Callers(), own, people["deva"]
    yield "bela", Callers(), (), town.consumer("bela")
    yield "dora", Callers(), (), town.dealer("dora")
    yield "agent", AGENTS, (), replace(town.nobody(), token=agent)
    for function in sorted(FUNCTIONS - {"events", "orders"}):  # who keeps the log reads it; orders are as customers
        yield function, Callers(functions=frozenset({function})), (), town.staff(function, name=f"sten-{function}")


def may_read(word: str, who: Callers) -> bool:
    allowed = WORDS[word]
    if who.agents:
        return allowed.agents
    return bool(who.functions) and (allowed.all_staff or bool(allowed.functions & who.functions))


def asked(caller, path: str) -> str:
    """The answer's text; a door that fails without its checks closes the connection, so each asks by one of its own."""
    session = {} if path.startswith("/api") or caller.token is None else {"Cookie": f"jovey_session={caller.token}"}
    return caller.get(path, Connection="close", **session).text


def test_no_door_and_no_page_shows_anybody_what_is_not_theirs(town, unchecked):
    people, ids = unchecked
    paths = sorted(set(doors(people, ids)))
    for name, who, own, caller in callers(town, people):
        told = {path: asked(caller, path) for path in paths}
        for word in WORDS:
            found = [path for path, said in told.items() if word.removeprefix("cost ") in said]
            if word in own or may_read(word, who):
                assert word == "asked of the model" or found or not own, f"{name} is shown {word!r} nowhere"
            else:
                assert (name, word, found) == (name, word, [])


def test_no_orders_stream_tells_anybody_what_is_not_theirs(town, unchecked):
    """The log's own stream is told by one tail; what each listener may hear is looked at in test_streams.py."""
    people, ids = unchecked
    for name, _, _, caller in callers(town, people):
        if name in {"asha", "bela", "dora", "agents", "category", "procurement"}:  # who has a session
            assert caller.get(f"/api/v1/orders/{ids['deva']}/stream").status_code == 404, name

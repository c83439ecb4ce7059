"""The client: what dashboards and agents know of the API is true, and retries do things once."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import text

from api.auth.passwords import hashed, keep
from api.category.commands import ChangePrice, CreateProduct
from api.client import DOORS_OF, Client, Malformed, NotAllowed, NotFound, NotSignedIn, Refused, TryLater
from api.fulfillment.commands import AdjustStock
from api.orders.commands import CancelOrder, PlaceOrder
from warehouse.clock import now
from warehouse.ids import new_id

PASSWORD = "a long enough sentence"


@pytest.fixture
def client_of(town):
    made = []

    def client_of(caller):
        client = Client(str(caller.client.base_url), caller.token)
        made.append(client)
        return client

    yield client_of
    for client in made:
        client.__exit__(None, None, None)


def test_every_command_is_asked_for_where_its_door_is(app):
    there = {
        (getattr(route.endpoint, "command", None), method, route.path)
        for route in iter_route_contexts(app.routes)
        for method in route.methods or ()
    }
    known = {(command, method, f"/api/v1{path}") for command, (method, path) in DOORS_OF.items()}
    assert known - there == set()
    assert {command for command, *_ in there if command} == set(DOORS_OF)


def test_a_client_orders_and_cancels(town, client_of):
    town.product()
    asha = client_of(town.consumer())
    placed = asha.send(PlaceOrder, lines=[{"sku": "P-1", "quantity": 2}], key="cart")
    again = asha.send(PlaceOrder, lines=[{"sku": "P-1", "quantity": 2}], key="cart")
    assert (placed.is_repeated, again.is_repeated) == (False, True)
    assert placed.body == again.body
    assert placed.position
    assert asha.get(f"/orders/{placed.body['id']}")["total"] == "200.00"
    with pytest.raises(Refused) as moved:
        asha.send(CancelOrder, order_id=placed.body["id"], reason="no", if_version=placed.version + 7)
    assert (moved.value.status, moved.value.code) == (412, "version_moved")
    cancelled = asha.send(CancelOrder, order_id=placed.body["id"], reason="no", if_version=placed.version)
    assert cancelled.body["status"] == "cancelled"


def test_a_refusal_names_the_fields(town, client_of):
    asha = client_of(town.consumer())
    with pytest.raises(Refused) as refused:
        asha.send(PlaceOrder, lines=[{"sku": "P-1", "quantity": 0}])
    assert refused.value.errors[0]["field"] == "lines.0.quantity"


def test_a_list_comes_whole_in_order_and_without_repetition(town, client_of):
    sten = client_of(town.staff())
    for number in range(7):
        made = {"sku": f"P-{number}", "name": "a", "category": "accessory", "base_price": "1.00"}
        sten.send(CreateProduct, **made)
    assert [one["sku"] for one in sten.items("/category/products", limit=3)] == [f"P-{n}" for n in range(7)]
    first = sten.get("/category/products", limit=3)
    sten.send(CreateProduct, sku="P-00", name="a", category="accessory", base_price="1.00")  # before the cursor
    rest = sten.get(first["next"].removeprefix("/api/v1"))
    assert [one["sku"] for one in rest["items"]] == ["P-3", "P-4", "P-5"]


def test_events_and_orders_are_listed_newest_first_by_cursor(town, client_of):
    town.product()
    asha, sten = town.consumer(), client_of(town.staff())
    placed = [str(town.order(asha, ("P-1", 1))) for _ in range(5)]
    assert [one["id"] for one in sten.items("/orders", limit=2)] == placed[::-1]
    positions = [one["id"] for one in sten.items("/events", limit=4)]
    assert len(positions) == len(set(positions)) > 10
    (first,) = sten.get("/events", aggregate_id=placed[0], event_type="order.placed")["items"]
    detail = sten.get(f"/events/{first['id']}")
    assert detail["data"]["customer_id"] == str(asha.id)
    reserved = sten.get("/events", event_type="inventory.reserved")["items"][-1]
    assert first["id"] in {one["id"] for one in sten.get(f"/events/{reserved['id']}")["causes"]}


class Wire(httpx.HTTPTransport):
    """A wire to the house that first behaves as told: answers of its own, or `lost`: the house's answer is lost."""

    def __init__(self, *mishaps):
        super().__init__()
        self.mishaps, self.keys = list(mishaps), []

    def handle_request(self, request):
        self.keys.append(request.headers.get("Idempotency-Key"))
        mishap = self.mishaps.pop(0) if self.mishaps else None
        if isinstance(mishap, httpx.Response):
            return mishap
        answer = super().handle_request(request)
        if mishap == "lost":
            answer.close()
            raise httpx.ReadError("the wire broke")
        return answer


@pytest.fixture
def over(town):
    """A client who speaks over a wire."""
    made = []

    def over(caller, wire):
        http = httpx.Client(base_url=caller.client.base_url, transport=wire)
        made.append(http)
        return Client("", caller.token, http=http)

    yield over
    for http in made:
        http.close()


def busy(status=503, **headers):
    said = {"detail": "Not now.", "code": "busy", "request_id": "r-1"}
    sent = {"content-type": "application/problem+json"} | {name.replace("_", "-"): one for name, one in headers.items()}
    return httpx.Response(status, json=said, headers=sent)


def test_a_write_whose_answer_is_lost_is_asked_again_with_its_key_and_has_one_effect(town, over):
    town.product()
    wire = Wire("lost", busy(Retry_After="0"))
    placed = over(town.consumer(), wire).send(PlaceOrder, lines=[{"sku": "P-1", "quantity": 2}])
    assert placed.is_repeated
    assert len(wire.keys) == 3 and len(set(wire.keys)) == 1
    assert len(town.staff().get("/api/v1/orders").json()["items"]) == 1


def test_who_is_asked_for_patience_waits_as_told_but_not_for_long(town, over):
    asha = town.consumer()
    past = format_datetime(now() - timedelta(hours=1), usegmt=True)
    wire = Wire(busy(429, Retry_After="0"), busy(429, Retry_After=past))
    assert over(asha, wire).get("/auth/me")["id"] == str(asha.id)
    with pytest.raises(TryLater, match="Not now") as refused:
        over(asha, wire := Wire(busy(429, Retry_After="60"))).get("/auth/me")
    assert (refused.value.retry_after_s, refused.value.request_id, len(wire.keys)) == (60, "r-1", 1)


def test_what_cannot_be_repeated_without_harm_is_asked_once(town, over):
    wire = Wire("lost")
    with pytest.raises(httpx.ReadError):
        over(town.consumer(), wire).sign_out()
    assert len(wire.keys) == 1


def test_each_kind_of_no_is_an_error_of_its_own(town, client_of):
    asha = client_of(town.consumer())
    for kind, ask in (
        (NotFound, lambda: asha.get(f"/orders/{new_id(now())}")),
        (NotAllowed, lambda: asha.get("/events")),
        (Malformed, lambda: asha.get("/orders/x")),
        (NotSignedIn, lambda: client_of(town.nobody()).get("/auth/me")),
    ):
        with pytest.raises(kind):
            ask()


def test_a_session_refreshes_by_itself(town, client_of):
    asha = town.consumer()
    with town.house.engine.begin() as connection:
        keep(connection, asha.id, hashed(PASSWORD), now())
    client = client_of(town.nobody())
    client.sign_in("asha@example.com", PASSWORD)
    client._token = "x.y.z"  # as if it had run out
    assert client.get("/auth/me")["id"] == str(asha.id)


def test_a_price_moves_within_its_limits_and_the_stock_is_put_right(town, client_of):
    product_id = town.product(stock=10)
    sten = client_of(town.staff())
    changed = sten.send(ChangePrice, product_id=product_id, new_price="104.00", reason="copper")
    assert changed.body["base_price"] == "104.00"
    with pytest.raises(Refused, match="between") as refused:
        sten.send(ChangePrice, product_id=product_id, new_price="150.00", reason="copper")
    assert refused.value.code == "price_step_exceeded"
    room = sten.get("/category/pricing-strategy")["items"][0]
    assert (room["lowest_price"], room["step_high"]) == ("63.00", "109.20")
    counted = sten.send(AdjustStock, sku="P-1", quantity=-3, reason="broken")
    assert (counted.body["on_hand"], counted.body["available"]) == (7, 7)
    with town.everything() as connection:
        who = connection.execute(
            text("select created_by from jovey.visible_events order by position desc limit 1")
        ).scalar()
    assert who.startswith("staff:")

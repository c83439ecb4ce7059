"""The client: what dashboards and agents know of the API is true, and retries do things once."""

from __future__ import annotations

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import text

from api.auth.passwords import hashed, keep
from api.category.commands import ChangePrice, CreateProduct
from api.client import DOORS_OF, Client, Refused
from api.fulfillment.commands import AdjustStock
from api.orders.commands import CancelOrder, PlaceOrder
from warehouse.clock import now

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

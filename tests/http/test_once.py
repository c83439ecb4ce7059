"""Once: what is sent again under its key is done once and answered alike, however often and however fast."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest
from sqlalchemy import text

from api.auth.passwords import hashed, keep
from warehouse.clock import now

TIMES = 20


@pytest.fixture
def asha(town):
    town.product(stock=100)
    return town.consumer()


def at_once(caller, method, path, body, **headers):
    """The same request from so many threads at one moment, each over its own connection."""
    gate = Barrier(TIMES)
    sent = {name.replace("_", "-"): one for name, one in headers.items()} | {"Authorization": f"Bearer {caller.token}"}

    def send(_):
        with httpx.Client(base_url=caller.client.base_url, timeout=60) as own:
            gate.wait()
            return own.request(method, path, json=body, headers=sent)

    with ThreadPoolExecutor(TIMES) as pool:
        return list(pool.map(send, range(TIMES)))


def different(answers):
    """The answers that are not equal to one before; what a repetition says is the same JSON, in whatever order."""
    return {(one.status_code, json.dumps(one.json(), sort_keys=True), one.headers["etag"]) for one in answers}


def test_twenty_orders_at_once_under_one_key_are_one_order_with_twenty_equal_answers(town, asha):
    body = {"lines": [{"sku": "P-1", "quantity": 3}]}
    answers = at_once(asha, "POST", "/api/v1/orders", body, Idempotency_Key="cart 7")
    (answer,) = different(answers)
    assert answer[0] == 201
    assert sum("idempotency-replayed" not in one.headers for one in answers) == 1
    assert all(one.headers["x-jovey-position"] for one in answers)
    assert len(asha.get("/api/v1/orders").json()["items"]) == 1
    stock = town.staff().get("/api/v1/fulfillment/inventory").json()["items"][0]
    assert (stock["on_hand"], stock["available"]) == (100, 97)

    path = f"/api/v1/orders/{answers[0].json()['id']}/cancel"
    cancelled = at_once(asha, "PUT", path, {"reason": "twice"}, Idempotency_Key="never mind")
    ((status, _, etag),) = different(cancelled)
    assert (status, etag) == (200, f'"{cancelled[0].json()["version"]}"')


def test_twenty_different_orders_at_once_under_one_key_are_one_order_and_nineteen_refusals(asha):
    gate = Barrier(TIMES)

    def send(quantity):
        with httpx.Client(base_url=asha.client.base_url, timeout=60) as own:
            gate.wait()
            headers = {"Authorization": f"Bearer {asha.token}", "Idempotency-Key": "one cart"}
            return own.post("/api/v1/orders", json={"lines": [{"sku": "P-1", "quantity": quantity}]}, headers=headers)

    with ThreadPoolExecutor(TIMES) as pool:
        answers = list(pool.map(send, range(1, TIMES + 1)))
    assert sorted(one.status_code for one in answers) == [201] + [409] * (TIMES - 1)
    assert {one.json()["code"] for one in answers if one.is_error} == {"idempotency_key_reused"}


def test_a_refusal_is_not_kept_and_its_key_stays_free(town, asha):
    body = {"lines": [{"sku": "P-2", "quantity": 1}]}
    for _ in range(2):
        refused = asha.post("/api/v1/orders", body, Idempotency_Key="later")
        assert (refused.status_code, refused.json()["code"]) == (409, "unknown_sku")
        assert "idempotency-replayed" not in refused.headers
    town.product("P-2")
    assert asha.post("/api/v1/orders", body, Idempotency_Key="later").status_code == 201


def test_what_holds_a_token_is_never_kept_even_under_a_key(town, asha, engine):
    with town.house.engine.begin() as connection:
        keep(connection, asha.id, hashed("a long enough sentence"), now())
    me = {"email": "asha@example.com", "password": "a long enough sentence"}
    first, again = (town.nobody().post("/api/v1/auth/login", me, Idempotency_Key="a key") for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["refresh_token"] != again.json()["refresh_token"]
    assert "idempotency-replayed" not in again.headers
    with engine.connect() as connection:
        kept = connection.execute(text("select string_agg(response::text, '') from jovey.command_receipts")).scalar()
    assert "token" not in (kept or "")
    empty = town.nobody().post("/api/v1/auth/login", me, Idempotency_Key="k" * 256)
    assert (empty.status_code, empty.json()["errors"][0]["field"]) == (422, "Idempotency-Key")

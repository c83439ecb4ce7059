"""Orders over HTTP: placed once, seen by their buyer alone, walked through the warehouse to an invoice."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from warehouse.clock import now
from warehouse.ids import new_id
from warehouse.log.position import decode, is_reached


def five_lines(town):
    skus = [f"P-{n}" for n in range(5)]
    for sku in skus:
        town.product(sku)
    return [{"sku": sku, "quantity": 2} for sku in skus]


def test_a_consumer_places_an_order_and_reads_it(town):
    asha, lines = town.consumer(), five_lines(town)
    answer = asha.post("/api/v1/orders", {"lines": lines})
    assert answer.status_code == 201, answer.text
    order = answer.json()
    assert (order["total"], order["lifecycle"], order["status"]) == ("1000.00", "placed", "pending")
    assert order["customer_id"] == str(asha.id)
    assert answer.headers["etag"] == f'"{order["version"]}"'
    assert answer.headers["x-jovey-position"]
    shown = asha.get(f"/api/v1/orders/{order['id']}")
    assert shown.json() == order
    assert shown.headers["etag"] == answer.headers["etag"]
    assert [one["id"] for one in asha.get("/api/v1/orders").json()["items"]] == [order["id"]]


def test_a_repeated_order_is_the_same_order(town):
    asha = town.consumer()
    town.product()
    body = {"lines": [{"sku": "P-1", "quantity": 1}]}
    first = asha.post("/api/v1/orders", body, Idempotency_Key="cart 7")
    again = asha.post("/api/v1/orders", body, Idempotency_Key="cart 7")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert len(asha.get("/api/v1/orders").json()["items"]) == 1
    other = asha.post("/api/v1/orders", {"lines": [{"sku": "P-1", "quantity": 2}]}, Idempotency_Key="cart 7")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


def test_the_same_key_of_another_caller_is_another_request(town):
    town.product()
    body = {"lines": [{"sku": "P-1", "quantity": 1}]}
    first = town.consumer("asha").post("/api/v1/orders", body, Idempotency_Key="1")
    second = town.consumer("bela").post("/api/v1/orders", body, Idempotency_Key="1")
    assert first.json()["id"] != second.json()["id"]


def test_another_buyers_order_is_not_found(town):
    asha, bela = town.consumer("asha"), town.consumer("bela")
    town.product()
    order = asha.post("/api/v1/orders", {"lines": [{"sku": "P-1", "quantity": 1}]}).json()
    for answer in (
        bela.get(f"/api/v1/orders/{order['id']}"),
        bela.put(f"/api/v1/orders/{order['id']}/cancel", {"reason": "mine"}),
        bela.get(f"/api/v1/orders/{new_id(now())}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")
    assert bela.get("/api/v1/orders").json()["items"] == []
    assert asha.get(f"/api/v1/orders/{order['id']}").json()["lifecycle"] == "placed"


def test_nobody_orders_in_another_ones_name(town):
    asha, bela = town.consumer("asha"), town.consumer("bela")
    town.product()
    body = {"customer_id": str(asha.id), "lines": [{"sku": "P-1", "quantity": 1}]}
    answer = bela.post("/api/v1/orders", body)
    assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")


def test_a_buyer_cancels_and_the_stock_is_free_again(town):
    asha, sten = town.consumer(), town.staff()
    town.product(stock=5)
    order = asha.post("/api/v1/orders", {"lines": [{"sku": "P-1", "quantity": 5}]}).json()
    assert sten.get("/api/v1/fulfillment/inventory").json()["items"][0]["available"] == 0
    cancelled = asha.put(f"/api/v1/orders/{order['id']}/cancel")
    assert cancelled.json()["status"] == "cancelled"
    assert sten.get("/api/v1/fulfillment/inventory").json()["items"][0]["available"] == 5


def test_a_change_is_refused_when_the_order_moved_since(town):
    asha = town.consumer()
    town.product()
    order = asha.post("/api/v1/orders", {"lines": [{"sku": "P-1", "quantity": 1}]}).json()
    path = f"/api/v1/orders/{order['id']}/cancel"
    moved = asha.put(path, {"reason": "no"}, If_Match='"99"')
    assert (moved.status_code, moved.json()["code"]) == (412, "version_moved")
    assert asha.put(path, {"reason": "no"}, If_Match=f'"{order["version"]}"').status_code == 200


def test_placing_five_lines_costs_few_statements(town, count_statements):
    asha, lines = town.consumer(), five_lines(town)
    statements = count_statements(lambda: asha.post("/api/v1/orders", {"lines": lines}))
    assert statements == 4  # who is it, receipts, load, append


def walk(town, sten, order_id):
    base = f"/api/v1/fulfillment/orders/{order_id}"
    for step, body in (("pick", None), ("pack", {"packages": 2}), ("ship", {"carrier": "Blue Van"}), ("deliver", None)):
        answer = sten.post(f"{base}/{step}", body)
        assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_dealers_order_goes_through_the_warehouse_to_a_paid_invoice(town):
    deva, sten = town.dealer(), town.staff()
    town.product()
    order = deva.post("/api/v1/orders", {"lines": [{"sku": "P-1", "quantity": 3}]}).json()
    assert order["lifecycle"] == "confirmed"
    assert [one["id"] for one in sten.get("/api/v1/fulfillment/orders").json()["items"]] == [order["id"]]
    assert walk(town, sten, order["id"])["status"] == "delivered"
    (invoice,) = deva.get("/api/v1/ar/invoices").json()["items"]
    assert (invoice["total"], invoice["open_amount"], invoice["status"]) == ("297.00", "297.00", "open")
    payment = {"amount": "297.00", "received_on": "2026-11-22"}
    paid = sten.post(f"/api/v1/ar/invoices/{invoice['id']}/record-payment", payment, Idempotency_Key="p1")
    assert paid.status_code == 201, paid.text
    assert paid.json()["left"] == "0.00"
    again = sten.post(f"/api/v1/ar/invoices/{invoice['id']}/record-payment", payment, Idempotency_Key="p1")
    assert again.json() == paid.json()
    settled = deva.get(f"/api/v1/ar/invoices/{invoice['id']}").json()
    assert (settled["open_amount"], settled["status"]) == ("0.00", "settled")
    assert deva.get(f"/api/v1/orders/{order['id']}").json()["payment"] == "paid"
    assert deva.get("/api/v1/dealers/account").json()["open_amount"] == "0.00"


def test_picking_twice_with_one_key_picks_once(town):
    deva, sten = town.dealer(), town.staff()
    town.product()
    order_id = town.order(deva, ("P-1", 3))
    path = f"/api/v1/fulfillment/orders/{order_id}/pick"
    first = sten.post(path, {"lines": [{"line_no": 1, "quantity": 1}]}, Idempotency_Key="a")
    again = sten.post(path, {"lines": [{"line_no": 1, "quantity": 1}]}, Idempotency_Key="a")
    assert first.status_code == 200, first.text
    assert first.json() == again.json()
    assert len(sten.get(f"/api/v1/fulfillment/orders/{order_id}").json()["shipments"]) == 1


def test_goods_come_back_and_are_credited(town):
    deva, sten = town.dealer(), town.staff()
    town.product()
    order_id = str(town.order(deva, ("P-1", 3)))
    walk(town, sten, order_id)
    wish = {"order_id": order_id, "lines": [{"line_no": 1, "quantity": 1, "reason": "too loud"}]}
    back = deva.post("/api/v1/returns", wish)
    assert back.status_code == 201, back.text
    base = f"/api/v1/fulfillment/returns/{back.json()['id']}"
    assert sten.post(f"{base}/approve").status_code == 200
    assert sten.post(f"{base}/receive").status_code == 200
    findings = {"findings": [{"line_no": 1, "outcome": "return", "is_saleable": True}]}
    assert sten.post(f"{base}/inspect", findings).json()["status"] == "inspected"
    assert deva.get(f"/api/v1/orders/{order_id}").json()["fulfillment"] == "partially_returned"
    (invoice,) = deva.get("/api/v1/ar/invoices").json()["items"]
    assert (invoice["total"], invoice["open_amount"]) == ("297.00", "198.00")


def test_twenty_requests_at_once_with_one_key_are_one_order(town):
    asha = town.consumer()
    town.product(stock=5)
    body = {"lines": [{"sku": "P-1", "quantity": 1}]}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: asha.post("/api/v1/orders", body, Idempotency_Key="once"), range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 19
    assert town.staff().get("/api/v1/fulfillment/inventory").json()["items"][0]["available"] == 4


def test_a_repeated_write_stands_at_a_position_that_includes_the_first(town):
    asha = town.consumer()
    town.product()
    body = {"lines": [{"sku": "P-1", "quantity": 1}]}
    first, again = (asha.post("/api/v1/orders", body, Idempotency_Key="k") for _ in range(2))
    cut = decode(again.headers["x-jovey-position"])
    assert is_reached(decode(first.headers["x-jovey-position"]), cut)


def test_staff_order_for_a_customer_they_name_and_hold_and_release(town):
    deva, sten = town.dealer(), town.staff()
    town.product()
    lines = [{"sku": "P-1", "quantity": 1, "agreed_unit_price": "80.00"}]
    nameless = sten.post("/api/v1/orders", {"lines": lines})
    assert (nameless.status_code, nameless.json()["errors"][0]["field"]) == (422, "customer_id")
    order = sten.post("/api/v1/orders", {"lines": lines, "customer_id": str(deva.id)}).json()
    assert (order["channel"], order["net"]) == ("staff", "80.00")
    base = f"/api/v1/orders/{order['id']}"
    assert sten.post(f"{base}/hold", {"reason": "call first"}).json()["lifecycle"] == "held"
    assert deva.get(base).json()["hold_reason"] == "call first"
    assert [one["id"] for one in sten.get("/api/v1/orders?lifecycle=held").json()["items"]] == [order["id"]]
    assert sten.post(f"{base}/release", {"reason": "called"}).json()["lifecycle"] == "confirmed"
    assert sten.get(f"/api/v1/orders?customer_id={new_id(now())}").json()["items"] == []


def test_a_shipment_that_is_not_there_or_not_ready_is_refused(town):
    deva, sten = town.dealer(), town.staff()
    town.product()
    order_id = town.order(deva, ("P-1", 2))
    base = f"/api/v1/fulfillment/orders/{order_id}"
    unready = sten.post(f"{base}/pack")
    assert (unready.status_code, unready.json()["code"]) == (409, "no_shipment_waiting")
    other = sten.post(f"{base}/pack", {"shipment_id": str(new_id(now()))})
    assert (other.status_code, other.json()["code"]) == (404, "shipment_not_found")
    nowhere = sten.post(f"/api/v1/fulfillment/orders/{new_id(now())}/pack")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "order_not_found")
    sten.post(f"{base}/pick")
    assert sten.post(f"{base}/cancel-shipment", {"reason": "rain"}).json()["status"] == "cancelled"
    assert [one["status"] for one in sten.get("/api/v1/fulfillment/shipments").json()["items"]] == ["cancelled"]


def test_an_invoice_is_found_by_an_index(engine):
    with engine.connect() as connection:
        asked = text("select prosrc from pg_proc where proname = 'invoice_positions'")
        query = re.search("return query (.*);", connection.execute(asked).scalar_one(), re.DOTALL)[1]
        connection.execute(text("set local enable_seqscan = off; set local search_path = jovey"))
        plan = connection.exec_driver_sql(f"explain {query.replace('p_ids', 'array[]::uuid[]')}").scalars()
        assert "events_invoice_idx" in "\n".join(plan)


def test_the_house_says_that_it_is_well_and_what_it_did(town):
    nobody = town.nobody()
    assert nobody.get("/health/live").json() == {"status": "alive"}
    assert nobody.get("/health/ready").json() == {"status": "ready"}
    counted = nobody.get("/metrics").text
    assert 'jovey_http_requests_total{method="GET",route="/health/ready",status="200"}' in counted
    assert "jovey_http_request_seconds_count" in counted


def test_a_house_with_an_old_database_is_not_ready(town, engine):
    with engine.begin() as connection:
        connection.execute(text("update jovey.alembic_version set version_num = '0001'"))
    answer = town.nobody().get("/health/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert "0001" in answer.json()["detail"]

"""Bulk orders over HTTP: previewed, committed once, every line answered."""

from __future__ import annotations

import pytest


@pytest.fixture
def deva(town):
    town.product("JP-100", stock=5)
    town.product("JP-200", stock=100)
    return town.dealer()


BULK = "/api/v1/dealers/orders/bulk"
GOOD = {"sku": "JP-200", "quantity": 2}
MIXED = [GOOD, {"sku": "JP-10O", "quantity": 1}, {"sku": "JP-100", "quantity": 8}, {"sku": "JP-200", "quantity": 3}]


def test_a_preview_answers_every_line_and_orders_nothing(deva):
    shown = deva.post(f"{BULK}/preview", {"lines": MIXED}).json()
    assert [one["outcome"] for one in shown["lines"]] == ["ok", "unknown_sku", "short", "merged"]
    assert shown["lines"][1]["nearest_sku"] == "JP-100"
    assert (shown["accepted"], shown["refused"], shown["net"]) == (2, 2, "450.0000")
    assert deva.get("/api/v1/dealers/orders").json()["items"] == []


def test_all_or_nothing_refuses_line_by_line(deva):
    answer = deva.post(BULK, {"lines": MIXED})
    assert (answer.status_code, answer.json()["code"]) == (409, "lines_refused")
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [
        ("lines.1", "unknown_sku"), ("lines.2", "short"),
    ]  # fmt: skip


def test_bad_lines_are_skipped_when_the_dealer_says_so(deva):
    answer = deva.post(BULK, {"lines": MIXED, "policy": "skip_bad", "reference": "PO 7"}, Idempotency_Key="b")
    assert answer.status_code == 201, answer.text
    order = answer.json()["order"]
    assert [(line["sku"], line["quantity"]) for line in order["lines"]] == [("JP-200", 5)]
    assert (order["channel"], order["reference"]) == ("bulk", "PO 7")
    again = deva.post(BULK, {"lines": MIXED, "policy": "skip_bad", "reference": "PO 7"}, Idempotency_Key="b")
    assert again.json() == answer.json()
    assert again.headers["idempotency-replayed"] == "true"
    other = deva.post(BULK, {"lines": [GOOD]}, Idempotency_Key="b")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert len(deva.get("/api/v1/dealers/orders").json()["items"]) == 1


def test_what_is_short_waits_when_the_dealer_says_so(deva):
    answer = deva.post(BULK, {"lines": MIXED, "policy": "backorder_short"}).json()
    assert [one["outcome"] for one in answer["lines"]] == ["ok", "unknown_sku", "backordered", "merged"]
    assert answer["order"]["backorder"] is True
    assert [(line["sku"], line["quantity"]) for line in answer["order"]["lines"]] == [("JP-200", 5), ("JP-100", 8)]


def test_a_list_of_nothing_but_bad_lines_is_refused_under_every_policy(deva):
    answer = deva.post(BULK, {"lines": [{"sku": "NONE", "quantity": 1}], "policy": "skip_bad"})
    assert (answer.status_code, answer.json()["code"]) == (409, "lines_refused")


def csv(deva, content, query=""):
    headers = {"Authorization": f"Bearer {deva.token}", "Content-Type": "text/csv; charset=utf-8"}
    return deva.client.post(BULK + query, content=content, headers=headers)


def test_a_csv_does_not_fail_on_its_first_bad_line(deva):
    answer = csv(deva, "sku,quantity\nJP-200,two\nJP-200,4\n", "?policy=skip_bad")
    assert answer.status_code == 201, answer.text
    assert [one["outcome"] for one in answer.json()["lines"]] == ["unreadable", "ok"]
    assert csv(deva, b"\xff\xfe").json()["errors"][0]["code"] == "not_utf8"
    assert csv(deva, "").status_code == 422
    assert csv(deva, "JP-200,1\n" * 2001).json()["errors"][0]["code"] == "line_count"


def test_an_order_of_two_thousand_lines_is_one_order(town, deva):
    from api.actor import system
    from api.category.commands import CreateProduct
    from api.fulfillment.commands import ReceiveStock
    from api.handle import Request, handle_all
    from warehouse.clock import now
    from warehouse.ids import new_id

    skus = [f"S-{n}" for n in range(2000)]
    made = [CreateProduct(sku=sku, name=sku, category="spare_part", base_price="1.00") for sku in skus]
    received = [ReceiveStock(sku=sku, quantity=5, source="opening") for sku in skus]
    requests = [Request(one, new_id(now()), system("town"), now()) for one in (*made, *received)]
    handle_all(town.house.engine, requests, town.house.rules)
    answer = deva.post(BULK, {"lines": [{"sku": sku, "quantity": 1} for sku in skus]})
    assert answer.status_code == 201, answer.text[:500]
    assert len(answer.json()["order"]["lines"]) == answer.json()["accepted"] == 2000

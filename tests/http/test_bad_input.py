"""Bad input: a clear problem that names the field, and nothing half-written."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from warehouse.ids import named

LINE = {"sku": "P-1", "quantity": 1}


@pytest.fixture
def asha(town):
    town.product()
    return town.consumer()


@pytest.fixture
def nothing_written(engine):
    """Runs the test's requests between two counts of the log and its receipts."""

    def count():
        with engine.connect() as connection:
            return connection.execute(
                text("select (select count(*) from jovey.events), (select count(*) from jovey.command_receipts)")
            ).one()

    return count


def raw(asha, content, path="/api/v1/orders", **headers):
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {asha.token}"} | headers
    return asha.client.post(path, content=content, headers=headers)


MALFORMED = [
    ({}, "lines", "missing"),
    ({"lines": []}, "lines", "too_short"),
    ({"lines": [LINE | {"quantity": -1}]}, "lines.0.quantity", "greater_than_equal"),
    ({"lines": [LINE | {"quantity": 1.5}]}, "lines.0.quantity", "int_from_float"),
    ({"lines": [LINE | {"quantity": 10**30}]}, "lines.0.quantity", "less_than_equal"),
    ({"lines": [LINE | {"quantity": "many"}]}, "lines.0.quantity", "int_parsing"),
    ({"lines": [LINE | {"sku": ""}]}, "lines.0.sku", "string_too_short"),
    ({"lines": [LINE | {"sku": "'; drop table"}]}, "lines.0.sku", "string_pattern_mismatch"),
    ({"lines": [LINE | {"colour": "red"}]}, "lines.0.colour", "extra_forbidden"),
    ({"lines": [LINE], "order_id": str(named("x"))}, "order_id", "extra_forbidden"),
    ({"lines": [LINE], "channel": "import"}, "channel", "extra_forbidden"),
    ({"lines": [LINE], "customer_id": "me"}, "customer_id", "uuid_parsing"),
    ({"lines": [LINE | {"agreed_unit_price": "NaN"}]}, "lines.0.agreed_unit_price", "finite_number"),
    ({"lines": [LINE] * 2001}, "lines", "too_long"),
    ([LINE], "body", "model_attributes_type"),
    ({"lines": [LINE], "notes": "a\0b"}, "notes", "nul_character"),
    ({"lines": [LINE | {"reference": "\0"}]}, "lines.0.reference", "nul_character"),
    ({"lines": [LINE], "notes": "\ud800"}, "notes", "string_unicode"),
]


def test_a_malformed_order_names_its_field(town, asha, nothing_written):
    for body, field, code in MALFORMED:
        before = nothing_written()
        answer = raw(asha, json.dumps(body))
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert (field, code) in {(one["field"], one["code"]) for one in answer.json()["errors"]}
        assert field in answer.json()["detail"]
        assert nothing_written() == before


NO_JSON = [
    (b'{"lines": [}', "malformed_json", "character 11"),
    (b"", "invalid_request", "body"),
    (b'{"notes": "\xff"}', "malformed_body", "UTF-8"),
    (b"[" * 100_000, "invalid_request", "deeper than 32 levels"),
    (b'{"lines": ' + b"9" * 5000 + b"}", "invalid_request", "lines: must be at most"),
    (b'{"lines": 1e400000}', "invalid_request", "lines: must be a finite number"),
    (
        b'{"lines": [{"sku": "P-1", "quantity": 1, "quantity": 2}]}',
        "invalid_request",
        "lines.0.quantity: is named twice",
    ),
    (b'{"\\ud800": 1}', "invalid_request", "surrogate"),
]


def test_a_body_that_is_no_json_says_where(asha, nothing_written):
    for content, code, said in NO_JSON:
        before = nothing_written()
        answer = raw(asha, content)
        assert answer.status_code in {400, 422}
        assert answer.json()["code"] == code
        assert said in answer.json()["detail"]
        assert nothing_written() == before


NOT_TO_BE_HAD = [
    ([{"sku": "NONE-1", "quantity": 1}], "unknown_sku", {("lines.0.sku", "unknown_sku")}),
    ([{"sku": "P-1", "quantity": 101}], "insufficient_stock", {("lines.0.quantity", "insufficient_stock")}),
    (
        [{"sku": "P-1", "quantity": 60}, {"sku": "P-1", "quantity": 60}, {"sku": "NONE-1", "quantity": 1}],
        "lines_refused",
        {("lines.0.quantity", "insufficient_stock"), ("lines.2.sku", "unknown_sku")},
    ),
]


def test_what_cannot_be_had_is_refused_line_by_line(asha, nothing_written):
    for lines, code, faults in NOT_TO_BE_HAD:
        before = nothing_written()
        answer = asha.post("/api/v1/orders", {"lines": lines})
        assert (answer.status_code, answer.json()["code"]) == (409, code)
        assert {(one["field"], one["code"]) for one in answer.json()["errors"]} == faults
        assert nothing_written() == before


def test_a_buyer_sets_no_price(asha):
    answer = asha.post("/api/v1/orders", {"lines": [LINE | {"agreed_unit_price": "0.01"}]})
    assert (answer.status_code, answer.json()["code"]) == (403, "agreed_price_forbidden")


def test_hostile_text_is_kept_as_text(asha):
    hostile = "<script>alert(1)</script>'; drop table jovey.events; -- \u202e \U0001f4a5 %s {0}"
    order = asha.post("/api/v1/orders", {"lines": [LINE], "notes": hostile}).json()
    assert asha.get(f"/api/v1/orders/{order['id']}").json()["notes"] == hostile


def test_a_huge_body_is_refused_before_it_is_read_whole(asha, nothing_written):
    before = nothing_written()
    answer = raw(asha, b'{"notes": "' + b"x" * (1 << 20) + b'"}')
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert nothing_written() == before


def test_a_bulk_body_may_be_larger(town):
    deva = town.dealer()
    answer = raw(deva, b"x" * (2 << 20), "/api/v1/dealers/orders/bulk/preview")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
    assert raw(deva, b"x" * (6 << 20), "/api/v1/dealers/orders/bulk/preview").status_code == 413


def test_a_body_of_another_kind_is_refused(asha):
    answer = raw(asha, b"lines=1", **{"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


ADDRESSES = [
    ("/api/v1/orders/not-an-id", 422, "invalid_request"),
    ("/api/v1/orders?limit=0", 422, "invalid_request"),
    ("/api/v1/orders?limit=201", 422, "invalid_request"),
    ("/api/v1/orders?cursor=zzz", 422, "invalid_request"),
    ("/api/v1/orders?cursor=WyJ4IiwgIngiXQ", 422, "invalid_request"),
    ("/api/v1/orders?cursor=%FF%00", 422, "invalid_request"),
    ("/api/v1/orders?lifecycle=lost", 422, "invalid_request"),
    (f"/api/v1/orders?limit={10**60}", 422, "invalid_request"),
    ("/api/v1/nowhere", 404, "no_such_door"),
    ("/api/v1/category/products?search=%00", 422, "invalid_request"),
    ("/api/v1/category/products?search=%25%5F%5C", 200, None),
]


def test_a_malformed_address_names_what_is_wrong(asha):
    for path, status, code in ADDRESSES:
        answer = asha.get(path)
        assert answer.status_code == status, answer.text
        assert answer.json().get("code") == code


def test_an_id_of_another_kind_of_thing_names_nothing(town, asha):
    """Ids are unique over all kinds, so a customer's id in an order's place finds a state, only not an order's."""
    sten, product = town.staff(), town.product("P-2")
    order_id = asha.post("/api/v1/orders", {"lines": [LINE]}).json()["id"]
    payment = {"customer_id": order_id, "amount": "1.00", "received_on": "2026-11-22"}
    for answer, code in (
        (asha.put(f"/api/v1/orders/{asha.id}/cancel", {"reason": "x"}), "order_not_found"),
        (sten.post(f"/api/v1/fulfillment/orders/{product}/pick"), "order_not_found"),
        (sten.post("/api/v1/orders", {"lines": [LINE], "customer_id": order_id}), "customer_not_found"),
        (sten.post("/api/v1/ar/payments", payment), "customer_not_found"),
        (sten.get(f"/api/v1/orders/{asha.id}"), "order_not_found"),
        (sten.post(f"/api/v1/ar/accounts/{named('x', '1')}/release", {"reason": "x"}), "account_not_found"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_a_method_that_is_not_there_says_so(asha):
    answer = asha.ask("PATCH", "/api/v1/orders")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


def test_malformed_headers_are_named(asha):
    for header in ({"Idempotency_Key": ""}, {"Idempotency_Key": "x" * 256}, {"If_Match": "3"}):
        answer = asha.post("/api/v1/orders", {"lines": [LINE]}, **header)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] in {"Idempotency-Key", "If-Match"}


def test_every_answer_bears_a_request_id(asha):
    own = asha.get("/api/v1/orders", X_Request_ID="trace-1")
    assert own.headers["x-request-id"] == "trace-1"
    hostile = asha.get("/api/v1/orders/x", X_Request_ID="a b<c>")
    assert hostile.headers["x-request-id"] == hostile.json()["request_id"] != "a b<c>"


def test_a_failure_of_ours_leaks_nothing_and_is_logged(town, asha, caplog):
    app = town.app
    house, app.state.house = app.state.house, None
    try:
        answer = asha.get("/api/v1/orders", X_Request_ID="trace-2")
    finally:
        app.state.house = house
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "NoneType" not in answer.text
    assert answer.headers["x-request-id"] == "trace-2"
    assert "trace-2" in caplog.text

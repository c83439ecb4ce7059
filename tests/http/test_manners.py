"""Manners: places in the log, cursors nobody can make up, headers on every answer, errors of one form."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError

from api import manners
from api.access import DOORS
from warehouse.log.position import Snapshot, Write, encode

PROBLEM = {"type", "title", "status", "detail", "code", "errors", "request_id"}
REPORT = "/api/v1/ar/reports/aging"


def test_a_read_that_must_include_a_write_does(town):
    asha = town.consumer()
    town.product()
    placed = asha.post("/api/v1/orders", {"lines": [{"sku": "P-1", "quantity": 1}]})
    read = asha.get(f"/api/v1/orders/{placed.json()['id']}", X_Jovey_At_Least=placed.headers["x-jovey-position"])
    assert read.status_code == 200
    assert asha.get("/api/v1/orders", X_Jovey_At_Least=encode(Snapshot(1, 5))).status_code == 200


def test_a_read_does_not_wait_for_ever_for_what_has_not_happened(town, monkeypatch):
    monkeypatch.setattr(manners, "LOOKS_MAX", 2)
    asha, sten = town.consumer(), town.staff()
    far = encode(Write(1 << 40))
    early = asha.get("/api/v1/orders", X_Jovey_At_Least=far)
    assert (early.status_code, early.json()["code"]) == (425, "position_not_reached")
    assert early.headers["retry-after"] == "2"
    written = asha.put("/api/v1/customers/profile", {"name": "Asha", "phone": "+91 20 555 0101"})
    lake = sten.get(REPORT, X_Jovey_At_Least=written.headers["x-jovey-position"])
    assert lake.status_code == 425, "the log has it, the lake does not"
    assert "lake" in lake.json()["detail"]
    wrong = asha.get("/api/v1/orders", X_Jovey_At_Least="soon")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "X-Jovey-At-Least")
    change = asha.put("/api/v1/customers/profile", {"name": "Asha"}, X_Jovey_At_Least=far)
    assert change.status_code == 200, "a write is decided on what is there under lock"


def test_a_cursor_works_where_it_came_from_and_nowhere_else(town):
    sten = town.staff()
    for number in range(3):
        town.product(f"P-{number}", stock=0)
    listed = sten.get("/api/v1/category/products?limit=1").json()
    cursor = listed["next"].partition("cursor=")[2].partition("&")[0]
    assert sten.get(listed["next"]).json()["items"][0]["sku"] == "P-1"
    assert sten.get("/api/v1/category/products?limit=1").json()["next"] == listed["next"]
    middle = len(cursor) // 2
    changed = cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1 :]
    for path in (
        f"/api/v1/category/products?cursor={changed}",
        f"/api/v1/category/products?cursor={cursor[:-4]}",
        f"/api/v1/category/products?cursor={cursor}{cursor}",
        "/api/v1/category/products?cursor=",
        "/api/v1/category/products?cursor=WyJQLTEiLCAiMDE5OWYwYzQtN2EwMC03Y2MyLTlhNWUtM2IxZDJmNGM2YTcwIl0",
        f"/api/v1/customers?cursor={cursor}",
    ):
        answer = sten.get(path)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor"), path


def test_every_answer_bears_the_headers_that_keep_it_where_it_belongs(town):
    asha = town.consumer()
    for answer in (
        asha.get("/api/v1/orders"),
        asha.get("/api/v1/nowhere"),
        town.nobody().get("/api/v1/orders"),
        asha.post("/api/v1/orders", {"lines": []}),
        town.nobody().get("/health/live"),
        town.nobody().get("/docs"),
        town.nobody().get("/pumps"),
        town.nobody().get("/nothing-here"),
        town.nobody().get("/static/nothing.css"),
        town.nobody().get("/staff/"),
    ):
        said = answer.headers
        assert "frame-ancestors 'none'" in said["content-security-policy"], answer.url
        scripts = said["content-security-policy"].partition("script-src")[2].partition(";")[0]
        assert "unsafe-inline" not in scripts
        assert "unsafe-eval" not in scripts
        assert said["x-content-type-options"] == "nosniff"
        assert said["referrer-policy"] in {"no-referrer", "same-origin"}
        assert "camera=()" in said["permissions-policy"]
        assert (said["cross-origin-opener-policy"], said["cross-origin-resource-policy"]) == ("same-origin",) * 2
        assert said["x-request-id"]
        assert "strict-transport-security" not in said, "this house is not on https"
        assert len(said.get_list("content-security-policy")) == 1
    assert asha.get("/api/v1/orders").headers["cache-control"] == "no-store"


def test_every_error_is_a_problem(town, monkeypatch):
    asha = town.consumer()

    def away(*_):
        raise OperationalError("select secret", {}, Exception("no route to 10.0.0.1"))

    monkeypatch.setattr("api.orders.routes.newest", away)
    found = {
        400: asha.client.post("/api/v1/orders", content=b"{", headers=headers_of(asha)),
        401: town.nobody().get("/api/v1/orders"),
        403: asha.get("/api/v1/events"),
        404: asha.get("/api/v1/nowhere"),
        405: asha.ask("PATCH", "/api/v1/orders"),
        406: asha.get("/api/v1/orders", Accept="image/png"),
        409: asha.post("/api/v1/orders", {"lines": [{"sku": "NONE", "quantity": 1}]}),
        412: asha.put("/api/v1/customers/profile", {"name": "A"}, If_Match='"99"'),
        413: asha.client.post("/api/v1/orders", content=b"x" * (2 << 20), headers=headers_of(asha)),
        414: asha.get("/api/v1/orders?lifecycle=" + "x" * 9_000),
        415: asha.client.post(
            "/api/v1/orders", content=b"a", headers=headers_of(asha) | {"Content-Type": "text/plain"}
        ),
        422: asha.get("/api/v1/orders?limit=0"),
        503: asha.get("/api/v1/orders"),
    }
    for status, answer in found.items():
        assert answer.status_code == status, answer.text
        said = answer.json()
        assert set(said) == PROBLEM
        assert answer.headers["content-type"] == "application/problem+json"
        assert (said["status"], said["type"]) == (status, f"urn:jovey:problem:{said['code']}")
        assert said["request_id"] == answer.headers["x-request-id"]
        assert "secret" not in answer.text
        assert "10.0.0.1" not in answer.text
    assert found[503].headers["retry-after"] == "1"


def headers_of(caller):
    return {"Authorization": f"Bearer {caller.token}", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def operations():
    from api.app import create_app
    from warehouse.settings import Settings

    document = create_app(Settings()).openapi()
    return {(method.upper(), path): one for path, item in document["paths"].items() for method, one in item.items()}


def test_every_door_names_the_headers_it_takes_and_the_problems_of_any_door(operations):
    for (method, path), operation in operations.items():
        if not path.startswith("/api/"):
            continue
        taken = {one["name"] for one in operation["parameters"] if one["in"] == "header"}
        statuses = set(operation["responses"])
        assert {"406", "422", "429", "500", "503"} <= statuses, (method, path)
        assert all("RateLimit" in one["headers"] for one in operation["responses"].values())
        if method == "GET":
            assert "X-Jovey-At-Least" in taken
            assert "425" in statuses
        if method in {"POST", "PUT"}:
            assert "Idempotency-Key" in taken, (method, path)
        if "requestBody" in operation:
            assert {"408", "415"} <= statuses
    assert set(operations) == set(DOORS)

"""The OpenAPI document says everything that callers may meet."""

from __future__ import annotations

import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.access import DOORS
from api.app import create_app
from api.codes import codes_of
from warehouse.settings import Settings


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    return create_app(Settings(home=tmp_path_factory.mktemp("home"))).openapi()


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def test_every_door_is_in_it_with_its_callers(document):
    found = {(method, path): operation["x-callers"] for method, path, operation in operations(document)}
    assert found == {door: str(callers) for door, callers in DOORS.items()}


def test_every_door_says_what_it_does_in_a_sentence(document):
    for method, path, operation in operations(document):
        assert operation.get("description", "").strip().endswith((".", ")")), (method, path)


def test_every_problem_is_a_problem_with_codes_and_an_example(document):
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            if not status.startswith("2"):
                content = response["content"]["application/problem+json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, (method, path, status)
                assert content["example"]["code"] in response["x-codes"]


def test_doors_say_the_statuses_that_their_kind_can_answer(document):
    for method, path, operation in operations(document):
        statuses = set(operation["responses"])
        if path.startswith("/api/") and not DOORS[method, path].anyone:
            assert {"401", "403"} <= statuses, (method, path)
        if "requestBody" in operation:
            assert {"400", "413", "422"} <= statuses, (method, path)
        if "{" in path:
            assert "404" in statuses, (method, path)


def test_every_reference_leads_somewhere(document):
    schemas = document["components"]["schemas"]
    named = set(re.findall(r"#/components/schemas/([\w.\-]+)", str(document)))
    assert named <= set(schemas), named - set(schemas)


def test_it_is_a_document_of_openapi(document):
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_operations_and_schemas_have_names_of_their_own_that_a_person_can_read(document):
    names = [operation["operationId"] for *_, operation in operations(document)]
    assert len(names) == len(set(names))
    assert [name for name in names if not re.fullmatch("[a-z]+(_[a-z]+)*", name)] == []
    assert [
        name for name in document["components"]["schemas"] if not re.fullmatch(r"[A-Za-z]+(_[A-Za-z]+_)?", name)
    ] == []


def test_every_tag_is_explained_and_every_door_has_one(document):
    used = {tag for *_, operation in operations(document) for tag in operation["tags"]}
    assert used == {tag["name"] for tag in document["tags"] if tag["description"].endswith(".")}
    assert all(len(operation["tags"]) == 1 for *_, operation in operations(document))


def test_every_answer_says_in_its_own_words_what_it_is(document):
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            assert response["description"].endswith("."), (method, path, status)
            assert response["description"] != "Successful Response.", (method, path, status)


def test_every_schema_is_explained(document):
    schemas = document["components"]["schemas"]
    assert [name for name, one in schemas.items() if "description" not in one and name != "JsonValue"] == []


def test_no_parameter_is_null_and_every_decimal_has_a_form(document):
    for method, path, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            assert {"type": "null"} not in parameter["schema"].get("anyOf", ()), (method, path, parameter["name"])
    for name, schema in document["components"]["schemas"].items():
        for field, one in schema.get("properties", {}).items():
            kinds = {branch.get("type"): branch for branch in one.get("anyOf", ())}
            assert "number" not in kinds or "pattern" in kinds["string"], (name, field)


def test_codes_are_read_from_the_rules_and_what_they_set_in_motion():
    orders = codes_of("orders")
    assert {"credit_exceeded", "agreed_price_forbidden"} <= orders["forbidden"]
    assert {"insufficient_stock", "unknown_sku", "order_shipped", "order_number_taken"} <= orders["conflict"]
    assert "order_not_found" in orders["not_found"]
    assert "purchase_order_is_*" in codes_of("procurement")["conflict"]
    assert "price_step_exceeded" not in orders["conflict"]


def test_the_documentation_page_needs_nothing_from_elsewhere(town):
    page = town.nobody().get("/docs")
    assert page.status_code == 200
    addresses = re.findall(r'(?:src|href|url)[=:] ?["\']([^"\']+)', page.text)
    assert len(addresses) >= 4
    for address in addresses:
        assert address.startswith("/"), address
        assert town.nobody().get(address).status_code == 200, address

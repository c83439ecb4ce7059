"""Who may call which door, as the house's table says it (what it does: test_doors.py), and what buyers never see."""

from __future__ import annotations

import re

import pytest

from api.access import DOORS, Callers, refuse_unless_included
from api.actor import Actor
from api.app import create_app, doors
from api.refusals import Refusal, Unauthenticated
from api.views import View
from warehouse.ids import named
from warehouse.settings import Settings

CALLERS = {
    "nobody": Actor("anonymous"),
    "consumer": Actor("consumer", named("x", "1")),
    "dealer": Actor("dealer", named("x", "2")),
    "staff of nothing": Actor("staff", named("x", "3")),
    "staff of receivables": Actor("staff", named("x", "4"), functions=frozenset({"receivables"})),
}


def test_every_door_has_a_row_and_every_row_a_door(app):
    assert set(doors(app)) == set(DOORS)


def test_a_door_without_a_row_does_not_open(monkeypatch, tmp_path):
    monkeypatch.delitem(DOORS, ("POST", "/api/v1/orders"))
    with pytest.raises(AssertionError, match=r"POST.*/api/v1/orders"):
        create_app(Settings(home=tmp_path))


def test_the_design_documents_doors_are_there():
    promised = """
        GET category/products · GET category/products/{} · POST category/products · PUT category/products/{}
        DELETE category/products/{} · GET category/pricing-strategy · POST category/pricing/update
        GET category/market-intelligence · POST customers/register · GET customers/profile · PUT customers/profile
        POST orders · GET orders · GET orders/{} · PUT orders/{}/cancel · POST dealers/apply · GET dealers/pricing
        GET dealers/orders · POST dealers/orders/bulk · GET customers · GET dealers · POST dealers/{}/approve
        GET fulfillment/orders · GET fulfillment/orders/{} · POST fulfillment/orders/{}/pick
        POST fulfillment/orders/{}/pack · POST fulfillment/orders/{}/ship · GET fulfillment/inventory
        POST fulfillment/inventory/adjust · GET ar/invoices · GET ar/invoices/{} · POST ar/invoices/{}/send
        POST ar/invoices/{}/record-payment · GET ar/reports/aging · GET ar/reports/revenue · GET events · GET events/{}
    """
    wanted = {tuple(one.split()) for one in re.split("·|\n", promised) if one.strip()}
    there = {(method, re.sub(r"{\w+}", "{}", path).removeprefix("/api/v1/")) for method, path in DOORS}
    assert wanted - there == set()


@pytest.mark.parametrize(
    ("callers", "welcome"),
    [
        (Callers(anyone=True), set(CALLERS)),
        (Callers(buyers=frozenset({"dealer"})), {"dealer"}),
        (Callers(functions=frozenset({"receivables"})), {"staff of receivables"}),
        (Callers(all_staff=True), {"staff of nothing", "staff of receivables"}),
    ],
)
def test_a_row_says_who_is_welcome(callers, welcome):
    assert {name for name, by in CALLERS.items() if callers.includes(by)} == welcome


def test_who_is_not_welcome_is_told_why():
    callers = Callers(buyers=frozenset({"dealer"}), functions=frozenset({"orders"}))
    with pytest.raises(Unauthenticated):
        refuse_unless_included(CALLERS["nobody"], callers)
    with pytest.raises(
        Refusal, match=r"dealer \(own\), staff \(orders\).*signed in as staff \(receivables\)"
    ) as refused:
        refuse_unless_included(CALLERS["staff of receivables"], callers)
    assert refused.value.kind == "forbidden"


def views() -> list[type[View]]:
    found, waiting = [], [View]
    while waiting:
        for view in waiting.pop().__subclasses__():
            found.append(view)
            waiting.append(view)
    return found


def test_what_a_piece_costs_the_company_is_for_staff_alone(app):
    """Every view a buyer can be answered with hides cost; stock and purchase orders are behind staff doors."""
    behind_staff_doors = {"StockView", "PurchaseOrderView", "ModelCallView"}
    for view in views():
        costs = {name for name in view.model_fields if "cost" in name or "margin" in name}
        assert view.__name__ in behind_staff_doors or costs <= view.staff_only(), view


def test_hidden_fields_have_defaults_so_that_they_can_be_left_out():
    for view in views():
        assert all(not view.model_fields[name].is_required() for name in view.staff_only()), view


def test_buyers_see_no_cost_and_nothing_that_is_not_on_sale(town):
    id = town.product()
    hidden = town.product("P-2")
    sten, asha, deva = town.staff(), town.consumer(), town.dealer()
    assert sten.delete(f"/api/v1/category/products/{hidden}").status_code == 200
    assert sten.get(f"/api/v1/category/products/{id}").json()["cost"] == "60.00"
    for caller in (town.nobody(), asha, deva):
        shown = caller.get(f"/api/v1/category/products/{id}")
        assert shown.status_code == 200
        assert "cost" not in shown.text
        listed = caller.get("/api/v1/category/products?active=false").json()["items"]
        assert [one["sku"] for one in listed] == ["P-1"]
        assert caller.get(f"/api/v1/category/products/{hidden}").status_code == 404
    assert {one["sku"] for one in sten.get("/api/v1/category/products").json()["items"]} == {"P-1", "P-2"}


def test_no_field_of_a_buyers_answers_speaks_of_cost(app):
    """The OpenAPI document, searched: doors that buyers may call name no cost but the hidden one."""
    document = app.openapi()
    seen: set[str] = set()

    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node and (name := node["$ref"].rpartition("/")[2]) not in seen:
                seen.add(name)
                walk(document["components"]["schemas"][name])
            for one in node.values():
                walk(one)
        elif isinstance(node, list):
            for one in node:
                walk(one)

    for (method, path), callers in DOORS.items():
        if callers.anyone or callers.buyers:
            operation = document["paths"][path][method.lower()]
            walk({status: one for status, one in operation["responses"].items() if status.startswith("2")})
    assert "OrderView" in seen
    schemas = document["components"]["schemas"]
    leaks = {(name, field) for name in seen for field in schemas[name].get("properties", {}) if "cost" in field}
    assert leaks == {("ProductView", "cost")}

"""A client that nobody wrote: generated from the OpenAPI document without a warning, it places an order."""

from __future__ import annotations

import importlib
import json

import pytest
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType

from api.auth.passwords import hashed, keep
from warehouse.clock import now

PASSWORD = "a long enough sentence"
AS_BYTES = {"text/csv": "application/octet-stream"}  # the generator knows no CSV; what is sent stays what it is


@pytest.mark.timeout(400)  # some two hundred modules are written and imported
def test_a_generated_client_places_an_order(town, tmp_path, monkeypatch):
    town.product()
    asha = town.consumer()
    with town.house.engine.begin() as connection:
        keep(connection, asha.id, hashed(PASSWORD), now())
    generated(town.app.openapi(), tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def part(name):
        return importlib.import_module(f"generated_jovey.{name}")

    base_url = str(asha.client.base_url)
    models, stranger = part("models"), part("client").Client(base_url=base_url)
    with stranger:
        sign_in = models.SignIn(email="asha@example.com", password=PASSWORD)
        tokens = part("api.auth.sign_in").sync(client=stranger, body=sign_in)
        shelf = part("api.category.list_products").sync(client=stranger)
        refused = part("api.orders.list_orders").sync(client=stranger)
    product = shelf.items[0]
    with part("client").AuthenticatedClient(base_url=base_url, token=tokens.access_token) as client:
        shown = part("api.category.show_product").sync(product.id, client=client)
        wanted = models.PlaceOrderBody(lines=[models.OrderedLine(sku=shown.sku, quantity=2)])
        placed, again = (
            part("api.orders.place_order").sync(client=client, body=wanted, idempotency_key="cart") for _ in range(2)
        )
        (read,) = part("api.orders.list_orders").sync(client=client).items

    assert (refused.status, refused.code) == (401, "not_signed_in")
    assert (placed.total, placed.status.value, placed.lines[0].sku) == ("200.00", "pending", "P-1")
    assert placed == again == read


def generated(document, folder) -> None:
    """The package `generated_jovey` in the folder; the generator has nothing to complain about."""
    source = folder / "openapi.json"
    source.write_text(json.dumps(document))
    file = ConfigFile(post_hooks=[], content_type_overrides=AS_BYTES)
    made = Config.from_sources(
        file, MetaType.NONE, source, "utf-8", overwrite=True, output_path=folder / "generated_jovey"
    )
    assert [f"{one.header} {one.detail}" for one in generate(config=made)] == []

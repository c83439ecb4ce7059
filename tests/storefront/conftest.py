"""The shop on a socket, a browser that reports all it hears, and a catalog small enough to know by heart."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from api.category.commands import CreateProduct
from api.fulfillment.commands import ReceiveStock
from warehouse.events.category import CurvePoint, Specifications

AXE = Path(__file__).parent / "vendor" / "axe-4.14.1.min.js"


def _doors() -> Any:
    """The house with its doors and its callers, as tests/http knows them; tests/ is no package to import from."""
    path = Path(__file__).parents[1] / "http" / "conftest.py"
    spec = importlib.util.spec_from_file_location("jovey_tests_doors", path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_HTTP = _doors()
app, town, count_statements = _HTTP.app, _HTTP.town, _HTTP.count_statements


def specifications(flow: float = 3.0, head: float = 34.0, power: float = 340.0, **more: Any) -> Specifications:
    """A pump whose head falls as a parabola from `head` to 0 at `flow`."""
    shares = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    points = ((flow * share, head * (1 - share**2), power * (0.55 + 0.75 * share)) for share in shares)
    curve = tuple(
        CurvePoint(flow_m3_h=_decimal(one), head_m=_decimal(two), power_w=_decimal(three)) for one, two, three in points
    )
    asked = {"phase": "single", "outlet_mm": 25} | more
    return Specifications(
        flow_m3_h_max=_decimal(flow), head_m_max=_decimal(head), power_w=_decimal(power), curve=curve, **asked
    )


def _decimal(number: float) -> Decimal:
    return Decimal(f"{number:.2f}")


@pytest.fixture(scope="session", name="specifications")
def _specifications() -> Callable[..., Specifications]:
    return specifications


GOODS: tuple[tuple[str, str, str, str, int, Specifications], ...] = (
    ("RIL-250", "Rill 250", "tank_pump", "62.00", 20, specifications(2.7, 27.5, 250)),
    ("RIL-340", "Rill 340", "tank_pump", "73.00", 3, specifications(3.0, 34.0, 340)),
    ("DLV-008", "Delve 8", "borewell_pump", "296.00", 60, specifications(4.8, 84.0, 920, outlet_mm=32)),
    ("EBB-280", "Ebb 280", "drainage_pump", "79.00", 0, specifications(10.1, 7.6, 280, outlet_mm=40)),
    ("TRN-510", "Tern 510", "pressure_pump", "164.00", 8, specifications(4.2, 42.0, 510)),
    ("ACC-NRV-25", "Non-return valve 25 mm", "accessory", "7.20", 90, Specifications()),
    ("SPR-IMP-RIL", "Impeller for Rill, brass", "spare_part", "12.40", 40, Specifications()),
)


@pytest.fixture
def shop(town: Any) -> Any:
    """The town with a small catalog: every kind of product, one of them out of stock, each with a secret cost."""
    for sku, name, category, price, stock, specs in GOODS:
        made = CreateProduct(
            sku=sku, name=name, description=f"{name} <by hand> & tested.", category=category,
            base_price=Decimal(price), cost=Decimal("3.37"), specifications=specs,
        )  # fmt: skip
        town.send(made)
        if stock:
            town.send(ReceiveStock(sku=sku, quantity=stock, source="opening", unit_cost=Decimal("3.37")))
    return town


@pytest.fixture
def open_page(browser: Browser, town: Any, listen: Callable[..., None]) -> Iterator[Callable[..., Page]]:
    """Open a page of the shop; at the end fail if any page logged an error or asked anybody but the shop."""
    origin = str(town.app.state.client.base_url).rstrip("/")
    contexts = []

    def opened(path: str = "/", width: int = 1280, scheme: str = "light", **options: Any) -> Page:
        context = browser.new_context(
            base_url=origin, viewport={"width": width, "height": 844}, color_scheme=scheme, **options
        )
        contexts.append(context)
        page = context.new_page()
        listen(page, origin, ("error", "warning"))
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def axe() -> Callable[[Page], list[str]]:
    """What axe-core finds wrong with a page: rule and places."""
    source = AXE.read_text()

    def found(page: Page) -> list[str]:
        page.evaluate(source)
        result = page.evaluate("axe.run()")
        return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in result["violations"]]

    return found


@pytest.fixture(scope="session")
def overflow() -> Callable[[Page], int]:
    """How many pixels a page is wider than its window."""
    return lambda page: page.evaluate("document.documentElement.scrollWidth - window.innerWidth")

"""The whole story under `jovey up`, in a browser: somebody buys, stock falls, an agent proposes, a person approves."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from api.actor import system
from api.client import Client
from api.fulfillment.commands import ReceiveStock
from api.handle import Request, handle
from api.procurement.commands import ReceivePurchaseOrder, SendPurchaseOrder
from api.rules import Rules, rules_of
from assets.hot_run import refresh
from orchestration.bench.whole_house import own_home, served
from orchestration.demo.plan import Plan
from orchestration.demo.story import found
from orchestration.demo.tell import tell
from orchestration.users import create_staff, issue_token
from warehouse import clock
from warehouse.ids import new_id
from warehouse.lake.read import EVERYTHING, Reader
from warehouse.log.migrate import migrate
from warehouse.postgres import open_database
from warehouse.settings import Settings

pytestmark = pytest.mark.whole

DAYS, SIZE = 150, 0.08  # a company with some four thousand events, told in seconds
STAFF, PASSWORD = "meera@example.com", "a journey begins here"
STEP_SECONDS = 120
_LOG = logging.getLogger("jovey.journey")  # `pytest --log-cli-level=INFO` tells how long each step took

_CANDIDATE = """
select target.sku, target.reorder_point, target.order_up_to,
    sum(shelf.quantity_available + shelf.quantity_in_transit)::integer as position,
    sum(shelf.quantity_available)::integer as available
from forecasting.inventory_targets as target
join fulfillment.finished_goods_inventory as shelf using (product_id)
where target.supplier_id is not null and target.order_quantity > 0 and shelf.warehouse_location = 'main'
group by target.sku, target.reorder_point, target.order_up_to, target.unit_cost
having target.order_up_to * target.unit_cost < 4000 and target.reorder_point > 5
order by target.sku limit 1"""


@dataclass(frozen=True)
class House:
    """A company that is up; `sku` stands two pieces above its reorder point, `available` of it can be promised."""

    settings: Settings
    sku: str
    available: int

    @property
    def address(self) -> str:
        return f"http://{self.settings.api_host}:{self.settings.api_port}"


@pytest.fixture
def house() -> Iterator[House]:
    with own_home() as settings, open_database(settings) as database:
        migrate(database)
        engine = database.engine("jovey_append", statement_timeout_s=60)
        plan = Plan(1, clock.calendar_date(clock.now(), "UTC") - timedelta(days=1), DAYS, SIZE)
        tell(engine, *found(plan), Rules(), lambda: None)
        refresh(database, settings)
        with Reader(database, settings) as lake:
            row = lake.query(_CANDIDATE, functions=EVERYTHING).frame.row(0, named=True)
        missing = row["reorder_point"] + 2 - row["position"]
        assert missing > 0, "the small company leaves its shelves short"
        goods = ReceiveStock(sku=row["sku"], quantity=missing, source="opening")
        handle(engine, Request(goods, new_id(clock.now()), system("journey"), clock.now()), rules_of(settings))
        refresh(database, settings)  # otherwise the agent may propose from the shelf as it was before
        engine.dispose()
        create_staff(settings, STAFF, "Meera", PASSWORD)
        with served(settings):
            yield House(settings, row["sku"], row["available"] + missing)


@pytest.fixture
def window(house: House, browser: Browser, listen: Callable[..., None]) -> Iterator[Callable[[], Page]]:
    """Open a window of somebody's own; all are closed before the house is."""
    contexts: list[BrowserContext] = []

    def opened() -> Page:
        contexts.append(browser.new_context(base_url=house.address, viewport={"width": 1280, "height": 900}))
        page = contexts[-1].new_page()
        listen(page, house.address)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.timeout(400)
def test_a_purchase_becomes_a_proposal_an_order_to_the_supplier_and_new_stock(house, window, press, eventually):
    """Given stock two above its reorder point, when a consumer buys two, then new goods come by a person's yes."""
    shop, office = window(), window()
    _sign_in(office, "/staff/")
    # the whole house starts at this moment; the journey's clock does not run yet
    expect(office.get_by_role("heading", name="Overview")).to_be_visible(timeout=STEP_SECONDS * 1000)
    token = issue_token(house.settings, STAFF, timedelta(hours=1))
    with Client(house.address, token) as clerk:
        _fill_cart(shop, house.sku)
        began = time.monotonic()
        _order_and_pay(shop)
        steps = {"paid": time.monotonic() - began}

        eventually(lambda: _waiting(clerk, house.sku), seconds=STEP_SECONDS)
        steps["proposed"] = time.monotonic() - began
        office.goto(f"/staff/decisions?decision={_waiting(clerk, house.sku)['id']}")
        press(office, "Approve: draft an order")
        expect(office.get_by_text("Approved and done").first).to_be_visible(timeout=30_000)
        steps["approved"] = time.monotonic() - began

        decision = clerk.get("/agents/decisions", subject=house.sku, status="executed")["items"][0]
        quantity = _receive(clerk, UUID(decision["effect"]["id"]))
        assert quantity == decision["proposal"]["quantity"]
        now_available = house.available - 2 + quantity
        with open_database(house.settings) as database, Reader(database, house.settings) as lake:
            eventually(lambda: _seen_by_staff(lake, house.sku) == now_available, seconds=STEP_SECONDS)
        steps["in stock"] = time.monotonic() - began
    shop.goto(f"/pumps/{house.sku}")
    expect(shop.get_by_text(re.compile(rf"In stock, ({now_available}|over)")).first).to_be_visible()
    _LOG.info(" · ".join(f"{name} {seconds:.1f} s" for name, seconds in steps.items()))


def _sign_in(page: Page, path: str) -> None:
    page.goto(path)
    page.get_by_label("E-mail").fill(STAFF)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def _fill_cart(page: Page, sku: str) -> None:
    """A new customer with two pieces in the cart, an account and an address."""
    page.goto(f"/pumps/{sku}")
    page.get_by_label("Pieces").fill("2")
    page.get_by_role("button", name="Add to cart").first.click()
    page.goto("/checkout")
    page.get_by_label("Your name").fill("Asha Rao")
    page.locator("#new-email").fill("asha@example.com")
    page.locator("#new-password").fill("a pump for the roof")
    page.get_by_role("button", name="Open an account and go on").click()
    page.get_by_label("Name of this address").fill("Home")
    page.get_by_label("Recipient").fill("Asha Rao")
    page.get_by_label("Street and number").fill("1 Well Lane")
    page.get_by_label("City").fill("Pune")
    page.get_by_label("Postal code").fill("411001")
    page.get_by_label("Country").fill("India")
    page.get_by_role("button", name="Keep it and go on").click()


def _order_and_pay(page: Page) -> None:
    page.get_by_role("button", name="Order and pay").click()
    page.get_by_label("Card number").fill("4242 4242 4242 4242")
    page.get_by_role("button", name=re.compile("^Pay ")).click()
    expect(page.get_by_role("heading", name=re.compile("^Order SO-"))).to_be_visible(timeout=30_000)


def _waiting(clerk: Client, sku: str) -> dict | None:
    found = clerk.get("/agents/decisions", subject=sku, status="proposed", function="procurement")["items"]
    return found[0] if found else None


def _receive(clerk: Client, purchase_order_id: UUID) -> int:
    """The buyer sends the order, the goods come; how many pieces."""
    clerk.send(SendPurchaseOrder, purchase_order_id=purchase_order_id)
    received = clerk.send(ReceivePurchaseOrder, purchase_order_id=purchase_order_id).body
    return sum(line["quantity"] for line in received["lines"])


def _seen_by_staff(lake: Reader, sku: str) -> int:
    """What the inventory screen reads."""
    asked = "select quantity_available from fulfillment.finished_goods_inventory where sku = ?"
    return lake.query(asked, [sku], functions=EVERYTHING).frame.item()

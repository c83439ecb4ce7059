"""The screens as a browser has them: every page, wide and narrow, light and dark, quiet and within the house."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

PAGES = {"": "Overview", "receivables": "Receivables", "inventory": "Inventory", "decisions": "Decisions"}
PAGES |= {"events": "Live events"}
AXE = Path(__file__).parents[1] / "storefront" / "vendor" / "axe-4.14.1.min.js"
UPSTREAM = {"list", "listitem", "svg-img-alt"}  # Streamlit draws these itself
pytestmark = [pytest.mark.whole, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def boss(house):
    functions = ("agents", "category", "events", "fulfillment", "orders", "procurement", "receivables")
    house.propose(40)
    return house.staff(*functions, name="Bea Boss")


@pytest.fixture(scope="module")
def context_of(browser: Browser, api: str, boss) -> Callable[[int, str], BrowserContext]:
    """Windows of one width and scheme share what a browser keeps: to load Streamlit's code is half of a page's time."""

    @cache
    def made(width: int, scheme: str) -> BrowserContext:
        context = browser.new_context(
            base_url=api, viewport={"width": width, "height": 900}, color_scheme=scheme, timezone_id="Asia/Kolkata"
        )
        context.add_cookies([{"name": "jovey_session", "value": boss.token, "url": api}])
        return context

    return made


@pytest.fixture
def open_page(context_of, staff: str, api: str, listen) -> Iterator[Callable[..., Page]]:
    """Open a page of the screens through the API's door; at the end fail if any logged an error or left the house."""
    pages = []

    def opened(path: str, width: int = 1280, scheme: str = "light") -> Page:
        page = context_of(width, scheme).new_page()
        pages.append(page)
        listen(page, api)
        page.goto(path)
        return page

    yield opened
    for page in pages:
        page.close()


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (390, "dark"),
        (1280, "light"),
        pytest.param(390, "light", marks=pytest.mark.proof),
        pytest.param(1280, "dark", marks=pytest.mark.proof),
    ],
)
def test_every_page_opens_quietly_and_fits_and_in_the_light_axe_finds_nothing_of_ours(open_page, width, scheme):
    for path, title in PAGES.items():
        page = open_page(f"/staff/{path}", width, scheme)
        expect(page.get_by_role("heading", name=title, level=1)).to_be_visible(timeout=30_000)
        expect(page.get_by_text("As of event").first).to_be_visible(timeout=30_000)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert page.get_by_text("could not be shown").count() == 0
        assert scheme == "dark" or _violations(page) == {}, path


def test_words_on_buttons_are_readable_in_the_dark_and_when_they_cannot_be_pressed(open_page, house):
    page = open_page(f"/staff/decisions?decision={house.propose(53)}", scheme="dark")
    button, paper = page.get_by_role("button", name="Approve: draft an order"), "rgb(12, 22, 26)"
    expect(button).to_have_css("color", paper, timeout=30_000)  # the first drawing may not know of the dark yet
    assert _violations(page) == {}
    assert button.evaluate("one => { one.disabled = true; return getComputedStyle(one).color }") != paper


def _violations(page: Page) -> dict[str, list[str]]:
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")["violations"]
    return {one["id"]: [node["html"] for node in one["nodes"]] for one in found if one["id"] not in UPSTREAM}


def test_events_appear_as_they_happen_and_open_on_a_click(open_page, house):
    page = open_page("/staff/events")
    expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=30_000)
    before = page.locator(".rows li").count()
    house.propose(51)
    expect(page.locator(".rows li.new").first).to_be_visible(timeout=15_000)
    assert page.locator(".rows li").count() > before
    page.locator(".rows button").first.click()
    expect(page.get_by_text("What it says")).to_be_visible(timeout=30_000)
    assert "event=" in page.url


def test_a_yes_in_the_browser_is_said_in_its_place(open_page, press, house):
    id = house.propose(52)
    page = open_page(f"/staff/decisions?decision={id}")
    press(page, "Approve: draft an order")
    expect(page.get_by_text("Approved and done").first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("send it from procurement")).to_be_visible()


def test_charts_say_in_words_what_they_show(open_page):
    page = open_page("/staff/receivables")
    expect(page.get_by_text("As of event").first).to_be_visible(timeout=30_000)
    expect(page.get_by_label("of USD").or_(page.get_by_alt_text("of USD")).first).to_be_attached(timeout=30_000)


def test_who_signed_out_is_led_to_the_sign_in(open_page, house, api: str, boss, browser: Browser, staff: str):
    leaver = house.staff("orders", name="Lea Ving")
    context = browser.new_context(base_url=api)
    context.add_cookies([{"name": "jovey_session", "value": leaver.token, "url": api}])
    page = context.new_page()
    page.goto("/staff/")
    page.get_by_role("button", name="Lea Ving").click(timeout=30_000)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("Your session is over")).to_be_visible(timeout=30_000)
    context.close()

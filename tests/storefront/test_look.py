"""How the catalog looks and behaves in a browser: nothing in the way of anybody, with scripts and without."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.whole

PAGES = (
    "/",
    "/pumps",
    "/pumps?flow=2&head=24&type=tank_pump&type=borewell_pump",
    "/pumps?q=rill&flow=90&head=900",
    "/pumps/RIL-340?flow=1.5&head=30",
    "/pumps/EBB-280",
    "/pumps/SPR-IMP-RIL",
)
TOKENS = Path(__file__).parents[2] / "api" / "static" / "css" / "1-tokens.css"


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (390, "light"),
        (1280, "dark"),
        pytest.param(390, "dark", marks=pytest.mark.proof),
        pytest.param(1280, "light", marks=pytest.mark.proof),
    ],
)
def test_everybody_can_use_every_page(shop, open_page, axe, overflow, width: int, scheme: str):
    page = open_page("/", width, scheme)

    for path in PAGES:
        page.goto(path)
        assert axe(page) == [], path
        assert overflow(page) <= 0, path


def test_a_narrow_phone_shows_everything_without_sideways_scrolling(shop, open_page, overflow):
    page = open_page("/", 320)

    for path in PAGES:
        page.goto(path)
        assert overflow(page) <= 0, path


def test_the_list_follows_what_is_typed_and_ticked_and_the_address_follows_the_list(shop, open_page):
    page = open_page("/pumps")
    count = page.locator(".catalog-head p")
    expect(count).to_have_text(re.compile("^7"))

    page.get_by_label("Tank pumps").check()
    expect(count).to_have_text(re.compile("^2"))
    expect(page).to_have_url(re.compile(r"/pumps\?type=tank_pump$"))

    page.locator("#search").press_sequentially("delv", delay=20)
    expect(count).to_have_text(re.compile("^1"))
    expect(page).to_have_url(re.compile(r"/pumps\?q=delv$"))
    expect(page.locator("#search")).to_be_focused()

    page.go_back()
    expect(page).to_have_url(re.compile(r"/pumps$"))


def test_filters_open_on_a_phone_and_stay_open_while_they_are_ticked(shop, open_page, axe):
    page = open_page("/pumps", 390)
    page.get_by_role("button", name="Filters").click()

    page.locator("#facets").get_by_label("Borewell pumps").check()

    expect(page).to_have_url(re.compile("borewell_pump"))
    expect(page.get_by_role("button", name="Show 1 product")).to_be_visible()
    assert axe(page) == []


def test_a_duty_point_lands_on_the_curve_without_leaving_the_page(shop, open_page):
    page = open_page("/pumps/RIL-340")

    page.get_by_label("Flow", exact=True).fill("1.5")
    page.get_by_label("Head", exact=True).fill("30")
    page.get_by_role("button", name="Mark it on the curve").click()

    expect(page.get_by_text("Not high enough.")).to_be_visible()
    expect(page).to_have_url(re.compile("flow=1.5&head=30"))


def test_browsing_needs_no_scripts(shop, open_page):
    page = open_page("/", java_script_enabled=False)
    page.get_by_label("How much water").fill("2")
    page.get_by_label("How high").fill("24")
    page.get_by_role("button", name="Show pumps that do it").click()
    expect(page.get_by_text("2 products that lift 2 m³/h by 24 m", exact=False)).to_be_visible()

    page.get_by_label("Sort by").select_option("price_down")
    page.get_by_role("button", name="Sort").click()
    expect(page.locator(".offer h2 a").first).to_have_text("Delve 8")

    page.get_by_role("searchbox").fill("rill 340")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Rill 340", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Rill 340")
    expect(page.get_by_role("button", name="Add to cart")).to_be_visible()


def test_the_keyboard_reaches_the_content_first(shop, open_page):
    page = open_page("/")

    page.keyboard.press("Tab")

    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()


def _tokens(side: int) -> dict[str, str]:
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", TOKENS.read_text())
    return {name: (light, dark)[side] for name, light, dark in pairs}


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("side", [0, 1], ids=["light", "dark"])
def test_words_stand_out_from_every_ground_and_borders_of_fields_too(side: int):
    token = _tokens(side)
    words = [("ink", 7), ("soft", 4.5), ("water", 4.5), ("brass", 4.5), ("good", 4.5), ("bad", 4.5), ("edge", 3)]

    weak = [
        (word, ground)
        for word, least in words
        for ground in ("ground", "surface", "sunk")
        if _contrast(token[word], token[ground]) < least
    ]

    assert weak == []
    assert _contrast(token["water"], token["on-water"]) >= 4.5
    assert _contrast(token["good"], token["good-wash"]) >= 4.5
    assert _contrast(token["bad"], token["bad-wash"]) >= 4.5


def test_the_apis_documentation_opens_with_no_script_from_the_page_but_its_own(open_page):
    page = open_page("/docs")

    expect(page.locator(".opblock").first).to_be_visible(timeout=30_000)

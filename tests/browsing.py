"""A browser for tests, and an ear for what its pages complain about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

_CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a file of tests; while it is open no other test of the process may run an event loop."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_CHROMIUM, args=list(_ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture
def listen() -> Iterator[Callable[..., None]]:
    """Listen to a page of an origin; at the end fail if any logged an error or asked anybody but its origin."""
    heard: list[str] = []

    def to(page: Page, origin: str, levels: tuple[str, ...] = ("error",)) -> None:
        own = (f"{origin}/", f"{origin.replace('http', 'ws', 1)}/", "data:", "blob:")
        page.on("console", lambda message: heard.append(_said(message)) if message.type in levels else None)
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith(own) else heard.append(request.url))

    yield to
    assert heard == []


@pytest.fixture(scope="session")
def press() -> Callable[[Page, str], None]:
    """Press a button of a staff page once the page is drawn to its end: until then it may move under the hand."""

    def pressed(page: Page, name: str) -> None:
        button = page.get_by_role("button", name=name)
        button.wait_for(timeout=30_000)
        page.locator('[data-test-connection-state="CONNECTED"][data-test-script-state="notRunning"]').wait_for()
        button.click()

    return pressed


def _said(message: ConsoleMessage) -> str:
    """The words, and the address they are of: `Failed to load resource` alone names none."""
    return f"{message.text} {message.location['url']}"

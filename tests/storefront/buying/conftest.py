"""Shoppers with browsers that run no scripts: they read pages, fill in the forms they find, and keep cookies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from api.auth.passwords import hashed, keep
from warehouse.clock import now

PASSWORD = "a long enough sentence"
ADDRESS = {
    "label": "Home", "recipient": "Asha Rao", "street": "1 Well Lane", "city": "Pune", "postal_code": "411001",
    "region": "", "country": "India",
}  # fmt: skip


class Forms(HTMLParser):
    """The forms of a page: action, method, and the fields as they stand."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.all: list[dict[str, Any]] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        if tag == "form":
            self._inside = True
            self.all.append({"action": said["action"], "method": said.get("method", "get"), "fields": {}})
        elif self._inside and tag in {"input", "textarea", "select"} and "name" in said:
            is_chosen = said.get("type") not in {"radio", "checkbox"} or "checked" in said
            if is_chosen:
                self.all[-1]["fields"][said["name"]] = said.get("value", "")

    def handle_endtag(self, tag):
        self._inside = self._inside and tag != "form"


class Shopper:
    """Somebody in front of a browser without scripts."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.page: httpx.Response | None = None

    @property
    def text(self) -> str:
        """What is written on the page, without its marks."""
        assert self.page is not None
        body = self.page.text.partition("<main")[0].partition('id="flash"')[2] + self.page.text.partition("<main")[2]
        plain = re.sub(r"<[^>]+>", " ", body)
        return re.sub(r"\s+", " ", plain).replace("&#39;", "'").replace("\u00a0", " ")

    @property
    def path(self) -> str:
        assert self.page is not None
        return self.page.url.raw_path.decode()

    def go(self, path: str) -> Shopper:
        self.page = self.client.get(path, follow_redirects=True)
        assert self.page.status_code < 500, self.page.text
        return self

    def form(self, action: str) -> dict[str, Any]:
        assert self.page is not None
        found = [one for one in Forms(self.page.text).all if re.fullmatch(action, one["action"])]
        assert found, f"no form {action} on {self.path}: {[one['action'] for one in Forms(self.page.text).all]}"
        return found[0]

    def send(self, action: str, **fields: str) -> httpx.Response:
        """Fill in a form of this page and send it; the answer, not yet followed."""
        form = self.form(action)
        assert form["method"] == "post"
        return self.client.post(form["action"], data=form["fields"] | fields)

    def submit(self, action: str, **fields: str) -> Shopper:
        """Fill in a form, send it, and go where it leads."""
        answer = self.send(action, **fields)
        if answer.status_code == 303:
            return self.go(answer.headers["location"])
        self.page = answer
        assert answer.status_code < 500, answer.text
        return self

    def put_in(self, sku: str, quantity: str = "1") -> Shopper:
        return self.go(f"/pumps/{sku}").submit("/cart/lines", quantity=quantity)

    def sign_in(self, name: str = "asha") -> Shopper:
        return self.go("/sign-in").submit("/sign-in", email=f"{name}@example.com", password=PASSWORD)

    def to_payment(self) -> Shopper:
        """Through the checkout to its last step."""
        self.go("/checkout")
        if self.path == "/checkout/delivery":
            self.submit("/checkout/delivery", **ADDRESS)
        assert self.path == "/checkout/payment", self.text
        return self


@pytest.fixture
def shopper(shop) -> Iterator[Any]:
    """Make shoppers: `shopper()` is a new one, `shopper(person)` one who is signed in."""
    clients = []

    def new(person: Any = None) -> Shopper:
        client = httpx.Client(base_url=shop.app.state.client.base_url, timeout=30)
        clients.append(client)
        one = Shopper(client)
        if person is not None:
            with shop.house.engine.begin() as connection:
                keep(connection, person.id, hashed(PASSWORD), now())
            email = person.get("/api/v1/auth/me").json()["email"]
            one.go("/sign-in").send("/sign-in", email=email, password=PASSWORD)
        return one

    yield new
    for client in clients:
        client.close()

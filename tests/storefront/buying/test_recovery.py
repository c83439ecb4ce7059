"""Pages by letter: a new password and a confirmed address, without JavaScript; and a telephone that was lost."""

from __future__ import annotations

import re

from api.auth.cookies import SESSION_COOKIE
from api.mail.outbox import waiting

PASSWORD, OTHER = "a long enough sentence", "another long sentence"


def link(shop, kind):
    """The path of the link in the newest letter of a kind; its host is never what a request said."""
    with shop.house.engine.connect() as connection:
        letter = [one.letter for one in waiting(connection) if one.kind == kind][-1]
    host, path = re.search(r"(http://[^/]+)(/\S+)", letter.text).groups()
    assert host == shop.house.settings.origin
    return path


def test_a_forgotten_password_is_chosen_anew(shopper, shop):
    asha = shopper(shop.consumer())
    cookie = asha.client.cookies[SESSION_COOKIE]
    other = shopper().go("/sign-in").go("/forgot-password")
    other.client.headers["Host"] = "evil.example"
    other.submit("/forgot-password", email="nobody@example.com")
    words = other.text.replace("nobody@example.com", "")
    other.go("/forgot-password").submit("/forgot-password", email="asha@example.com")
    assert other.text.replace("asha@example.com", "") == words and "works once" in words
    path = link(shop, "password_reset")
    for _ in range(2):  # programs that read mail look at links
        other.go(path)
    other.submit("/reset-password", password="short")
    assert other.page.status_code == 422 and "10 characters or more" in other.text
    other.submit("/reset-password", password=OTHER)
    assert other.path == "/sign-in" and "Your new password is set" in other.text
    other.submit("/sign-in", email="asha@example.com", password=OTHER)
    assert "Sign out on every device" in other.go("/account").text
    assert asha.client.get("/account", headers={"Cookie": f"{SESSION_COOKIE}={cookie}"}).status_code == 303
    again = shopper().go(path).submit("/reset-password", password=PASSWORD)
    assert again.page.status_code == 403 and "ask for a new letter" in again.text


def test_a_new_customer_confirms_the_address_and_may_ask_again(shopper, shop):
    asha = shopper().go("/register")
    asha.submit("/register", name="Asha", email="asha@example.com", password=PASSWORD, next="/account")
    assert "Nobody has confirmed asha@example.com yet" in asha.text
    asha.submit("/account/verify-email")
    assert "written minutes ago" in asha.text
    path = link(shop, "email_verification")
    shopper().go(path).submit("/verify-email")
    assert "Nobody has confirmed" not in asha.go("/account").text
    over = asha.go(path).submit("/verify-email")
    assert over.page.status_code == 403 and "That link is over" in over.text
    asha.go("/account").submit("/account/profile", email="other@example.com")
    assert "Nobody has confirmed other@example.com yet" in asha.text
    asha.go(link(shop, "email_verification")).submit("/verify-email")
    assert "the e-mail address is confirmed" in asha.text


def test_a_lost_telephone_is_signed_out(shopper, shop):
    person = shop.consumer()
    here, lost = shopper(person), shopper(person)
    here.go("/account")
    assert here.text.count("a Python program") == 2 and "This device" in here.text
    here.submit(r"/account/sessions/[\w-]+/end")
    assert "That device is signed out." in here.text
    assert lost.client.get("/account").status_code == 303 and here.client.get("/account").status_code == 200


def test_guessing_waits_on_the_pages_too(shopper, shop):
    shopper(shop.consumer())
    thief = shopper().go("/sign-in")
    for _ in range(5):
        thief.submit("/sign-in", email="asha@example.com", password="not this one at all")
        assert thief.page.status_code == 401
    thief.submit("/sign-in", email="asha@example.com", password=PASSWORD)
    assert (thief.page.status_code, thief.page.headers["retry-after"].isdigit()) == (429, True)
    assert "Too many tries" in thief.text and SESSION_COOKIE not in thief.client.cookies
    for _ in range(4):
        thief.go("/forgot-password").submit("/forgot-password", email="asha@example.com")
    assert thief.page.status_code == 429 and "Too many tries" in thief.text

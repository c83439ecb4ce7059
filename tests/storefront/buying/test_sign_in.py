"""Signing in, the account, and the proof that every form is ours."""

from __future__ import annotations

import re

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from api.auth.cookies import SESSION_COOKIE
from api.pages.app import create_pages
from api.pages.visitor import VISITOR_COOKIE, own_path
from warehouse.ids import new_id

PASSWORD = "a long enough sentence"

UNSAFE = sorted(
    (method, str(route.path))
    for route in iter_route_contexts(create_pages().routes)
    if isinstance(route.original_route, APIRoute)
    for method in (route.methods or set()) - {"GET", "HEAD", "OPTIONS"}
)


def test_there_are_forms_to_try():
    assert len(UNSAFE) >= 13


@pytest.mark.parametrize(("method", "path"), UNSAFE)
def test_no_form_is_taken_that_a_page_of_ours_did_not_send(shopper, shop, method, path):
    """Without a token, with another visitor's, and from another site with the right one; signed in and not."""
    address = re.sub(r"{\w+}", "x", path)
    others = shopper().go("/sign-in").form("/sign-in")["fields"]["csrf_token"]
    for one in (shopper(), shopper(shop.consumer())):
        one.go("/").go("/pumps/RIL-250")
        own = one.form("/cart/lines")["fields"]["csrf_token"]
        for data, headers in (
            ({}, {}),
            ({"csrf_token": ""}, {}),
            ({"csrf_token": others}, {}),
            ({"csrf_token": own}, {"Sec-Fetch-Site": "cross-site"}),
            ({"csrf_token": own}, {"Sec-Fetch-Site": "same-site"}),
            ({}, {"X-CSRF-Token": "x"}),
        ):
            answer = one.client.request(method, address, data=data, headers=headers)
            assert answer.status_code == 403 and "Nothing was changed" in answer.text, (data, headers)
        taken = one.client.request(method, address, data={}, headers={"X-CSRF-Token": own})
        assert "it is not ours" not in taken.text


def test_somebody_signs_in_and_goes_where_they_were_going(shopper, shop):
    shopper(shop.consumer())
    asha = shopper().go("/sign-in?next=/account")
    asha.submit("/sign-in", email=" Asha@Example.com ", password="a long enough sentence")
    assert asha.path == "/account" and "Sign out on every device" in asha.text
    assert asha.go("/sign-in").path == "/"
    assert asha.go("/register?next=/orders").path == "/orders"


def test_a_wrong_password_and_an_unknown_address_are_told_alike(shopper, shop):
    shopper(shop.consumer())
    told = []
    for email in ("asha@example.com", "nobody@example.com"):
        one = shopper().go("/sign-in").submit("/sign-in", email=email, password="not this one at all")
        assert one.page.status_code == 401
        told.append(one.text.replace(email, ""))
        assert f'value="{email}"' in one.page.text and "not this one" not in one.page.text
    assert told[0] == told[1] and "do not belong together" in told[0]


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil",
        "javascript:alert(1)",
        "/\n/evil",
        "",
        None,
    ],
)
def test_nobody_is_led_off_to_another_house(address):
    assert own_path(address, "/") == "/"


def test_own_addresses_are_gone_to():
    assert own_path("/orders?page=2", "/") == "/orders?page=2"


def test_staff_go_to_their_screens_for_a_working_day(shopper, shop):
    shopper(shop.staff())
    sten = shopper().go("/sign-in")
    answer = sten.send("/sign-in", email="sten@example.com", password="a long enough sentence")
    assert (answer.status_code, answer.headers["location"]) == (303, "/staff/")
    assert "max-age=43200" in answer.headers["set-cookie"].lower()


def test_a_session_is_new_at_every_sign_in_and_the_old_one_ends(shopper, shop):
    person = shop.consumer()
    asha = shopper(person)
    first = asha.client.cookies[SESSION_COOKIE]
    token = asha.go("/account").form("/sign-out")["fields"]["csrf_token"]
    asha.client.post(
        "/sign-in", data={"csrf_token": token, "email": "asha@example.com", "password": "a long enough sentence"}
    )
    second = asha.client.cookies[SESSION_COOKIE]
    assert first != second
    thief = shopper()
    thief.client.cookies.set(SESSION_COOKIE, first)
    assert thief.client.get("/account").status_code == 303
    assert asha.client.get("/account").status_code == 200


def test_what_was_planted_before_signing_in_is_worth_nothing_afterwards(shopper, shop):
    shopper(shop.consumer())
    asha, planted = shopper(), str(new_id(__import__("warehouse.clock").clock.now()))
    asha.client.cookies.set(VISITOR_COOKIE, planted)
    asha.go("/sign-in")
    known = asha.form("/sign-in")["fields"]["csrf_token"]
    asha.sign_in().go("/account")
    assert asha.client.post("/account/sign-out-everywhere", data={"csrf_token": known}).status_code == 403


def test_signing_out_ends_the_session_itself(shopper, shop):
    asha = shopper(shop.consumer()).go("/account")
    cookie = asha.client.cookies[SESSION_COOKIE]
    asha.submit("/sign-out")
    assert "You are signed out." in asha.text
    asha.client.cookies.set(SESSION_COOKIE, cookie)
    assert asha.client.get("/account").status_code == 303


def test_signing_out_everywhere_ends_every_session(shopper, shop):
    person = shop.consumer()
    here, there = shopper(person), shopper(person)
    here.go("/account").submit("/account/sign-out-everywhere")
    assert "signed out on every device" in here.text
    assert there.client.get("/account").status_code == 303


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("name", " ", "Please fill this in."),
        ("email", "asha", "such as asha@example.com"),
        ("password", "short", "10 characters or more"),
    ],
)
def test_what_is_wrong_with_a_registration_stands_at_its_field(shopper, field, typed, words):
    told = {"name": "Asha", "email": "asha@example.com", "password": "a long enough sentence"} | {field: typed}
    asha = shopper().go("/register").submit("/register", **told)
    assert asha.page.status_code == 422 and asha.text.count(words) >= 2
    assert f'id="{field}-error"' in asha.page.text
    assert "a long enough sentence" not in asha.page.text and "short" not in re.sub("a short sentence", "", asha.text)


def test_an_address_that_is_taken_is_told(shopper, shop):
    shop.consumer()
    asha = shopper().go("/register")
    asha.submit("/register", name="Asha", email="ASHA@example.com", password="a long enough sentence")
    assert "There is an account with this e-mail address" in asha.text


def test_hostile_names_are_only_text(shopper):
    bad = "<img src=x onerror=alert(1)>"
    asha = shopper().go("/register?next=%22%3E%3Cscript%3E")
    assert "<script>" not in asha.page.text.partition("<main")[2]
    asha.submit("/register", name=bad, email="asha@example.com", password="a long enough sentence", next="/account")
    assert bad not in asha.page.text and "&lt;img src=x" in asha.page.text


def test_a_profile_and_addresses_change(shopper, shop):
    shop.consumer("ravi")
    asha = shopper(shop.consumer()).go("/account")
    asha.submit("/account/profile", name="Asha R.", phone="+91 20 555 0101")
    assert "Your profile is changed." in asha.text and 'value="Asha R."' in asha.page.text
    asha.submit("/account/profile", name="", phone="call me")
    assert "Please fill this in." in asha.text and "digits, spaces and +" in asha.text
    asha.go("/account").submit("/account/profile", email="ravi@example.com")
    assert "Another account has this e-mail address." in asha.text
    asha.go("/account").submit("/account/addresses", street="", city="Pune")
    assert asha.page.status_code == 422 and 'value="Pune"' in asha.page.text
    address = {"label": "Home", "street": "1 Well Lane", "city": "Pune", "postal_code": "411001", "country": "India"}
    asha.submit("/account/addresses", **address)
    assert "“Home” is kept" in asha.text and "1 Well Lane" in asha.text


def test_a_dealer_sees_their_terms(shopper, shop):
    deva = shopper(shop.dealer(credit_limit="5000")).go("/account")
    assert "$5,000.00" in deva.text and "10 %" in deva.text and "30 days after the invoice" in deva.text


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(shopper):
    one = shopper()
    for answer in (one.client.get("/"), one.go("/pumps/RIL-250").send("/cart/lines")):
        for header in answer.headers.get_list("set-cookie"):
            assert "httponly" in header.lower() and "samesite=lax" in header.lower(), header


def test_a_buyer_takes_along_what_is_held_about_them_and_is_erased_once_nothing_is_open(shopper, shop):
    person = shop.consumer()
    shop.product("P-1")
    order = shop.order(person, ("P-1", 1))
    asha, elsewhere = shopper(person), shopper(person)
    file = asha.client.get("/account/data")
    assert 'filename="about-you.json"' in file.headers["content-disposition"]
    assert "asha@example.com" in file.text and str(order) in file.text
    asha.go("/account").go("/account/erase")
    assert "This is not your password" in asha.submit("/account/erase", password="not this one at all").text
    assert "still open" in asha.submit("/account/erase", password=PASSWORD).text
    assert person.put(f"/api/v1/orders/{order}/cancel").status_code == 200
    assert "You are erased" in asha.submit("/account/erase", password=PASSWORD).text
    assert elsewhere.client.get("/account").status_code == 303
    gone = shopper().go("/sign-in").submit("/sign-in", email="asha@example.com", password=PASSWORD)
    assert "do not belong together" in gone.text

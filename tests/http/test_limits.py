"""Limits over HTTP: who asks too often is told so in their own form, by every process alike; the shop stays open."""

from __future__ import annotations

import re
from contextlib import ExitStack
from datetime import timedelta

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from api.actor import system
from api.app import create_app
from api.auth.cookies import SESSION_COOKIE, csrf_token
from api.auth.sessions import open_session
from api.auth.tokens import AgentClaims, signed, signed_for_agent
from api.customers.commands import InviteStaffMember, RegisterCustomer
from api.handle import Request, handle
from warehouse.clock import now
from warehouse.ids import named, new_id
from warehouse.settings import Settings

KEY = "a key for tests that is long enough to sign with"
CATALOG, LOGIN, PROFILE = "/api/v1/category/products", "/api/v1/auth/login", "/api/v1/customers/profile"
GUESS = {"email": "asha@example.com", "password": "a wrong guess"}
FEW = {
    "stranger_requests_per_minute_max": 4, "sign_in_requests_per_minute_max": 2, "buyer_requests_per_minute_max": 3,
    "staff_requests_per_minute_max": 40, "trusted_proxies": "10.0.0.0/8",
}  # fmt: skip


@pytest.fixture
def open_process(database, tmp_path):
    """An API process of the house, with settings of its own; requests come from a proxy that is trusted."""
    with ExitStack() as stack:

        def opened(**choices):
            settings = Settings(home=tmp_path, secret_key=KEY, **FEW | choices)
            app = create_app(settings, database)
            return stack.enter_context(
                TestClient(app, client=("10.0.0.1", 4000), raise_server_exceptions=False, follow_redirects=False)
            )

        yield opened


def from_(address: str, token: str | None = None) -> dict[str, str]:
    return {"X-Forwarded-For": address} | ({"Authorization": f"Bearer {token}"} if token else {})


def person(process, command, id) -> str:
    """An access token of a person who exists from now on."""
    house = process.app.state.house
    handle(house.engine, Request(command, new_id(now()), system("town"), now()), house.rules)
    with house.engine.begin() as connection:
        claims = open_session(connection, id, now()).claims
    return signed(claims, house.signing_key, now(), timedelta(minutes=5))


def consumer(process, name="asha") -> str:
    id = named("person", name)
    return person(process, RegisterCustomer(customer_id=id, name=name, email=f"{name}@example.com"), id)


def statuses(process, times, path, headers):
    return [process.get(path, headers=headers).status_code for _ in range(times)]


def test_a_stranger_is_counted_by_address_whichever_process_answers(open_process):
    one, other = open_process(), open_process()
    here, there = from_("203.0.113.1"), from_("203.0.113.2")
    assert statuses(one, 2, CATALOG, here) + statuses(other, 3, CATALOG, here) == [200, 200, 200, 200, 429]
    assert statuses(one, 1, CATALOG, here) == [429]
    assert statuses(other, 1, CATALOG, there) == [200]
    assert statuses(one, 9, "/health/live", here) == [200] * 9
    assert 'jovey_rate_limited_total{policy="stranger"} 1' in one.get("/metrics", headers=here).text


def test_a_refusal_says_how_long_to_wait_and_every_answer_where_the_caller_stands(open_process):
    process, here = open_process(), from_("203.0.113.1")
    first = process.get(CATALOG, headers=here)
    assert first.headers["ratelimit-policy"] == '"address";q=30000;w=60, "stranger";q=4;w=60'
    assert re.fullmatch(r'"address";r=29999;t=\d+, "stranger";r=3;t=\d+', first.headers["ratelimit"])
    statuses(process, 3, CATALOG, here)
    refused = process.get(CATALOG, headers=here)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert refused.headers["content-type"] == "application/problem+json"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert f"wait {refused.headers['retry-after']} s" in refused.json()["detail"]
    assert '"stranger";r=0' in refused.headers["ratelimit"]
    for answer in (
        process.get("/api/v1/nowhere", headers=here),
        process.post("/api/v1/orders", headers=here, content=b"{"),
        process.post(CATALOG, headers=here, content=b"x" * (2 << 20)),
        process.get("/api/v1/orders", headers=here),
    ):
        assert answer.status_code in {401, 404, 413, 415}
        assert answer.headers["ratelimit"].startswith('"address";r=')


def test_whoever_signed_in_is_counted_by_who_they_are(open_process):
    process = open_process()
    asha, bela = consumer(process, "asha"), consumer(process, "bela")
    office = "203.0.113.1"
    statuses(process, 5, CATALOG, from_(office))
    assert statuses(process, 4, PROFILE, from_(office, asha)) == [200, 200, 200, 429]
    assert statuses(process, 1, PROFILE, from_("198.51.100.1", asha)) == [429], "another address is no other person"
    assert statuses(process, 1, PROFILE, from_(office, bela)) == [200]
    key = process.app.state.house.signing_key
    agent = signed_for_agent(AgentClaims("reorder", frozenset({"procurement"})), key, now(), timedelta(minutes=1))
    id = named("person", "sten")
    sten = person(
        process,
        InviteStaffMember(
            staff_id=id, name="Sten", email="s@example.com", staff_role="clerk", function_access=["agents"]
        ),
        id,
    )
    for token, path in ((agent, "/api/v1/agents/decisions"), (sten, "/api/v1/events/newest")):
        answer = process.get(path, headers=from_(office, token))
        assert answer.status_code == 200, answer.text
    assert '"staff";q=40' in answer.headers["ratelimit-policy"]


def test_doors_where_passwords_could_be_guessed_are_narrower_and_share_one_count(open_process):
    process, here = open_process(), from_("203.0.113.1")
    newcomer = {"name": "Asha", "email": "asha@example.com", "password": "a long enough sentence"}
    assert process.post("/api/v1/customers/register", json=newcomer, headers=here).status_code == 201
    assert process.post(LOGIN, json=GUESS, headers=here).status_code == 401
    assert process.post(LOGIN, json=GUESS, headers=here).status_code == 429
    page = process.post("/sign-in", data=GUESS, headers=here)
    assert page.status_code == 429
    assert page.headers["content-type"].startswith("text/html")
    assert 1 <= int(page.headers["retry-after"]) <= 60
    assert "One moment, please" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert process.get("/sign-in", headers=here).status_code == 200, "looking is no guess"
    token = {"refresh_token": "x"}
    assert process.post("/api/v1/auth/refresh", json=token, headers=here).status_code == 401, "256 bits are not guessed"


def test_the_shops_pages_answer_with_a_page_and_their_files_are_not_counted_as_pages(open_process):
    process, here = open_process(), from_("203.0.113.1")
    shown = process.get("/pumps", headers=here)
    (sheet,) = re.findall(r'href="(/static/store\.[^"]+)"', shown.text)
    assert statuses(process, 9, sheet, here) == [200] * 9
    assert statuses(process, 4, "/pumps", here) == [200, 200, 200, 429]
    assert "One moment, please" in process.get("/pumps", headers=here).text


def test_a_visitor_who_signed_in_is_not_held_to_what_strangers_did_at_their_address(open_process):
    process, here = open_process(), from_("203.0.113.1")
    token = consumer(process)
    statuses(process, 5, "/pumps", here)
    assert process.get("/pumps", headers=here | {"Cookie": f"{SESSION_COOKIE}={token}"}).status_code == 200


def test_without_its_store_the_shop_stays_open_and_says_so(open_process, engine):
    process, here = open_process(), from_("203.0.113.1")
    with engine.begin() as connection:
        connection.execute(text("drop function jovey.take_allowance"))
    assert statuses(process, 5, CATALOG, here) == [200, 200, 200, 200, 429], "alone, a process still counts"
    assert re.search(r"^jovey_rate_store_failures_total [1-9]", process.get("/metrics").text, re.MULTILINE)


def test_a_page_of_a_known_origin_may_call_with_a_token_and_no_other(open_process):
    process = open_process(cors_origins="https://shop.example, http://localhost:5173")
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    preflight = process.options("/api/v1/orders", headers=asked)
    assert preflight.status_code == 204, "before anybody asks who calls"
    assert preflight.headers["access-control-allow-origin"] == "https://shop.example"
    assert {"authorization", "idempotency-key"} <= named_in(preflight, "access-control-allow-headers")
    answer = process.get(CATALOG, headers={"Origin": "http://localhost:5173"})
    assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert {"etag", "x-jovey-position", "ratelimit"} <= named_in(answer, "access-control-expose-headers")
    for stranger in (
        process.options("/api/v1/orders", headers=asked | {"Origin": "https://evil.example"}),
        process.get(CATALOG, headers={"Origin": "https://shop.example.evil.example"}),
        process.get("/pumps", headers={"Origin": "https://shop.example"}),
    ):
        assert "access-control-allow-origin" not in stranger.headers
    assert "origin" in named_in(process.get(CATALOG), "vary")
    for one in (preflight, answer):
        assert "access-control-allow-credentials" not in one.headers
    closed = open_process(cors_origins="")
    assert closed.options("/api/v1/orders", headers=asked).json()["code"] == "method_not_allowed"


def named_in(answer, header):
    return {name.strip().lower() for name in answer.headers.get(header, "").split(",")}


def test_over_https_cookies_bear_a_name_that_only_this_host_can_set(open_process):
    process = open_process(public_url="https://shop.example")
    house = process.app.state.house
    token = consumer(process)
    form = process.get("/sign-in", headers=from_("203.0.113.9"))
    (cookie,) = form.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-jovey_visitor=")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert form.headers["strict-transport-security"] == "max-age=31536000"
    with house.engine.connect() as connection:
        session_id = connection.execute(text("select id from jovey.sessions")).scalar_one()
    mine = f"__Host-{SESSION_COOKIE}={token}"
    assert "<span>asha</span>" in process.get("/", headers={"Cookie": mine}).text
    assert "<span>asha</span>" not in process.get("/", headers={"Cookie": f"{SESSION_COOKIE}={token}"}).text, (
        "a neighbour's plant"
    )
    left = process.post("/sign-out", data={"csrf_token": csrf_token(session_id, house)}, headers={"Cookie": mine})
    assert left.status_code == 303
    forgotten = [one for one in left.headers.get_list("set-cookie") if one.startswith(f"__Host-{SESSION_COOKIE}=")]
    assert len(forgotten) == 1
    assert {"Secure", "Path=/", "Max-Age=0"} <= set(forgotten[0].split("; "))

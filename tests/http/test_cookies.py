"""A browser's session in a cookie, the CSRF token beside it, and the tokens agents come with."""

from __future__ import annotations

from datetime import timedelta

import pytest
from starlette.responses import Response

from api.auth.cookies import CSRF_HEADER, SESSION_COOKIE, csrf_token, keep_session
from api.auth.keys import SigningKey
from api.auth.sessions import open_session, revoke
from api.auth.tokens import AgentClaims, Claims, signed, signed_for_agent, verified
from warehouse.clock import now
from warehouse.ids import named, new_id

PROFILE = {"name": "Asha Rao", "phone": "+91 20 555 0101"}


@pytest.fixture
def asha(town):
    return town.consumer("asha")


def session(town, person):
    with town.house.engine.begin() as connection:
        return open_session(connection, person.id, now()).claims


def cookie(town, claims, lifetime=timedelta(hours=1)):
    return f"{SESSION_COOKIE}={signed(claims, town.house.signing_key, now(), lifetime)}"


def test_a_browser_with_the_cookie_is_let_in(town, asha):
    answer = town.nobody().get("/api/v1/auth/me", cookie=cookie(town, session(town, asha)))
    assert (answer.status_code, answer.json()["name"]) == (200, "Asha")


@pytest.mark.parametrize("forgery", ["", "x", "a.b.c"])
def test_a_forged_cookie_is_nobodys(town, asha, forgery):
    assert town.nobody().get("/api/v1/auth/me", cookie=f"{SESSION_COOKIE}={forgery}").status_code == 401


def test_a_cookie_of_another_house_of_an_ended_session_or_an_agent_is_nobodys(town, asha):
    claims = session(town, asha)
    foreign = signed(
        claims, SigningKey(new_id(now()), b"another key that is long enough to sign with"), now(), timedelta(hours=1)
    )
    over = signed(claims, town.house.signing_key, now(), timedelta(seconds=-1))
    agent = signed_for_agent(AgentClaims("reorder", frozenset()), town.house.signing_key, now(), timedelta(hours=1))
    for token in (foreign, over, agent):
        assert town.nobody().get("/api/v1/auth/me", cookie=f"{SESSION_COOKIE}={token}").status_code == 401
    with town.house.engine.begin() as connection:
        revoke(connection, claims.session_id, now())
    assert town.nobody().get("/api/v1/auth/me", cookie=cookie(town, claims)).status_code == 401


def test_a_cookie_alone_changes_nothing(town, asha):
    claims = session(town, asha)
    mine = cookie(town, claims)
    refused = town.nobody().put("/api/v1/customers/profile", PROFILE, cookie=mine)
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_token_missing")
    others = csrf_token(session(town, asha).session_id, town.house)
    assert town.nobody().ask("PUT", "/api/v1/customers/profile", PROFILE, cookie=mine, X_CSRF_Token=others).is_error
    token = csrf_token(claims.session_id, town.house)
    taken = town.nobody().ask("PUT", "/api/v1/customers/profile", PROFILE, cookie=mine, **{CSRF_HEADER: token})
    assert taken.status_code == 200, taken.text


def test_a_stale_cookie_does_not_close_what_is_open_to_anyone(town):
    assert town.nobody().get("/api/v1/category/products", cookie=f"{SESSION_COOKIE}=old").status_code == 200


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(town):
    response = Response()
    keep_session(response, Claims(named("x", "1"), new_id(now())), timedelta(hours=12), town.house)
    words = response.headers["set-cookie"].lower()
    assert "httponly" in words and "samesite=lax" in words and "max-age=43200" in words


def test_an_agents_token_names_it_and_its_functions(town):
    claims = AgentClaims("reorder", frozenset({"procurement"}))
    token = signed_for_agent(claims, town.house.signing_key, now(), timedelta(minutes=5))
    assert verified(token, town.house.keys) == claims
    answer = town.nobody().get("/api/v1/procurement/suppliers", Authorization=f"Bearer {token}")
    assert answer.status_code == 403
    assert "signed in as agent" in answer.json()["detail"]

"""Mishaps: every no is a page in words that leads on, and no trace of the inside leaves the house."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.testclient import TestClient

from api.auth.cookies import keep_session
from api.auth.sessions import open_session
from api.handle import Busy
from api.pages.app import create_pages
from api.refusals import Refusal, Unauthenticated, not_found
from warehouse.clock import now

ERRORS = {
    "busy": Busy("Too many at once."),
    "database": OperationalError("select secret", {}, Exception("no route to 10.0.0.1")),
    "conflict": Refusal("stock_short", "Only 3 of RIL-340 are left."),
    "forbidden": Refusal("not_yours", "That is not for you.", kind="forbidden"),
    "moved": Refusal("moved", "It changed meanwhile.", kind="moved"),
    "gone": not_found("order", "SO-1"),
    "stranger": Unauthenticated("not_signed_in", "Sign in."),
    "slow-down": HTTPException(429),
    "teapot": HTTPException(418),
    "bug": RuntimeError("a secret of the inside"),
}


@pytest.fixture
def broken(town) -> TestClient:
    """The storefront with doors behind which everything goes wrong."""
    pages: FastAPI = create_pages()
    pages.state.house = town.house

    @pages.get("/broken/{how}")
    @pages.post("/broken/{how}")
    def fail(how: str, number: int = 0) -> None:
        raise ERRORS[how]

    return TestClient(pages, raise_server_exceptions=False, follow_redirects=False)


@pytest.mark.parametrize(
    ("how", "status", "words"),
    [
        ("busy", 503, "We are back in a moment"),
        ("database", 503, "We are back in a moment"),
        ("conflict", 409, "Only 3 of RIL-340 are left."),
        ("forbidden", 403, "That is not for you."),
        ("moved", 412, "It changed meanwhile."),
        ("gone", 404, "There is no order SO-1."),
        ("slow-down", 429, "One moment, please"),
        ("teapot", 418, "The shop could not do that."),
        ("bug", 500, "Something went wrong on our side"),
        ("busy?number=x", 422, "We could not read that"),
    ],
)
def test_every_no_is_a_page_in_words(broken, how: str, status: int, words: str):
    answer = broken.get(f"/broken/{how}")

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert words in answer.text
    assert 'role="search"' in answer.text
    assert "secret" not in answer.text
    assert "10.0.0.1" not in answer.text


def test_who_must_sign_in_is_led_there_and_back(broken):
    answer = broken.get("/broken/stranger?a=1&b=//x")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/broken/stranger%3Fa%3D1%26b%3D//x"
    assert broken.post("/broken/stranger").headers["location"] == "/sign-in?next=/"


def test_a_busy_shop_says_when_to_come_back(broken):
    assert broken.get("/broken/busy").headers["retry-after"] == "2"


def test_a_bug_is_logged_under_the_number_the_visitor_can_name(broken, caplog):
    with caplog.at_level(logging.ERROR, "jovey.pages"):
        broken.get("/broken/bug")

    assert "failed: GET /broken/bug" in caplog.text
    assert "a secret of the inside" in caplog.text


def test_the_number_stands_on_the_page_and_in_the_headers(town):
    answer = town.nobody().get("/nothing", x_request_id="from-the-proxy-1")

    assert answer.status_code == 404
    assert answer.headers["x-request-id"] == "from-the-proxy-1"


def _session_cookie(town, person_id) -> str:
    with town.house.engine.begin() as connection:
        claims = open_session(connection, person_id, now()).claims
    response = Response()
    keep_session(response, claims, timedelta(hours=1), town.house)
    return response.headers["set-cookie"].split(";")[0]


def test_somebody_who_is_signed_in_is_so_on_a_page_that_is_not_there_too(town):
    asha = town.consumer()

    page = town.app.state.client.get("/nothing", headers={"Cookie": _session_cookie(town, asha.id)})

    assert page.status_code == 404
    assert "<span>Asha</span>" in page.text
    assert page.headers["cache-control"] == "private, no-store"


def test_a_lost_page_is_shown_although_the_database_is_away(town):
    asha = town.consumer()
    cookie = _session_cookie(town, asha.id)
    pages = create_pages()
    away = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    pages.state.house = replace(town.house, engine=away)

    page = TestClient(pages).get("/nothing", headers={"Cookie": cookie})
    away.dispose()

    assert page.status_code == 404
    assert "Sign in" in page.text


def test_a_wrong_method_is_said_in_words(town):
    answer = town.nobody().post("/pumps")

    assert answer.status_code == 405
    assert "That cannot be done here" in answer.text

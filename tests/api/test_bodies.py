"""Bodies: nothing is done with what was not said to its end, said too slowly, or said in too many words."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import PlainTextResponse, Response

from api import bodies
from api.bodies import BODY_BYTES_MAX, DRAIN_BYTES_MAX, Bodies
from api.doorstep import Doorstep


async def echo(scope, receive, send):
    """A door that says how much it heard."""
    heard = await receive()
    again = asyncio.ensure_future(receive())
    await asyncio.sleep(0)
    again.cancel()
    await PlainTextResponse(str(len(heard["body"])))(scope, receive, send)


async def a_page(scope, status, headers) -> Response:
    return Response("a page", status, headers)


def ask(*messages, path="/api/v1/orders", **headers):
    """What a request whose body comes in these messages is answered: status, and how many messages were taken."""
    waiting, told = list(messages), []
    headers = {"content_type": "application/json"} | headers
    given = [(name.replace("_", "-").encode(), one.encode()) for name, one in headers.items()]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": given}
    scope["state"] = {"request_id": "r-1"}

    async def receive():
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    async def send(message):
        told.append(message)

    asyncio.run(Bodies(echo, Doorstep(a_page))(scope, receive, send))
    return (told[0]["status"], told[1]["body"], len(messages) - len(waiting)) if told else None


def part(content: bytes, *, more: bool = True):
    return {"type": "http.request", "body": content, "more_body": more}


GONE = {"type": "http.disconnect"}
FORM = {"path": "/cart", "content_type": "application/x-www-form-urlencoded"}


def test_a_body_in_pieces_without_a_length_arrives_whole():
    assert ask(part(b'{"a":'), part(b""), part(b"1}", more=False)) == (200, b"7", 3)


def test_what_a_caller_began_to_say_before_they_left_is_not_acted_upon():
    assert ask(part(b"product=P-1&quantity=1"), GONE, **FORM) is None


def test_a_body_in_pieces_is_measured_as_it_comes():
    piece = b"x" * (BODY_BYTES_MAX // 4)
    status, said, taken = ask(*[part(piece)] * 5, part(b"", more=False))
    assert (status, taken) == (413, 6), "who is still sending hears why not"
    assert b"body_too_large" in said


def test_a_body_without_end_is_not_listened_to_for_ever():
    piece = b"x" * (1 << 20)
    status, _, taken = ask(*[part(piece)] * 40)
    assert (status, taken) == (413, DRAIN_BYTES_MAX // len(piece) + 1)


def test_a_body_of_absurd_length_is_refused_unheard_and_so_is_one_that_asks_first():
    assert ask(content_length=str(DRAIN_BYTES_MAX + 1))[0] == 413
    assert ask(content_length=str(BODY_BYTES_MAX + 1), expect="100-continue")[0] == 413
    assert ask(content_length=str(BODY_BYTES_MAX + 1), path="/cart", expect="100-continue")[1] == b"a page"


def test_a_body_that_comes_too_slowly_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS_MAX", 0.05)
    status, said, _ = ask(part(b'{"a": '))
    assert status == 408
    assert b"body_too_slow" in said


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/merge-patch+json", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
def test_a_door_reads_json_and_nothing_else(said, status):
    assert ask(part(b'{"a": 1}', more=False), content_type=said)[0] == status


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("application/json", 200),
        ("application/*", 200),
        ("text/html, */*;q=0.8", 200),
        ("text/event-stream", 200),
        ("", 200),
        ("image/png", 406),
        ("application/xml, image/*", 406),
        ("application/json;q=0", 406),
    ],
)
def test_a_caller_who_takes_nothing_that_we_speak_is_told_so(accept, status):
    assert ask(part(b"", more=False), accept=accept)[0] == status


def test_a_packed_body_is_not_unpacked():
    assert ask(part(b"{}", more=False), content_encoding="gzip")[0] == 415


def test_a_nul_in_a_form_is_refused_with_a_page():
    assert ask(part(b"name=a%00b", more=False), **FORM)[:2] == (422, b"a page")

"""The door in the API's origin: what it passes on, how it ends, and what it says while the screens are not up."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from api.staff_door import StaffDoor


async def mirror(request: Request) -> JSONResponse:
    """What arrived."""
    headers = [[name, one] for name, one in request.headers.items()]
    body = (await request.body()).decode()
    path = request.scope["raw_path"].decode()
    answer = JSONResponse({"headers": headers, "body": body, "path": path, "query": request.url.query})
    answer.set_cookie("one", "1")
    answer.set_cookie("two", "2")
    return answer


async def pieces(request: Request) -> StreamingResponse:
    async def told():
        for number in range(3):
            yield f"{number};".encode() * 1000

    return StreamingResponse(told(), headers={"Content-Encoding": "identity"})


async def echo(websocket: WebSocket) -> None:
    await websocket.accept(subprotocol=websocket.scope["subprotocols"][0] if websocket.scope["subprotocols"] else None)
    await websocket.send_text(f"{websocket.headers.get('host')} {websocket.headers.get('origin')}")
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("text") == "bye":
            await websocket.close(4001)
            return
        if message.get("bytes") is not None:
            await websocket.send_bytes(message["bytes"])
        else:
            await websocket.send_text(message["text"])


async def closed(websocket: WebSocket) -> None:
    await websocket.close()


@pytest.fixture(scope="module")
def door() -> Iterator[str]:
    """The door before screens that mirror what they are told."""
    routes = [Route("/staff/pieces", pieces), Route("/staff/{path:path}", mirror, methods=["GET", "POST"])]
    sockets = [WebSocketRoute("/staff/echo", echo), WebSocketRoute("/staff/closed", closed)]
    with Served(Starlette(routes=[*sockets, *routes])) as port, Served(StaffDoor(port)) as own:
        yield f"127.0.0.1:{own}"


class Served:
    """An application on a free port of its own thread."""

    def __init__(self, app) -> None:
        config = uvicorn.Config(
            app, log_config=None, ws="websockets-sansio", lifespan="off", timeout_graceful_shutdown=1
        )
        self.server = uvicorn.Server(config)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]})

    def __enter__(self) -> int:
        self.thread.start()
        return self.listener.getsockname()[1]

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.listener.close()


def test_a_request_arrives_as_it_was_asked(door: str):
    headers = {"Cookie": "jovey_session=x", "Host": "ops.example", "TE": "trailers", "Connection": "keep-alive, x"}
    answer = httpx.post(f"http://{door}/staff/a%2Fb?c=%20d", content=b"body", headers=headers)
    told = answer.json()
    arrived = dict(told["headers"])
    assert (told["path"], told["query"], told["body"]) == ("/staff/a%2Fb", "c=%20d", "body")
    assert arrived["host"] == "ops.example"
    assert arrived["cookie"] == "jovey_session=x"
    assert "te" not in arrived
    assert answer.headers.get_list("set-cookie") == ["one=1; Path=/; SameSite=lax", "two=2; Path=/; SameSite=lax"]
    assert len(answer.headers.get_list("date")) == len(answer.headers.get_list("server")) == 1


def test_a_large_answer_comes_in_pieces_and_whole(door: str):
    assert len(httpx.get(f"http://{door}/staff/pieces").content) == 6000


def test_a_socket_talks_both_ways_with_its_own_host_and_origin(door: str):
    with connect(
        f"ws://{door}/staff/echo", origin=f"http://{door}", subprotocols=["streamlit", "x"], proxy=None
    ) as talk:
        assert talk.subprotocol == "streamlit"
        assert talk.recv() == f"{door} http://{door}"
        for said in ("word", b"\x00\x01", b"x" * 300_000):
            talk.send(said)
            assert talk.recv() == said


def test_the_screens_closing_code_reaches_the_browser(door: str):
    with connect(f"ws://{door}/staff/echo", proxy=None) as talk:
        talk.recv()
        talk.send("bye")
        with pytest.raises(ConnectionClosed):
            talk.recv(timeout=10)
        assert talk.close_code == 4001


def test_a_socket_that_the_screens_refuse_is_refused(door: str):
    with pytest.raises(InvalidStatus) as raised:
        connect(f"ws://{door}/staff/closed", proxy=None)
    assert raised.value.response.status_code == 403


def test_while_the_screens_are_not_up_it_says_so():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nobody = probe.getsockname()[1]
    with Served(StaffDoor(nobody)) as own:
        answer = httpx.get(f"http://127.0.0.1:{own}/staff/")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert "The staff screens are not up" in answer.text
        with pytest.raises(InvalidStatus):
            connect(f"ws://127.0.0.1:{own}/staff/_stcore/stream", proxy=None)


def test_a_hundred_sockets_come_and_go(door: str):
    async def visit() -> None:
        from websockets.asyncio.client import connect as open_socket

        async def one(number: int) -> None:
            async with open_socket(f"ws://{door}/staff/echo", proxy=None) as talk:
                await talk.recv()
                await talk.send(str(number))
                assert await talk.recv() == str(number)

        await asyncio.gather(*(one(number) for number in range(100)))

    asyncio.run(visit())

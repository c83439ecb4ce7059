"""Who gets in: over real sockets, at the screens' own port and through the API's door, for pages and sockets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from dashboards.gate import Addresses
from warehouse.settings import Settings

PATHS = ("/staff/", "/staff/receivables", "/staff/type/inter-latin.woff2", "/staff/_stcore/host-config")


@pytest.fixture(params=["own port", "door"])
def address(request: pytest.FixtureRequest, staff: str, api: str) -> str:
    """The screens, as asked for at their own port and through the API."""
    return staff if request.param == "own port" else api


@pytest.fixture(scope="session")
def clerk(house):
    return house.staff("receivables", name="Åsa Clerk")


def get(address: str, path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{address}{path}", headers=headers, timeout=30)


def socket_to(address: str, *, origin: str | None = "own", **headers: str) -> ClientConnection:
    host = urlsplit(address).netloc
    return connect(
        f"ws://{host}/staff/_stcore/stream",
        origin=f"http://{host}" if origin == "own" else origin,
        subprotocols=[Subprotocol("streamlit")],
        additional_headers=headers,
        proxy=None,
        max_size=1 << 26,
    )


def refused(opening: Callable[[], ClientConnection]) -> int:
    with pytest.raises(InvalidStatus) as raised:
        opening()
    return raised.value.response.status_code


def heard(socket: ClientConnection, wanted: bytes) -> bool:
    """Ask for the page and listen until it shows the words, or is finished without."""
    asked = BackMsg()
    asked.rerun_script.query_string = ""
    socket.send(asked.SerializeToString())
    for _ in range(200):
        said = socket.recv(timeout=30)
        if wanted in said:
            return True
        if ForwardMsg.FromString(said).WhichOneof("type") == "script_finished":
            return False
    return False


@pytest.mark.parametrize("path", PATHS)
def test_without_a_session_everything_leads_to_the_sign_in(address: str, path: str):
    answer = get(address, path)
    assert answer.status_code == 303
    assert answer.headers["location"].endswith(f"/sign-in?next={path}")


def test_the_sign_in_is_at_the_api_for_those_who_came_to_the_screens_own_port(staff: str, api: str, house):
    assert get(staff, "/staff/?event=1").headers["location"] == f"{api}/sign-in?next=/staff/%3Fevent%3D1"
    assert get(api, "/staff/").headers["location"] == "/sign-in?next=/staff/"


def test_only_health_is_for_anyone(address: str):
    assert get(address, "/staff/_stcore/health").text == "ok"
    assert get(address, "/staff/_stcore/metrics").status_code == 303


@pytest.mark.parametrize("path", PATHS)
def test_a_colleague_gets_page_asset_and_socket_with_the_headers_of_a_closed_house(address: str, path: str, clerk):
    answer = get(address, path, **clerk.cookie)
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(answer.headers.get_list("date")) == 1


def test_a_colleagues_socket_shows_their_page_with_their_own_name(address: str, clerk):
    with socket_to(address, **clerk.cookie) as socket:
        assert socket.subprotocol == "streamlit"
        assert heard(socket, "Åsa Clerk".encode())


@pytest.mark.parametrize("forged", ["nonsense", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."])
def test_a_forged_cookie_is_none(address: str, forged: str):
    assert get(address, "/staff/", Cookie=f"jovey_session={forged}").status_code == 303
    assert refused(lambda: socket_to(address, Cookie=f"jovey_session={forged}")) == 403


def test_a_session_that_is_over_by_time_is_none(address: str, house, clerk):
    late = house.seat(clerk.id, clerk.name, clerk.functions, lasts=-timedelta(minutes=1))
    assert get(address, "/staff/", **late.cookie).status_code == 303
    assert refused(lambda: socket_to(address, **late.cookie)) == 403


def test_a_session_that_signed_out_is_none(address: str, api: str, house):
    gone = house.staff("receivables")
    httpx.post(f"{api}/api/v1/auth/logout", headers={"Authorization": f"Bearer {gone.token}"})
    assert get(address, "/staff/", **gone.cookie).status_code == 303
    assert refused(lambda: socket_to(address, **gone.cookie)) == 403


def test_headers_that_say_who_one_is_are_not_believed(address: str, house, clerk):
    boss = house.staff("events", name="Boss Of All")
    spoofed = {
        "x-jovey-user": str(boss.id),
        "X-Jovey-Name": boss.name,
        "x-jovey-token": boss.token,
        "x-jovey-functions": "events",
    }
    assert get(address, "/staff/", **spoofed).status_code == 303
    assert refused(lambda: socket_to(address, **spoofed)) == 403
    with socket_to(address, **clerk.cookie, **spoofed) as socket:
        assert not heard(socket, b"Boss Of All")


def test_a_buyer_is_told_in_words(address: str, house):
    buyer = house.buyer()
    answer = get(address, "/staff/", **buyer.cookie)
    assert answer.status_code == 403
    assert "these screens are for colleagues" in answer.text
    assert "&lt;b&gt;&amp; Pumps" in answer.text
    assert refused(lambda: socket_to(address, **buyer.cookie)) == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:9", "null", None])
def test_a_socket_that_another_page_opened_is_refused(address: str, origin: str | None, clerk):
    assert refused(lambda: socket_to(address, origin=origin, **clerk.cookie)) == 403


@pytest.mark.parametrize(
    ("chosen", "origin", "host", "is_ours"),
    [
        ({}, "http://localhost:8000", "localhost:8000", True),
        ({}, "http://localhost:8000", "localhost:8501", False),
        ({}, "http://shop.example:8000", "shop.example:8000", False),  # a name that was made to lead here
        ({"api_host": "0.0.0.0"}, "http://10.0.0.7:8000", "10.0.0.7:8000", True),
        ({"api_host": "0.0.0.0"}, "http://10.0.0.8:8000", "10.0.0.7:8000", False),
        ({"public_url": "https://ops.example"}, "https://ops.example", "127.0.0.1:8000", True),
        ({"public_url": "https://ops.example"}, "https://ops.example:444", "127.0.0.1:8000", False),
        ({"public_url": "https://ops.example"}, "https://other.example", "other.example", False),
        ({}, None, "localhost:8000", False),
    ],
)
def test_our_own_pages_are_those_of_the_addresses_that_people_know(chosen, origin, host, is_ours: bool):
    assert Addresses.of(Settings(_env_file=None, **chosen)).has_origin(origin, host) is is_ours

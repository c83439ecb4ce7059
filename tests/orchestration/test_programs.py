"""How the supervisor learns that Dagster serves: the answers its web server gives, from a strict local one."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration import programs
from warehouse.settings import Settings

LOADED = {"locationOrLoadError": {"__typename": "RepositoryLocation"}}
UNREACHABLE = {"locationOrLoadError": {"__typename": "PythonError", "className": "DagsterUserCodeUnreachableError"}}
BROKEN = {
    "locationOrLoadError": {
        "__typename": "PythonError",
        "className": "DagsterUserCodeLoadError",
        "cause": {"message": "ValueError: a note is wrong in aging.sql\n"},
    }
}


@pytest.fixture
def dagster() -> Iterator[Callable[[Any], int]]:
    """Serve one GraphQL answer, a status and a body, on the port returned."""
    servers = []

    def serve(answer: Any, status: int = 200) -> int:
        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/graphql"
                query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["query"]
                assert query.count("{") == query.count("}")
                self.send_response(status)
                self.end_headers()
                self.wfile.write(answer if isinstance(answer, bytes) else json.dumps({"data": answer}).encode())

            def log_message(self, *_: object) -> None: ...

        server = HTTPServer(("127.0.0.1", 0), Answer)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return server.server_port

    yield serve
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def locations(*entries: object) -> dict[str, object]:
    return {"workspaceOrError": {"locationEntries": list(entries)}}


def daemons(*statuses: tuple[bool, bool | None]) -> dict[str, object]:
    shown = [{"required": required, "healthy": healthy} for required, healthy in statuses]
    return {"instance": {"daemonHealth": {"allDaemonStatuses": shown}}}


@pytest.mark.parametrize(
    ("answer", "has_loaded"),
    [
        (locations(LOADED), True),
        (locations(), False),
        (locations({"locationOrLoadError": None}), False),
        (locations(UNREACHABLE), False),
        (locations(LOADED, UNREACHABLE), False),
        ({}, False),
        (b"not json", False),
    ],
)
def test_dagster_has_loaded_when_every_location_is_there(dagster, answer: Any, has_loaded: bool):
    assert programs._has_loaded(dagster(answer)) is has_loaded


def test_definitions_that_cannot_be_loaded_are_said_at_once_with_their_error(dagster):
    with pytest.raises(programs.DefinitionsBroken, match=r"definitions: ValueError: a note is wrong in aging.sql$"):
        programs._has_loaded(dagster(locations(BROKEN)))


@pytest.mark.parametrize(
    ("answer", "are_live"),
    [
        (daemons((True, True), (False, None)), True),
        (daemons((True, True), (True, False)), False),
        (daemons((True, None)), False),
        (daemons(), False),
    ],
)
def test_the_daemon_lives_when_all_it_must_run_does(dagster, answer: Any, are_live: bool):
    assert programs._daemons_live(dagster(answer)) is are_live


def test_an_error_page_or_nobody_is_not_yet(dagster):
    assert not programs._has_loaded(dagster(locations(LOADED), 500))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        assert not programs._has_loaded(port)
        assert programs._status("127.0.0.1", port, "/health/ready") is None
        assert not programs._listens(port)


def test_web_server_and_daemon_share_the_one_code_server(home: Path):
    workspace = home / "workspace.yaml"
    (api, code), (staff, web, daemon) = programs.stages(
        Settings(_env_file=None, home=home), {"A": "b"}, workspace, programs.Ports(1, 2, 3)
    )
    (entry,) = yaml.safe_load(workspace.read_text())["load_from"]
    assert entry["grpc_server"]["location_name"] == "jovey"
    assert str(entry["grpc_server"]["port"]) in code.command
    assert all(str(workspace) in child.command for child in (web, daemon))
    assert all(child.environment == {"A": "b"} for child in (api, code, staff, web, daemon))


def test_dagster_is_bound_to_loopback_and_the_api_where_it_is_told(home: Path):
    open_house = Settings(_env_file=None, home=home, api_host="0.0.0.0")
    (api, code), (staff, web, _) = programs.stages(open_house, {}, home / "workspace.yaml", programs.Ports(1, 2, 3))
    assert "0.0.0.0" in api.command
    assert all("127.0.0.1" in child.command and "0.0.0.0" not in child.command for child in (code, staff, web))


def test_a_port_that_was_chosen_before_is_not_chosen_again():
    class Before(list):
        def __contains__(self, port):
            self.append(port)
            return len(self) == 1

    before = Before()
    assert programs.free_port(programs.LOOPBACK, but=before) == before[-1]
    assert len(before) == 2

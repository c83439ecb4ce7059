"""The programs that serve Jovey: the API, the staff screens, and Dagster's code server, web server and daemon."""

from __future__ import annotations

import http.client
import json
import socket
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.children import Child
from warehouse.settings import Settings

LOOPBACK = "127.0.0.1"  # Dagster has no sign-in of its own
_LOCATION = "jovey"
_ANSWER_SECONDS_MAX = 2
_LOCATIONS_LOADED = """{ workspaceOrError { ... on Workspace { locationEntries {
    locationOrLoadError { __typename ... on PythonError { className cause { message } } } } } } }"""
_DAEMONS_HEALTHY = "{ instance { daemonHealth { allDaemonStatuses { required healthy } } } }"


class DefinitionsBroken(Exception):
    """Our own definitions cannot be imported; the message holds the error."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where what people reach listens."""

    api: int
    dagster: int
    staff: int

    def environment(self) -> dict[str, str]:
        """The chosen ports as settings, for programs that look for one another."""
        named = {"API": self.api, "DAGSTER": self.dagster, "STAFF": self.staff}
        return {f"JOVEY_{name}_PORT": str(port) for name, port in named.items()}


def stages(settings: Settings, environment: Mapping[str, str], workspace: Path, ports: Ports) -> list[list[Child]]:
    """What to run, in the order of starting: the second stage reads the code server of the first."""
    code_port = free_port(LOOPBACK, but=(ports.api, ports.dagster, ports.staff))
    workspace.write_text(_shared_workspace(code_port))
    return [
        [_api(settings, environment, ports.api), _code_server(environment, code_port)],
        [
            _staff(environment, ports.staff),
            _web_server(environment, workspace, ports.dagster),
            _daemon(environment, workspace, ports.dagster),
        ],
    ]


def program(name: str) -> str:
    """The path of a program that was installed beside this Python."""
    return str(Path(sys.executable).parent / name)


def free_port(host: str, *, but: Collection[int] = ()) -> int:
    """A port that nobody listens on at the moment, and that was not chosen before: the system may name one twice."""
    while True:
        with socket.socket() as probe:
            probe.bind((host, 0))
            port: int = probe.getsockname()[1]
        if port not in but:
            return port


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there; connections of a former one that are still closing do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _api(settings: Settings, environment: Mapping[str, str], port: int) -> Child:
    host = settings.api_host
    command = [program("uvicorn"), "api.app:create_app", "--factory", "--host", host, "--port", str(port)]
    # event streams stay open for hours: they are cut when the time for stopping comes
    command += ["--no-access-log", "--timeout-graceful-shutdown", "4"]
    command += ["--no-proxy-headers", "--no-server-header"]  # whom a proxy speaks for is judged in api/address.py
    near = LOOPBACK if host == "0.0.0.0" else host  # noqa: S104 - compared, not bound
    return Child("api", command, lambda: _status(near, port, "/health/ready") == http.client.OK, environment)


def _staff(environment: Mapping[str, str], port: int) -> Child:
    """The staff screens; people reach them through the API's door below /staff."""
    command = [program("uvicorn"), "dashboards.app:create_app", "--factory", "--host", LOOPBACK, "--port", str(port)]
    # a browser's socket stays open all day: it is cut when the time for stopping comes
    command += ["--no-access-log", "--timeout-graceful-shutdown", "2"]
    health = "/staff/_stcore/health"
    return Child("staff", command, lambda: _status(LOOPBACK, port, health) == http.client.OK, environment)


def _code_server(environment: Mapping[str, str], port: int) -> Child:
    command = [program("dagster"), "code-server", "start", "-h", LOOPBACK, "-p", str(port)]
    command += ["-m", "orchestration.definitions", "--location-name", _LOCATION, "--use-python-environment-entry-point"]
    return Child("code-server", command, lambda: _listens(port), environment)


def _web_server(environment: Mapping[str, str], workspace: Path, port: int) -> Child:
    command = [program("dagster-webserver"), "-h", LOOPBACK, "-p", str(port), "-w", str(workspace)]
    return Child("dagster-webserver", command, lambda: _has_loaded(port), environment)


def _daemon(environment: Mapping[str, str], workspace: Path, web_port: int) -> Child:
    command = [program("dagster-daemon"), "run", "-w", str(workspace)]
    return Child("dagster-daemon", command, lambda: _daemons_live(web_port), environment)


def _shared_workspace(port: int) -> str:
    server = {"grpc_server": {"host": LOOPBACK, "port": port, "location_name": _LOCATION}}
    return json.dumps({"load_from": [server]})  # JSON is YAML


def _has_loaded(port: int) -> bool:
    """Dagster's web server answers and has loaded our definitions. Raises DefinitionsBroken when it never will."""
    entries = _asked(port, _LOCATIONS_LOADED).get("workspaceOrError", {}).get("locationEntries", [])
    found = [entry["locationOrLoadError"] or {} for entry in entries]
    for broken in (each for each in found if each.get("className") == "DagsterUserCodeLoadError"):
        cause = (broken["cause"] or {}).get("message", "see code-server.log").strip()
        raise DefinitionsBroken(f"Dagster cannot load orchestration.definitions: {cause}")
    return bool(found) and all(each.get("__typename") == "RepositoryLocation" for each in found)


def _daemons_live(web_port: int) -> bool:
    health = _asked(web_port, _DAEMONS_HEALTHY).get("instance", {}).get("daemonHealth", {})
    statuses = health.get("allDaemonStatuses", [])
    return bool(statuses) and all(status["healthy"] for status in statuses if status["required"])


def _asked(port: int, query: str) -> dict[str, Any]:
    """The answer of Dagster's web server to a GraphQL query; empty while it cannot give one."""
    body = json.dumps({"query": query})
    try:
        status, answer = _request(LOOPBACK, port, "POST", "/graphql", body)
        data = json.loads(answer).get("data") if status == http.client.OK else None
    except (OSError, http.client.HTTPException, json.JSONDecodeError):
        return {}
    return data or {}


def _status(host: str, port: int, path: str) -> int | None:
    try:
        return _request(host, port, "GET", path)[0]
    except (OSError, http.client.HTTPException):
        return None


def _request(host: str, port: int, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=_ANSWER_SECONDS_MAX)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(_ANSWER_SECONDS_MAX)
        return client.connect_ex((LOOPBACK, port)) == 0

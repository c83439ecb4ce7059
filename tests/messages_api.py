"""A stand-in for Anthropic's Messages API on a socket: as strict as the real one, with mishaps on demand."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from anthropic._constants import ANTHROPIC_API_VERSION

KEY = "sk-ant-test"
RETIRED = "claude-2.1"
FIELDS = frozenset(
    (
        *("model", "max_tokens", "messages", "system", "tools", "tool_choice", "thinking", "output_config"),
        *("cache_control", "diagnostics", "metadata", "service_tier", "speed", "stop_sequences", "container"),
        *("inference_geo", "stream", "user_profile_id", "workspace_id"),
    )
)
KEYWORDS = frozenset(
    (
        *("type", "properties", "required", "items", "enum", "const", "anyOf", "allOf", "$ref", "$defs"),
        *("description", "format", "additionalProperties"),
    )
)
SOON = {"retry-after-ms": "1"}

Answer = tuple[int, Mapping[str, str], Any]
Brain = Callable[[Mapping[str, Any]], Any]


class Refused(Exception):
    """What the API answers 400 to."""


def answer_of(text: str, *, stop: str | None = "end_turn", **usage: int) -> Answer:
    """A message; a complete one unless `stop` says otherwise."""
    counted = {"input_tokens": 900, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 100}
    return 200, {}, {
        "id": "msg_test", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5",
        "content": [{"type": "thinking", "thinking": "", "signature": "s"}, {"type": "text", "text": text}],
        "stop_reason": stop, "stop_sequence": None, "stop_details": None, "container": None, "diagnostics": None,
        "usage": {**counted, "output_tokens": 500, "service_tier": "standard", **usage},
    }  # fmt: skip


def error(status: int, kind: str, message: str = "no", code: str | None = None, **headers: str) -> Answer:
    """An error as the API words it."""
    told = {"type": kind, "message": message, **({"details": {"error_code": code}} if code else {})}
    return status, {name.replace("_", "-"): one for name, one in headers.items()}, {
        "type": "error", "error": told, "request_id": "req_test"}  # fmt: skip


MISHAPS: Mapping[str, Answer] = {
    "429": error(429, "rate_limit_error", retry_after_ms="1"),
    "429 for a day": error(429, "rate_limit_error", retry_after="86400"),
    "429 until a date": error(429, "rate_limit_error", retry_after="Fri, 01 Jan 2100 00:00:00 GMT"),
    "spend cap": error(429, "rate_limit_error", code="enforced_spend_limit_reached"),
    "529": error(529, "overloaded_error", retry_after_ms="1"),
    "500": error(500, "api_error", retry_after_ms="1"),
    "402": error(402, "billing_error"),
    "401": error(401, "authentication_error"),
    "403": error(403, "permission_error"),
    "400": error(400, "invalid_request_error"),
    "usage limit": error(400, "invalid_request_error", "You have reached your specified API usage limits. Wait."),
    "404": error(404, "not_found_error", "model: retired"),
    "refusal": (200, {}, {**answer_of("", stop="refusal")[2], "content": []}),
    "max_tokens": answer_of('{"lines": [{"li', stop="max_tokens", output_tokens=16_000),
    "context window": answer_of('{"lines"', stop="model_context_window_exceeded"),
    "not JSON": answer_of("Here is what I think of your stock."),
    "another shape": answer_of('{"rows": []}'),
    "no lines": answer_of('{"lines": []}'),
    "HTML": (200, {"content-type": "text/html"}, "<html>We are busy</html>"),
    "cut off": answer_of('{"lines": []}', stop=None),
}
"""What the server can answer instead of an answer; `timeout` and `drop` besides."""


@dataclass
class MessagesApi:
    """The server; `brain` answers what no mishap is queued for. Every request that came is kept."""

    url: str
    brain: Brain = lambda _: {"lines": []}
    mishaps: deque[str] = field(default_factory=deque)
    always: str | None = None
    requests: list[Mapping[str, Any]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def answer(self, headers: Mapping[str, str], body: Mapping[str, Any]) -> Answer | str:
        """What comes of a request; a word for what is no HTTP answer."""
        self.requests.append(body)
        if headers.get("authorization") != f"Bearer {KEY}" and headers.get("x-api-key") != KEY:
            return error(401, "authentication_error", "invalid x-api-key")
        if body.get("model") == RETIRED:
            return MISHAPS["404"]
        try:
            check_request(headers, body)
        except Refused as refused:
            return error(400, "invalid_request_error", str(refused))
        mishap = self.mishaps.popleft() if self.mishaps else self.always
        if mishap in {"timeout", "drop"}:
            return mishap
        if mishap is not None:
            return MISHAPS[mishap]
        told = self.brain(body)
        check_value(told, body["output_config"]["format"]["schema"], body["output_config"]["format"]["schema"])
        return answer_of(json.dumps(told))

    def lines(self, request: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """The table of a request: line id -> column -> cell."""
        return table_of(request)


def table_of(request: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    rows = [row.split("|") for row in request["messages"][0]["content"].splitlines()]
    (head,) = [row for row in rows if row[0] == "line_id"]
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows if re.fullmatch(r"L\d\d", row[0])}


def evidence_of(request: Mapping[str, Any]) -> dict[str, list[str]]:
    """Line id -> ids of its evidence."""
    found: dict[str, list[str]] = {}
    for row in request["messages"][0]["content"].splitlines():
        if match := re.match(r"(e\d+)\|(L\d\d)\|", row):
            found.setdefault(match[2], []).append(match[1])
    return found


def check_request(headers: Mapping[str, str], body: Mapping[str, Any]) -> None:
    """Refuse what the real API refuses of a model of generation 5.5: reference/agents.md, 1.9."""
    output = body.get("output_config", {})
    roles = [message.get("role") for message in body.get("messages", [])]
    marks = json.dumps(body).count('"cache_control"')
    faults = {
        "anthropic-version: wrong": headers.get("anthropic-version") != ANTHROPIC_API_VERSION,
        f"unknown: {sorted(body.keys() - FIELDS)}": bool(body.keys() - FIELDS),
        "temperature, top_p, top_k are gone": bool(body.keys() & {"temperature", "top_p", "top_k"}),
        "max_tokens: 1 to 128000": not 1 <= body.get("max_tokens", 0) <= 128_000,
        "messages: user and assistant in turn, no prefill": roles != ["user"] * len(roles) or not roles,
        "tool_choice: cannot be forced": body.get("tool_choice", {}).get("type") in {"any", "tool"},
        "thinking: adaptive or between_tools": body.get("thinking", {}).get("type", "adaptive")
        not in {"adaptive", "between_tools"},
        "effort": output.get("effort", "high") not in {"low", "medium", "high", "xhigh", "max"},
        "cache_control: at most 4": marks > 4,
    }
    if broken := [fault for fault, is_so in faults.items() if is_so]:
        raise Refused("; ".join(broken))
    if "format" in output:
        check_schema(output["format"])


def check_schema(told: Mapping[str, Any]) -> None:
    if told.get("type") != "json_schema":
        raise Refused("output_config.format.type")
    optional, unions = 0, 0
    parts = [told["schema"]]
    while parts:
        part = parts.pop()
        if unknown := part.keys() - KEYWORDS:
            raise Refused(f"schema: {sorted(unknown)} is not supported")
        if part.get("type") == "object" and part.get("additionalProperties") is not False:
            raise Refused("schema: additionalProperties must be false")
        properties = part.get("properties", {})
        optional += len(properties.keys() - set(part.get("required", ())))
        unions += "anyOf" in part
        parts += [*properties.values(), *part.get("$defs", {}).values(), *part.get("anyOf", ())]
        parts += [part["items"]] if "items" in part else []
        if "$ref" in part and part["$ref"].removeprefix("#/$defs/") not in told["schema"].get("$defs", {}):
            raise Refused(f"schema: {part['$ref']} leads nowhere")
    if optional > 24 or unions > 16:
        raise Refused("schema: too complex")


def check_value(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> None:
    """Hold the stand-in to the promise of structured outputs: what it answers has the shape that was asked for."""
    if "$ref" in schema:
        return check_value(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "enum" in schema:
        assert str(value).upper() in schema["enum"], value
        return None
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    assert isinstance(value, kinds[schema["type"]]), (value, schema)
    if schema["type"] == "object":
        assert value.keys() == schema["properties"].keys() == set(schema["required"]), value
        for name, one in value.items():
            check_value(one, schema["properties"][name], root)
    elif schema["type"] == "array":
        for one in value:
            check_value(one, schema["items"], root)
    return None


def _handler(api: MessagesApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            headers = {name.lower(): one for name, one in self.headers.items()}
            is_known = self.path.partition("?")[0] == "/v1/messages"
            self.reply(api.answer(headers, body) if is_known else error(404, "not_found_error"))

        def reply(self, answer: Answer | str) -> None:
            if isinstance(answer, str):
                if answer == "timeout":
                    api.released.wait(30)
                self.close_connection = True
                self.connection.close()
                return
            status, headers, told = answer
            sent = (told if isinstance(told, str) else json.dumps(told)).encode()
            self.send_response(status)
            for name, one in {"content-type": "application/json", "request-id": "req_test", **headers}.items():
                self.send_header(name, one)
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@pytest.fixture
def messages_api(monkeypatch) -> Iterator[MessagesApi]:
    """A Messages API of the test's own."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    api = MessagesApi("")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(api))
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield api
    api.released.set()
    server.shutdown()
    thread.join()
    server.server_close()

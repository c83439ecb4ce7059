"""Requests nobody would think of, made from the OpenAPI document and held against it, as each tier of callers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from api.auth.tokens import AgentClaims, signed_for_agent
from warehouse.clock import now

pytestmark = pytest.mark.whole

KINDS = {"staff": None, "dealer": "dealer", "consumer": "consumer", "agent": "reorder agent"}
LEFT_OUT = {
    "/orders/{order_id}/stream": "goes on for ever; test_streams.py",
    "/events/stream": "goes on for ever; test_streams.py",
    "/auth/logout": "ends the session that all this happens in; test_auth.py",
    "/auth/password": "hashes a password, a tenth of a second each; test_auth.py",
    "/auth/login": "hashes a password; test_auth.py",
    "/customers/register": "hashes a password; test_auth.py",
    "/ar/reports/aging": "answers from the lake, which is not there; test_reports.py",
    "/ar/reports/revenue": "answers from the lake, which is not there; test_reports.py",
}
NOT_MADE_UP = {"cursor", "If-Match", "X-Jovey-At-Least"}  # they come from answers: test_orders.py, test_manners.py
BEYOND_A_SCHEMA = {
    "value_error": "a rule over several fields",
    "missing": "staff name the customer they order for",
    "greater_than_equal": "an instant may be too long ago",
    "less_than_equal": "a whole number in a field of any kind is within 2^53 all the same",
    "string_too_short": "white space around a text is cut off before it is measured",
}
LENIENT = "Incorrect type"  # a text or a truth value that reads as the number or instant wanted is taken for it
REQUESTS_MIN = {"staff": 2_100, "dealer": 500, "consumer": 1_250, "agent": 1_250}  # more than 5,000 in all


@dataclass(frozen=True)
class Breach:
    """A check of schemathesis that an answer did not pass, and the request that shows it."""

    check: str
    door: str
    said: str
    answer: str
    request: str

    def __str__(self) -> str:
        return f"{self.check} {self.door}: {self.said}\n  {self.answer}\n  {self.request}"


@pytest.fixture(scope="module")
def tokens(village) -> dict[str, str]:
    """One caller of each tier, in a house where something has happened."""
    village.product()
    village.product("P-2")
    people = {"staff": village.staff(), "dealer": village.dealer(), "consumer": village.consumer()}
    for name in ("dealer", "consumer"):
        village.order(people[name], ("P-1", 2))
    claims = AgentClaims("reorder", frozenset({"procurement", "category"}))
    agent = signed_for_agent(claims, village.house.signing_key, now(), timedelta(hours=1))
    return {name: one.token for name, one in people.items()} | {"agent": agent}


@pytest.mark.parametrize("tier", KINDS)
@pytest.mark.timeout(600)
def test_no_request_breaks_a_door_or_what_its_document_promises(village, contract, tokens, tier):
    kind = KINDS[tier]
    open_doors = {row.door for row in contract.rows if kind is None or kind in row.opens}
    sent, breaches = Counter[str](), []
    for event in from_schema(schema(village.app, tokens[tier], open_doors, tier)).execute():
        match event:
            case events.ScenarioFinished():
                sent[event.phase.value] += len(event.recorder.interactions)
                breaches += breached(event.recorder)
            case events.NonFatalError():
                breaches.append(event.info.format())
            case events.FatalError():
                raise event.exception
    assert not breaches, "\n".join(map(str, {str(one).partition(": ")[0]: one for one in breaches}.values()))
    assert sent.total() >= REQUESTS_MIN[tier], sent


def schema(app, token: str, open_doors: set[tuple[str, str]], tier: str) -> Any:
    """The document less what is left out, for a caller with this token."""
    document = deepcopy(app.openapi())  # schemathesis writes links into it
    for item in document["paths"].values():
        for operation in item.values():
            simplify(operation)
    made = schemathesis.openapi.from_dict(document, config=config(token, tier))
    made.app = without_lifespan(app)
    return made.include(lambda context: is_tried(context.operation, open_doors))


def is_tried(operation, open_doors: set[tuple[str, str]]) -> bool:
    is_left_out = operation.path.removeprefix("/api/v1") in LEFT_OUT
    return not is_left_out and (operation.method.upper(), operation.path) in open_doors


def simplify(operation: dict[str, Any]) -> None:
    """Leave out what nobody can make up, and CSV, of which any text is some."""
    operation["parameters"] = [one for one in operation.get("parameters", ()) if one["name"] not in NOT_MADE_UP]
    operation.get("requestBody", {}).get("content", {}).pop("text/csv", None)


def config(token: str, tier: str) -> SchemathesisConfig:
    """Every check; the same requests each time; no search for the smallest one that fails.

    Malformed requests are made in full where doors are few, and at random for staff, who have all of them.
    """
    accepted = ["2xx", "401", "403", "404", "409", "412", "429"]
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "headers": {"Authorization": f"Bearer {token}"},
            "continue-on-failure": True,
            "request-timeout": 100,  # a busy machine is no finding
            "analysis": {"constants": {"enabled": False}},  # words of our source would change the requests with it
            "checks": {"positive_data_acceptance": {"expected-statuses": accepted}},
            "generation": {
                "deterministic": True, "no-shrink": True, "database": "none", "allow-x00": False, "max-examples": 3,
            },
            "phases": {
                "coverage": {"generation": {"mode": "positive" if tier in {"staff", "dealer"} else "all"}},
                "stateful": {"generation": {"max-examples": 20}},
            },
        }
    )  # fmt: skip


def without_lifespan(app) -> Any:
    """The application, whose house is open already; what it raises after its answer is told by the answer, a 500."""

    async def inside(scope, receive, send) -> None:
        assert scope["type"] == "http", "the house is open"
        has_begun = False

        async def told(message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await app(scope, receive, told)
        except Exception:
            if not has_begun:
                raise

    return inside


def is_known(check, answer) -> bool:
    """Whether it is a limit of schemas, or our leniency with types, and no breach."""
    if check.name == "negative_data_rejection":
        return LENIENT in check.failure_info.failure.message
    errors = answer.json()["errors"] if answer is not None and answer.status_code == 422 else ()
    is_beyond = bool(errors) and all(one["code"] in BEYOND_A_SCHEMA for one in errors)
    return check.name == "positive_data_acceptance" and is_beyond


def breached(recorder) -> Iterator[Breach]:
    for id, checks in recorder.checks.items():
        for check in checks:
            answer = recorder.interactions[id].response if id in recorder.interactions else None
            if check.failure_info is not None and not is_known(check, answer):
                said = answer.content[:600].decode(errors="replace") if answer is not None else ""
                door, failure = recorder.cases[id].value.operation.label, check.failure_info.failure
                yield Breach(check.name, door, failure.message, said, check.failure_info.code_sample)

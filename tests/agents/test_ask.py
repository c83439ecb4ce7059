"""One question to Claude over a socket: answered, kept, replayed, paid for; and every way in which it can fail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import anthropic
import httpx
import pytest

from api.agents.commands import RecordModelCall
from assets.ask import ANSWER_TOKENS_MAX, Asker, Patience, Question, Unanswered
from assets.model_prices import PRICES, Usage, cost
from warehouse.settings import Settings

KEY = "sk-ant-test"
SCHEMA = {
    "type": "object",
    "properties": {"lines": {"type": "array", "items": {"type": "string"}}},
    "required": ["lines"],
    "additionalProperties": False,
}
QUESTION = Question("procurement", ("You advise.", "Rules."), "L01|JP-1", SCHEMA)


@dataclass
class Notebook:
    """A book of calls in memory."""

    calls: dict[UUID, RecordModelCall] = field(default_factory=dict)

    def call(self, id: UUID) -> Mapping[str, Any] | None:
        found = self.calls.get(id)
        return None if found is None else found.model_dump(mode="json")

    def record(self, command: RecordModelCall) -> None:
        self.calls[command.model_call_id] = command


@pytest.fixture
def book() -> Notebook:
    return Notebook()


@pytest.fixture
def asker(messages_api, book):
    def make(**chosen: Any) -> Asker:
        asked = {"model": "claude-sonnet-5-5", "cost_day_max": Decimal(5), "spent": Decimal(0)}
        patience = Patience(answer_seconds=5, question_seconds=60)
        return Asker(
            **{"key": KEY, "base_url": messages_api.url, "book": book, "patience": patience, **asked, **chosen}
        )

    return make


def test_an_answer_is_kept_as_it_came_before_anything_is_made_of_it(asker, messages_api, book):
    messages_api.brain = lambda _: {"lines": ["yes"]}
    asked = asker()
    answer = asked.ask(QUESTION)
    assert json.loads(answer.text) == {"lines": ["yes"]}
    (call,) = book.calls.values()
    assert call.model_call_id == answer.call_id
    assert json.loads(call.request)["messages"] == [{"role": "user", "content": "L01|JP-1"}]
    assert json.loads(call.response)["content"][1]["text"] == answer.text
    assert (call.status, call.stop_reason, call.request_id, call.attempts) == (200, "end_turn", "req_test", 1)
    assert (call.input_tokens, call.cache_read_tokens, call.output_tokens) == (1000, 100, 500)
    assert call.cost_usd == asked.spent == Decimal("0.006820")  # 900 at 2, 100 at 0.20 and 500 at 10 a million


def test_a_question_is_asked_with_effort_thinking_and_a_shape_and_never_with_sampling(asker, messages_api):
    asker().ask(QUESTION)
    (request,) = messages_api.requests
    assert request["output_config"] == {"effort": "medium", "format": {"type": "json_schema", "schema": SCHEMA}}
    assert request["thinking"] == {"type": "adaptive"}
    assert request["max_tokens"] == ANSWER_TOKENS_MAX < 21_333
    assert [block.get("cache_control") for block in request["system"]] == [None, {"type": "ephemeral"}]


def test_the_same_question_is_not_paid_for_twice(asker, messages_api, book):
    first = asker().ask(QUESTION)
    messages_api.brain = lambda _: {"lines": ["another mood"]}
    assert asker().ask(QUESTION) == first
    assert len(messages_api.requests) == len(book.calls) == 1


@pytest.mark.parametrize(
    ("mishap", "label", "attempts", "kept"),
    [
        ("429", "overloaded", 3, 0),
        ("429 for a day", "overloaded", 1, 0),
        ("429 until a date", "overloaded", 1, 0),
        ("529", "overloaded", 3, 0),
        ("500", "overloaded", 3, 0),
        ("drop", "overloaded", 3, 0),
        ("spend cap", "billing", 1, 0),
        ("usage limit", "billing", 1, 0),
        ("402", "billing", 1, 0),
        ("401", "auth", 1, 0),
        ("403", "auth", 1, 0),
        ("400", "bad_request", 1, 0),
        ("404", "model", 1, 0),
        ("refusal", "refusal", 1, 1),
        ("max_tokens", "truncated", 1, 1),
        ("context window", "truncated", 1, 1),
        ("HTML", "protocol", 1, 1),
        ("cut off", "protocol", 1, 1),
    ],
)
def test_a_failure_has_the_name_that_decisions_are_labelled_with(
    asker, messages_api, book, mishap, label, attempts, kept
):
    messages_api.always = mishap
    with pytest.raises(Unanswered) as failure:
        asker().ask(QUESTION)
    assert failure.value.label == label
    assert len(messages_api.requests) == attempts
    assert len(book.calls) == kept


def test_a_busy_moment_passes(asker, messages_api):
    messages_api.mishaps.extend(["529", "429"])
    asked = asker()
    asked.ask(QUESTION)
    (call,) = asked.book.calls.values()
    assert call.attempts == 3


def test_a_question_that_timed_out_is_asked_once_more_and_counts_as_paid(asker, messages_api, book):
    messages_api.always = "timeout"
    asked = asker(patience=Patience(answer_seconds=0.2, question_seconds=60))
    for _ in range(2):
        with pytest.raises(Unanswered) as failure:
            asked.ask(QUESTION)
        assert failure.value.label == "timeout"
    assert len(messages_api.requests) == 2
    (call,) = book.calls.values()
    assert (call.status, call.response) == (0, "")
    assert asked.spent == call.cost_usd > cost(PRICES["claude-sonnet-5-5"], Usage(answered=ANSWER_TOKENS_MAX))


def test_a_question_that_the_day_cannot_pay_is_not_asked(asker, messages_api):
    with pytest.raises(Unanswered) as failure:
        asker(spent=Decimal("4.9")).ask(QUESTION)
    assert failure.value.label == "budget"
    assert not messages_api.requests


def test_a_model_without_a_price_is_not_asked(asker, messages_api):
    with pytest.raises(Unanswered) as failure:
        asker(model="claude-next").ask(QUESTION)
    assert failure.value.label == "model"
    assert not messages_api.requests


def test_without_a_key_nobody_asks_whatever_lies_in_the_environment(book, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "stray")
    assert Asker.of(Settings(_env_file=None), book, Decimal(0)) is None
    settings = Settings(_env_file=None, ANTHROPIC_API_KEY="k", ANTHROPIC_BASE_URL="http://127.0.0.1:1")
    asker = Asker.of(settings, book, Decimal(1))
    assert (asker.key, asker.base_url, asker.model, asker.spent) == ("k", "http://127.0.0.1:1", settings.model, 1)


def test_every_setting_of_a_model_has_a_price_and_is_not_on_its_way_out():
    from anthropic.resources.messages.messages import DEPRECATED_MODELS

    assert Settings(_env_file=None).model in PRICES
    assert not PRICES.keys() & DEPRECATED_MODELS.keys()


def test_costs_are_of_each_kind_of_token_and_rounded_up():
    price = PRICES["claude-sonnet-5-5"]
    assert cost(price, Usage(1_000_000, 1_000_000, 1_000_000, 1_000_000)) == Decimal("14.70")
    assert cost(PRICES["claude-haiku-5-5"], Usage(from_cache=1)) == Decimal("0.000001")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"temperature": 0}, "temperature"),
        ({"thinking": {"type": "disabled"}}, "thinking"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "thinking"),
        ({"tool_choice": {"type": "tool", "name": "answer"}}, "tool_choice"),
        ({"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "{"}]}, "prefill"),
        ({"max_tokens": 128_001}, "max_tokens"),
        ({"sampling": 1}, "unknown"),
        ({"output_config": {"effort": "much"}}, "effort"),
        ({"output_config": {"format": {"type": "json_schema", "schema": {**SCHEMA, "minItems": 1}}}}, "minItems"),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "properties": {}}}}},
            "additionalProperties",
        ),
    ],
)
def test_the_stand_in_refuses_what_the_real_one_refuses(messages_api, change, fault):
    body = {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "?"}], **change}
    answer = post(messages_api, body)
    assert answer.status_code == 400
    assert fault in answer.json()["error"]["message"]


def test_the_stand_in_wants_a_key_and_the_version_that_the_sdk_sends(messages_api):
    body = {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "?"}]}
    assert post(messages_api, body, key="wrong").status_code == 401
    assert "anthropic-version" in post(messages_api, body, version="2023-06-01").json()["error"]["message"]
    assert post(messages_api, {**body, "model": "claude-2.1"}).status_code == 404
    assert anthropic.__version__.startswith("2.")


def test_what_the_stand_in_answers_is_what_the_sdk_reads(messages_api):
    client = anthropic.Anthropic(api_key=KEY, base_url=messages_api.url, _strict_response_validation=True)
    with client:
        message = client.messages.create(
            model="claude-sonnet-5-5",
            max_tokens=100,
            messages=[{"role": "user", "content": "?"}],
            output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
        )
    assert message.stop_reason == "end_turn"


def post(api, body, key=KEY, version="2026-10-21"):
    headers = {"x-api-key": key, "anthropic-version": version}
    return httpx.post(f"{api.url}/v1/messages", json=body, headers=headers, timeout=10)

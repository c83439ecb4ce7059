"""One typed question to Claude: asked once, kept as it came, paid for within the day's limit, or named as it failed."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from api.agents.commands import RESPONSE_LENGTH_MAX, RecordModelCall, model_call_id
from assets.model_prices import PRICES, Usage, cost, most_it_costs
from warehouse import clock
from warehouse.events.agents import DecidingFunction, FallbackReason
from warehouse.settings import Settings

if TYPE_CHECKING:
    from anthropic import APIResponse, CallNext

ANSWER_TOKENS_MAX = 16_000  # thinking included; above 21,333 the SDK refuses to send without streaming
RETRIES_MAX = 2  # the SDK's own, after 408, 409, 429, 5xx and broken connections
TIMEOUTS_MAX = 2  # a question that timed out may have been billed: once more, not oftener
EFFORT = "medium"  # the model's default is high, and dearer
SPENT_CODES = frozenset({"enforced_spend_limit_reached", "contract_spend_limit_reached"})
SPENT_WORDS = "You have reached your specified API usage limits"  # the one limit that is told as a 400, without a code
NO_ANSWER = 0  # the status of a call that nobody answered


class Unanswered(Exception):
    """There is no answer to interpret; `label` says why, in the words decisions are labelled with."""

    def __init__(self, label: FallbackReason, call_id: UUID | None = None) -> None:
        super().__init__(label)
        self.label: FallbackReason = label
        self.call_id = call_id


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: words that never change, of which the last ends what is cached, today's words, and the shape."""

    function: DecidingFunction
    instructions: tuple[str, ...]
    words: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """Claude's words, JSON of the question's shape if all is well, and the record of the call."""

    text: str
    call_id: UUID


class CallBook(Protocol):
    """Where calls are kept: an answer is written down before anything is made of it."""

    def call(self, id: UUID) -> Mapping[str, Any] | None:
        """The call as recorded, or none."""

    def record(self, command: RecordModelCall) -> None:
        """Keep a call."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait: for one answer, and for all attempts at a question, in seconds."""

    answer_seconds: float = 120
    question_seconds: float = 600


@dataclass(slots=True)
class Asker:
    """Whoever asks on the company's account. `spent` is USD of this day, and grows."""

    key: str
    model: str
    cost_day_max: Decimal
    spent: Decimal
    book: CallBook
    base_url: str | None = None
    patience: Patience = field(default_factory=Patience)

    @classmethod
    def of(cls, settings: Settings, book: CallBook, spent: Decimal) -> Asker | None:
        """The asker that the settings pay for; none without a key."""
        if not settings.anthropic_api_key:
            return None
        return cls(
            settings.anthropic_api_key,
            settings.model,
            settings.model_cost_day_max,
            spent,
            book,
            settings.anthropic_base_url,
        )

    def ask(self, question: Question) -> Answer:
        """Claude's answer, this time or the one kept from before. Raises Unanswered."""
        request = _request(self.model, question)
        text = json.dumps(request, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        request_hash = hashlib.sha256(text.encode()).hexdigest()
        call_id = model_call_id(request_hash)
        kept = self.book.call(call_id)
        if kept is None:
            kept = self._asked(question.function, request, text, request_hash)
        return _read(kept["status"], kept["response"], call_id)

    def _asked(self, function: DecidingFunction, request: Any, text: str, request_hash: str) -> Mapping[str, Any]:
        """Ask over the wire and write down what came, and what it cost."""
        price = PRICES.get(self.model)
        if price is None:
            raise Unanswered("model")
        most = most_it_costs(price, text, ANSWER_TOKENS_MAX)
        if self.spent + most > self.cost_day_max:
            raise Unanswered("budget")
        watch = _Watch(time.monotonic() + self.patience.question_seconds)
        begun = time.monotonic()
        try:
            status, raw, request_id = self._sent(request, watch)
            raw = raw[:RESPONSE_LENGTH_MAX].replace("\x00", "")
        except Unanswered as failure:
            if failure.label != "timeout":
                raise
            status, raw, request_id = NO_ANSWER, "", None  # perhaps billed: what was set aside counts as spent
        told = _told(raw)
        usage = _usage(told)
        command = RecordModelCall(
            request_hash=request_hash,
            function=function,
            model=_word(told.get("model")) or self.model,
            request=text,
            response=raw,
            request_id=request_id,
            stop_reason=_word(told.get("stop_reason")),
            input_tokens=usage.read + usage.cached + usage.from_cache,
            output_tokens=usage.answered,
            cache_read_tokens=usage.from_cache,
            cost_usd=cost(price, usage) if status else most,
            latency_ms=round((time.monotonic() - begun) * 1000),
            attempts=max(1, watch.attempts),
            status=status,
        )
        self.book.record(command)
        self.spent += command.cost_usd
        return {"status": status, "response": raw}

    def _sent(self, request: Mapping[str, Any], watch: _Watch) -> tuple[int, str, str | None]:
        """Status, body and request id of the answer. Raises Unanswered."""
        import anthropic

        client = anthropic.Anthropic(
            api_key=self.key,
            base_url=self.base_url,
            timeout=self.patience.answer_seconds,
            max_retries=RETRIES_MAX,
            middleware=[watch],
            open_telemetry=False,
        )
        try:
            with client:
                answer = client.messages.with_raw_response.create(**request)
                return answer.status_code, answer.text(), answer.request_id
        except anthropic.APIStatusError as error:
            raise Unanswered(_label(error.status_code, error.error_code, error.api_message)) from error
        except anthropic.APITimeoutError as error:
            raise Unanswered("timeout") from error
        except anthropic.APIConnectionError as error:
            raise Unanswered("overloaded") from error


@dataclass(slots=True)
class _Watch:
    """Sees each attempt, and stops where the SDK would go on in vain."""

    deadline: float
    attempts: int = 0
    timeouts: int = 0

    def __call__(self, request: Any, call_next: CallNext) -> APIResponse[Any]:
        import anthropic

        self.attempts += 1
        try:
            response = call_next(request)
        except anthropic.APITimeoutError:
            self.timeouts += 1
            if self.timeouts >= TIMEOUTS_MAX:
                raise Unanswered("timeout") from None  # with a cause, the SDK would look at that and go on
            raise
        if response.status_code == 429 and _error_code(response) in SPENT_CODES:
            raise Unanswered("billing")  # it does not recover this month, and the SDK would try twice more
        if response.status_code >= 400 and _pause_seconds(response.headers) > self.deadline - time.monotonic():
            raise Unanswered("overloaded")  # the SDK would sleep for as long as it is told
        return response


def _request(model: str, question: Question) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = [{"type": "text", "text": text} for text in question.instructions]
    blocks[-1]["cache_control"] = {"type": "ephemeral"}
    return {
        "model": model,
        "max_tokens": ANSWER_TOKENS_MAX,
        "system": blocks,
        "messages": [{"role": "user", "content": question.words}],
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": EFFORT, "format": {"type": "json_schema", "schema": dict(question.schema)}},
    }


def _read(status: int, raw: str, call_id: UUID) -> Answer:
    """The words of a recorded answer. Raises Unanswered when it is none."""
    if status == NO_ANSWER:
        raise Unanswered("timeout", call_id)
    told = _told(raw)
    match told.get("stop_reason"):
        case "end_turn" | "stop_sequence":
            blocks = told.get("content")
            blocks = blocks if isinstance(blocks, list) else []
            texts = [block.get("text") for block in blocks if isinstance(block, dict) and block.get("type") == "text"]
            return Answer("".join(text for text in texts if isinstance(text, str)), call_id)
        case "refusal":
            raise Unanswered("refusal", call_id)
        case "max_tokens" | "model_context_window_exceeded":
            raise Unanswered("truncated", call_id)
        case _:
            raise Unanswered("protocol", call_id)  # a page of HTML, an answer cut off, a stop we do not know


def _told(raw: str) -> dict[str, Any]:
    """The body as an object; empty when it is none."""
    with suppress(json.JSONDecodeError):
        told = json.loads(raw)
        if isinstance(told, dict):
            return told
    return {}


def _word(told: Any) -> str | None:
    return told[:100] if isinstance(told, str) and told.strip() else None


def _usage(told: Mapping[str, Any]) -> Usage:
    counted = told.get("usage")
    counted = counted if isinstance(counted, dict) else {}

    def tokens(name: str) -> int:
        count = counted.get(name)
        return count if isinstance(count, int) and count >= 0 else 0

    return Usage(
        tokens("input_tokens"),
        tokens("cache_creation_input_tokens"),
        tokens("cache_read_input_tokens"),
        tokens("output_tokens"),
    )


def _label(status: int, code: str | None, message: str | None) -> FallbackReason:
    """What a refused request is called: reference/agents.md, 5.7."""
    if code in SPENT_CODES or (message or "").startswith(SPENT_WORDS):
        return "billing"
    labels: dict[int, FallbackReason] = {402: "billing", 401: "auth", 403: "auth", 404: "model"}
    if status in {408, 409, 429} or status >= 500:
        return "overloaded"
    return labels.get(status, "bad_request")


def _error_code(response: APIResponse[Any]) -> str | None:
    told = _told(response.text())
    error = told.get("error")
    details = error.get("details") if isinstance(error, dict) else None
    code = details.get("error_code") if isinstance(details, dict) else None
    return code if isinstance(code, str) else None


def _pause_seconds(headers: Mapping[str, str]) -> float:
    """How long the SDK would wait before its next attempt because it is told to; 0 when it is not."""
    with suppress(ValueError):
        return float(headers.get("retry-after-ms", "")) / 1000
    told = headers.get("retry-after", "")
    with suppress(ValueError):
        return float(told)
    with suppress(ValueError):
        return parsedate_to_datetime(told).timestamp() - clock.now().timestamp()
    return 0.0

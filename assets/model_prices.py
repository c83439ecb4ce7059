"""What models cost, with the day the figures are from: a model that is not listed is not asked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal

PRICED_ON = date(2026, 11, 20)  # Anthropic's price pages, as noted in reference/agents.md, 1.5
TOKEN_CHARACTERS_MIN = 2  # of text like ours a token holds more; an estimate that errs on the dear side
_MILLION = 1_000_000
_PLACES = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """USD for a million tokens: read, written into the cache, read from the cache, and answered."""

    read: Decimal
    cached: Decimal
    from_cache: Decimal
    answered: Decimal


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, as its answer counts them."""

    read: int = 0
    cached: int = 0
    from_cache: int = 0
    answered: int = 0


PRICES = {
    "claude-opus-5-5": ModelPrice(Decimal(4), Decimal(5), Decimal("0.20"), Decimal(20)),
    "claude-sonnet-5-5": ModelPrice(Decimal(2), Decimal("2.50"), Decimal("0.20"), Decimal(10)),
    # of prompts up to 100,000 tokens; ours are a tenth of that
    "claude-haiku-5-5": ModelPrice(Decimal("0.10"), Decimal("0.125"), Decimal("0.01"), Decimal("0.50")),
}


def cost(price: ModelPrice, usage: Usage) -> Decimal:
    """What a call cost in USD, rounded up to a millionth."""
    dollars = (
        usage.read * price.read
        + usage.cached * price.cached
        + usage.from_cache * price.from_cache
        + usage.answered * price.answered
    ) / _MILLION
    return dollars.quantize(_PLACES, rounding=ROUND_CEILING)


def most_it_costs(price: ModelPrice, request: str, answer_tokens_max: int) -> Decimal:
    """What a request may cost at most in USD: what to set aside before it is sent."""
    return cost(price, Usage(cached=math.ceil(len(request) / TOKEN_CHARACTERS_MIN), answered=answer_tokens_max))

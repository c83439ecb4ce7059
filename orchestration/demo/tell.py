"""Telling the story to the company's own command handlers: a day at a time, resumable, nothing made twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from api.handle import handle_all
from api.refusals import Refusal
from api.rules import Rules
from orchestration.demo.books import Ask, Company
from orchestration.demo.budget import Budget
from orchestration.demo.story import days
from warehouse.log.append import receipts

Answers = Mapping[UUID, Mapping[str, Any]]


def tell(engine: Engine, company: Company, expected: Budget, rules: Rules, day_done: Callable[[], None]) -> None:
    """Send every day's requests, in one transaction but for those that may be refused, and hand the answers back.

    Started again after a kill it plans the same days, is answered from receipts as far as it had come, and goes on.
    """
    for asks in days(company, expected):
        answers = _send(engine, asks, rules)
        for ask in asks:
            if ask.learn is not None:
                ask.learn(answers.get(ask.requests[-1].id))
        day_done()


def _send(engine: Engine, asks: Sequence[Ask], rules: Rules) -> Answers:
    answered = _answered(engine, asks)
    answers: dict[UUID, Mapping[str, Any]] = {}
    for place, batch in _batches(asks):
        requests = [request for ask in batch for request in ask.requests]
        may_refuse = batch[0].may_refuse
        if may_refuse and requests[0].id not in answered and _is_behind_us(asks[place + 1 :], answered):
            continue  # refused before the restart; asked today it might not be
        try:
            handled = handle_all(engine, requests, rules)
        except Refusal as refusal:
            if refusal.code not in may_refuse:
                raise AssertionError(
                    f"On {requests[0].at:%Y-%m-%d} a rule refused what the story needs: {refusal}"
                ) from refusal
            continue
        answers.update((request.id, one.response) for request, one in zip(requests, handled, strict=True))
    return answers


def _batches(asks: Sequence[Ask]) -> Iterator[tuple[int, list[Ask]]]:
    """Neighbours that cannot be refused go together, each of the others by itself; with the place of the last one."""
    place = -1
    for key, group in groupby(enumerate(asks), key=lambda numbered: (numbered[0] + 1) * bool(numbered[1].may_refuse)):
        batch = [ask for _, ask in group]
        place += len(batch)
        assert key == 0 or len(batch) == 1
        yield place, batch


def _answered(engine: Engine, asks: Sequence[Ask]) -> frozenset[UUID]:
    with engine.connect() as connection:
        return frozenset(receipts(connection, [request.id for ask in asks for request in ask.requests]))


def _is_behind_us(later: Sequence[Ask], answered: frozenset[UUID]) -> bool:
    return any(request.id in answered for ask in later for request in ask.requests)

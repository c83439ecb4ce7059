"""The story: requests in time order, the same when told twice, and a part of it is its beginning."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from api.receivables.commands import AllocateCreditNote, IssueCreditNote, ReceivePayment
from orchestration.imports.clerk import Clerk
from orchestration.imports.plan import plan_of
from orchestration.imports.source import read_lines
from orchestration.imports.story import Story

UTC_CLERK = Clerk(ZoneInfo("UTC"))


@pytest.fixture
def told(write):
    def requests(lines, until=None, clerk=UTC_CLERK):
        read = read_lines(write(lines))
        steps = Story(read, plan_of(read), clerk).told(until or read["at"].max())
        return [request for step in steps for request in step.requests]

    return requests


def test_time_never_goes_back_and_no_id_comes_twice(told, dirt):
    requests = told(dirt)
    assert all(one.at <= other.at for one, other in pairwise(requests))
    assert len({request.id for request in requests}) == len(requests)


def test_told_twice_it_says_the_same(told, dirt):
    assert [(r.id, r.hash) for r in told(dirt)] == [(r.id, r.hash) for r in told(dirt)]


@pytest.mark.parametrize("days", [0, 1, 31, 36, 60, 80])
def test_a_part_is_the_beginning_of_the_whole(told, dirt, days):
    part = told(dirt, datetime.fromisoformat("2010-12-01 09:30") + timedelta(days=days))
    assert [(r.id, r.hash) for r in part] == [(r.id, r.hash) for r in told(dirt)[: len(part)]]


def test_dealers_pay_what_is_left_after_thirty_days_and_walk_ins_at_once(told, dirt):
    payments = [r for r in told(dirt) if isinstance(r.command, ReceivePayment)]
    paid = [(r.command.reference, r.command.method, r.command.amount, f"{r.at:%m-%d}") for r in payments]
    assert paid == [
        ("500002", "card", Decimal("8.45"), "12-01"),
        # 84.20 less C500006's 14.00 and C500007's 21.00
        ("500001", "bank_transfer", Decimal("49.20"), "12-31"),
        ("500013", "bank_transfer", Decimal("26.10"), "12-31"),
        ("500014", "bank_transfer", Decimal("7.00"), "12-31"),
        ("500015", "bank_transfer", Decimal("51.00"), "02-04"),
        # 255.00 less C500016's 76.50 and C500017's 102.00, which found nothing else open
        ("500018", "bank_transfer", Decimal("76.50"), "03-12"),
    ]


def test_credit_on_account_goes_against_the_next_invoice_when_it_is_due(told, dirt):
    allocated = [r for r in told(dirt) if isinstance(r.command, AllocateCreditNote)]
    assert {f"{r.at:%m-%d}" for r in allocated} == {"03-12"}
    assert sum(r.command.amount for r in allocated) == Decimal("178.50")


def test_only_walk_ins_are_paid_out(told, dirt):
    notes = [r.command for r in told(dirt) if isinstance(r.command, IssueCreditNote)]
    assert [(note.refund_by, sum(line.gross for line in note.stand_alone_lines)) for note in notes] == [
        (None, Decimal("21.00")),
        ("card", Decimal("104.95")),
        (None, Decimal("50.00")),
        (None, Decimal("50.00")),
        (None, Decimal("79.05")),
    ]


def test_the_files_clock_is_the_companys(told, dirt):
    there = told(dirt, clerk=Clerk(ZoneInfo("Asia/Kolkata")))
    here = told(dirt)
    assert [r.id for r in there] == [r.id for r in here]
    assert {h.at - t.at for h, t in zip(here, there, strict=True)} == {timedelta(hours=5, minutes=30)}

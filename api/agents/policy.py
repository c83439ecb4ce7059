"""Figures of decisions: what makes two of them the same, and how far the world may move before one is stale."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from uuid import UUID

from warehouse.ids import short_code

STOCK_DRIFT_SHARE = Decimal("0.10")  # of the stock or the order, whichever is more: reference/agents.md, 3.3
COST_DRIFT_SHARE = Decimal("0.02")  # the same source


def decision_key(function: str, subject: str, snapshot_hash: str, contract_version: str) -> str:
    """What one decision is known by, 64 hexadecimal digits: one snapshot, one decision."""
    return hashlib.sha256(f"{function}|{subject}|{snapshot_hash}|{contract_version}".encode()).hexdigest()


def decision_number(decision_id: UUID, on: date) -> str:
    """`AD-261122-7K3M9QZ2`: the day it was proposed and eight letters of its id."""
    return f"AD-{on:%y%m%d}-{short_code(decision_id)}"


def has_stock_drifted(was: int, now: int, ordered_quantity: int) -> bool:
    """Whether the stock moved so far that another quantity would be ordered; a tenth of it is no reason to ask anew."""
    return abs(now - was) > STOCK_DRIFT_SHARE * max(was, ordered_quantity)


def has_cost_drifted(was: Decimal, now: Decimal) -> bool:
    """Whether what a piece costs moved by more than a few percent."""
    return abs(now - was) > COST_DRIFT_SHARE * was

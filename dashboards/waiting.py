"""Waiting: the decisions that a person has yet to take, as the lake knows them."""

from __future__ import annotations

import polars as pl

from dashboards.glance import Glance
from warehouse.clock import now


def waiting_decisions(glance: Glance) -> pl.DataFrame:
    """Open proposals whose time is not over: id, sku, kind, amount and rationale. Raises NotThere."""
    return glance.ask(_WAITING).filter(pl.col("ends_at") > now().timestamp())


_WAITING = """
    select id::varchar as id, sku, kind, amount, rationale, epoch(expires_at) as ends_at
      from agents.decisions where status = 'proposed' order by proposed_at desc, id"""

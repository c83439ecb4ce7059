"""What people's queries read, as SQLAlchemy knows it: of the log and its states, what the asker may see (asker.py)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

METADATA = MetaData(schema="jovey")


def _of_events(view: str) -> Table:
    return Table(
        view,
        METADATA,
        Column("position", BigInteger, primary_key=True),
        Column("aggregate_id", Uuid),
        Column("id", Uuid),
        Column("created_at", DateTime(timezone=True)),
        Column("effective_at", DateTime(timezone=True)),
        Column("version", Integer),
        Column("schema_version", SmallInteger),
        Column("event_type", String(100)),
        Column("aggregate_type", String(50)),
        Column("created_by", String(100)),
        Column("subject_id", Uuid),
        Column("correlation_id", Uuid),
        Column("causation_id", Uuid),
        Column("data", JSONB),
        Column("metadata", JSONB),
    )


events = _of_events("visible_events")
"""What stands in the log's table: for who reads on from a place."""
history = _of_events("visible_history")
"""The same, and what was unpacked of the archive: for who looks back."""

states = Table(
    "visible_states",
    METADATA,
    Column("aggregate_id", Uuid, primary_key=True),
    Column("aggregate_type", String(50)),
    Column("version", Integer),
    Column("state", JSONB),
    Column("owner_id", Uuid),
    Column("status", String(40)),
    Column("created_at", DateTime(timezone=True)),
    Column("updated_at", DateTime(timezone=True)),
)

unique_claims = Table(
    "unique_claims",
    METADATA,
    Column("scope", String(50), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("aggregate_id", Uuid),
)

"""Signing keys, counted tries, single-use tokens, the outbox, outside issuers' people, and the device of a session."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the tables and their grants."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    """Refuse: the log only goes forward."""
    raise RuntimeError("The log only goes forward; restore a backup instead.")

"""The log, its append function, folded states, receipts, claims and the roles' rights."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything in schema jovey, and the empty schema of the lake's catalog."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    """Refuse: the log only goes forward."""
    raise RuntimeError("The log only goes forward; restore a backup instead.")

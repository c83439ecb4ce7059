"""Credentials, sessions and refresh tokens, and the indexes that the API's lists and documents are found by."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create what the HTTP doors need beside the log."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    """Refuse: the log only goes forward."""
    raise RuntimeError("The log only goes forward; restore a backup instead.")

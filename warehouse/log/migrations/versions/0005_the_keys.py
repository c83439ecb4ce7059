"""The keys of people, and the role that may destroy them."""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table and its grants."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    """Refuse: the log only goes forward."""
    raise RuntimeError("The log only goes forward; restore a backup instead.")

"""append is handed nothing for what a call does not need."""

from pathlib import Path

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Replace jovey.append."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text().replace("%", "%%"))


def downgrade() -> None:
    """Refuse: the log only goes forward."""
    raise RuntimeError("The log only goes forward; restore a backup instead.")

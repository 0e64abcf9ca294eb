"""When a task was asked for anew: its patience with a storage that is away begins then."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("asked_at", sa.BigInteger(), nullable=True))

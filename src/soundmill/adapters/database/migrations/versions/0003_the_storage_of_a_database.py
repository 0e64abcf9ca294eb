"""The storage of a database."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "storages",
        sa.Column("identity", sa.String(length=32), nullable=False),
        sa.Column("is_marked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("identity", name="pk_storages"),
    )

"""Conversions that have pieces for others, and who encodes them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "helped_tasks",
        sa.Column("task_id", _ID, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("build", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_helped_tasks_task_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", name="pk_helped_tasks"),
    )
    op.create_table(
        "seats",
        sa.Column("id", _ID, nullable=False),
        sa.Column("task_id", _ID, nullable=False),
        sa.Column("helper", sa.String(length=255), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("work", sa.String(length=128), nullable=True),
        sa.Column("given_at", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.String(length=128), nullable=True),
        sa.ForeignKeyConstraint(["task_id"], ["helped_tasks.task_id"], name="fk_seats_task_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_seats"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_seats_task_id", "seats", ["task_id"], unique=False)
    op.create_index("ix_seats_helper", "seats", ["helper"], unique=False)

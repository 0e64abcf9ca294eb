"""Events of tasks that ended, the bytes that each account uses, and finding what expires."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_FINAL = sa.text("status IN ('processed', 'failed', 'cancelled')")
_COUNTED = """
    UPDATE accounts SET used_bytes = (
        SELECT COALESCE(SUM(size), 0) FROM files WHERE files.account_id = accounts.id AND files.key IS NOT NULL
    )
"""


def upgrade() -> None:
    op.add_column("accounts", sa.Column("used_bytes", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute(_COUNTED)
    op.create_table(
        "events",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_events_account_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.UniqueConstraint("task_id", "attempt", name="uq_events_task_id_attempt"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_account_id_id", "events", ["account_id", "id"], unique=False)
    op.create_index("ix_events_created_at", "events", ["created_at"], unique=False)
    op.create_index(
        "ix_tasks_finished", "tasks", ["finished_at"], unique=False, sqlite_where=_FINAL, postgresql_where=_FINAL
    )

"""Sources that are joined into one result."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JOINED = sa.text("joined_to IS NOT NULL")


def upgrade() -> None:
    # An API of the version before that deletes the first of them deletes the others' rows with it: their bytes are swept then.
    first = sa.ForeignKey("files.id", name="fk_files_joined_to", ondelete="CASCADE")
    op.add_column("files", sa.Column("joined_to", _ID, first, nullable=True), inline_references=True)
    op.add_column("files", sa.Column("given_name", sa.String(length=512), nullable=True))
    op.create_index("ix_files_joined_to", "files", ["joined_to"], sqlite_where=_JOINED, postgresql_where=_JOINED)

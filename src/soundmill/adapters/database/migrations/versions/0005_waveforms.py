"""Waveforms of sources and results."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("files", sa.Column("waveform", sa.JSON(none_as_null=True), nullable=True))

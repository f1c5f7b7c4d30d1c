"""When the first part of a node's output was finished"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("node_results", sa.Column("first_part_at", sa.Float(), nullable=True))
    op.add_column("node_results", sa.Column("part_kind", sa.String(length=16), nullable=False, server_default=""))

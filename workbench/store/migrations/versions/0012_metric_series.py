"""Metrics over steps"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("node_results", sa.Column("series", sa.Text(), nullable=False, server_default="{}"))

"""What a computation measured is kept with its result: a job that reuses it shows the same figures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("computed", sa.Column("metrics", sa.Text(), nullable=False, server_default="{}"))

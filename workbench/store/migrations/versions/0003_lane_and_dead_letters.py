"""The lane a job waits in"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("lane", sa.String(length=16), nullable=False, server_default="interactive"))

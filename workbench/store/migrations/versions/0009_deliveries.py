"""Digests of delivered files"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("artifact", sa.String(length=64), nullable=False),
        sa.Column("job", sa.String(length=64), nullable=True),
        sa.Column("issuer", sa.String(length=64), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_deliveries_job", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sha256", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_artifact", "deliveries", ["artifact"])
    op.create_index("ix_deliveries_job", "deliveries", ["job"])

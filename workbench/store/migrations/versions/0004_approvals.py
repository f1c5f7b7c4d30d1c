"""What people decided when a job asked them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "approvals",
        sa.Column("job", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("edited", sa.Boolean(), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_approvals_job", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job", "node", name="pk_approvals"),
    )
    op.create_index("ix_approvals_at", "approvals", ["at"])

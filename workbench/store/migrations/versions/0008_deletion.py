"""Runs of deleted jobs; results by content key; the rounds of collections"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "doomed_runs",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.Column("experiment", sa.String(length=250), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_doomed_runs"),
    )
    op.create_index("ix_node_results_content_key", "node_results", ["content_key"])
    # The row is there from the start: on PostgreSQL only a row that exists can be locked by those who accept a job.
    op.execute("INSERT INTO bench (key, value) VALUES ('collection', '0 0') ON CONFLICT DO NOTHING")

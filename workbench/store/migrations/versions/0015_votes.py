"""Votes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "studies",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("experiment", sa.String(length=200), nullable=False),
        sa.Column("items", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("results", sa.Text(), nullable=True),
        sa.Column("results_of", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("recorded", sa.Integer(), nullable=False),
        sa.Column("recorded_after", sa.Float(), nullable=False),
        sa.Column("mlflow_run_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_studies"),
    )
    op.create_index("ix_studies_owner_created_at", "studies", ["owner", "created_at"])
    op.create_table(
        "vote_pairs",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("study", sa.String(length=64), nullable=False),
        sa.Column("rater", sa.String(length=200), nullable=False),
        sa.Column("left_item", sa.Integer(), nullable=False),
        sa.Column("right_item", sa.Integer(), nullable=False),
        sa.Column("repeat_of", sa.String(length=64), nullable=True),
        sa.Column("shown_at", sa.Float(), nullable=False),
        sa.Column("answered_at", sa.Float(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["study"], ["studies.id"], name="fk_vote_pairs_study", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_vote_pairs"),
    )
    op.create_index("ix_vote_pairs_study_rater_answered_at", "vote_pairs", ["study", "rater", "answered_at"])
    op.create_table(
        "votes",
        sa.Column("pair", sa.String(length=64), nullable=False),
        sa.Column("axis", sa.String(length=40), nullable=False),
        sa.Column("choice", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["pair"], ["vote_pairs.id"], name="fk_votes_pair", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pair", "axis", name="pk_votes"),
    )
    op.create_table(
        "rater_links",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("study", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("most_pairs", sa.Integer(), nullable=False),
        sa.Column("most_raters", sa.Integer(), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["study"], ["studies.id"], name="fk_rater_links_study", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sha256", name="pk_rater_links"),
        sa.UniqueConstraint("study", "name", name="uq_rater_links_study_name"),
    )
    op.create_table(
        "rater_sessions",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("link", sa.String(length=64), nullable=False),
        sa.Column("rater", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["rater_links.sha256"], name="fk_rater_sessions_link", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sha256", name="pk_rater_sessions"),
    )
    op.create_index("ix_rater_sessions_link", "rater_sessions", ["link"])

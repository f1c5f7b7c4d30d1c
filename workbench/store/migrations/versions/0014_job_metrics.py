"""The metrics of jobs as rows, also of those that are there; marks of jobs; views of the list of runs"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_NODES_AT_ONCE = 1000


def upgrade() -> None:
    metrics = op.create_table(
        "job_metrics",
        sa.Column("job", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("metric", sa.String(length=250), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_job_metrics_job", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job", "node", "metric", name="pk_job_metrics"),
    )
    op.create_index("ix_job_metrics_metric_value", "job_metrics", ["metric", "value"])
    op.create_table(
        "job_marks",
        sa.Column("job", sa.String(length=64), nullable=False),
        sa.Column("starred", sa.Boolean(), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("changed_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_job_marks_job", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job", name="pk_job_marks"),
    )
    op.create_index("ix_job_marks_rating", "job_marks", ["rating"])
    op.create_table(
        "views",
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("filters", sa.Text(), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("sort", sa.String(length=400), nullable=False),
        sa.Column("changed_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "name", name="pk_views"),
    )
    nodes = sa.table("node_results", *(sa.column(name, sa.String) for name in ("job", "node", "metrics")))
    columns, connection = nodes.c, op.get_bind()
    key = sa.tuple_(columns.job, columns.node)
    after = ("", "")
    while found := connection.execute(
        sa.select(columns.job, columns.node, columns.metrics)
        .where(key > sa.tuple_(*(sa.literal(part) for part in after)))
        .order_by(columns.job, columns.node)
        .limit(_NODES_AT_ONCE)
    ).all():
        rows = [row for job, node, given in found for row in _rows(job, node, orjson.loads(given or "{}"))]
        if rows:
            connection.execute(sa.insert(metrics), rows)
        after = (found[-1].job, found[-1].node)


def _rows(job: str, node: str, metrics: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    # As workbench.store.job_metrics had it when this was written: a migration does not change with the code.
    for name, value in (metrics or {}).items():
        if len(name) > 250 or "\0" in name or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if math.isfinite(value):
            yield {"job": job, "node": node, "metric": name, "value": float(value)}

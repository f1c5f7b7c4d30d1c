"""The parameters of jobs as rows, also of those that are there; presets"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_JOBS_AT_ONCE = 200


def upgrade() -> None:
    params = op.create_table(
        "job_params",
        sa.Column("job", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("param", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("number", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_job_params_job", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job", "node", "param", name="pk_job_params"),
    )
    op.create_index("ix_job_params_param_number", "job_params", ["param", "number"])
    op.create_table(
        "presets",
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("doc", sa.Text(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("leave_out", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "pipeline", "name", name="pk_presets"),
    )
    jobs = sa.table("jobs", sa.column("id", sa.String), sa.column("graph", sa.LargeBinary))
    connection = op.get_bind()
    after = ""
    while found := connection.execute(
        sa.select(jobs.c.id, jobs.c.graph).where(jobs.c.id > after).order_by(jobs.c.id).limit(_JOBS_AT_ONCE)
    ).all():
        rows = [row for job, graph in found for row in _rows(job, orjson.loads(graph))]
        if rows:
            connection.execute(sa.insert(params), rows)
        after = found[-1].id


def _rows(job: str, graph: dict[str, Any]) -> Iterator[dict[str, Any]]:
    # As workbench.store.job_params had it when this was written: a migration does not change with the code.
    for node in graph.get("nodes", []):
        for name, value in (node.get("params") or {}).items():
            if value is None or len(name) > 64 or (isinstance(value, dict) and "sha256" in value):
                continue
            text = value if isinstance(value, str) else orjson.dumps(value).decode()
            yield {
                "job": job,
                "node": node["id"],
                "param": name,
                "text": text[:4000].replace("\0", "\N{REPLACEMENT CHARACTER}"),
                "number": float(value) if isinstance(value, bool | int | float) else None,
            }

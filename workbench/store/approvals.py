"""People's answers to jobs that wait for approval. The first answer to a question counts.

A decision is stored here before it is sent to the bus. If the bus loses it, or the client dies in between, the control
plane sends the stored decision (``pending``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, select

from schemas.approval import Decision
from schemas.status import FINAL_NODE_STATUSES
from workbench.store.database import Database
from workbench.store.statements import Statements
from workbench.store.tables import approvals, job_is_final, jobs, node_results

_FINAL_NODE = [status.value for status in FINAL_NODE_STATUSES]


class Approvals:
    """The decisions of a deployment. Thread-safe; every method is one blocking transaction.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = Statements(database.dialect)

    def keep(self, job: str, node: str, decision: Decision) -> tuple[Decision, bool]:
        """Store the decision, unless there is one already. Returns the valid decision and whether it is the new one."""
        row = {"job": job, "node": node, **decision.model_dump()}
        with self._database.write() as connection:
            if self._sql.insert_missing(connection, approvals, [row]):
                return decision, True
            here = (approvals.c.job == job) & (approvals.c.node == node)
            found = connection.execute(select(approvals).where(here)).mappings().one()
            return _decision(found), False

    def of(self, job: str) -> dict[str, Decision]:
        """The decisions of a job, by node."""
        found = self._database.mappings(select(approvals).where(approvals.c.job == job))
        return {row["node"]: _decision(row) for row in found}

    def pending(self) -> Sequence[tuple[str, str, Decision]]:
        """(job, node, decision) of nodes that have not ended according to SQL, oldest first."""
        nodes = and_(node_results.c.job == approvals.c.job, node_results.c.node == approvals.c.node)
        statement = (
            select(approvals)
            .join(jobs, jobs.c.id == approvals.c.job)
            .join(node_results, nodes)
            .where(~job_is_final, node_results.c.status.not_in(_FINAL_NODE))
        )
        found = self._database.mappings(statement.order_by(approvals.c.at))
        return [(row["job"], row["node"], _decision(row)) for row in found]


def _decision(row: Any) -> Decision:
    return Decision.model_validate({name: row[name] for name in Decision.model_fields})

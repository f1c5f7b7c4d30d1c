"""The retry policy: which failures of a node are retried, and after which pause."""

from __future__ import annotations

from nodes.sdk import NodeError
from schemas.errors import WorkbenchError
from workbench.backoff import Backoff

NODE = Backoff(first_s=1.0, longest_s=60.0)
STORE = Backoff(first_s=0.2, longest_s=5.0)  # between two requests to an unreachable object store

# Another attempt with the same input would end the same way.
_FINAL = {
    "model.damaged",
    "node.bad_input",
    "node.bad_output",
    "node.missing_package",
    "node.version_mismatch",
    "store.corrupt",
    "review.rejected",
}
# An external part is unreachable; an immediate retry would fail again.
_UNREACHABLE = {"node.model_unavailable", "store.unreachable"}


def is_retryable(error: Exception) -> bool:
    """Whether another attempt of the node could have another outcome."""
    return not (isinstance(error, NodeError) or (isinstance(error, WorkbenchError) and error.code in _FINAL))


def delay_s(attempt: int, code: str) -> float:
    """Seconds until the next attempt.

    Args:
        attempt: number of the failed attempt, from 1.
        code: error code of the failure.

    Most first failures are retried at once, because they are crashes and another executor is warm. From the second
    failure on, or from the first if an external part is unreachable, the pause doubles: 1, 2, 4 … 60 s.
    """
    failures = attempt if code in _UNREACHABLE else attempt - 1
    return NODE.pause_s(failures) if failures >= 1 else 0.0

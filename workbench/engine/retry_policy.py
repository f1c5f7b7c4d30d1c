"""Which failures of a node are tried again, and after which pause."""

from __future__ import annotations

from nodes.sdk import NodeError
from schemas.errors import WorkbenchError
from workbench.backoff import Backoff

NODE = Backoff(first_s=1.0, longest_s=60.0)
STORE = Backoff(first_s=0.2, longest_s=5.0)  # between two requests to an object store that is away

# Another attempt with the same input would end the same way.
_FINAL = {
    "node.bad_input",
    "node.bad_output",
    "node.missing_package",
    "node.version_mismatch",
    "store.corrupt",
    "review.rejected",
}
# Something outside is away; trying again at once would only find it away again.
_AWAY = {"node.model_unavailable", "store.unreachable"}


def worth_another(error: Exception) -> bool:
    """Whether another attempt of the node could end otherwise."""
    return not (isinstance(error, NodeError) or (isinstance(error, WorkbenchError) and error.code in _FINAL))


def delay_s(attempt: int, code: str) -> float:
    """Seconds until the attempt behind this one.

    Args:
        attempt: the number of the attempt that failed, from 1.
        code: of its error.

    Most first failures are tried again at once: they are crashes, and another executor is warm. From the second on, and
    at once where something outside is away, the pause doubles: 1, 2, 4 … 60 s.
    """
    failures = attempt if code in _AWAY else attempt - 1
    return NODE.pause_s(failures) if failures >= 1 else 0.0

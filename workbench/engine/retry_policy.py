"""How long a failed node waits before it is tried again."""

from __future__ import annotations

FIRST_S, LONGEST_S = 1.0, 60.0
# Something outside is away; trying again at once would only find it away again.
_AWAY = {"node.model_unavailable", "store.unreachable"}


def delay_s(attempt: int, code: str) -> float:
    """Seconds until the attempt behind this one.

    Args:
        attempt: the number of the attempt that failed, from 1.
        code: of its error.

    Most first failures are tried again at once: they are crashes, and another executor is warm. From the second on, and
    at once where something outside is away, the pause doubles: 1, 2, 4 … 60 s.
    """
    doubled = attempt if code in _AWAY else attempt - 1
    return 0.0 if doubled < 1 else min(LONGEST_S, FIRST_S * 2.0 ** (doubled - 1))

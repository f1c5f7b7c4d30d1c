"""What a node has cost and reported before it left its worker to wait for a part: its next take continues the count."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Contract
from schemas.event import LogLine
from workbench.engine.measure import Cost, Meter
from workbench.engine.node_host import NodeHost


class SoFar(Contract):
    """Kept on the bus with the node, between its takes."""

    cost: Cost = Cost()
    metrics: dict[str, float] = Field(default_factory=dict)
    log: list[LogLine] = Field(default_factory=list)


class Account:
    """The cost and reports of one attempt."""

    def __init__(self, meter: Meter, host: NodeHost) -> None:
        self._meter = meter
        self._host = host
        self._continued = False

    def so_far(self) -> bytes:
        self._host.send_series()
        log = list(self._host.log_lines)
        return SoFar(cost=self._meter.cost(), metrics=self._host.metrics, log=log).to_json()

    def go_on(self, earlier: str) -> None:
        """Add what earlier takes left. Only the first call has an effect."""
        if self._continued or not earlier:
            return
        self._continued = True
        known = SoFar.model_validate_json(earlier)
        self._meter.add(known.cost)
        self._host.metrics = known.metrics | self._host.metrics
        self._host.log_lines.extendleft(reversed(known.log))

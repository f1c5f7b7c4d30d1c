"""A deployment's bus: one method for each atomic operation, with a typed result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from schemas.event import Event
from schemas.status import NodeStatus
from workbench.bus import decode
from workbench.bus.control_operations import ControlOperations
from workbench.bus.encode import accept_arguments
from workbench.bus.fields import JobField, NodeField
from workbench.bus.job_plan import JobPlan
from workbench.bus.operations import now
from workbench.bus.results import Marker, Verdict
from workbench.bus.worker_operations import WorkerOperations


class Bus(WorkerOperations, ControlOperations):
    """The bus for one thread. Raises the exceptions in ``connection.BUS_UNREACHABLE``.

    Blocking calls are not thread-safe, so each thread needs its own. This class adds the operations of clients.
    """

    def accept(self, planned: JobPlan, epoch: int) -> Verdict:
        """Put a planned job on the bus. EXISTS if it is already there, WAIT if the epoch differs."""
        answer = self._call("accept", *accept_arguments(planned, epoch, now()))
        return Verdict(answer.decode())

    def cancel(self, job: str) -> Verdict:
        return Verdict(self._call("cancel", job, now()).decode())

    def decide(self, job: str, node: str, decision: bytes) -> Verdict:
        """Deliver a person's decision: OK, AGAIN if the bus has it, FINAL if it is too late, UNKNOWN."""
        return Verdict(self._call("decide", job, node, decision, now()).decode())

    def marker(self) -> Marker:
        """The control plane's mark on the bus."""
        return decode.marker(cast("dict[bytes, bytes]", self.client.hgetall(self.keys.meta)))

    def knows(self, job: str) -> bool:
        return bool(self.client.exists(self.keys.job(job)))

    def events(self, job: str, after: str = "0-0", block_s: float | None = None) -> list[Event]:
        """Events after a cursor. Waits up to ``block_s`` (less than the socket timeout) for the first one."""
        block_ms = None if block_s is None else max(1, int(block_s * 1000))
        answer = cast("Any", self.client.xread({self.keys.events(job): after}, count=1000, block=block_ms))
        return [decode.event(job, entry_id, fields) for _, entries in answer or [] for entry_id, fields in entries]

    def asked(self, job: str, nodes: Sequence[str]) -> dict[str, bytes] | None:
        """The waits of those nodes that wait for a person's decision. None if the bus does not have the job."""
        names = (NodeField.STATUS, NodeField.ASKED, NodeField.DECIDED)
        fields = [JobField.STATUS.value, *(name.of(node) for node in nodes for name in names)]
        status, *states = cast("list[bytes | None]", self.client.hmget(self.keys.job(job), fields))
        if status is None:
            return None
        found = zip(nodes, states[0::3], states[1::3], states[2::3], strict=True)
        waiting = NodeStatus.WAITING.value.encode()
        return {node: asked for node, state, asked, decided in found if state == waiting and asked and not decided}

    def parts(self, job: str, node: str) -> list[bytes]:
        """Finished parts of a node's output, in order. Empty if the bus does not have the job."""
        key = self.keys.job(job)
        count = int(cast("bytes | None", self.client.hget(key, NodeField.PARTS.of(node))) or 0)
        if not count:
            return []
        names = [f"{NodeField.PART.of(node)}:{index}" for index in range(count)]
        found = cast("list[bytes | None]", self.client.hmget(key, names))
        return [part for part in found if part is not None]

    def progress(self, job: str) -> dict[str, bytes]:
        raw = cast("dict[bytes, bytes]", self.client.hgetall(self.keys.progress(job)))
        return {node.decode(): value for node, value in raw.items()}

    def cancellations(self) -> Iterator[str]:
        """Ids of cancelled jobs, without end. Only a hint, because ``renew`` returns CANCELLED too."""
        with self.client.pubsub(ignore_subscribe_messages=True) as pubsub:  # type: ignore[no-untyped-call]
            pubsub.subscribe(self.keys.cancelled)
            while True:
                message = pubsub.get_message(timeout=1.0)
                yield message["data"].decode() if message else ""

"""Runs the nodes of a segment inside the executor: gate, attempt, report."""

from __future__ import annotations

import contextlib
import shutil
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from msgspec import Raw

from nodes.context import Cancelled
from nodes.weights import installed
from schemas.errors import ErrorInfo, WorkbenchError
from schemas.event import NodeFailure, NodeResult
from schemas.graph import Node
from schemas.segment import SegmentSpec
from schemas.status import Lane, NodeStatus
from workbench.bus.results import Verdict
from workbench.engine.binding import summary
from workbench.engine.edges import gate
from workbench.engine.measure import Meter
from workbench.engine.messages import Done, Edited, Failed, Outcome, Skipped, Started
from workbench.engine.node_run import compute, is_current_code
from workbench.engine.retry_policy import is_retryable
from workbench.engine.run_state import Abandoned, RunState
from workbench.store.retry import disk_full, no_space

if TYPE_CHECKING:
    from workbench.engine.compile import Shape


def shape_of(spec: SegmentSpec) -> Shape:
    """The segment's shape: for each node, the positions of its parents inside the segment."""
    position = {node.id: index for index, node in enumerate(spec.nodes)}
    inside: list[list[int]] = [[] for _ in spec.nodes]
    for edge in spec.edges:
        if edge.from_ in position:
            inside[position[edge.to]].append(position[edge.from_])
    return tuple(tuple(parents) for parents in inside)


class SegmentRun:
    """The steps of a run that LangGraph, or ``run_shape`` itself, calls for each node."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._link = state.link
        self._nodes = state.spec.nodes
        self.shape = shape_of(state.spec)
        self.known = {
            index: state.status[node.id] for index, node in enumerate(self._nodes) if state.status[node.id].final
        }
        # A batch job yields to interactive ones: after each node its executor asks whether it may continue.
        self._asks = state.spec.lane is Lane.BATCH and len(self._nodes) > 1
        self._chain = all(parents == ((index - 1,) if index else ()) for index, parents in enumerate(self.shape))
        self._ran_one = False

    def close(self) -> None:
        if self._state.workdir.exists():
            shutil.rmtree(self._state.workdir, ignore_errors=True)

    def run_node(self, position: int, states: dict[int, NodeStatus]) -> NodeStatus:
        """Run, skip or fail a node whose parents are final, and report it. Raises Abandoned."""
        state, node = self._state, self._nodes[position]
        inside = {self._nodes[index].id: status for index, status in states.items()}
        incoming = [edge for edge in state.spec.edges if edge.to == node.id]
        if gate(incoming, state.status | inside).skips:
            # The commit of the last parent has skipped it on the bus; the supervisor counts the open nodes.
            self._link.send(Skipped(state.number, node.id))
            return NodeStatus.SKIPPED
        if state.cancelled or self._link.held(state.number):
            raise Abandoned
        declaration = state.executor.services.get(node.service)
        if (
            declaration is not None
            and declaration.version == node.version
            and not (is_current_code(declaration, node.code) and self._has_models(node))
        ):
            self._link.send(Edited(state.number))  # the segment is returned, to a worker that has what it names
            raise Abandoned
        if not self._chain:  # in a chain the supervisor can tell
            self._link.send(Started(state.number, node.id))
        attempt = 1 if self._ran_one else state.attempt
        meter = Meter()
        try:
            result = compute(state, node, meter, attempt)
            self._report(node, result)
        except (Abandoned, Cancelled):
            raise Abandoned from None
        except Exception as error:
            self._report_failure(node, error, meter, attempt)
            self._ran_one = True
            return NodeStatus.FAILED
        self._ran_one = True
        state.outputs[node.id] = result.output
        return NodeStatus.COMPLETED

    def _has_models(self, node: Node) -> bool:
        """Whether the models that the node's parameters name are those that were pinned."""
        if not node.models:
            return True
        here = installed(Path(self._state.executor.settings["models"]))
        return all(name in here and here[name].digest == digest for name, digest in node.models.items())

    def _report(self, node: Node, result: NodeResult) -> None:
        try:
            body = orjson.dumps(result.model_dump(mode="json"))
        except orjson.JSONEncodeError as error:
            raise WorkbenchError(
                "node.bad_output",
                f"{node.service} returned a value that JSON cannot represent: {error}",
                where=f"node {node.id}: output",
                seen=str(result.output)[:300],
                allowed="JSON values; integers of up to 64 bits",
                remedy="Return it as a text, or save it as an artifact.",
            ) from None
        self._state.executor.report_models()
        done = Done(self._state.number, node.id, Raw(body), "" if result.cached else result.content_key)
        if not self._asks:
            self._link.send(done)
            return
        answer = self._link.ask(done)
        assert isinstance(answer, Outcome), answer
        if answer.verdict is Verdict.YIELD:
            raise Abandoned

    def _report_failure(self, node: Node, error: Exception, meter: Meter, attempt: int) -> None:
        """Returns if the node failed permanently. Raises Abandoned if another attempt follows elsewhere."""
        times = meter.stop()
        failure = NodeFailure(
            error=self._error_info(node, error),
            worker=self._state.worker,
            attempt=attempt,
            again=is_retryable(error),
            seconds=times["seconds"],
            started_at=times["started_at"],
            finished_at=times["finished_at"],
        )
        try:
            answer = self._link.ask(Failed(self._state.number, node.id, failure))
        except Cancelled:
            raise Abandoned from None
        assert isinstance(answer, Outcome), answer
        if answer.verdict is not Verdict.FINAL:
            raise Abandoned

    def _error_info(self, node: Node, error: Exception) -> ErrorInfo:
        """The error as users see it."""
        if isinstance(error, OSError) and no_space(error):
            error = disk_full(error, error.filename or self._state.workdir)
        if isinstance(error, WorkbenchError):
            info = error.info()
        else:
            info = ErrorInfo(message=f"{type(error).__name__}: {error}"[:2000], code="node.failed")
            info.details["log"] = "".join(traceback.format_exception(error))[-6000:]
            info.details["remedy"] = (
                "The log shows the place. Change the input or repair the service, then retry the job."
            )
        with contextlib.suppress(OSError):  # the log's disk may be full, which must not prevent the report
            traceback.print_exception(error)  # into the executor's log, next to the node's output
        where = str(info.details.get("where", ""))
        if not where.startswith(f"node {node.id}"):
            info.details["where"] = f"node {node.id}: {where}" if where else f"node {node.id}"
        info.details.update(node=node.id, service=node.service, input=summary(node.input, self._state.outputs))
        return info

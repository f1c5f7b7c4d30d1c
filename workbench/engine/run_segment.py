"""Runs the nodes of one segment inside the executor: gate, inputs, cache look-up, the function, the report."""

from __future__ import annotations

import contextlib
import math
import shutil
import sys
import time
import traceback
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import orjson
from msgspec import Raw
from pydantic import BaseModel, ValidationError

from nodes.context import Cancelled, Context
from nodes.model_cache import ModelCache
from nodes.sdk import NodeDeclaration, NodeError
from schemas.approval import Decision, Question
from schemas.errors import ErrorInfo, WorkbenchError
from schemas.event import LOG_CHARS, LOG_LINES, LogLine, NodeFailure, NodeResult
from schemas.graph import Node
from schemas.problem import invalid
from schemas.refs import Ref
from schemas.segment import SegmentSpec
from schemas.status import Lane, NodeStatus
from workbench.bus.answers import Verdict
from workbench.engine.binding import literal, references, summary
from workbench.engine.content import content_key
from workbench.engine.measure import Meter
from workbench.engine.messages import (
    Answer,
    Ask,
    Channel,
    Claim,
    Decided,
    Done,
    Edited,
    Failed,
    Known,
    Logged,
    Outcome,
    PartDone,
    Previewed,
    ProgressMade,
    Request,
    Run,
    Skipped,
    Started,
    Stored,
    ToExecutor,
)
from workbench.store.local_cache import LocalCache
from workbench.store.retry import disk_full, no_space

if TYPE_CHECKING:
    from workbench.engine.compile import Shape

BUSY_S = 0.05  # between two questions whether somebody else's computation has ended

# Another attempt with the same input would end the same way.
_NOT_WORTH_ANOTHER = {
    "node.bad_input",
    "node.bad_output",
    "node.missing_package",
    "node.version_mismatch",
    "store.corrupt",
    "review.rejected",
}


class Desk(Protocol):
    """What a run needs of the process it runs in."""

    channel: Channel[ToExecutor]
    cache: LocalCache
    models: ModelCache
    workdir: Path
    settings: dict[str, str]
    services: Mapping[str, NodeDeclaration]
    cancelled_runs: set[int]
    held_runs: set[int]

    def ask(self, request: Request) -> Answer:
        """Ask the supervisor and wait for its answer."""

    def fetch(self, ref: Ref, run: int, node: str) -> Path:
        """A local file with an artifact's bytes, for a node that runs."""

    def tell_models(self) -> None:
        """Say which models are loaded, where that has changed."""


class Abandoned(Exception):
    """The segment is no longer this executor's: handed back for another attempt, fenced or cancelled."""


def is_code(declaration: NodeDeclaration, digest: str | None) -> bool:
    """Whether that is the code this process has read, and its source still says so."""
    try:
        return declaration.code == digest
    except WorkbenchError as error:
        if error.code != "node.code_changed":
            raise
        return False


def shape_of(spec: SegmentSpec) -> Shape:
    """The segment's shape: for each node the positions of its parents inside the segment."""
    position = {node.id: index for index, node in enumerate(spec.nodes)}
    inside: list[list[int]] = [[] for _ in spec.nodes]
    for edge in spec.edges:
        if edge.from_ in position:
            inside[position[edge.to]].append(position[edge.from_])
    return tuple(tuple(parents) for parents in inside)


class SegmentRun:
    """One run of a segment, from the states its take carried to the last report."""

    def __init__(self, desk: Desk, spec: SegmentSpec, message: Run) -> None:
        self.desk = desk
        self.spec = spec
        self.number = message.run
        self.worker = message.worker
        self.attempt = message.attempt
        self.status = message.status
        self.outputs = message.outputs
        self.parts = message.parts
        self.workdir = desk.workdir / f"run-{self.number}"
        self.known = {
            index: self.status[node.id] for index, node in enumerate(spec.nodes) if self.status[node.id].final
        }
        # A sweep lets a person's work go first: its executor asks behind each node whether it may go on.
        self._asks = spec.lane is Lane.BATCH and len(spec.nodes) > 1
        self._chain = all(parents == ((index - 1,) if index else ()) for index, parents in enumerate(shape_of(spec)))
        self._ran_one = False  # attempts count from the node this take begins with; those behind it are on their first

    def close(self) -> None:
        if self.workdir.exists():
            shutil.rmtree(self.workdir, ignore_errors=True)

    def cancelled(self) -> bool:
        return self.number in self.desk.cancelled_runs

    def run_node(self, position: int, states: dict[int, NodeStatus]) -> NodeStatus:
        """Run, skip or fail one node whose parents are final, and report it. Raises Abandoned."""
        node = self.spec.nodes[position]
        here = {self.spec.nodes[index].id: status for index, status in states.items()}
        incoming = [edge for edge in self.spec.edges if edge.to == node.id]
        if incoming and not any(
            edge.kind.fires(here.get(edge.from_, self.status.get(edge.from_, NodeStatus.SKIPPED))) for edge in incoming
        ):
            # The commit of the last parent has said so on the bus; the supervisor counts what is still open.
            self.desk.channel.send(Skipped(self.number, node.id))
            return NodeStatus.SKIPPED
        if self.cancelled() or self.number in self.desk.held_runs:
            raise Abandoned
        declaration = self.desk.services.get(node.service)
        if declaration is not None and declaration.version == node.version and not is_code(declaration, node.code):
            self.desk.channel.send(Edited(self.number))  # the segment goes back; a new process reads the source
            raise Abandoned
        if not self._chain:  # in a chain the supervisor knows; a message less is a tenth of a millisecond
            self.desk.channel.send(Started(self.number, node.id))
        attempt = 1 if self._ran_one else self.attempt
        meter = Meter()
        try:
            result = self._compute(node, meter, attempt)
            self._report(node, result)
        except (Abandoned, Cancelled):
            raise Abandoned from None
        except Exception as error:
            return self._report_failure(node, error, meter, attempt)
        self._ran_one = True
        self.outputs[node.id] = result.output
        return NodeStatus.COMPLETED

    def _compute(self, node: Node, meter: Meter, attempt: int) -> NodeResult:
        declaration = self._declaration(node)
        values = self._inputs(node, declaration)
        duty = self.spec.duties[node.id]
        key = ""
        if duty.cache:
            key = content_key(node, values, seed=self.spec.seed if duty.seeded else None)
            found = self._claim(node, key)
            if found is not None:
                return found.model_copy(
                    update={
                        "cached": True,
                        "worker": self.worker,
                        "attempt": attempt,
                        "content_key": key,
                        **meter.times(),
                    }
                )
        params = _params(node, declaration)
        inputs = _validated(declaration.inputs, values, node)
        host = NodeHost(self, node.id, asks=duty.asks)
        workdir = self.workdir / node.id
        ctx = Context(
            host,
            workdir=workdir,
            models=self.desk.models,
            seed=self.spec.seed,
            settings=self.desk.settings,
            parts=self.parts.get(node.id),
            provenance=self.spec.provenance,
            worker=self.worker,
        )
        output = declaration.run(ctx, params, inputs)
        if not isinstance(output, declaration.outputs):
            raise WorkbenchError(
                "node.bad_output",
                f"{node.service} returned {type(output).__name__}",
                where=declaration.file,
                seen=type(output).__name__,
                allowed=declaration.outputs.__name__,
                remedy="Return the declared Outputs.",
            )
        if workdir.exists():
            shutil.rmtree(workdir, ignore_errors=True)
        if key and not is_code(declaration, node.code):  # what it imported while it ran may have been either
            host.log("its source was edited while it ran: no other job is given this result")
            key = ""
        return NodeResult(
            output=output.model_dump(mode="json"),
            metrics=host.metrics,
            log=list(host.said),
            content_key=key,
            worker=self.worker,
            attempt=attempt,
            **meter.stop(),
        )

    def _claim(self, node: Node, key: str) -> NodeResult | None:
        """The known result of that key; None where this node is to compute it. Raises Abandoned where somebody else is
        at it and the segment waits without this executor."""
        while True:
            answer = self.desk.ask(Claim(self.number, node.id, key))
            if isinstance(answer, Known):
                return NodeResult.model_validate_json(bytes(answer.result))
            assert isinstance(answer, Outcome)
            if answer.verdict is Verdict.PARKED:
                raise Abandoned
            if answer.verdict is not Verdict.BUSY:
                return None
            if self.cancelled():
                raise Abandoned
            time.sleep(BUSY_S)

    def _report(self, node: Node, result: NodeResult) -> None:
        try:
            body = orjson.dumps(result.model_dump(mode="json"))
        except orjson.JSONEncodeError as error:
            raise WorkbenchError(
                "node.bad_output",
                f"{node.service} returned something that JSON cannot hold: {error}",
                where=f"node {node.id}: output",
                seen=str(result.output)[:300],
                allowed="values of JSON; integers of 64 bits",
                remedy="Return it as text, or save it as an artifact.",
            ) from None
        self.desk.tell_models()
        done = Done(self.number, node.id, Raw(body), "" if result.cached else result.content_key)
        if not self._asks:
            self.desk.channel.send(done)
            return
        answer = self.desk.ask(done)
        if isinstance(answer, Outcome) and answer.verdict is Verdict.YIELD:
            raise Abandoned

    def _declaration(self, node: Node) -> NodeDeclaration:
        declaration = self.desk.services.get(node.service)
        if declaration is None or declaration.version != node.version:
            raise WorkbenchError(
                "node.version_mismatch",
                f"this worker cannot run {node.service} {node.version}",
                where=f"node {node.id}",
                seen=declaration.version if declaration else "not installed",
                allowed=node.version,
                remedy="Bring the workers to the version of the client, or submit again with the present one.",
            )
        return declaration

    def _inputs(self, node: Node, declaration: NodeDeclaration) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, bound in node.input.items():
            named = references(bound)
            if not named:
                values[name] = literal(bound)
                continue
            offered = [
                self.outputs[reference.node].get(reference.output)
                for reference in named
                if reference.node in self.outputs
            ]
            there = [value for value in offered if value is not None]
            if there:
                values[name] = there[0]
            elif declaration.inputs.model_fields[name].is_required():
                raise NodeError(
                    f"{node.service} needs {name}, and none of its sources has it",
                    where=f"node {node.id}: input.{name}",
                    seen=", ".join(f"{ref} ({self.status.get(ref.node, 'not made')})" for ref in named),
                    remedy="Make the edge to this node depend on that source, or give a value.",
                )
        return values

    def _report_failure(self, node: Node, error: Exception, meter: Meter, attempt: int) -> NodeStatus:
        if isinstance(error, OSError) and no_space(error):
            error = disk_full(error, error.filename or self.workdir)
        if isinstance(error, WorkbenchError):
            info, again = error.info(), error.code not in _NOT_WORTH_ANOTHER and not isinstance(error, NodeError)
        else:
            info, again = ErrorInfo(message=f"{type(error).__name__}: {error}"[:2000], code="node.failed"), True
            info.details["log"] = traceback.format_exc()[-6000:]
            info.details["remedy"] = (
                "Its log says where. Change what it was given, or repair its service; then go on where the job stopped."
            )
        with contextlib.suppress(OSError):  # the log's disk may be full, and this report must not die of it
            traceback.print_exception(error)  # into the executor's log, beside what the node printed
        where = str(info.details.get("where", ""))
        if not where.startswith(f"node {node.id}"):
            info.details["where"] = f"node {node.id}: {where}" if where else f"node {node.id}"
        info.details.update(node=node.id, service=node.service, input=summary(node.input, self.outputs))
        times = meter.stop()
        failure = NodeFailure(
            error=info,
            worker=self.worker,
            attempt=attempt,
            again=again,
            seconds=times["seconds"],
            started_at=times["started_at"],
            finished_at=times["finished_at"],
        )
        try:
            answer = self.desk.ask(Failed(self.number, node.id, failure))
        except Cancelled:
            raise Abandoned from None
        assert isinstance(answer, Outcome)
        if answer.verdict is Verdict.FINAL:
            self._ran_one = True
            return NodeStatus.FAILED
        raise Abandoned


class NodeHost:
    """Carries out a context's requests by messages to the supervisor."""

    def __init__(self, segment: SegmentRun, node: str, *, asks: bool = False) -> None:
        self._segment = segment
        self._node = node
        self._at = (segment.number, node)
        self._send = segment.desk.channel.send
        self._asks = asks
        self.metrics: dict[str, float] = {}
        self.said: deque[LogLine] = deque(maxlen=LOG_LINES)

    def fetch(self, ref: Ref) -> Path:
        return self._segment.desk.fetch(ref, self._segment.number, self._node)

    def store(self, path: Path, ref: Ref) -> None:
        self._segment.desk.cache.add(path, ref)
        self._send(Stored(*self._at, ref))

    def progress(self, done: float, total: float, unit: str) -> None:
        self._send(ProgressMade(*self._at, float(done), float(total), unit))

    def preview(self, path: Path, media_type: str) -> None:
        self._send(Previewed(*self._at, str(path), media_type))

    def metric(self, name: str, value: float, step: int | None) -> None:
        if math.isfinite(value):
            self.metrics[name] = value
        else:  # JSON has no such number, and the last finite value would be a lie
            self.metrics.pop(name, None)
            print(f"node {self._node}: metric {name} is {value}; not recorded", file=sys.stderr)

    def log(self, text: str) -> None:
        words = " ".join(text.split())
        short = words if len(words) <= LOG_CHARS else words[: LOG_CHARS - 1] + "…"
        line = LogLine(at=round(time.time(), 3), text=short)
        self.said.append(line)
        self._send(Logged(*self._at, line))

    def part(self, index: int, ref: Ref) -> None:
        self._send(PartDone(*self._at, index, ref))

    def ask(self, question: Question) -> Decision:
        if not self._asks:
            raise WorkbenchError(
                "node.bad_declaration",
                "the node asks a person and does not declare it",
                where=f"node {self._node}",
                remedy="Declare it: @node(…, asks=True).",
            )
        answer = self._segment.desk.ask(Ask(*self._at, question))
        if not isinstance(answer, Decided):  # the segment waits for it without this executor
            raise Cancelled
        return answer.decision

    def cancelled(self) -> bool:
        return self._segment.cancelled()


def _params(node: Node, declaration: NodeDeclaration) -> BaseModel:
    """They were validated at submit; what does not fit here was accepted by other code under the same version."""
    try:
        return declaration.params.model_validate(node.params)
    except ValidationError as error:
        raise invalid(
            error,
            "node.version_mismatch",
            f"this worker's {node.service} {node.version} takes other parameters than the client's",
            where=f"node {node.id}: params",
            remedy="Restart the workers, so that they run the same code as the client.",
        ) from None


def _validated(model: type[BaseModel], values: dict[str, Any], node: Node) -> BaseModel:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise invalid(
            error,
            "node.bad_input",
            f"an input does not fit {node.service}",
            where=f"node {node.id}: input",
            remedy="Look at the node that made this value.",
        ) from None

"""A job in a notebook or a script: its current state and its results."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from schemas.errors import WorkbenchError
from schemas.event import Event
from schemas.job import JobRecord
from schemas.refs import Ref, read_ref
from schemas.status import JobStatus
from schemas.warning import JobWarning
from workbench.client import job_api, review
from workbench.client.access import LOCAL, login_name
from workbench.client.completion import await_record, await_tracked, unrecorded
from workbench.client.consent_records import said_by
from workbench.client.deletion import delete
from workbench.client.deployment import Deployment
from workbench.client.metric_meanings import by_dotted_name, meanings
from workbench.client.rerun import rerun, retry
from workbench.client.view import artifacts, named_artifacts
from workbench.engine.accept import warnings_of
from workbench.notebook import execution_context
from workbench.notebook.arguments import params_by_node
from workbench.notebook.artifact import Artifact
from workbench.notebook.display import settle, show_as
from workbench.notebook.metrics import Metrics
from workbench.notebook.shown_graph import ShownGraph
from workbench.notebook.static_html import job_html, job_text, states_of, video_of
from workbench.notebook.tables import Table
from workbench.notebook.waiting import WaitingLine
from workbench.store.lineage import lineage

if TYPE_CHECKING:
    from workbench.notebook.widgets.job_views import GraphView, JobMonitor


class Job:
    """One job. It runs in the deployment, so the end of a kernel does not affect it.

    Its results (``video``, ``audio``, ``outputs``, ``metrics``) wait for its end. In a notebook a job displays itself
    live, also while a cell waits for it. A cell that waits for a job without a live view shows one line of progress;
    in a terminal, ``wait`` shows a progress bar. Ctrl-C, or stopping the cell, stops the waiting but not the job.
    """

    def __init__(self, deployment: Deployment, job_id: str, unserved: Sequence[str] = ()) -> None:
        self._deployment = deployment
        self.id = job_id
        self.unserved = tuple(unserved)  # services that no worker provided at submit
        self._final: JobRecord | None = None

    # -- its state --------------------------------------------------------------------------------------------------

    @property
    def record(self) -> JobRecord:
        """The current record of the job."""
        if self._final is not None:
            return self._final
        record = self._deployment.job(self.id)
        if record.status.final and (record.mlflow_run_id or not self._deployment.settings.mlflow_url):
            self._final = record
        return record

    @property
    def status(self) -> JobStatus:
        """accepted, running, waiting, completed, failed or cancelled."""
        return self.record.status

    @property
    def warnings(self) -> list[JobWarning]:
        """What to expect of its inputs, as its submit found it."""
        return warnings_of(self.record.graph)

    @property
    def events(self) -> Sequence[Event]:
        """The events so far, in order."""
        return self._deployment.events(self.id)

    @property
    def params(self) -> dict[str, dict[str, Any]]:
        """Parameters by node, including defaults."""
        return {node.id: node.params for node in self.record.graph.nodes}

    @property
    def mlflow_run(self) -> str | None:
        """URL of its page in MLflow, or None until it is recorded there."""
        return self._deployment.mlflow_run(self.id)

    # -- waiting ----------------------------------------------------------------------------------------------------

    def wait(self, timeout_s: float | None = None, *, recorded: bool = False) -> Job:
        """Block until the job has ended, with any outcome. Returns the job.

        Args:
            recorded: also wait until its MLflow run is complete, for at most 40 s more.

        Raises TimeoutError after ``timeout_s``, and KeyboardInterrupt; the job continues. With ``recorded`` also
        WorkbenchError (tracking.refused, tracking.not_recorded, tracking.off) if MLflow does not have its record.
        """
        if not self.record.status.final:
            if timeout_s is None and sys.stderr.isatty() and threading.current_thread() is threading.main_thread():
                self._wait_with_a_bar()
            else:
                self._wait(timeout_s, threading.Event())
        if recorded:
            await_tracked(self._deployment, self.id)
        self._show_the_end()
        if recorded and (fault := unrecorded(self._deployment, self.id)) is not None:
            raise fault
        return self

    def __await__(self) -> Generator[Any, None, Job]:
        """Wait without blocking the event loop. Cancelling the waiting does not affect the job."""
        return self._awaited().__await__()

    async def _awaited(self) -> Job:
        stopped = threading.Event()
        ended = asyncio.get_running_loop().create_future()
        threading.Thread(target=self._wait_into, args=(ended, stopped), name=f"await {self.id}", daemon=True).start()
        try:
            await ended
        finally:
            stopped.set()
        return self

    def _wait_into(self, ended: asyncio.Future[None], stopped: threading.Event) -> None:
        """Wait in a separate daemon thread.

        IPython abandons a task that Ctrl-C interrupted, and at exit Python would wait for a thread of the loop's pool.
        """
        fault: BaseException | None = None
        try:
            self._wait(None, stopped)
        except BaseException as error:
            fault = error

        def set_result() -> None:
            if not ended.done():
                ended.set_exception(fault) if fault else ended.set_result(None)

        with contextlib.suppress(RuntimeError):  # the loop is closed, so no caller waits any more
            ended.get_loop().call_soon_threadsafe(set_result)

    def _wait(self, timeout_s: float | None, stopped: threading.Event) -> None:
        until = None if timeout_s is None else time.monotonic() + timeout_s
        with WaitingLine(self._deployment, self.id) as line:
            for update in self._deployment.watch(self.id):
                if stopped.is_set():
                    return
                if until is not None and time.monotonic() > until:
                    raise TimeoutError(f"job {self.id} has not ended within {timeout_s:g} s; it continues")
                line.see(update)
            await_record(self._deployment, self.id)
        self._show_the_end()

    def _show_the_end(self) -> None:
        """Write the final state into the outputs that display the job, if there are any."""
        if self.record.status.final:
            settle(self.id)

    def _wait_with_a_bar(self) -> None:
        # Only a terminal needs the progress bar, and a notebook starts faster without rich.
        from workbench.terminal.progress import Follower

        with Follower(self._deployment, self.id, visible=True) as follower:
            follower.follow(lambda _: None, None)
        await_record(self._deployment, self.id)

    def _completed(self) -> JobRecord:
        """Its record after it completed. Raises WorkbenchError: the job's error, or job.cancelled."""
        record = self.wait().record
        if record.status is JobStatus.FAILED:
            raise WorkbenchError.from_info(record.error) if record.error else _ended(record)
        if record.status is not JobStatus.COMPLETED:
            raise _ended(record)
        return record

    # -- what it made -----------------------------------------------------------------------------------------------

    @property
    def video(self) -> Artifact:
        """Its video: the declared result of its pipeline, else the last video that a node made.

        Waits for the end. Raises WorkbenchError: the job's error, or job.no_such_output.
        """
        return self._shown(video_of(self._completed()), "video")

    @property
    def audio(self) -> Artifact:
        """The last audio file that a node made. Waits and raises like ``video``."""
        return self._shown(self._last("audio"), "audio")

    @property
    def image(self) -> Artifact:
        """The last image that a node made. Waits and raises like ``video``."""
        return self._shown(self._last("image"), "image")

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        """The outputs of each node, by node and name, with files as artifacts. Waits and raises like ``video``."""
        record = self._completed()
        return {node.id: {k: self._value(v) for k, v in (node.output or {}).items()} for node in record.nodes}

    @property
    def artifacts(self) -> Table:
        """All files that it used and made so far: (node, role, name, artifact). Does not wait."""
        rows = [
            {"node": node, "role": role, "name": name, "artifact": Artifact(self._deployment, ref)}
            for node, role, name, ref in named_artifacts(self.record)
        ]
        return Table(rows)

    @property
    def metrics(self) -> Metrics:
        """Metrics by ``node.name``. Waits and raises as ``video``."""
        record = self._completed()
        return Metrics(
            {f"{node.id}.{name}": value for node in record.nodes for name, value in node.metrics.items()},
            by_dotted_name(meanings(self._deployment, record.nodes)),
        )

    @property
    def series(self) -> dict[str, Table]:
        """Metrics over steps by ``node.name``, as far as they are recorded: (step, value, at). Does not wait.

        A long series is thinned to at most 1,000 points. ``at`` is in seconds since 1970, UTC.
        """
        return {
            f"{node.id}.{name}": Table([dict(zip(("step", "value", "at"), point, strict=True)) for point in points])
            for node in self.record.nodes
            for name, points in node.series.items()
        }

    @property
    def graph(self) -> ShownGraph:
        """Its graph with the current state of each node, as a drawing; ``graph.document`` is the JSON."""
        record = self.record
        return ShownGraph(self._deployment, record.graph, states_of(record))

    @property
    def nodes(self) -> Table:
        """The current state of its nodes: (node, service, status, seconds, cached, worker). Does not wait."""
        return Table(
            [
                {
                    "node": node.id,
                    "service": node.service,
                    "status": node.status.value,
                    "seconds": None if node.seconds is None else round(node.seconds, 2),
                    "cached": node.cached,
                    "worker": node.worker,
                }
                for node in self.record.nodes
            ]
        )

    @property
    def lineage(self) -> Table:
        """Other jobs that made its inputs, or used its outputs: (way, what, job, there).

        Does not wait.
        """
        found = lineage(self._deployment.store.database, self.id)
        rows = [
            {"way": "from", "what": f"{one.node}.{one.name}", "job": one.job, "there": f"{one.made_by}.{one.output}"}
            for one in found.from_
        ]
        rows += [
            {"way": "to", "what": one.sha256[:12], "job": one.job, "there": f"{one.node}.{one.name}"}
            for one in found.used_by
        ]
        return Table(rows)

    def _last(self, kind: str) -> Ref | None:
        return next((ref for _, _, ref in reversed(artifacts(self._completed())) if ref.kind == kind), None)

    def _shown(self, ref: Ref | None, kind: str) -> Artifact:
        if ref is None:
            raise WorkbenchError(
                "job.no_such_output",
                f"no node of job {self.id} made {'an' if kind[0] in 'ai' else 'a'} {kind}",
                where=f"job {self.id}",
                seen=sorted({row["artifact"].kind for row in self.artifacts if row["role"] == "output"}),
                remedy="job.artifacts shows its files.",
            )
        return Artifact(self._deployment, ref)

    def _value(self, value: Any) -> Any:
        if (ref := read_ref(value)) is not None:
            return Artifact(self._deployment, ref)
        if isinstance(value, dict):
            return {name: self._value(item) for name, item in value.items()}
        return [self._value(item) for item in value] if isinstance(value, list) else value

    # -- what can be done -------------------------------------------------------------------------------------------

    def cancel(self) -> bool:
        """Stop the job. Returns False if it had been cancelled before.

        Raises WorkbenchError (job.ended) if it completed or failed before.
        """
        return job_api.cancel(self._deployment, LOCAL, self.id).cancelled

    def approve(self, text: str | None = None, *, node: str | None = None, author: str = "") -> None:
        """Approve the text that it asks about, or the given replacement. The job continues."""
        review.approve(self._deployment, self.id, node, text=text, author=author or login_name())

    def reject(self, reason: str, *, node: str | None = None, author: str = "") -> None:
        """Reject the text that it asks about. The node fails with the reason."""
        review.reject(self._deployment, self.id, node, reason=reason, author=author or login_name())

    def rerun(
        self,
        params: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        fresh: bool = False,
        consent: str | None = None,
    ) -> Job:
        """Run it again with other parameters, as a new job. Cached results are not computed again.

        Args:
            consent: as in ``wb.run``, for files without a recorded consent.
        """
        again = rerun(
            self._deployment,
            self.id,
            params=params_by_node(params, f"job {self.id}"),
            fresh=fresh,
            parent_run=execution_context.parent_run(),
            consent=said_by(consent),
        )
        return self._followed_by(again.job)

    def retry(self, *, consent: str | None = None) -> Job:
        """Continue a failed or cancelled job as a new job. Completed nodes keep their results.

        Args:
            consent: as in ``wb.run``, for files without a recorded consent.
        """
        given, run = said_by(consent), execution_context.parent_run()
        return self._followed_by(retry(self._deployment, self.id, parent_run=run, consent=given).job)

    def delete(self) -> list[str]:
        """Delete its record and its run in MLflow. ``wb.gc()`` removes unreferenced files.

        Returns a sentence for each step that is still pending. Raises WorkbenchError (job.not_final).
        """
        return delete(self._deployment, self.id)

    def _followed_by(self, job: str) -> Job:
        execution_context.note(job=job)
        return Job(self._deployment, job)

    # -- display ---------------------------------------------------------------------------------------------------

    def _ipython_display_(self) -> None:
        show_as(self.monitor)

    def monitor(self) -> JobMonitor:
        """Its live view as a separate widget, for a layout."""
        from workbench.notebook.widgets.job_views import JobMonitor  # needs optional packages

        return JobMonitor(self._deployment, self.id, self.unserved)

    def graph_view(self) -> GraphView:
        """Its graph with live states as a widget. A click on a node shows its inputs and outputs."""
        from workbench.notebook.widgets.job_views import GraphView  # needs optional packages

        return GraphView(self._deployment, self.id, self.unserved)

    def _repr_html_(self) -> str:
        return job_html(self._deployment, self.record)

    def __repr__(self) -> str:
        return job_text(self.record, self.unserved)


def _ended(record: JobRecord) -> WorkbenchError:
    return WorkbenchError(
        "job.cancelled",
        f"job {record.id} was {record.status.value}",
        where=f"job {record.id}",
        seen=record.status.value,
        allowed="completed",
        remedy="job.retry() continues with the completed nodes.",
    )

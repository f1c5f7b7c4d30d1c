"""The views of a running or ended job, and of its graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from schemas.job import JobRecord
from workbench.client.completion import await_record, await_tracked
from workbench.client.deployment import Deployment
from workbench.notebook.channel import Wanted
from workbench.notebook.display import show_job
from workbench.notebook.static_html import POSTER_PX, graph_html, job_html, job_text, states_of, video_of
from workbench.notebook.widgets.modules import channel_of
from workbench.notebook.widgets.view import View


class _JobView(View):
    """A view that stores its job's state when it is created and when the job has ended."""

    _view_of_job = ""

    def __init__(self, deployment: Deployment, job_id: str, unserved: Sequence[str] = ()) -> None:
        super().__init__(deployment, self._view_of_job, {"jobId": job_id, "unserved": list(unserved)})
        self.job_id, self._unserved = job_id, tuple(unserved)
        self._after: list[Callable[[], None]] = []
        self._stop_watching: Callable[[], None] = lambda: None
        self._settled: tuple[str, str | None] | None = (
            None  # state that a cell has sent: the one that created the view or waited for the job
        )
        self._watch()
        self.observe(self._on_options, "options")

    @property
    def record(self) -> JobRecord:
        """The current record of its job."""
        return self._deployment.job(self.job_id)

    def ended(self) -> bool:
        """Whether the job has ended."""
        return self.record.status.final

    def refresh(self) -> bool:
        """Write the current state into the notebook. Returns whether it is final. Blocks."""
        final = self.ended()
        self.answers = channel_of(self._deployment).saved_answers(self._wanted(final))
        return final

    def when_ended(self, then: Callable[[], None]) -> None:
        """Call ``then``, in a thread, when the job has ended; never if it had already ended before."""
        self._after.append(then)

    def settle(self) -> None:
        """Write the last state and send it with the running cell, whatever was sent before. Blocks."""
        now = self._state()
        self.refresh()
        self.send_state("answers")
        self._settled = now

    @property
    def settled(self) -> bool:
        """Whether a cell has sent the current state."""
        return self._settled == self._state()

    def _state(self) -> tuple[str, str | None]:
        """The data that may change after a job has ended: the displayed job, and its MLflow run, which comes later."""
        return self.job_id, self.record.mlflow_run_id

    def static_html(self) -> str:
        return job_html(self._deployment, self.record)

    def static_text(self) -> str:
        return job_text(self.record, self._unserved)

    def _ipython_display_(self) -> None:
        show_job(self)

    def close(self) -> None:
        self._stop_watching()
        super().close()

    def _watch(self) -> None:
        self._stop_watching()
        now = self._state()
        if self.refresh():
            self._settled = now
        else:
            self._stop_watching = channel_of(self._deployment).when_final(self.job_id, self._ended)

    def _on_options(self, _: Any) -> None:
        """The user continued with another job in this view, for example with a retry."""
        if self.options["jobId"] != self.job_id:
            self.job_id = self.options["jobId"]
            self._watch()

    def _ended(self) -> None:
        deployment = self._deployment
        await_record(deployment, self.job_id)
        for then in self._after:  # first, because the rest may take longer than the kernel lives
            then()
        self.refresh()
        if await_tracked(deployment, self.job_id):  # the link to its run comes a moment later
            self.refresh()

    def _wanted(self, final: bool) -> list[Wanted]:
        """The requests for a notebook without a kernel: the job, its files, the image and the address of its video."""
        job = {"job_id": self.job_id}
        wanted: list[Wanted] = [("ask", "GET /api/session", {})]
        wanted += [("ask", f"GET /api/jobs/{{job_id}}{rest}", job) for rest in ("", "/artifacts")]
        video = video_of(self.record) if final else None
        if video is not None:
            path, given = "GET /api/artifacts/{sha256}", {"sha256": video.sha256}
            wanted += [("media", f"{path}/thumbnail", {**given, "size": POSTER_PX}), ("media", path, given)]
        return wanted


class JobMonitor(_JobView):
    """A line per node with its progress, previews, the video, open questions and the available actions."""

    _view_of_job = "monitor"


class GraphView(_JobView):
    """The graph with live states. A click on a node shows its inputs and outputs."""

    _view_of_job = "graph"

    def static_html(self) -> str:
        record = self.record
        return graph_html(record.graph, states_of(record))

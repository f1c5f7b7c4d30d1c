"""A job while it runs and when it is done, and its graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from schemas.job import JobRecord
from workbench.client.completion import await_record, await_tracked
from workbench.client.deployment import Deployment
from workbench.notebook.channel import Wanted
from workbench.notebook.display import show_job
from workbench.notebook.static_html import graph_html, job_html, job_text, states_of, video_of
from workbench.notebook.widgets.modules import channel_of
from workbench.notebook.widgets.view import View

POSTER_PX = 320


class _JobView(View):
    """Knows its job's last state: when it is made, and when the job has ended."""

    _view_of_job = ""

    def __init__(self, deployment: Deployment, job_id: str, unserved: Sequence[str] = ()) -> None:
        super().__init__(deployment, self._view_of_job, {"jobId": job_id, "unserved": list(unserved)})
        self.job_id, self._unserved = job_id, tuple(unserved)
        self._after: list[Callable[[], None]] = []
        self._give_up: Callable[[], None] = lambda: None
        self._settled: tuple[str, str | None] | None = None  # what the cell that made it or waited for the job has sent
        self._watch()
        self.observe(self._turned, "options")

    @property
    def record(self) -> JobRecord:
        """The job it shows, as it is now."""
        return self._deployment.job(self.job_id)

    def ended(self) -> bool:
        """Whether the job has ended."""
        return self.record.status.final

    def refresh(self) -> bool:
        """Write the state of now into the notebook; whether it is final. Blocks."""
        final = self.ended()
        self.answers = channel_of(self._deployment).known(self._wanted(final))
        return final

    def when_ended(self, then: Callable[[], None]) -> None:
        """Call ``then``, in a thread, once the job has ended; never for one that has ended before."""
        self._after.append(then)

    def settle(self) -> None:
        """Write the last state and send it with the cell that runs now, whatever was sent before. Blocks."""
        now = self._state()
        self.refresh()
        self.send_state("answers")
        self._settled = now

    @property
    def settled(self) -> bool:
        """Whether a cell has sent what is known now."""
        return self._settled == self._state()

    def _state(self) -> tuple[str, str | None]:
        """What changes once a job has ended: a person goes on with another one, and MLflow is a moment later."""
        return self.job_id, self.record.mlflow_run_id

    def picture(self) -> str:
        return job_html(self._deployment, self.record)

    def words(self) -> str:
        return job_text(self.record, self._unserved)

    def _ipython_display_(self) -> None:
        show_job(self)

    def close(self) -> None:
        self._give_up()
        super().close()

    def _watch(self) -> None:
        self._give_up()
        now = self._state()
        if self.refresh():
            self._settled = now
        else:
            self._give_up = channel_of(self._deployment).when_final(self.job_id, self._ended)

    def _turned(self, _: Any) -> None:
        """A person went on with another job in this place, as after "Go on where it stopped"."""
        if self.options["jobId"] != self.job_id:
            self.job_id = self.options["jobId"]
            self._watch()

    def _ended(self) -> None:
        deployment = self._deployment
        await_record(deployment, self.job_id)
        for then in self._after:  # first: what follows may take longer than the kernel lives
            then()
        self.refresh()
        if await_tracked(deployment, self.job_id):  # its link comes a moment later
            self.refresh()

    def _wanted(self, final: bool) -> list[Wanted]:
        """What a notebook without a kernel shows: the job, its files, the image and the address of its video."""
        job = {"job_id": self.job_id}
        wanted: list[Wanted] = [("ask", "GET /api/session", {})]
        wanted += [("ask", f"GET /api/jobs/{{job_id}}{rest}", job) for rest in ("", "/artifacts")]
        video = video_of(self.record) if final else None
        if video is not None:
            path, given = "GET /api/artifacts/{sha256}", {"sha256": video.sha256}
            wanted += [("media", f"{path}/thumbnail", {**given, "size": POSTER_PX}), ("media", path, given)]
        return wanted


class JobMonitor(_JobView):
    """A line a node with its progress, what is being made, the video, what is asked and what can be done."""

    _view_of_job = "monitor"


class GraphView(_JobView):
    """The graph with live states. A click on a node shows its in- and outputs."""

    _view_of_job = "graph"

    def picture(self) -> str:
        record = self.record
        return graph_html(record.graph, states_of(record))

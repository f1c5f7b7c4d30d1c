"""A job while it runs and when it is done, and its graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.client.finish import await_record, await_tracked
from workbench.notebook.display import show_job
from workbench.notebook.picture import job_html, video_of
from workbench.notebook.widgets.modules import bridge_of
from workbench.notebook.widgets.view import View

if TYPE_CHECKING:
    from workbench.notebook.job import Job

POSTER_PX = 320


class _JobView(View):
    """Knows its job's last state: when it is made, and when the job has ended."""

    _view_of_job = ""

    def __init__(self, job: Job, **options: Any) -> None:
        workbench = job._workbench
        given = {"jobId": job.id, "unserved": list(job.unserved), **options}
        super().__init__(workbench, self._view_of_job, given)
        self._job = job
        self._after: list[Callable[[], None]] = []
        self._give_up: Callable[[], None] = lambda: None
        self._settled: tuple[str, str | None] | None = None  # what the cell that made it or waited for the job has sent
        self._watch()
        self.observe(self._turned, "options")

    @property
    def job(self) -> Job:
        """The job it shows."""
        return self._job

    def refresh(self) -> bool:
        """Write the state of now into the notebook; whether it is final. Blocks."""
        final = self._job.status.final
        self.answers = bridge_of(self._workbench).answers(self._paths(final))
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
        return self._job.id, self._job.record.mlflow_run_id

    def picture(self) -> str:
        return job_html(self._job)

    def words(self) -> str:
        return repr(self._job)

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
            self._give_up = bridge_of(self._workbench).when_final(self._job.id, self._ended)

    def _turned(self, _: Any) -> None:
        """A person went on with another job in this place, as after "Go on where it stopped"."""
        if self.options["jobId"] != self._job.id:
            self._job = self._workbench.job(self.options["jobId"])
            self._watch()

    def _ended(self) -> None:
        bench = self._workbench.bench
        await_record(bench, self._job.id)
        for then in self._after:  # first: what follows may take longer than the kernel lives
            then()
        self.refresh()
        if await_tracked(bench, self._job.id):  # its link comes a moment later
            self.refresh()

    def _paths(self, final: bool) -> list[str]:
        paths = ["/api/session", f"/api/jobs/{self._job.id}", f"/api/jobs/{self._job.id}/artifacts"]
        return [*paths, *self._media()] if final else paths

    def _media(self) -> list[str]:
        """What a notebook without a kernel shows: the picture of the video, and its address."""
        video = video_of(self._job.record)
        if video is None:
            return []
        path = f"/api/artifacts/{video.sha256}"
        return [f"media:{path}/thumbnail?size={POSTER_PX}", f"media:{path}"]


class JobMonitor(_JobView):
    """A line a node with its progress, what is being made, the video, what is asked and what can be done."""

    _view_of_job = "monitor"


class GraphView(_JobView):
    """The graph with live states. A click on a node shows its in- and outputs."""

    _view_of_job = "graph"

    def picture(self) -> str:
        return self._job.graph.svg

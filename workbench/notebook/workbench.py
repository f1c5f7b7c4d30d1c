"""The deployment as a notebook holds it: submit, look up, list, build."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from schemas.errors import WorkbenchError
from schemas.graph import Graph
from schemas.refs import AudioRef, ImageRef, JsonRef, Ref, TextRef, VideoRef
from schemas.retention import CollectionReport, CollectionRequest, ErasureReport, ErasureRequest
from workbench.client.deletion import collect, digests_of, erase
from workbench.client.deployment import Deployment
from workbench.client.mlflow_access import client_environment
from workbench.client.samples import portrait_file
from workbench.client.submit import job_request, submit
from workbench.notebook import within
from workbench.notebook.artifact import Artifact
from workbench.notebook.given import (
    as_given,
    document_of,
    file_named,
    lane_of,
    node_names,
    params_by_node,
    refuse_cells,
    refuse_options,
    validated,
)
from workbench.notebook.graphs import GraphBuilder
from workbench.notebook.job import Job
from workbench.notebook.pipelines import Pipelines
from workbench.notebook.runs import Runs, wanted
from workbench.notebook.shown_graph import ShownGraph
from workbench.notebook.trying import Tried, try_node
from workbench.pipelines.registry import FIRST
from workbench.settings import Settings

if TYPE_CHECKING:
    from workbench.notebook.widgets.form import JobForm

_OWNER = "local"  # of jobs and uploads


class Workbench:
    """One deployment. Connects when first used.

    Every method raises ``WorkbenchError`` with a remedy. Files are named by path, by an artifact of another job, or by
    a reference; ``portrait="sample"`` is the packaged one.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def deployment(self) -> Deployment:
        """What all of this goes through; it has more, and changes more often."""
        return Deployment(self.settings)

    # -- jobs -------------------------------------------------------------------------------------------------------

    def run(
        self,
        what: str | Graph | GraphBuilder | Mapping[str, Any],
        *,
        params: Mapping[str, Mapping[str, Any]] | None = None,
        without: str | Iterable[str] = (),
        seed: int = 0,
        fresh: bool = False,
        experiment: str | None = None,
        lane: str = "interactive",
        key: str | None = None,
        **inputs: Any,
    ) -> Job:
        """Submit a job and return at once; nothing is queued where anything is wrong.

        In a notebook that `workbench notebook run` executes, the job's run in MLflow stands below the notebook's.

        Args:
            what: name of a pipeline (``wb.pipelines`` shows them), or a graph.
            params: parameters by node: ``{"animate": {"sway": 0.5}}``.
            without: optional nodes to leave out.
            fresh: compute everything anew, whatever is known.
            experiment: where it is recorded; default: that of the notebook's execution, else ``workbench``.
            lane: interactive, or batch: behind everything that a person waits for.
            key: idempotency key: the same call again is the same job, also through another front end.
            inputs: what the pipeline takes, by name: ``script="Hello."``; ``wb.pipelines`` shows the names.
        """
        common = {"seed": seed, "leave_out": node_names(without), "fresh": fresh}
        recorded = {"experiment": experiment or within.default_experiment(), "lane": lane_of(lane)}
        if isinstance(what, str):
            options = {**as_given(self.pipelines[what], inputs), **common}
            asked = job_request(pipeline=what, options=options, params=params_by_node(params, what), **recorded)
        else:
            refuse_options({**inputs, "seed": seed, "without": without, "fresh": fresh, "params": params})
            document = document_of(what)
            refuse_cells(document)
            asked = job_request(graph=document, **recorded)
        accepted = submit(self.deployment, asked, key=key, parent_run=within.parent_run())
        within.note(job=accepted.job)
        return Job(self.deployment, accepted.job, unserved=accepted.unserved)

    def job(self, job_id: str) -> Job:
        """A job by its id. Raises WorkbenchError (job.unknown)."""
        self.deployment.job(job_id)
        return Job(self.deployment, job_id)

    # -- what is stored ---------------------------------------------------------------------------------------------

    def gc(
        self,
        *,
        older_than: str | None = None,
        max_gib: float | None = None,
        keep_tags: Iterable[str] = (),
        dry_run: bool = False,
    ) -> CollectionReport:
        """Remove what no job and no upload names; with a rule, delete what it names first (``workbench gc``).

        Args:
            older_than: finished jobs that ended longer ago, such as ``30d``.
            max_gib: the oldest finished jobs, until the artifacts of the others take no more than this.
            keep_tags: jobs with one of these tags stay.
            dry_run: only say what would go.
        """
        values = {"older_than": older_than, "max_gib": max_gib, "keep_tags": list(keep_tags), "dry_run": dry_run}
        return collect(self.deployment, validated(CollectionRequest, values))

    def erase(
        self, what: str | Path | Ref | Artifact | Job, *, cancel: bool = False, dry_run: bool = False
    ) -> ErasureReport:
        """Erase a file or a job and everything that came of it, from every store (``workbench erase``).

        Args:
            what: a path, a digest, an artifact, a job or its id.
            cancel: cancel jobs that use it and are not finished.
            dry_run: only say what would go.
        """
        also: list[str] = []
        ref = what if isinstance(what, Ref) else getattr(what, "ref", None)
        values: dict[str, Any] = {"cancel": cancel, "dry_run": dry_run}
        if isinstance(what, Job):
            values["job"] = what.id
        elif isinstance(ref, Ref):
            values["file"] = ref.sha256
        elif Path(str(what)).expanduser().is_file():
            values["file"], *also = digests_of(self.deployment, Path(str(what)).expanduser())
        else:
            values["job" if self.deployment.store.get(str(what)) is not None else "file"] = str(what)
        return erase(self.deployment, validated(ErasureRequest, values), also=also)

    def runs(
        self,
        *,
        experiment: str | None = None,
        pipeline: str | None = None,
        status: str | Iterable[str] | None = None,
        parameter: str | Iterable[str] = (),
        text: str | None = None,
        sweep: str | None = None,
        limit: int | None = None,
    ) -> Runs:
        """Past and present jobs, newest first. Nothing is asked before it is looked at.

        Args:
            status: one or more of queued, running, waiting, completed, failed, cancelled.
            parameter: conditions that all hold: ``"animate.sway>=0.5"``, ``"style=calm"``, ``"seed"``.
            text: part of an id, prompt, script or experiment.
            sweep: for jobs of one sweep; nothing sets it yet.
            limit: at most so many.
        """
        return Runs(self.deployment, wanted(experiment, pipeline, status, parameter, text, sweep), limit)

    def form(self, pipeline: str = FIRST, *, experiment: str = "workbench") -> JobForm:
        """A form for a pipeline as a widget; ``form.job`` is the job that was submitted with it.

        Raises WorkbenchError (pipeline.unknown).
        """
        # Widgets need packages that not every environment has.
        from workbench.notebook.widgets.form import JobForm

        return JobForm(self.deployment, self.pipelines[pipeline].name, experiment=experiment, submit=self.run)

    # -- files ------------------------------------------------------------------------------------------------------

    @overload
    def upload(self, file: str | Path | Ref | Artifact, kind: Literal["image"]) -> ImageRef: ...
    @overload
    def upload(self, file: str | Path | Ref | Artifact, kind: Literal["audio"]) -> AudioRef: ...
    @overload
    def upload(self, file: str | Path | Ref | Artifact, kind: Literal["video"]) -> VideoRef: ...
    @overload
    def upload(self, file: str | Path | Ref | Artifact, kind: Literal["text"]) -> TextRef: ...
    @overload
    def upload(self, file: str | Path | Ref | Artifact, kind: Literal["json"]) -> JsonRef: ...
    @overload
    def upload(self, file: str | Path | Ref | Artifact, kind: str) -> Ref: ...
    def upload(self, file: str | Path | Ref | Artifact, kind: str) -> Ref:
        """The reference of a file of one's own, once it is in the object store. A reference comes back as it is.

        The file stays until ``wb.drop(ref)``, also while no job names it.

        Args:
            kind: image, audio, video, json, text or file; a reference of any kind is a file.

        Raises WorkbenchError (node.bad_input): a reference of another kind, and as ``Deployment.upload``.
        """
        ref = self._brought(file, kind, owner=_OWNER)
        if kind not in ("file", ref.kind):
            raise WorkbenchError(
                "node.bad_input",
                f"the reference names content of the kind {ref.kind}",
                where="upload",
                seen=ref.kind,
                allowed=kind,
                remedy=f"Give content of the kind {kind}, or name the kind that it is.",
            )
        return ref

    def drop(self, ref: Ref | Artifact | str) -> bool:
        """Give up a file that was uploaded; jobs that name it keep it. Returns whether it was an upload."""
        named = ref if isinstance(ref, (str, Ref)) else ref.ref
        return self.deployment.grants.drop_upload(_OWNER, named if isinstance(named, str) else named.sha256)

    def _brought(self, file: str | Path | Ref | Artifact, kind: str, owner: str = "") -> Ref:
        named = file_named(file, "upload")
        if isinstance(named, Ref):
            return named
        return self.deployment.upload(portrait_file(named, self.settings.home), kind, owner=owner)

    def artifact(self, ref: Ref) -> Artifact:
        """A reference as something to look at, to open and to save."""
        return Artifact(self.deployment, ref)

    # -- graphs and nodes -------------------------------------------------------------------------------------------

    @property
    def pipelines(self) -> Pipelines:
        """What ``run`` can be given by name, as a table."""
        return Pipelines()

    def mlflow_env(self) -> dict[str, str]:
        """What the plain ``mlflow`` package reads: ``os.environ.update(wb.mlflow_env())``, before it is used.

        Raises WorkbenchError: tracking.off, or stack.not_running where no app serves MLflow.
        """
        return client_environment(self.settings)

    def graph(self, name: str = "graph", *, seed: int = 0) -> GraphBuilder:
        """An empty graph to be built by hand: ``g.generate.remux(video=…, audio=…)``."""
        return GraphBuilder(name, seed=seed, upload=self.upload, submit=self.run, draw=self._drawn)

    def _drawn(self, graph: Graph) -> ShownGraph:
        return ShownGraph(self.deployment, graph, {})

    def try_node(self, node: Callable[..., Any], *, seed: int = 0, **values: Any) -> Tried:
        """Run a node function here and now, without queue or workers.

        Args:
            node: a function with ``@node``, or any that takes ``(ctx, params: Params, inputs: Inputs)``.
            values: its parameters and inputs by name; files as in ``run``.
        """
        return try_node(self.deployment, node, seed=seed, values=values, upload=self.upload)

    def __repr__(self) -> str:
        return f"<Workbench {self.settings.app_url or self.settings.home}>"

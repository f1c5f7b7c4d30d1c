"""A deployment for notebooks and scripts: submit, look up, list, build."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from schemas.artifact_lineage import ArtifactLineage
from schemas.errors import WorkbenchError
from schemas.graph import Graph
from schemas.lora import TrainedLora
from schemas.recognition import Recognition
from schemas.refs import AudioRef, ImageRef, JsonRef, Ref, TextRef, VideoRef
from schemas.retention import CollectionReport, CollectionRequest, ErasureReport, ErasureRequest
from workbench.client.access import LOCAL
from workbench.client.artifact_lineage import artifact_lineage
from workbench.client.bundles.export import export
from workbench.client.bundles.importing import import_bundle
from workbench.client.consent_records import give_for_home, next_steps, said_by, withdraw
from workbench.client.deletion import digests_of, parts_of
from workbench.client.deployment import Deployment
from workbench.client.files import portrait_file
from workbench.client.loras import trained_loras
from workbench.client.mlflow_access import client_environment
from workbench.client.recognition import recognise
from workbench.client.submit import job_request, submit
from workbench.client.uploads import store_file, upload_kind
from workbench.notebook import execution_context
from workbench.notebook.arguments import (
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
from workbench.notebook.artifact import Artifact
from workbench.notebook.graphs import GraphBuilder
from workbench.notebook.job import Job
from workbench.notebook.node_trial import NodeTrial, try_node
from workbench.notebook.pipelines import Pipelines
from workbench.notebook.runs import Runs, wanted
from workbench.notebook.shown_graph import ShownGraph
from workbench.pipelines.registry import FIRST
from workbench.retention import collecting, erasing
from workbench.settings import Settings

if TYPE_CHECKING:
    from workbench.notebook.widgets.form import JobForm

_OWNER = "local"  # owner of jobs and uploads


class Workbench:
    """One deployment. Connects on first use.

    All methods raise ``WorkbenchError`` with a remedy. A file is given as a path, an artifact of another job, or a
    reference; ``portrait="sample"`` is the packaged portrait.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def deployment(self) -> Deployment:
        """The underlying client. It has more methods, but its interface changes more often."""
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
        consent: str | None = None,
        **inputs: Any,
    ) -> Job:
        """Submit a job and return at once. After an error, nothing was queued.

        In a notebook that `workbench notebook run` executes, the job's MLflow run is a child of the notebook's run.

        Args:
            what: name of a pipeline (``wb.pipelines`` shows them), or a graph.
            params: parameters by node: ``{"animate": {"sway": 0.5}}``.
            without: optional nodes to leave out.
            fresh: ignore the cache and compute everything again.
            experiment: experiment in which it is recorded; default: that of the notebook's execution, else
                ``workbench``.
            lane: interactive, or batch, which runs after all interactive jobs.
            key: idempotency key; a repeated call returns the same job, also through another front end.
            consent: your name, with which you state that everybody seen or heard in the files agreed. It is recorded
                for these files; the packaged sample, results of jobs and files with a recorded consent need none.
            inputs: inputs of the pipeline, by name: ``script="Hello."``; ``wb.pipelines`` shows the names.
        """
        common = {"seed": seed, "leave_out": node_names(without), "fresh": fresh}
        recorded = {
            "experiment": experiment or execution_context.default_experiment(),
            "lane": lane_of(lane),
            "consent": said_by(consent),
        }
        if isinstance(what, str):
            options = {**as_given(self.pipelines[what], inputs), **common}
            asked = job_request(pipeline=what, options=options, params=params_by_node(params, what), **recorded)
        else:
            refuse_options({**inputs, "seed": seed, "without": without, "fresh": fresh, "params": params})
            document = document_of(what)
            refuse_cells(document)
            asked = job_request(graph=document, **recorded)
        accepted = submit(self.deployment, asked, key=key, parent_run=execution_context.parent_run())
        execution_context.note(job=accepted.job)
        for one in accepted.warnings:
            warnings.warn(f"{one.where}: {one.message}", UserWarning, stacklevel=2)
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
        """Remove unreferenced files; with a rule, first delete the jobs that it selects (``workbench gc``).

        Args:
            older_than: delete finished jobs that ended longer ago, such as ``30d``.
            max_gib: delete the oldest finished jobs until the artifacts of the others fit into this size.
            keep_tags: keep jobs with one of these tags.
            dry_run: only report what would be removed.
        """
        values = {"older_than": older_than, "max_gib": max_gib, "keep_tags": list(keep_tags), "dry_run": dry_run}
        return collecting.collect(parts_of(self.deployment), validated(CollectionRequest, values))

    def give_consent(self, name: str) -> None:
        """State once, for all files of a home where nobody logs in, that everybody seen or heard in them agreed."""
        give_for_home(self.deployment, name)

    def withdraw_consent(self, name: str) -> str:
        """Withdraw what a person consented to. Returns what follows, and how to erase the files.

        Raises WorkbenchError (consent.unknown).
        """
        withdraw(self.deployment, name)
        return next_steps(name)

    def erase(
        self,
        what: str | Path | Ref | Artifact | Job = "",
        *,
        consent: str | None = None,
        cancel: bool = False,
        dry_run: bool = False,
    ) -> ErasureReport:
        """Erase a file or a job with everything derived from it, in all stores (``workbench erase``).

        Args:
            what: a path, a digest, an artifact, a job or its id.
            consent: instead of ``what``, a person: all files that were recorded with this person's consent.
            cancel: cancel unfinished jobs that use it.
            dry_run: only report what would be removed.
        """
        also: list[str] = []
        ref = what if isinstance(what, Ref) else getattr(what, "ref", None)
        values: dict[str, Any] = {"cancel": cancel, "dry_run": dry_run}
        if consent is not None:
            values["consent"] = consent
        elif isinstance(what, Job):
            values["job"] = what.id
        elif isinstance(ref, Ref):
            values["file"] = ref.sha256
        elif Path(str(what)).expanduser().is_file():
            values["file"], *also = digests_of(self.deployment, Path(str(what)).expanduser())
        else:
            values["job" if self.deployment.store.get(str(what)) is not None else "file"] = str(what)
        return erasing.erase(parts_of(self.deployment), validated(ErasureRequest, values), also=also)

    def runs(
        self,
        *,
        experiment: str | None = None,
        pipeline: str | None = None,
        status: str | Iterable[str] | None = None,
        parameter: str | Iterable[str] = (),
        metric: str | Iterable[str] = (),
        text: str | None = None,
        sweep: str | None = None,
        starred: bool | None = None,
        rating: int | None = None,
        tag: str | None = None,
        sort: str = "-created",
        columns: str | Iterable[str] = (),
        limit: int | None = None,
    ) -> Runs:
        """Past and present jobs, newest first unless sorted. The deployment is queried when the result is used.

        Args:
            status: one or more of queued, running, waiting, completed, failed, cancelled.
            parameter: conditions that must all be true: ``"animate.sway>=0.5"``, ``"style=calm"``, ``"seed"``.
            text: part of an id, a prompt, a script or an experiment.
            metric: the same for metrics: ``"evaluate.wer<=0.1"``.
            sweep: jobs of one sweep.
            rating: at least this rating.
            sort: created, seconds, rating, ``param:node.name`` or ``metric:node.name``; "-" in front for the largest
                first. Runs without a value come last.
            columns: the parameters and metrics of ``to_pandas()``, written alike; default: all.
            limit: maximum number of jobs.

        Raises WorkbenchError (request.invalid).
        """
        more: dict[str, Any] = {"starred": starred, "rating": rating, "tag": tag, "sort": sort}
        found = wanted(experiment, pipeline, status, parameter, metric, text, sweep, columns=columns, **more)
        return Runs(self.deployment, found, limit)

    def form(self, pipeline: str = FIRST, *, experiment: str = "workbench") -> JobForm:
        """A form for a pipeline as a widget; ``form.job`` is the last submitted job.

        Raises WorkbenchError (pipeline.unknown).
        """
        # Widgets need optional packages.
        from workbench.notebook.widgets.form import JobForm

        return JobForm(self.deployment, self.pipelines[pipeline].name, experiment=experiment, submit=self.run)

    # -- where things come from ------------------------------------------------------------------------------------

    def bundle(self, what: str | Job, file: str | Path | None = None, *, without_media: bool = False) -> Path:
        """Write a job, an MLflow run or a sweep to one signed zip (``workbench bundle export``). Returns its path.

        Args:
            file: default: NAME.bundle.zip in the current folder.
            without_media: leave out the bytes of media, zips and weights.
        """
        name = what.id if isinstance(what, Job) else what
        target = Path(file) if file is not None else Path(f"{name}.bundle.zip")
        export(self.deployment, name, target, without_media=without_media)
        return target

    def import_bundle(self, file: str | Path, *, consent: str | None = None) -> list[Job]:
        """Verify a bundle and take its runs in, read-only (``workbench bundle import``)."""
        taken = import_bundle(self.deployment, Path(file), consent=said_by(consent))
        return [Job(self.deployment, one.job) for one in taken.runs]

    def find(self, what: str | Path) -> Recognition:
        """Recognise a file or a SHA-256 and lead to its run (``workbench find``)."""
        return recognise(self.deployment, LOCAL, what)

    def lineage(self, what: str | Path | Ref | Artifact) -> ArtifactLineage:
        """What made an artifact, and what was made from it (``workbench lineage``).

        Raises WorkbenchError (artifact.unknown) if it leads to no artifact.
        """
        named = what if isinstance(what, (str, Path, Ref)) else what.ref
        sha256 = named.sha256 if isinstance(named, Ref) else self.find(named).artifact
        return artifact_lineage(self.deployment, LOCAL, sha256 or str(named))

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
        """Upload a file and return its reference. A reference is returned unchanged.

        The file stays until ``wb.drop(ref)``, even if no job refers to it.

        Args:
            kind: image, audio, video, portraits, lora, json, text or file; a reference of any kind counts as a file.

        Raises WorkbenchError (node.bad_input) for a reference of another kind, and like ``Deployment.upload``.
        """
        ref = self._stored(file, kind, owner=_OWNER)
        if kind not in ("file", ref.kind, upload_kind(ref)):
            raise WorkbenchError(
                "node.bad_input",
                f"the reference has the kind {ref.kind}",
                where="upload",
                seen=ref.kind,
                allowed=kind,
                remedy=f"Use a file of the kind {kind}, or pass the correct kind.",
            )
        return ref

    def drop(self, ref: Ref | Artifact | str) -> bool:
        """Release an uploaded file; jobs that refer to it keep it. Returns whether it was an upload."""
        named = ref if isinstance(ref, (str, Ref)) else ref.ref
        return self.deployment.grants.drop_upload(_OWNER, named if isinstance(named, str) else named.sha256)

    def _stored(self, file: str | Path | Ref | Artifact, kind: str, owner: str = "") -> Ref:
        named = file_named(file, "upload")
        if isinstance(named, Ref):
            return named
        ref, found = store_file(self.deployment, portrait_file(named, self.settings.home), kind, owner=owner)
        for one in found:
            warnings.warn(f"{one.message} {one.remedy}", UserWarning, stacklevel=3)
        return ref

    def artifact(self, ref: Ref) -> Artifact:
        """The artifact of a reference, to display, open and save."""
        return Artifact(self.deployment, ref)

    def loras(self) -> list[TrainedLora]:
        """The trained LoRAs, newest first. Pipelines take them by name: ``wb.run("svd_wav2lip", lora="ada", …)``."""
        return trained_loras(self.deployment, None)

    # -- graphs and nodes -------------------------------------------------------------------------------------------

    @property
    def pipelines(self) -> Pipelines:
        """The pipelines that ``run`` accepts by name, as a table."""
        return Pipelines()

    def mlflow_env(self) -> dict[str, str]:
        """The variables of the plain ``mlflow`` package: ``os.environ.update(wb.mlflow_env())`` before its first use.

        Raises WorkbenchError: tracking.off, or stack.not_running if no app serves MLflow.
        """
        return client_environment(self.settings)

    def graph(self, name: str = "graph", *, seed: int = 0) -> GraphBuilder:
        """An empty graph to build by hand: ``g.generate.remux(video=…, audio=…)``."""
        return GraphBuilder(name, seed=seed, upload=self.upload, submit=self.run, draw=self._drawn)

    def _drawn(self, graph: Graph) -> ShownGraph:
        return ShownGraph(self.deployment, graph, {})

    def try_node(self, node: Callable[..., Any], *, seed: int = 0, **values: Any) -> NodeTrial:
        """Run a node function in this process, without queue or workers.

        Args:
            node: a function with ``@node``, or any function that takes ``(ctx, params: Params, inputs: Inputs)``.
            values: parameters and inputs by name; files as in ``run``.
        """
        return try_node(self.deployment, node, seed=seed, values=values, upload=self.upload)

    def __repr__(self) -> str:
        return f"<Workbench {self.settings.app_url or self.settings.home}>"

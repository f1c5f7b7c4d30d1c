"""What goes into a bundle of runs: records without owner and tracking, artifacts, consents, licences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from nodes.catalogue import load
from schemas.bundle import BundledArtifact, BundledJob
from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.refs import SAFETENSORS, ZIP, Ref
from workbench.client.access import User, reader, visible
from workbench.client.deployment import Deployment
from workbench.client.view import named_artifacts
from workbench.store.listing import JobFilter

MEDIA = ("image", "audio", "video")
MOST_RUNS = 1000


def runs_named(deployment: Deployment, user: User, name: str) -> tuple[list[JobRecord], str | None]:
    """The finished runs of a job, an MLflow run or a sweep, and the id of the sweep.

    Raises WorkbenchError: bundle.not_found, bundle.incomplete, bundle.too_large.
    """
    record = find_run(deployment, user, name)
    if record is not None:
        records, sweep = [record], None
    else:
        page = deployment.store.list(JobFilter(sweep=name, reader=reader(user), limit=MOST_RUNS))
        if page.total > MOST_RUNS:
            raise WorkbenchError(
                "bundle.too_large",
                "the sweep has more runs than a bundle may hold",
                where=f"sweep {name}",
                seen=page.total,
                allowed=MOST_RUNS,
                remedy="Export single runs of it.",
            )
        records, sweep = [deployment.job(line.id) for line in reversed(page.jobs)], name
    if not records:
        raise not_found(name)
    for one in records:
        if not one.status.final:
            raise WorkbenchError(
                "bundle.incomplete",
                "a run that has not ended cannot be exported",
                where=f"job {one.id}",
                seen=one.status.value,
                allowed="completed, failed or cancelled",
                remedy="Wait for its end, or cancel it.",
            )
    return records, sweep


def find_run(deployment: Deployment, user: User, name: str) -> JobRecord | None:
    """The job with this id, or the job of the MLflow run with this id; None if the user sees none."""
    job = name if deployment.store.get(name) is not None else deployment.store.job_of_run(name)
    if job is None:
        return None
    try:
        return visible(user, deployment.job(job))
    except WorkbenchError as error:
        if error.code != "job.unknown":
            raise
        return None


def not_found(name: str) -> WorkbenchError:
    return WorkbenchError(
        "bundle.not_found",
        f"there is no job, MLflow run or sweep {name[:80]}",
        where=name[:80],
        remedy="`workbench job list` shows the jobs.",
    )


def is_media(ref: Ref) -> bool:
    """Whether ``--without-media`` leaves it out: media, zips of portraits, weights of a LoRA."""
    return ref.kind in MEDIA or ref.media_type in (ZIP, SAFETENSORS)


def artifacts_of(records: Iterable[JobRecord]) -> dict[str, Ref]:
    """All artifacts of the runs by digest, in a fixed order."""
    found: dict[str, Ref] = {}
    for record in records:
        for _, _, _, ref in named_artifacts(record):
            known = found.setdefault(ref.sha256, ref)
            if known.size_bytes is None and ref.size_bytes is not None:
                found[ref.sha256] = ref
    return dict(sorted(found.items()))


def described(ref: Ref, size_bytes: int | None, path: str | None) -> BundledArtifact:
    return BundledArtifact(
        sha256=ref.sha256,
        kind=ref.kind,
        media_type=ref.media_type,
        name=ref.name,
        size_bytes=ref.size_bytes if size_bytes is None else size_bytes,
        path=path,
    )


def job_document(deployment: Deployment, record: JobRecord, held: Iterable[str]) -> bytes:
    """``job.json``: the record without its owner, key and MLflow run, and the consents to the files in the bundle."""
    plain = record.model_copy(update={"owner": "", "idempotency_key": None, "mlflow_run_id": None,
                                      "tracking_error": None})  # fmt: skip
    mine = set(held) & {ref.sha256 for _, role, _, ref in named_artifacts(record) if role == "input"}
    known = deployment.consents.of_files(record.owner, mine) if mine else {}
    consents = [one.model_copy(update={"owner": ""}) for sha256 in sorted(known) for one in known[sha256]]
    return _pretty(BundledJob(record=plain, consents=consents).to_json())


def graph_document(record: JobRecord) -> bytes:
    return _pretty(record.graph.to_json())


def licences(records: Sequence[JobRecord]) -> tuple[bytes, list[dict[str, str]]]:
    """``LICENCES.md``, and name and URL of each licence of a model that took part."""
    catalogue, lines, found = load(), [], dict[str, dict[str, str]]()
    for service in sorted({node.service for record in records for node in record.nodes}):
        models = catalogue.models_for(service)
        named = {name for record in records for node in record.graph.nodes for name in node.models or {}}
        for model in models:
            if not model.files or (named and model.name not in named):
                continue
            found[model.licence.url] = {"name": model.licence.title, "url": model.licence.url}
            lines.append(f"| {service} | {model.title} | [{model.licence.title}]({model.licence.url}) |")
    head = "# Licences\n\nModels that the services of these runs can use, with their licences.\n\n"
    table = "| service | model | licence |\n|---|---|---|\n" + "\n".join(lines) if lines else "No model took part."
    files = "\n\nInputs keep the rights of whoever gave them; `job.json` has the recorded consents.\n"
    return (head + table + files).encode(), [found[url] for url in sorted(found)]


def _pretty(document: bytes) -> bytes:
    return orjson.dumps(orjson.loads(document), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)

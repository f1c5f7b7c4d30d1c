"""Recognises a file that comes back: by its digest, by the digest of a delivery, by its signature, by its record.

Only runs that the user may see are named, and a file is only recognised through them.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import orjson

from schemas.delivery import SignatureState, Statement, UsedFile
from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.recognition import RecognisedRun, Recognition, Sureness, Way
from schemas.refs import refs_in
from workbench.client.access import User, reader
from workbench.client.deletion import digests_of
from workbench.client.delivery.verify import signed_statement
from workbench.client.deployment import Deployment
from workbench.store.deliveries import Deliveries
from workbench.store.origins import jobs_of_graph, using_jobs
from workbench.store.record import named_refs

MOST = 20
_DIGEST = re.compile(r"[0-9a-f]{64}")
_RECORD_LIMIT = 64 * 1024


def recognise(deployment: Deployment, user: User, what: str | Path) -> Recognition:
    """What a file, or a SHA-256, is here. A path that exists is a file. Blocks; reads the file.

    Raises WorkbenchError: node.bad_input if it is neither; sql.unreachable.
    """
    path = Path(what).expanduser()
    if path.is_file():
        return recognise_file(deployment, user, path, name=str(what))
    digest = str(what).strip().lower()
    if not _DIGEST.fullmatch(digest):
        raise WorkbenchError(
            "node.bad_input",
            "this is neither a file nor a SHA-256",
            where=str(what)[:200],
            seen=str(what)[:200],
            allowed="the path of a file, or 64 hex digits",
            remedy="Correct the path, or give the digest in full.",
        )
    return _by_digest(deployment, user, digest) or _unknown(digest)


def recognise_file(deployment: Deployment, user: User, path: Path, *, name: str = "") -> Recognition:
    """Like ``recognise``, for a file. ``name`` is what to call it in the answer."""
    with path.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    found = (
        _by_digest(deployment, user, sha256)
        or _by_upload(deployment, user, path, sha256)
        or _by_manifest(deployment, user, path, sha256)
        or _by_record(deployment, user, path, sha256)
        or _unknown(sha256)
    )
    return found.model_copy(update={"file": name or path.name})


def embedded_record(path: Path) -> dict[str, str]:
    """The record that ``generate.remux`` wrote into a file's comment; empty if there is none that can be read."""
    import av

    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            texts = [container.metadata.get(key, "") for key in ("comment", "COMMENT", "description", "DESCRIPTION")]
    except (av.FFmpegError, OSError, ValueError):
        return {}
    for text in texts:
        if not text or len(text) > _RECORD_LIMIT:
            continue
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError:
            continue
        if isinstance(found, dict) and "notice" in found and isinstance(found.get("graph"), str):
            return {str(key): str(value) for key, value in found.items()}
    return {}


def _by_digest(deployment: Deployment, user: User, sha256: str) -> Recognition | None:
    delivered = Deliveries(deployment.store.database).find(sha256)
    artifact = delivered.artifact if delivered else sha256
    runs = _runs(deployment, user, artifact, prefer=delivered.job if delivered else None)
    if not runs:
        return None
    if delivered is None:
        return _found(deployment, sha256, Way.STORED, runs, artifact, "These are the stored bytes of an artifact.")
    text = "This file left the workbench as it is: its digest was recorded then."
    found = _found(deployment, sha256, Way.DELIVERED, runs, artifact, text)
    return found.model_copy(update={"delivered_at": delivered.at})


def _by_upload(deployment: Deployment, user: User, path: Path, sha256: str) -> Recognition | None:
    try:
        others = [one for one in digests_of(deployment, path) if one != sha256]
    except WorkbenchError as error:
        if error.code != "upload.busy":
            raise
        return None
    for artifact in others:
        if runs := _runs(deployment, user, artifact, prefer=None):
            text = "Read as an upload, which drops metadata, it has the bytes of an artifact."
            return _found(deployment, sha256, Way.UPLOADED, runs, artifact, text)
    return None


def _by_manifest(deployment: Deployment, user: User, path: Path, sha256: str) -> Recognition | None:
    try:
        state, stated = signed_statement(path, deployment.settings)
    except WorkbenchError as error:
        if error.code != "delivery.no_library":
            raise
        return None
    if stated is None:
        return None
    holds = state is SignatureState.TRUSTED
    runs = _runs(deployment, user, stated.artifact, prefer=stated.job) or _runs_of_graph(deployment, user, stated)
    if not runs:
        return None
    text = (
        "Its signed manifest names the run, and nothing changed since it was signed here."
        if holds
        else f"Its C2PA manifest names the run, but the file is {_words(state)}."
    )
    found = _found(deployment, sha256, Way.SIGNED if holds else Way.RECORD, runs, stated.artifact, text)
    return found if holds else found.model_copy(update={"sure": Sureness.CLAIMED})


def _by_record(deployment: Deployment, user: User, path: Path, sha256: str) -> Recognition | None:
    record = embedded_record(path)
    if not record:
        return None
    jobs = jobs_of_graph(deployment.store.database, record["graph"], reader(user), MOST)
    runs = [_run(one, None, "output") for job in jobs if (one := deployment.store.get(job)) is not None]
    if not runs:
        return None
    text = "The record in its comment names the graph. The bytes are others: it was encoded again or changed."
    return _found(deployment, sha256, Way.RECORD, runs, None, text)


def _runs_of_graph(deployment: Deployment, user: User, stated: Statement) -> list[RecognisedRun]:
    if not stated.graph:
        return []
    jobs = jobs_of_graph(deployment.store.database, stated.graph, reader(user), MOST)
    return [_run(one, None, "output") for job in jobs if (one := deployment.store.get(job)) is not None]


def _runs(deployment: Deployment, user: User, artifact: str, *, prefer: str | None) -> list[RecognisedRun]:
    """The runs that made the artifact, the preferred one first; else those that were given it."""
    owner, database = reader(user), deployment.store.database
    jobs = Deliveries(database).making_jobs(artifact, owner, MOST)
    role = "output" if jobs else "input"
    jobs = jobs or using_jobs(database, artifact, owner, MOST)
    if prefer in jobs:
        jobs.remove(prefer)
        jobs.insert(0, prefer)
    found = []
    for job in jobs:
        record = deployment.store.get(job)
        if record is not None:
            found.append(_run(record, _node(record, artifact, role), role))
    return found


def _node(record: JobRecord, artifact: str, role: str) -> str | None:
    for node in record.graph.nodes:
        value = (node.output or {}) if role == "output" else [node.params, node.input]
        if any(ref.sha256 == artifact for ref in refs_in(value)):
            return node.id
    return None


def _run(record: JobRecord, node: str | None, role: str) -> RecognisedRun:
    return RecognisedRun(
        job=record.id,
        node=node,
        role=role,
        pipeline=record.pipeline or record.graph.workflow_id,
        seed=record.seed,
        status=record.status.value,
        created_at=record.created_at,
    )


def _found(
    deployment: Deployment, sha256: str, way: Way, runs: list[RecognisedRun], artifact: str | None, text: str
) -> Recognition:
    record = deployment.job(runs[0].job)
    sure = {Way.SIGNED: Sureness.VOUCHED, Way.RECORD: Sureness.CLAIMED}.get(way, Sureness.EXACT)
    return Recognition(
        sha256=sha256,
        way=way,
        sure=sure,
        sentence=text + (" Anybody can write such a record." if sure is Sureness.CLAIMED else ""),
        artifact=artifact,
        graph=record.graph_hash,
        runs=runs,
        inputs=[
            UsedFile(node=node.id, name=name, kind=ref.kind, media_type=ref.media_type, sha256=ref.sha256)
            for node in record.graph.nodes
            for name, ref in named_refs({**node.params, **node.input})
        ],
    )


def _unknown(sha256: str) -> Recognition:
    text = "No run that you may see made or used it, and it carries no record that leads to one."
    return Recognition(sha256=sha256, way=Way.UNKNOWN, sure=Sureness.NONE, sentence=text)


def _words(state: SignatureState) -> str:
    return {
        SignatureState.OTHER_ISSUER: "signed by an issuer unknown here",
        SignatureState.ALTERED: "altered since it was signed",
        SignatureState.INVALID: "signed with a certificate that does not count",
    }.get(state, "not signed")

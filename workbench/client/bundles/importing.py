"""Reads bundles: shows one, verifies one, and takes its runs into this deployment to look at or to run again.

Nothing is stored before every digest and the signature were verified. What is stored is proven by bytes: an artifact
that the bundle only names stays unreadable, and no result of it enters the result cache.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from schemas.bundle import (
    BundledJob,
    BundledRun,
    BundleImport,
    BundleInfo,
    BundleManifest,
    ImportedRun,
    ImportNote,
)
from schemas.consent import Consent
from schemas.delivery import SignatureState
from schemas.graph import Graph
from schemas.job import JobRecord, NewJob
from schemas.refs import Ref, refs_in
from workbench.client.access import LOCAL, User, need_runner
from workbench.client.bundles.archive import (
    MANIFEST,
    SIGNATURE,
    Archive,
    altered,
    open_archive,
    read_manifest,
    unreadable,
)
from workbench.client.bundles.contents import artifacts_of, is_media
from workbench.client.bundles.sealing import check_seal
from workbench.client.consent import EntryPoint, with_consent
from workbench.client.delivery.issuer import certificates
from workbench.client.deployment import Deployment
from workbench.client.files import sample_digests
from workbench.client.incoming_files import incoming_folder
from workbench.client.rerun import IMPORTED
from workbench.client.submit import own_key
from workbench.engine.accept import new_job_id
from workbench.engine.content import graph_hash
from workbench.engine.structure import topological_order
from workbench.engine.submit_environment import ENVIRONMENT
from workbench.settings import Settings
from workbench.store.collection_rounds import CollectionRounds, RoundChanged
from workbench.store.imported_jobs import add_imported


@dataclass(frozen=True)
class Bundle:
    """A verified bundle."""

    archive: Archive
    manifest: BundleManifest
    info: BundleInfo
    jobs: list[BundledJob]

    @property
    def refs(self) -> dict[str, Ref]:
        """The references of the artifacts whose bytes are inside, by digest."""
        held = {one.sha256 for one in self.manifest.artifacts if one.path is not None}
        refs = artifacts_of(job.record for job in self.jobs)
        return {sha256: ref for sha256, ref in refs.items() if sha256 in held}


def show(file: Path, settings: Settings, *, issuers: str = "") -> BundleInfo:
    """What a bundle holds, after verifying it. Needs no stack. Raises WorkbenchError: bundle.*"""
    with verified(file, settings, issuers=issuers) as bundle:
        return bundle.info


@contextmanager
def verified(file: Path, settings: Settings, *, issuers: str = "") -> Iterator[Bundle]:
    """The bundle, after its signature and the digest of each of its files were verified. Reads it whole.

    Args:
        issuers: PEM of certificates of issuers that count as known, besides those of this home.

    Raises WorkbenchError: bundle.*, node.bad_input, settings.invalid.
    """
    with open_archive(file) as archive:
        manifest, content, signature = read_manifest(archive)
        state, issuer = check_seal(content, signature, certificates(settings) + issuers, str(file))
        _check_files(archive, manifest)
        jobs = [_job(archive, manifest, job) for job in manifest.jobs]
        info = _info(file, content, manifest, jobs, state, issuer)
        yield Bundle(archive, manifest, info, jobs)


def import_bundle(
    deployment: Deployment,
    file: Path,
    *,
    user: User = LOCAL,
    consent: Consent | None = None,
    entry: EntryPoint = EntryPoint.PYTHON,
    issuers: str = "",
) -> BundleImport:
    """Take the runs of a bundle into this deployment, as the user's. Importing it again finds the same runs.

    Args:
        consent: of the people in its portraits, recordings and videos; not asked for where there are none, or where
            it is recorded.

    Raises WorkbenchError: bundle.*, consent.*, access.forbidden, store.*, sql.unreachable, home.*
    """
    need_runner(user)
    with verified(file, deployment.settings, issuers=issuers) as bundle:
        for job in bundle.jobs:
            _check_consent(deployment, bundle, job, consent, user, entry)
        rounds = CollectionRounds(deployment.store.database)
        while True:
            seen = rounds.wait_until_closed()
            _store_bytes(deployment, bundle)
            try:
                return BundleImport(
                    bundle=bundle.info, runs=[_add(deployment, bundle, job, user, seen) for job in bundle.jobs]
                )
            except RoundChanged:  # a collection removed bytes meanwhile, perhaps these
                continue


def note_of(graph: Graph) -> ImportNote | None:
    """Where an imported job came from; None for a job of this deployment."""
    try:
        return ImportNote.model_validate(graph.metadata.get(IMPORTED))
    except ValidationError:
        return None


def _check_files(archive: Archive, manifest: BundleManifest) -> None:
    """Raises WorkbenchError (bundle.altered) unless exactly the files of the manifest are there, unchanged."""
    listed = [one.path for one in manifest.files]
    extra = sorted(archive.names - {MANIFEST, SIGNATURE, *listed})
    if extra:
        raise altered(archive.file, f"{extra[0]} is not in the manifest")
    if len(set(listed)) != len(listed):
        raise altered(archive.file, "the manifest lists a file twice")
    for one in manifest.files:
        archive.check(one)
    files = {one.path: one for one in manifest.files}
    for artifact in manifest.artifacts:
        if artifact.path is None:
            continue
        found = files.get(artifact.path)
        if found is None or found.sha256 != artifact.sha256:
            raise altered(archive.file, f"{artifact.path} is not the artifact {artifact.sha256}")


def _job(archive: Archive, manifest: BundleManifest, job: str) -> BundledJob:
    path = f"jobs/{job}/job.json"
    try:
        found = BundledJob.model_validate_json(archive.document(path))
        graph = Graph.model_validate_json(archive.document(f"jobs/{job}/graph.json"))
    except ValidationError as error:
        first = error.errors()[0]
        seen = f"{path}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        raise unreadable(archive.file, seen, "a record of a run") from None
    record = found.record
    same = graph == record.graph and [node.id for node in record.nodes] == [node.id for node in graph.nodes]
    if record.id != job or not record.status.final or not same:
        raise unreadable(archive.file, f"{path} and graph.json tell of different runs", "one finished run")
    topological_order(graph)  # raises where ids or edges are wrong
    known = {one.sha256 for one in manifest.artifacts}
    if missing := sorted(artifacts_of([record]).keys() - known):
        raise altered(archive.file, f"the manifest lacks the artifact {missing[0]}")
    return found


def _info(
    file: Path,
    content: bytes,
    manifest: BundleManifest,
    jobs: list[BundledJob],
    state: SignatureState,
    issuer: str,
) -> BundleInfo:
    refs, held = artifacts_of(job.record for job in jobs), {one.sha256 for one in manifest.artifacts if one.path}
    people = any(is_media(ref) for sha256, ref in refs.items() if sha256 in held and sha256 not in sample_digests())
    return BundleInfo(
        file=str(file),
        sha256=hashlib.sha256(content).hexdigest(),
        title=manifest.title,
        workbench=manifest.workbench,
        issuer=issuer,
        signature=state,
        sweep=manifest.sweep,
        runs=[
            BundledRun(
                job=job.record.id,
                pipeline=job.record.pipeline or job.record.graph.workflow_id,
                status=job.record.status.value,
                seed=job.record.seed,
                created_at=job.record.created_at,
                nodes=len(job.record.nodes),
            )
            for job in jobs
        ],
        artifacts=manifest.artifacts,
        size_bytes=sum(one.size_bytes for one in manifest.files),
        needs_consent=people,
    )


def _check_consent(
    deployment: Deployment, bundle: Bundle, job: BundledJob, given: Consent | None, user: User, entry: EntryPoint
) -> None:
    """Ask for the consent to the media inside, and record it.

    What an issuer unknown here calls a result may be a portrait: then results count as files of people too.
    """
    held, trusted = bundle.refs.keys(), bundle.info.signature is SignatureState.TRUSTED
    nodes = []
    for node in job.record.graph.nodes:
        mine = {"params": _only(node.params, held), "input": _only(node.input, held)}
        output = None if trusted or not node.output else _only(node.output, held)
        nodes.append(node.model_copy(update={**mine, "output": output}))
    graph = job.record.graph.model_copy(update={"nodes": nodes})
    if artifacts_of([job.record.model_copy(update={"graph": graph})]):
        with_consent(deployment, graph, given, owner=user.name, entry=entry)


def _only(value: object, held: Collection[str]) -> dict[str, object]:
    """The references inside a value whose bytes are held."""
    return {ref.sha256: ref.model_dump(mode="json") for ref in refs_in(value) if ref.sha256 in held}


def _store_bytes(deployment: Deployment, bundle: Bundle) -> None:
    for sha256, ref in bundle.refs.items():
        with incoming_folder(deployment.settings.home) as work:
            path = work / sha256
            bundle.archive.unpack(f"artifacts/{sha256}", path)
            deployment.keep(path, ref)


def _add(deployment: Deployment, bundle: Bundle, job: BundledJob, user: User, seen: str) -> ImportedRun:
    record, info = job.record, bundle.info
    note = ImportNote(
        bundle=info.sha256,
        job=record.id,
        issuer=info.issuer,
        signature=info.signature,
        workbench=info.workbench,
        at=time.time(),
        sweep=bundle.manifest.sweep,
        environment=record.graph.metadata.get(ENVIRONMENT) or {},
    )
    graph = _marked(record, note)
    new = NewJob(
        id=new_job_id(),
        graph=graph,
        graph_hash=graph_hash(graph),
        idempotency_key=own_key(user.name, f"bundle-{info.sha256[:32]}-{record.id}"),
        owner=user.name,
        pipeline=record.pipeline,
        experiment=record.experiment,
        seed=record.seed,
        lane=record.lane,
        created_at=record.created_at,
    )
    own, created = add_imported(deployment.store.database, new, record, bundle.refs.keys(), seen)
    return ImportedRun(job=own, was=record.id, created=created)


def _marked(record: JobRecord, note: ImportNote) -> Graph:
    metadata = {**record.graph.metadata, IMPORTED: note.model_dump(mode="json", by_alias=True)}
    return record.graph.model_copy(update={"metadata": metadata})

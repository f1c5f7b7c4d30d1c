"""Puts the files of a run into MLflow's artifact store.

In the embedded and the compose stack, that store is a location in the deployment's own object store. A finished video
is then copied inside the object store, by one request without its bytes. This is detected rather than configured: the
first run's graph is uploaded through MLflow and then searched for in the locations below.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from schemas.errors import WorkbenchError
from schemas.refs import Ref
from workbench.store.objects import Objects
from workbench.store.run_contents import Deliverable
from workbench.store.tracking_api import TrackingApi, artifact_path

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Place:
    """A prefix in a bucket that is writable with our credentials."""

    bucket: str
    prefix: str

    def key(self, artifact_uri: str, name: str) -> str:
        return "/".join(filter(None, (self.prefix, artifact_path(artifact_uri), name)))


def places(bucket: str) -> list[Place]:
    """The possible targets of ``--artifacts-destination`` for the deployment's bucket; also in mlflow/README.md."""
    return [Place(f"{bucket}-mlflow", "artifacts"), Place(bucket, "mlflow")]


class RunArtifacts:
    """Puts files into runs. Not thread-safe."""

    def __init__(self, api: TrackingApi, objects: Objects) -> None:
        self._api = api
        self._objects = objects
        self._looked = False
        self._place: Place | None = None

    @property
    def copies(self) -> bool:
        """Whether files are copied inside the object store; determined by the first run."""
        return self._place is not None

    def put(self, artifact_uri: str, files: list[Deliverable]) -> list[str]:
        """Store the files in the run and return the names of those that could not be stored.

        Files that the object store has lost are omitted and logged, because the rest of the record is still useful.
        Raises WorkbenchError: tracking.unreachable, tracking.refused, store.unreachable.
        """
        left_out = []
        for file in files:
            try:
                self._put(artifact_uri, file)
            except WorkbenchError as error:
                if error.code not in ("store.missing", "store.corrupt"):
                    raise
                log.warning("run.file_left_out", file=file.name, run=artifact_uri, reason=error.message)
                left_out.append(file.name)
        return left_out

    def _put(self, artifact_uri: str, file: Deliverable) -> None:
        place = self._place_of(artifact_uri)
        if place is not None:
            key = place.key(artifact_uri, file.name)
            if file.ref is not None:
                self._objects.copy_to(file.ref.sha256, place.bucket, key)
            else:
                self._objects.put_bytes(key, file.data, file.media_type, place.bucket)
        elif file.ref is not None:
            self._send(artifact_uri, file.name, file.ref)
        else:
            self._api.upload(artifact_uri, file.name, file.data, file.media_type)
            self._look(artifact_uri, file.name)

    def _place_of(self, artifact_uri: str) -> Place | None:
        """The location of the run's files in our store, or None if only MLflow can write them."""
        parts = urlsplit(artifact_uri)
        if parts.scheme == "s3" and parts.netloc in {place.bucket for place in places(self._objects.bucket)}:
            return Place(parts.netloc, "")
        return self._place

    def _look(self, artifact_uri: str, name: str) -> None:
        if self._looked:
            return
        self._looked = True
        for place in places(self._objects.bucket):
            try:
                found = self._objects.stat_key(place.key(artifact_uri, name), place.bucket)
            except WorkbenchError as error:
                if error.code != "store.refused":
                    raise
                continue  # the bucket of another owner
            if found is not None:
                self._place = place
        log.info("run.artifacts", way="copied in the object store" if self._place else "sent through MLflow")

    def _send(self, artifact_uri: str, name: str, ref: Ref) -> None:
        with tempfile.TemporaryDirectory(prefix="run-file-") as folder:
            path = Path(folder) / name
            self._objects.get(ref, path)
            self._api.upload(artifact_uri, name, path, ref.media_type)

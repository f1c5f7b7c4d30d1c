"""How the files of a run get into MLflow's artifact store.

Most often that store is a prefix of the bench's own bucket (``--artifacts-destination s3://<bucket>/mlflow``). Then a
finished video is copied inside the object store, by one request that carries no bytes. Whether it is so is not
configured but seen: the first run's graph goes up through MLflow, and is looked for in the bucket.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from schemas.errors import WorkbenchError
from schemas.refs import Ref
from workbench.store.objects import Objects
from workbench.store.run_contents import Deliverable
from workbench.store.tracking_api import TrackingApi, artifact_path

log = structlog.get_logger(__name__)
PREFIX = "mlflow"  # of MLflow's artifacts in our bucket, as mlflow/README.md configures the server


class RunArtifacts:
    """Puts files into runs. Not thread-safe."""

    def __init__(self, api: TrackingApi, objects: Objects) -> None:
        self._api = api
        self._objects = objects
        self._in_our_bucket: bool | None = None  # unknown until the first run

    def put(self, artifact_uri: str, files: list[Deliverable]) -> list[str]:
        """Store the files in the run and return the names of those that could not be.

        Bytes that the object store has lost are left out and logged: the rest of the record is worth keeping.
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
        key = self._key(artifact_uri, file.name)
        if key is not None and file.ref is not None:
            self._objects.copy_to(file.ref.sha256, self._objects.bucket, key)
        elif key is not None:
            self._objects.put_bytes(key, file.data, file.media_type)
        elif file.ref is not None:
            self._send(artifact_uri, file.name, file.ref)
        else:
            self._api.upload(artifact_uri, file.name, file.data, file.media_type)
            if self._in_our_bucket is None:
                self._in_our_bucket = self._objects.stat_key(_served_key(artifact_uri, file.name)) is not None

    def _key(self, artifact_uri: str, name: str) -> str | None:
        """Where in our bucket the run's file lies, or None where only the server can put it."""
        parts = urlsplit(artifact_uri)
        if parts.scheme == "s3" and parts.netloc == self._objects.bucket:
            return f"{parts.path.strip('/')}/{name}"
        return _served_key(artifact_uri, name) if self._in_our_bucket else None

    def _send(self, artifact_uri: str, name: str, ref: Ref) -> None:
        with tempfile.TemporaryDirectory(prefix="run-file-") as folder:
            path = Path(folder) / name
            self._objects.get(ref, path)
            self._api.upload(artifact_uri, name, path, ref.media_type)


def _served_key(artifact_uri: str, name: str) -> str:
    return f"{PREFIX}/{artifact_path(artifact_uri)}/{name}"

"""Checks that MLflow keeps the files of runs in the store that it serves, in any spelling of the location.

MLflow lets users choose any location for an experiment, and reads and writes there with its own rights. So the proxy
refuses locations in requests, and checks stored locations, which may be older than this rule, before their files are
read.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from schemas.errors import WorkbenchError
from workbench.app.mlflow.paths import leads_out
from workbench.store.run_artifacts import places

# Tags of a trace that tell MLflow where to read its data. MLflow protects only some of them, and not in every call.
PLACE_TAGS = ("mlflow.artifactLocation", "mlflow.trace.archiveLocation")
KIND_TAG = "mlflow.trace.spansLocation"  # selects which of them is read
_KINDS = ("TRACKING_STORE", "ARTIFACT_REPO")
_PROMPTS = ("dummy-source", "prompt-template")  # MLflow's clients send these for prompts without a source


def is_served(place: str, bucket: str) -> bool:
    """Whether a location is in MLflow's own store, or in one of the workbench's two locations (mlflow/README.md).

    Args:
        bucket: the bucket of the workbench.
    """
    parts = urlsplit(place)
    if leads_out(parts.path) or parts.query or parts.fragment:
        return False
    if parts.scheme == "mlflow-artifacts":
        return not parts.netloc and not parts.path.startswith("//") and len(parts.path) > 1
    if parts.scheme == "s3":
        return any(parts.netloc == own.bucket and parts.path.startswith(f"/{own.prefix}/") for own in places(bucket))
    return False


def check_served(place: str, bucket: str, what: str) -> None:
    """Raises WorkbenchError (tracking.foreign_location)."""
    if not is_served(place, bucket):
        raise foreign(what, place)


def check_source(source: object, bucket: str) -> None:
    """Check the source of a model version: a reference, or in the served store. Raises like ``check_served``."""
    if not isinstance(source, str):
        raise foreign("source", source)
    scheme = urlsplit(source).scheme
    by_reference = scheme in ("runs", "models") and source.startswith(f"{scheme}:/") and "//" not in source
    if source not in _PROMPTS and not by_reference and not is_served(source, bucket):
        raise foreign("source", source)


def check_tag(key: object, value: object, bucket: str) -> None:
    """Check that a tag with the location of a trace names the served store. Raises like ``check_served``."""
    if key == KIND_TAG and value not in _KINDS:
        raise foreign(KIND_TAG, value)
    if key in PLACE_TAGS:
        check_served(value if isinstance(value, str) else "", bucket, str(key))


def foreign(where: str, seen: object) -> WorkbenchError:
    """The error for a location outside the served store."""
    return WorkbenchError(
        "tracking.foreign_location",
        "MLflow may keep files in its own store only",
        where=where,
        seen=seen,
        allowed="no location, or one in the served store",
        remedy="Omit the location. MLflow chooses one.",
    )

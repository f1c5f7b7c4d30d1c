"""Where MLflow may keep the files of a run: in the store that it serves, however the place is spelt.

MLflow lets whoever makes an experiment name any place, and reads and writes there as its own user. So places that
people name are refused, and a stored one, which may be older than this rule, is looked at before its files are.
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from schemas.errors import WorkbenchError
from workbench.store.run_artifacts import places

# Tags of a trace that say where MLflow reads its data; it keeps people from some of them, and not on every way.
PLACE_TAGS = ("mlflow.artifactLocation", "mlflow.trace.archiveLocation")
KIND_TAG = "mlflow.trace.spansLocation"  # says which of them is read
_KINDS = ("TRACKING_STORE", "ARTIFACT_REPO")
_PROMPTS = ("dummy-source", "prompt-template")  # what MLflow's clients write where a prompt has no source


def is_served(place: str, bucket: str) -> bool:
    """Whether a location is in MLflow's own store, or in one of the two places of ours (mlflow/README.md).

    Args:
        bucket: the workbench's own bucket.
    """
    parts = urlsplit(place)
    if ".." in _fully_unquoted(parts.path).replace("\\", "/").split("/") or parts.query or parts.fragment:
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
    """The source of a version of a model: by reference, or in the served store. Raises as ``check_served``."""
    if not isinstance(source, str):
        raise foreign("source", source)
    scheme = urlsplit(source).scheme
    by_reference = scheme in ("runs", "models") and source.startswith(f"{scheme}:/") and "//" not in source
    if source not in _PROMPTS and not by_reference and not is_served(source, bucket):
        raise foreign("source", source)


def check_tag(key: object, value: object, bucket: str) -> None:
    """A tag that says where MLflow reads a trace names the served store. Raises as ``check_served``."""
    if key == KIND_TAG and value not in _KINDS:
        raise foreign(KIND_TAG, value)
    if key in PLACE_TAGS:
        check_served(value if isinstance(value, str) else "", bucket, str(key))


def foreign(where: str, seen: object) -> WorkbenchError:
    """The error for a place outside the served store."""
    return WorkbenchError(
        "tracking.foreign_location",
        "MLflow keeps files in its own store only",
        where=where,
        seen=seen,
        allowed="no location, or one in the served store",
        remedy="Leave the location out: MLflow chooses one.",
    )


def _fully_unquoted(text: str) -> str:
    while (plain := unquote(text)) != text:
        text = plain
    return text

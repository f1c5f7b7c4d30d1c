"""How much a request to MLflow may bring. Imported by the guard: nothing else is."""

from __future__ import annotations

import re

ROOT = "/mlflow"
LARGEST_RECORD = 16 * 1024 * 1024  # JSON and spans: they are read and checked before they are sent on
_FILE = re.compile(r"/mlflow/(?:ajax-)?api/2\.0/(?:mlflow-artifacts/artifacts/.+|mlflow/upload-artifact)")


def brings_file(method: str, path: str) -> bool:
    """Whether a request brings a file for a run: it is streamed, and counted by the proxy."""
    return method in ("PUT", "POST") and _FILE.fullmatch(path) is not None

"""Size limits of requests to MLflow. The guard imports only this module of the package."""

from __future__ import annotations

import re

ROOT = "/mlflow"
LARGEST_RECORD = 16 * 1024 * 1024  # JSON and spans, which the proxy reads and checks before it forwards them
_FILE = re.compile(r"/mlflow/(?:ajax-)?api/2\.0/(?:mlflow-artifacts/artifacts/.+|mlflow/upload-artifact)")


def brings_file(method: str, path: str) -> bool:
    """Whether the request uploads a file of a run. The proxy streams it and enforces the limit."""
    return method in ("PUT", "POST") and _FILE.fullmatch(path) is not None

"""Finds models inside installed packages, without importing the packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from nodes.sdk import NodeError
from schemas.installing import install_extra


def package_folder(module: str, distribution: str) -> Path:
    """The folder of an installed package. Raises NodeError (node.missing_package)."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise NodeError(
            f"evaluation needs the package {distribution}, which is not installed",
            code="node.missing_package",
            where="evaluate.basic",
            seen="not installed",
            allowed=distribution,
            remedy=install_extra("cpu"),
        )
    return Path(spec.origin).parent

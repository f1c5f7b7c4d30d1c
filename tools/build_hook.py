"""Puts the notebooks and examples into the wheel, at workbench/shipped/; an editable install reads them in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PATTERNS = ("notebooks/*.ipynb", "examples/*.json", "examples/*/pyproject.toml", "examples/*/**/*.py")


class ShippedFiles(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            root = Path(self.root)
            files = [path for pattern in PATTERNS for path in sorted(root.glob(pattern))]
            build_data["force_include"] |= {str(path): f"workbench/shipped/{path.relative_to(root)}" for path in files}

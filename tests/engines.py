"""The engine torch for tests on real workers: whether it is installed, and tiny models for it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.live import ROOT

ENGINES = Path(os.environ.get("WORKBENCH_ENGINES") or ROOT / ".engines")
INSTALLED = (ENGINES / "torch" / "installed.json").exists()
MISSING = "the engine torch is not installed; to include this file: make engines"


def make_models(folder: Path) -> Path:
    """Write tiny models with random weights, named as the pipelines name them, with the engine's interpreter."""
    python = ENGINES / "torch" / "bin" / "python"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    subprocess.run([python, "-m", "tests.torch.make_models", folder], env=environment, check=True, capture_output=True)
    return folder

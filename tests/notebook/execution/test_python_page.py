"""The code blocks of docs/python.md run in order on a real stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import ROOT, Program
from tests.test_docs import blocks

PAGE = ROOT / "docs" / "python.md"
SEEN = """
import json
found = {"frame": list(frame["params.animate.sway"]), "resumed": resumed.status.value, "error": error_seen}
print("\\nSEEN", json.dumps(found))
"""


@pytest.mark.stack
@pytest.mark.models
@pytest.mark.slow
def test_every_block_runs(deployment: Program, tmp_path: Path) -> None:
    *before, last = blocks(PAGE, "python")
    assert last.count("error.code") == 1
    source = "\n".join([*before, last.replace("    error.code,", "    error_seen = error.code, str(error),"), SEEN])
    ended = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "-c", source],
        env={**os.environ, "WORKBENCH_HOME": str(deployment.home), "IPYTHONDIR": str(tmp_path / "ipython")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(ended.stdout.rpartition("SEEN")[2])
    assert found["frame"] == [1.0] and found["resumed"] == "completed"
    assert found["error"][0] == "graph.bad_param" and "size" in found["error"][1]
    assert (tmp_path / "first.mp4").stat().st_size > 1000

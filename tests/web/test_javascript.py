"""The unit tests of the modules, in Node."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_the_modules_pass_their_tests() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node: `make node`, or apt-get install nodejs npm")
    files = sorted(map(str, HERE.glob("*.test.mjs")))
    ran = subprocess.run([node, "--test", *files], capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout[-6000:]
    assert re.search(r"pass [1-9]", ran.stdout)

"""What a worker reports about its machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.engine.machine import gpus, memory_used_gib


def on_path(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a fake driver program on the path: the test machines have no GPU."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_gpus_are_reported_with_the_names_from_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path(tmp_path, "printf 'NVIDIA H100, 81559, 1024\\nA name, with a comma, 24576, 0\\n'", monkeypatch)
    first, second = gpus()
    assert (first.name, first.memory_gib, first.memory_used_gib) == ("NVIDIA H100", 79.6, 1.0)
    assert (second.name, second.memory_gib) == ("A name, with a comma", 24.0)


@pytest.mark.parametrize("script", ["exit 9", "echo 'No devices were found'", "echo 'a, b, c'"])
def test_a_broken_driver_counts_as_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    on_path(tmp_path, script, monkeypatch)
    assert gpus() == []


def test_memory_covers_the_whole_worker() -> None:
    assert 0.01 < memory_used_gib() < 64

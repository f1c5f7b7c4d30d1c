"""The installed models that generate.f5_tts names by default, as empty files."""

from __future__ import annotations

from pathlib import Path

from nodes.weights import record


def put_models(models: Path) -> None:
    """Empty files of the installed models that the node names by default."""
    for name, files in {
        "f5tts-v1-base": ("model.safetensors", "vocab.txt"),
        "vocos-mel-24khz": ("config.yaml",),
    }.items():
        (models / name).mkdir(parents=True, exist_ok=True)
        for file in files:
            (models / name / file).touch()
        record(models / name)

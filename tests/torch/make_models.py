"""Writes tiny models with random weights into a folder: ``python -m tests.torch.make_models FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from nodes._torch.torchvision_stand_in import import_spandrel
from nodes.generate._wav2lip.network import Wav2Lip
from nodes.weights import record
from tests.torch import tiny, tiny_restoration


def make(models: Path) -> None:
    """The models that the pipelines name unless another one is asked for."""
    tiny.install(models, "svd-xt-1.1", tiny.stable_video_diffusion)
    tiny.install(models, "sd-1.5", tiny.stable_diffusion)
    import_spandrel()
    torch.manual_seed(0)
    tiny_restoration.install(models, "realesrgan-x2plus", tiny_restoration.compact(2))
    folder = models / "wav2lip-gan"
    folder.mkdir()
    save_file(Wav2Lip().state_dict(), folder / "wav2lip-gan.safetensors")
    record(folder)


if __name__ == "__main__":
    make(Path(sys.argv[1]))

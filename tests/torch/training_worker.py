"""A worker process with tiny models and a set of portraits, for tests of trainings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nodes.context import Context
from nodes.local import FolderHost, run_locally
from nodes.model_cache import ModelCache
from nodes.train import lora as service
from nodes.weights import record
from tests.portrait_sets import views, zipped
from tests.torch import tiny

SMALL = {"resolution": 32, "rank": 4, "sample_steps": 1, "frames": 2, "learning_rate": 0.02}
LICENCE = "CreativeML Open RAIL-M"
BUILDERS = {"sd": tiny.stable_diffusion, "sdxl": tiny.stable_diffusion_xl, "svd": tiny.stable_video_diffusion}


class TrainingWorker:
    """Installed tiny models, a set of portraits, and one worker process that keeps its models loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.models, self.cache = folder, folder / "models", ModelCache()
        for name, build in BUILDERS.items():
            record(tiny.install(self.models, name, build), licence=LICENCE)
        self.portraits = {name: image.resize((192, 192)) for name, image in list(views(folder).items())[:5]}
        self.archive = zipped(folder / "set.zip", {**self.portraits, "front.txt": b"a woman, smiling"})

    def context(self, host: FolderHost, parts: list[Any] | None = None) -> Context:
        settings = {"models": str(self.models)}
        host.folder.mkdir(exist_ok=True)
        return Context(host, workdir=host.folder / "w", models=self.cache, seed=5, settings=settings, parts=parts or ())

    def train(self, host: FolderHost, parts: list[Any] | None = None, **params: Any) -> Any:
        ctx = self.context(host, parts)
        images = ctx.save(self.archive.read_bytes(), "file")
        return run_locally(service.run, ctx, {**SMALL, **params}, {"images": images})

    def pipeline(self, name: str) -> Any:
        """The installed model as plain diffusers loads it."""
        from diffusers import DiffusionPipeline

        return DiffusionPipeline.from_pretrained(self.models / name, local_files_only=True, use_safetensors=True)


class Killed(FolderHost):
    """A host whose process dies in a step."""

    def __init__(self, folder: Path, step: int) -> None:
        super().__init__(folder)
        self._step = step

    def metric(self, name: str, value: float, step: int | None) -> None:
        super().metric(name, value, step)
        if name == "loss" and step == self._step:
            raise ConnectionError("the worker died")

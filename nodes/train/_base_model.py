"""The model that a LoRA is trained on: what it is, whether the training fits beside it, and its loaded pipeline."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import diffusers
import torch

from nodes._torch.device import Device
from nodes._torch.lora import ATTENTION
from nodes._torch.memory import weights_gib
from nodes._torch.model_files import ModelFiles, read_model
from nodes._torch.pipeline import from_files
from nodes.sdk import Context, NodeError
from nodes.train import _image_model, _video_model
from nodes.train._buckets import bucket_sizes
from nodes.train._memory import StepMemory, TrainingMemory, step_memory, without_data
from nodes.weights import recorded

IMAGE = {"StableDiffusionPipeline": "UNet2DConditionModel", "StableDiffusionXLPipeline": "UNet2DConditionModel"}
VIDEO = {"StableVideoDiffusionPipeline": "UNetSpatioTemporalConditionModel"}
_PIPELINE_STEP_PX = 8  # diffusers' pipelines take no other sizes
_FLOAT32 = ("vae",)  # SDXL's overflows in half precision, and each image passes it once


@dataclass(frozen=True)
class BaseModel:
    """An installed model that a LoRA can be trained on.

    Attributes:
        target: image or svd.
        network_class: name of the class of its UNet.
        digest: over its files, as its record says. licence: as its record says, or "".
    """

    name: str
    target: str
    network_class: str
    digest: str
    licence: str
    files: ModelFiles = field(compare=False)
    unet: Mapping[str, Any] = field(compare=False)
    vae: Mapping[str, Any] = field(compare=False)

    @property
    def resolution(self) -> int:
        """Pixels of a side that it was made for."""
        return int(self.unet["sample_size"]) * self._latent_px

    def sizes(self, resolution: int) -> list[tuple[int, int]]:
        """(width, height) of the buckets. Raises NodeError if the resolution is too small."""
        step = math.lcm(_PIPELINE_STEP_PX, self._latent_px * 2 ** (len(self.unet["down_block_types"]) - 1))
        sizes = bucket_sizes(resolution, step)
        if not sizes:
            raise NodeError(
                f"the resolution is too small for {self.name}",
                where="params.resolution",
                seen=resolution,
                allowed=f"at least {step}, better {self.resolution}",
                remedy="Use 0 for the model's own resolution.",
            )
        return sizes

    def memory(
        self,
        at: Device,
        *,
        rank: int,
        resolution: int,
        batch_size: int,
        frames: int,
        between_frames: bool,
        checkpointing: bool,
    ) -> TrainingMemory:
        """What a training needs, by an estimate. Raises NodeError (node.bad_input) if the resolution is too small."""
        width, height = max(self.sizes(resolution), key=lambda size: size[0] * size[1])
        latent = height // self._latent_px, width // self._latent_px
        step = _step_memory(self, at.dtype, rank, latent, batch_size, frames, between_frames, checkpointing)
        weights = weights_gib(self.files, at.dtype, _FLOAT32)
        others_gib = sum(size for name, size in weights.items() if name != "unet")
        return TrainingMemory(step, others_gib, rank, checkpointing)

    def targets(self, network: Any, between_frames: bool) -> list[str]:
        """Names, or ends of names, of the modules to train."""
        if self.target == "image" or between_frames:
            return list(ATTENTION)
        return _video_model.inside_frames(network, ATTENTION)

    def load(self, ctx: Context, at: Device, need: TrainingMemory) -> LoadedBase:
        """Its pipeline on the device, loaded once in a process. Models that other nodes loaded make room for it.

        Raises NodeError: node.out_of_memory before anything is loaded; model.damaged.
        """
        fresh: list[bool] = []

        def load() -> LoadedBase:
            fresh.append(True)
            need.require(at.device, ctx.make_room)
            return LoadedBase(from_files(self.files, at.dtype, _FLOAT32).to(at.device))

        key = f"train.lora/{self.name}/{self.digest}/{at.device}/{at.dtype}"
        loaded = ctx.model(key, load, vram_gib=need.gib if at.is_cuda else 0.0)
        if not fresh:
            need.once_loaded().require(at.device, partial(ctx.make_room, keep=key))
        return loaded

    @property
    def _latent_px(self) -> int:
        """Pixels of an image for each of its latents, in a direction."""
        return int(2 ** (len(self.vae["block_out_channels"]) - 1))


@lru_cache(maxsize=64)  # it takes seconds, and the jobs of a sweep have the same
def _step_memory(
    base: BaseModel,
    dtype: torch.dtype,
    rank: int,
    latent: tuple[int, int],
    batch_size: int,
    frames: int,
    between_frames: bool,
    checkpointing: bool,
) -> StepMemory:
    network = without_data(getattr(diffusers, base.network_class), base.unet, dtype)
    if base.target == "image":
        inputs = _image_model.dry_inputs(network, latent, batch_size)
    else:
        inputs = _video_model.dry_inputs(network, latent, batch_size, frames)
    targets = base.targets(network, between_frames)
    return step_memory(network, rank=rank, targets=targets, inputs=inputs, checkpointing=checkpointing)


@dataclass
class LoadedBase:
    """A pipeline in memory. Hold ``lock`` while it is used: a training changes it and puts it back."""

    pipe: Any
    lock: threading.Lock = field(default_factory=threading.Lock)


def read_base(ctx: Context, name: str) -> BaseModel:
    """What the installed model is; reads headers only. Raises NodeError: node.bad_input, model.damaged."""
    folder = ctx.weights(name)
    files = read_model(folder, name, (*IMAGE, *VIDEO))
    return BaseModel(
        name=name,
        target="image" if files.pipeline in IMAGE else "svd",
        network_class=(IMAGE | VIDEO)[files.pipeline],
        digest=files.digest,
        licence=recorded(folder).licence,
        files=files,
        unet=files.config("unet"),
        vae=files.config("vae"),
    )

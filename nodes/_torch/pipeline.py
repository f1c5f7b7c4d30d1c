"""Loads a pipeline of diffusers once, and runs it for many jobs: placed, with or without a LoRA, step by step."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from nodes._torch.device import Device, free_gib
from nodes._torch.latent_preview import LatentPreview, fit_preview
from nodes._torch.lora import attach, detach
from nodes._torch.memory import Need, Plan, choose_offload
from nodes._torch.model_files import ModelFiles
from nodes._torch.on_device import Offload, OnPipeline
from nodes._torch.step_down import StepDown
from nodes.sdk import Context, FileRef, NodeError

_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError)


@dataclass
class LoadedPipeline:
    """A pipeline in memory. Hold ``lock`` while it is used: it has one state."""

    pipe: Any
    device: torch.device
    preview: LatentPreview
    offload: Offload  # how it is, or will be, placed
    lora: tuple[str, float] = ("", 0.0)  # SHA-256 of the attached file, strength
    trigger: str = ""  # word of the attached LoRA
    lock: threading.Lock = field(default_factory=threading.Lock)
    compiled: bool = False
    _placed: Offload | None = None
    _slicing: bool = False

    @property
    def has_tiles(self) -> bool:
        return hasattr(self.pipe.vae, "use_tiling")

    def use_lora(self, path: Path | None, ref: FileRef | None, strength: float) -> None:
        """Attach this LoRA in place of the last one, or none. Does nothing if it is attached already."""
        wanted = (ref.sha256, strength) if ref is not None else ("", 0.0)
        if wanted == self.lora:
            return
        self._lift()
        detach(self.pipe)
        self.lora, self.trigger = ("", 0.0), ""
        if path is not None:
            about = attach(self.pipe, path, strength)
            self.lora = wanted
            self.trigger = about.trigger if about is not None and strength else ""

    def prompt(self, prefix: str, described: str) -> str:
        """The prompt, after the prefix and after the trigger word of the LoRA, unless they name it."""
        text = ", ".join(part for part in (prefix.strip(), described.strip()) if part)
        names_it = re.search(rf"(?<!\w){re.escape(self.trigger)}(?!\w)", text, re.IGNORECASE)
        return f"{self.trigger}, {text}" if self.trigger and not names_it else text

    def prepare(self, plan: Plan, compiled: bool) -> None:
        """Place the networks as the plan says."""
        if self._placed != plan.offload:
            self._lift()
            if plan.offload == "model":
                self.pipe.enable_model_cpu_offload(device=self.device)
            elif plan.offload == "sequential":  # diffusers' own hooks: accelerate's do the same but no more on a CPU
                self.pipe.enable_group_offload(onload_device=self.device, offload_type="leaf_level")
            else:
                self.pipe.to(self.device)
            self.offload = self._placed = plan.offload
        if self.has_tiles:
            self.pipe.vae.use_tiling = plan.tiling
        if self._slicing != plan.slicing:
            self.pipe.enable_attention_slicing("auto" if plan.slicing else None)
            self._slicing = plan.slicing
        if compiled and not self.compiled and plan.offload != "sequential":  # whose hooks are no code to compile
            network = getattr(self.pipe, "unet", None) or self.pipe.transformer
            network.compile()
            self.compiled = True

    def _lift(self) -> None:
        """Take hooks off, so that the networks can be changed and placed anew. They stay where they are."""
        from diffusers.hooks import HookRegistry

        self.pipe.remove_all_hooks()
        if self._placed == "sequential":
            for network in self.pipe.components.values():
                if isinstance(network, torch.nn.Module):
                    HookRegistry.check_if_exists_or_initialize(network).remove_hook("group_offloading", recurse=True)
        self._placed = None


def load_pipeline(
    ctx: Context, params: OnPipeline, files: ModelFiles, target: Device, need: Need, single: tuple[str, ...] = ()
) -> LoadedPipeline:
    """The loaded pipeline; it is loaded once in a process for each device and precision. Blocks.

    Models that other nodes loaded make room for it, the least recently used first.

    Args:
        need: memory for the run, which decides what stays on the device.
        single: networks that are kept in float32.

    Raises NodeError: node.out_of_memory before anything is loaded, model.damaged if diffusers cannot load the files.
    """
    key = f"diffusers/{files.name}/{files.digest}/{target.device}/{target.dtype}"
    fresh: list[bool] = []

    def load() -> LoadedPipeline:
        fresh.append(True)
        ctx.make_room(lambda: need.on("none") <= free_gib(target.device))
        offload = choose_offload(need, target.device, params.offload)
        ctx.log(f"{sum(need.weights.values()):.3g} GiB of weights on {target.device}, offload {offload}")
        pipe = from_files(files, target.dtype, single)
        if target.device.type == "cpu":
            _align(pipe)
        return LoadedPipeline(pipe, target.device, fit_preview(pipe.vae, target.device), offload)

    loaded = ctx.model(key, load, vram_gib=sum(need.weights.values()))
    if not fresh:  # its weights are in memory, so only the rest of the need counts
        rest = need.without_weights() if loaded.offload == "none" else need
        requested = loaded.offload if params.offload == "auto" else params.offload
        ctx.make_room(lambda: rest.on(loaded.offload) <= free_gib(target.device), keep=key)
        loaded.offload = choose_offload(rest, target.device, requested)
    return loaded


def plans_for(ctx: Context, loaded: LoadedPipeline, plan: Plan) -> StepDown[Plan]:
    """The plans of a node's run: the one that was asked for, and a leaner one once memory has run out.

    Args:
        plan: its ``offload`` is replaced by that of the loaded pipeline.
    """
    plan = Plan(loaded.offload, plan.chunk, plan.tiling, plan.slicing)
    return StepDown(
        ctx,
        loaded.device,
        (plan, plan.leaner(loaded.device, loaded.has_tiles)),
        remedy="Choose fewer pixels or frames or a smaller chunk, or end what else uses the device.",
    )


def generate(
    ctx: Context,
    params: OnPipeline,
    loaded: LoadedPipeline,
    plans: StepDown[Plan],
    seed: int,
    arguments: Callable[[Plan], Mapping[str, Any]],
    latents_of: Callable[[torch.Tensor], torch.Tensor],
) -> Any:
    """One run of the pipeline; ``loaded.lock`` must be held. Reports each step, shows previews, can be cancelled.

    Args:
        plans: one for all calls of a node's run, so that a step down holds for the later ones.
        seed: of a generator on the CPU, so that it means the same on every device.
        arguments: for the pipeline's call.
        latents_of: from what the pipeline calls latents to one image: (C, h, w).

    Returns the pipeline's output. Raises Cancelled, NodeError (node.out_of_memory).
    """

    def step_end(pipe: Any, index: int, _: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        ctx.progress(min(index + 1, pipe.num_timesteps), pipe.num_timesteps, "steps")
        ctx.preview(lambda: loaded.preview.jpeg(latents_of(tensors["latents"])))
        return {}

    def attempt(plan: Plan) -> Any:
        ended = False
        try:
            loaded.prepare(plan, params.compile)
            generator = torch.Generator("cpu").manual_seed(seed)
            output = loaded.pipe(**arguments(plan), generator=generator, callback_on_step_end=step_end)
            ended = True
            return output
        finally:
            if not ended:
                loaded.pipe.maybe_free_model_hooks()  # as the pipeline itself does at the end

    is_to_forget = loaded.compiled and not params.compile  # torch has no call that takes a compilation back
    eager = torch.compiler.set_stance("force_eager") if is_to_forget else nullcontext()
    with eager, torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        return plans.run(attempt)


def from_files(files: ModelFiles, dtype: torch.dtype, single: tuple[str, ...] = ()) -> Any:
    """The pipeline in memory, from safetensors files only. Raises NodeError (model.damaged)."""
    import diffusers
    import transformers

    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    precision: Any = {"default": dtype, **dict.fromkeys(single, torch.float32)} if single else dtype
    try:
        pipe = getattr(diffusers, files.pipeline).from_pretrained(
            files.folder,
            dtype=precision,
            variant=files.variant,
            use_safetensors=True,
            local_files_only=True,
            **dict.fromkeys(files.absent),
        )
    except _UNREADABLE as error:
        raise NodeError(
            f"diffusers cannot load the model {files.name}",
            code="model.damaged",
            where=str(files.folder),
            seen=" ".join(f"{type(error).__name__}: {error}".split())[:300],
            allowed="the files of one model as it was published, or saved by diffusers",
            remedy=f"Run `workbench models verify {files.name}`, or install the model again.",
        ) from error
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _align(pipe: Any) -> None:
    """Copy the weights out of their files' memory maps, where their addresses are multiples of nothing in particular.

    Kernels of a CPU round differently by the alignment of their operands, so the same seed gave other bits after the
    networks had been moved once.
    """
    for network in pipe.components.values():
        if isinstance(network, torch.nn.Module):
            for parameter in network.parameters():
                parameter.data = parameter.data.clone()

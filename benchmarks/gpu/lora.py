"""Steps of a LoRA training: the loop of ``train.lora`` against a plain script, with random weights of full size.

    PYTHONPATH=. .engines/torch/bin/python -m benchmarks.gpu.lora [--models sd sdxl svd] [--steps 20] [--pairs 3]
        [--rank 16] [--checkpointing] [--toy]

Both train the same layers of the same network on the same examples, one in a step, with the base in bfloat16 and the
LoRA in float32. The plain script does what the training examples of diffusers do: in every step it encodes the image
and the caption, adds noise, and computes under autocast. ``train.lora`` encodes once, and takes the most likely latents
where the script draws from their distribution; random draws of a trained encoder differ from them by a few hundredths
of their spread. ``estimate`` is what ``train.lora`` predicts before it loads anything; on a GPU it stands beside the
peak. ``--toy`` has tiny networks, for a CPU. Goal: never slower.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers import DDPMScheduler
from PIL import Image

from benchmarks.gpu.full_size import BUILDERS
from benchmarks.measure import machine, pairs, ratio_interval, shown, told
from nodes._torch import lora
from nodes.train import _image_model, _video_model
from nodes.train._buckets import Crop
from nodes.train._example import Example, to_pixels
from nodes.train._image_model import ImageModel
from nodes.train._loop import Model, Schedule, Training
from nodes.train._memory import step_memory, without_data
from nodes.train._video_model import FPS_ID, MOTION, NOISE_MEAN, NOISE_ON_FRAME, NOISE_SPREAD, VideoModel
from tests.torch import tiny

GOAL = 1.0
CAPTION = "portrait of a person, studio"
EXAMPLES = 4
TOYS = {"sd": tiny.stable_diffusion, "sdxl": tiny.stable_diffusion_xl, "svd": tiny.stable_video_diffusion}
SIZES = {"sd": (512, 512), "sdxl": (1024, 1024), "svd": (576, 1024)}  # height, width
TOY_SIZE = (64, 64)
FRAMES = 4
RATE = 1e-4


@dataclass(frozen=True)
class Case:
    """What is trained, and on which device."""

    name: str
    pipe: Any
    size: tuple[int, int]
    rank: int
    checkpointing: bool
    device: torch.device

    @property
    def is_video(self) -> bool:
        return self.name == "svd"

    @property
    def targets(self) -> list[str]:
        """Names of the layers, or their ends."""
        return _video_model.inside_frames(self.pipe.unet, lora.ATTENTION) if self.is_video else list(lora.ATTENTION)

    def injected(self) -> dict[str, torch.nn.Parameter]:
        lora.detach(self.pipe)
        parameters = lora.inject(self.pipe.unet, self.rank, self.rank, self.targets)
        if self.checkpointing:
            self.pipe.unet.enable_gradient_checkpointing()
        return parameters


@dataclass(frozen=True)
class Result:
    """Of one measurement: seconds, most memory on the card (0 without one), seconds for encoding the examples."""

    took_s: float
    peak_gib: float
    encoded_s: float


class Enough(Exception):
    """Ends a training after the measured steps."""


class Ours:
    """The loop of the node. ``encoded_s``: time for encoding the examples, once."""

    def __init__(self, case: Case, examples: Sequence[Example], steps: int) -> None:
        started = time.perf_counter()
        common: dict[str, Any] = {"dropout": 0.1, "sample_steps": 1, "done": lambda _: None}
        model: Model = (
            VideoModel(case.pipe, examples, frames=FRAMES, seed=0, **common)
            if case.is_video
            else ImageModel(case.pipe, examples, prompt=CAPTION, **common)
        )
        _synchronize(case.device)
        self.encoded_s = time.perf_counter() - started
        self._training = Training(model, case.injected(), Schedule(10**9, RATE, 1, 1, seed=0))
        self._steps = steps

    def __call__(self) -> None:
        left = self._steps

        def after_step(loss: float) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise Enough

        try:
            self._training.run(after_step, lambda: "nothing")
        except Enough:
            return


class Plain:
    """The script: encode, add noise, predict, step."""

    encoded_s = 0.0  # it encodes in every step

    def __init__(self, case: Case, examples: Sequence[Example], steps: int) -> None:
        self._case, self._examples, self._steps = case, examples, steps
        self._parameters = list(case.injected().values())
        self._optimizer = torch.optim.AdamW(self._parameters, lr=RATE)
        self._scheduler = None if case.is_video else DDPMScheduler.from_config(case.pipe.scheduler.config)

    def __call__(self) -> None:
        loss_of = self._video_loss if self._case.is_video else self._image_loss
        for step in range(self._steps):
            with torch.autocast(self._case.device.type, torch.bfloat16):
                loss = loss_of(self._examples[step % len(self._examples)])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
            self._optimizer.step()
            self._optimizer.zero_grad()
            loss.item()  # for the log

    def _encoded(self, pixels: torch.Tensor) -> torch.Tensor:
        vae = self._case.pipe.vae
        with torch.no_grad():
            return vae.encode(pixels.to(self._case.device, vae.dtype)).latent_dist.sample()

    def _image_loss(self, example: Example) -> torch.Tensor:
        pipe, device = self._case.pipe, self._case.device
        latents = self._encoded(to_pixels(example.crop.rgb)) * pipe.vae.config.scaling_factor
        with torch.no_grad():
            text = pipe.encode_prompt(CAPTION, device, 1, False) if self._case.name == "sd" else _sdxl(pipe, device)
        noise = torch.randn_like(latents)
        at = torch.randint(0, self._scheduler.config.num_train_timesteps, (1,), device=device)
        more = {}
        if self._case.name == "sdxl":
            ids = torch.tensor([[*self._case.size, 0, 0, *self._case.size]], dtype=text[2].dtype, device=device)
            more["added_cond_kwargs"] = {"text_embeds": text[2], "time_ids": ids}
        noisy = self._scheduler.add_noise(latents, noise, at)
        answer = pipe.unet(noisy, at, encoder_hidden_states=text[0], **more).sample
        return torch.nn.functional.mse_loss(answer.float(), noise.float())

    def _video_loss(self, example: Example) -> torch.Tensor:
        pipe, device = self._case.pipe, self._case.device
        pixels = to_pixels(example.crop.rgb)
        clip = self._encoded(pixels)[:, None].expand(-1, FRAMES, -1, -1, -1) * pipe.vae.config.scaling_factor
        frame = self._encoded(pixels + NOISE_ON_FRAME * torch.randn_like(pixels))[:, None].expand_as(clip)
        with torch.no_grad(), torch.autocast(device.type, enabled=False):  # its resizing converts to numpy
            embedding = pipe._encode_image(Image.fromarray(example.crop.rgb), device, 1, False)
        strength = torch.exp(NOISE_MEAN + NOISE_SPREAD * torch.randn(1, device=device))
        sigma = strength.view(-1, 1, 1, 1, 1)
        noisy = clip + sigma * torch.randn_like(clip)
        answer = pipe.unet(
            torch.cat([noisy / (sigma**2 + 1).sqrt(), frame], dim=2).to(pipe.unet.dtype),
            0.25 * strength.log(),
            encoder_hidden_states=embedding,
            added_time_ids=torch.tensor([[FPS_ID, MOTION, NOISE_ON_FRAME]], dtype=pipe.unet.dtype, device=device),
        ).sample
        velocity = (noisy / (sigma**2 + 1) - clip) * (sigma**2 + 1).sqrt() / sigma
        return torch.nn.functional.mse_loss(answer.float(), velocity.float())


def _sdxl(pipe: Any, device: torch.device) -> Any:
    return pipe.encode_prompt(CAPTION, device=device, num_images_per_prompt=1, do_classifier_free_guidance=False)


def estimate_gib(case: Case) -> float:
    """As ``train.lora`` estimates it, from the settings of the networks."""
    unet = without_data(type(case.pipe.unet), case.pipe.unet.config, case.pipe.unet.dtype)
    latent = case.size[0] // case.pipe.vae_scale_factor, case.size[1] // case.pipe.vae_scale_factor
    make = _video_model.dry_inputs if case.is_video else _image_model.dry_inputs
    inputs = make(unet, latent, 1, *([FRAMES] if case.is_video else []))
    step = step_memory(unet, rank=case.rank, targets=case.targets, inputs=inputs, checkpointing=case.checkpointing)
    others = [
        part for name, part in case.pipe.components.items() if isinstance(part, torch.nn.Module) and name != "unet"
    ]
    return step.gib + sum(p.numel() * p.element_size() for part in others for p in part.parameters()) / 2**30


def once(case: Case, kind: type[Ours] | type[Plain], examples: Sequence[Example], steps: int) -> Result:
    """A training of its own: warm after as many steps as are then measured."""
    gc.collect()
    if case.device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    train = kind(case, examples, steps)
    train()
    _synchronize(case.device)
    started = time.perf_counter()
    train()
    _synchronize(case.device)
    took_s = time.perf_counter() - started
    peak = torch.cuda.max_memory_allocated() / 2**30 if case.device.type == "cuda" else 0.0
    return Result(took_s, peak, train.encoded_s)


def row(case: Case, steps: int, count: int) -> str:
    random = np.random.default_rng(0)
    rgbs = [random.integers(0, 255, (*case.size, 3), dtype=np.uint8) for _ in range(EXAMPLES)]
    examples = [Example(Crop(rgb, case.size, (0, 0)), CAPTION, "") for rgb in rgbs]
    estimate = estimate_gib(case)
    ours, plain = pairs(count, partial(once, case, Ours, examples, steps), partial(once, case, Plain, examples, steps))
    gain = ratio_interval([one.took_s for one in plain], [one.took_s for one in ours])
    rates = [steps / median(one.took_s for one in some) for some in (plain, ours)]
    peaks = [f"{some[0].peak_gib:.2f} GiB" if some[0].peak_gib else "–" for some in (plain, ours)]
    height, width = case.size
    clip = f", {FRAMES} frames" if case.is_video else ""
    return (
        f"| {case.name}, {width} x {height}{clip} | {rates[0]:.2f} | {rates[1]:.2f} | {shown(gain)} "
        f"{told(gain[1] >= GOAL)} | {peaks[0]} | {peaks[1]} | {estimate:.2f} GiB "
        f"| {ours[0].encoded_s / EXAMPLES:.2f} s |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--models", nargs="+", choices=tuple(SIZES), default=list(SIZES))
    parser.add_argument("--steps", type=int, default=20, help="of each measurement")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--checkpointing", action="store_true", help="gradient checkpointing, in both")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--toy", action="store_true", help="tiny networks, 64 px, 2 steps: it shows that all runs, not how fast"
    )
    options = parser.parse_args()
    diffusers.utils.logging.set_verbosity_error()
    steps, count = (2, 2) if options.toy else (options.steps, options.pairs)
    device = torch.device(options.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU"
    how = "with" if options.checkpointing else "without"
    print(f"{machine()}; {name}; torch {torch.__version__}; rank {options.rank}, {how} gradient checkpointing\n")
    print("| network | plain: steps/s | train.lora: steps/s | ratio | peak, plain | peak | estimate | encoding |")
    print("|---|---|---|---|---|---|---|---|")
    for model in options.models:
        pipe = (TOYS if options.toy else BUILDERS)[model]()
        pipe.to(device, torch.bfloat16).set_progress_bar_config(disable=True)
        pipe.vae.to(torch.float32)  # as train.lora loads it
        size = TOY_SIZE if options.toy else SIZES[model]
        print(row(Case(model, pipe, size, options.rank, options.checkpointing, device), steps, count), flush=True)
        del pipe


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()

"""Images and clips by diffusion: the nodes against a plain script of diffusers, with random weights of full size.

    PYTHONPATH=. .engines/torch/bin/python -m benchmarks.gpu.diffusion [--models sd sdxl svd wan] [--steps 25]
        [--pairs 3] [--compile] [--toy]

Both load the same files and make the same number of steps with the same seed. The plain script is the one of the
library's documentation: load, move to the device, call. The node also fits the portrait, shows previews, looks for the
face, encodes and saves, and that time counts. ``cold`` is the first job in a process, with the loading of the model;
``start`` is the part of a second job before its first step. PSNR compares the pixels of the two. ``--toy`` has tiny
networks, for a CPU. Goals: the node is not slower; a second job starts within 2 s.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.gpu.full_size import BUILDERS
from benchmarks.measure import machine, pairs, ratio_interval, shown, told
from nodes._face import measured_faces, read_image
from nodes._samples import sample_portrait
from nodes._torch.device import choose
from nodes._torch.on_device import OnDevice
from nodes.generate import image, svd, wan_i2v
from nodes.generate._clips import ClipWriter, frames
from nodes.generate._whole_face import fitted
from nodes.local import FolderHost, local_context, run_locally
from nodes.model_cache import ModelCache
from tests.torch import tiny

GOAL, START_GOAL_S = 1.0, 2.0
SEED, PROMPT = 7, "portrait of a person, studio"
TOYS = {
    "sd": tiny.stable_diffusion,
    "sdxl": tiny.stable_diffusion_xl,
    "svd": tiny.stable_video_diffusion,
    "wan": tiny.wan_i2v,
}


@dataclass(frozen=True)
class Case:
    """A model at the size that it was made for."""

    node: ModuleType
    half: torch.dtype
    width: int
    height: int
    frames: int = 0

    def shrunk(self) -> Case:
        return Case(self.node, self.half, 64, 64, 5 if self.frames else 0)


CASES = {
    "sd": Case(image, torch.float16, 512, 512),
    "sdxl": Case(image, torch.float16, 1024, 1024),
    "svd": Case(svd, torch.float16, 1024, 576, 25),
    "wan": Case(wan_i2v, torch.bfloat16, 832, 480, 81),
}


class Plain:
    """The script of diffusers' documentation."""

    def __init__(self, folder: Path, case: Case, steps: int, portrait: Path) -> None:
        import diffusers

        target = choose(OnDevice(), case.half)
        started = time.perf_counter()
        single = {"default": target.dtype, "vae": torch.float32, "image_encoder": torch.float32}
        self.pipe = diffusers.DiffusionPipeline.from_pretrained(
            folder, dtype=single if case.node is wan_i2v else target.dtype, local_files_only=True
        ).to(target.device)
        self.pipe.set_progress_bar_config(disable=True)
        self.load_s = time.perf_counter() - started
        self.device = target.device
        self.arguments: dict[str, Any] = {"width": case.width, "height": case.height, "num_inference_steps": steps}
        if case.node is not svd:
            self.arguments["prompt"] = PROMPT
        if case.frames:
            from PIL import Image

            rgb = read_image(portrait)
            given = fitted(rgb, case.width, case.height, measured_faces(rgb)[0], "auto")[0]
            self.arguments |= {"image": Image.fromarray(given), "num_frames": case.frames}
        if case.node is svd:
            self.arguments["decode_chunk_size"] = 8
        self.pixels: NDArray[Any] = np.zeros(0)

    def __call__(self) -> float:
        started = time.perf_counter()
        generator = torch.Generator("cpu").manual_seed(SEED)
        output = self.pipe(**self.arguments, generator=generator, output_type="np")
        self.pixels = (output.frames[0] if hasattr(output, "frames") else output.images) * 255
        return time.perf_counter() - started


class Watch(FolderHost):
    """Notes when each step ended: a node asks after each whether it was cancelled."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.times: list[float] = []

    def cancelled(self) -> bool:
        self.times.append(time.perf_counter())
        return False


class Node:
    """The node, in one process that keeps its models."""

    def __init__(self, folder: Path, models: Path, name: str, case: Case, steps: int, compiled: bool) -> None:
        self.folder, self.models, self.case, self.cache = folder, models, case, ModelCache()
        self.params: dict[str, Any] = {
            "model": name,
            "width": case.width,
            "height": case.height,
            "steps": steps,
            "compile": compiled,
        }
        self.params |= {"frames": case.frames, "crf": 0} if case.frames else {"face": False, "guidance": 0}
        if case.node is not svd:
            self.params["prompt"] = PROMPT
        self.start_s, self.peak_gib = 0.0, 0.0
        self.pixels: NDArray[Any] = np.zeros(0)

    def __call__(self) -> float:
        ctx = local_context(self.folder, self.cache, seed=SEED, settings={"models": str(self.models)})
        ctx.host = host = Watch(self.folder)
        portrait = ctx.save(sample_portrait(ctx.workdir), "image")
        started = time.perf_counter()
        result = run_locally(self.case.node.run, ctx, self.params, {"image": portrait} if self.case.frames else {})
        took = time.perf_counter() - started
        steps = host.times[: self.params["steps"]]
        self.start_s = steps[0] - started - (steps[-1] - steps[0]) / (len(steps) - 1)
        self.peak_gib = host.metrics["peak_memory_gib"]
        if self.case.frames:
            self.pixels = np.stack(list(frames(ctx.open(result.video))))
        else:
            self.pixels = read_image(ctx.open(result.image))[None]
        return took


def encoded(pixels: NDArray[Any], folder: Path) -> NDArray[Any]:
    """The frames after the encoding that the node's frames have been through: without loss, but for half the colour."""
    path = folder / "plain.mp4"
    with ClipWriter(path, Fraction(7), crf=0) as clip:
        for rgb in pixels.round().astype(np.uint8):
            clip.add(rgb)
    return np.stack(list(frames(path)))


def psnr(one: NDArray[Any], other: NDArray[Any]) -> float:
    """In dB over all pixels; 99 if they are equal."""
    error = float(np.mean((one.astype(np.float32) - other.round()) ** 2))
    return 99.0 if error == 0 else float(10 * np.log10(255**2 / error))


def measured(name: str, build: Callable[[], Any], case: Case, options: argparse.Namespace) -> str:
    """A row of the table."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tiny.install(folder / "models", name, build)
        gc.collect()  # the weights leave the card before the node asks how much is free
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        node = Node(folder / "store", folder / "models", name, case, options.steps, options.compile)
        cold_s = node()
        plain = Plain(folder / "models" / name, case, options.steps, sample_portrait(folder))
        plain()  # both are warm now
        ours, theirs = pairs(options.pairs, node, plain)
        gain = ratio_interval(theirs, ours)
        pixels = encoded(plain.pixels, folder) if case.frames else plain.pixels
        size = f"{case.width} x {case.height}" + (f" x {case.frames}" if case.frames else "")
        frame = f"{median(ours) / case.frames:.3f} s" if case.frames else "–"
        return (
            f"| {name} {size} | {median(theirs):.2f} s | {median(ours):.2f} s | {shown(gain)} {told(gain[1] >= GOAL)} "
            f"| {options.steps / median(ours):.2f} | {frame} | {psnr(node.pixels, pixels):.1f} dB "
            f"| {node.peak_gib:.2f} GiB | {cold_s:.1f} s | {plain.load_s:.1f} s "
            f"| {node.start_s:.2f} s {told(node.start_s <= START_GOAL_S)} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=CASES, default=[*CASES])
    parser.add_argument("--steps", type=int, default=25, help="at least 2")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--toy", action="store_true")
    options = parser.parse_args()
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    print(f"{machine()}; {name}; torch {torch.__version__}; {options.steps} steps\n")
    print(
        "| model | plain | node | plain / node | steps/s | a frame | PSNR | peak memory of the node | first job "
        "| loading by the plain script | start of a later job |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name in options.models:
        case = CASES[name].shrunk() if options.toy else CASES[name]
        print(measured(name, TOYS[name] if options.toy else BUILDERS[name], case, options), flush=True)


if __name__ == "__main__":
    main()

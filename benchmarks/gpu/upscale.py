"""Upscaling a video: the node against a plain loop, which decodes, computes and encodes frame by frame with spandrel.

    PYTHONPATH=. .engines/torch/bin/python -m benchmarks.gpu.upscale [--side 512] [--frames 96] [--pairs 3] [--toy]

Both load the same file of random weights, read the same clip of a moving portrait and write h264 with the same
settings. The plain loop runs in single precision, as spandrel's page shows it, and in half precision. PSNR compares the
node's first frames with the plain ones in single precision, both encoded without loss; faces are blended differently,
so there it says little. ``--toy`` has tiny networks and pictures, for a CPU. Goal: 2 x.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from benchmarks.measure import machine, pairs, ratio_interval, shown, told
from nodes._face import shared_face_models
from nodes._samples import sample_portrait
from nodes._torch.torchvision_stand_in import import_spandrel
from nodes.generate import upscale_video_torch
from nodes.generate._clips import ClipWriter, frames
from nodes.generate._restoration.alignment import to_square
from nodes.generate._restoration.landmarks import landmarks_of_faces
from nodes.local import FolderHost, local_context, run_locally
from nodes.model_cache import ModelCache
from nodes.weights import record

FPS = Fraction(25)
GOAL = 2.0
CRF = 17
COMPARED = 8  # frames
ROWS = (("span-x2", ""), ("realesrgan-x2plus", ""), ("realesrgan-x4plus", ""), ("span-x2", "faces"))


def networks(toy: bool) -> dict[str, Any]:
    """Random weights by name. The sizes are those of the published models, but for a toy."""
    from spandrel.architectures.ESRGAN import ESRGAN
    from spandrel.architectures.GFPGAN import GFPGAN
    from spandrel.architectures.RestoreFormer import RestoreFormer
    from spandrel.architectures.SPAN import SPAN

    torch.manual_seed(0)
    wide, deep = (8, 2) if toy else (64, 23)
    made = {
        "realesrgan-x2plus": ESRGAN(in_nc=12, out_nc=3, num_filters=wide, num_blocks=deep, scale=4, shuffle_factor=2),
        "realesrgan-x4plus": ESRGAN(in_nc=3, out_nc=3, num_filters=wide, num_blocks=deep, scale=4),
        "span-x2": SPAN(num_in_ch=3, num_out_ch=3, feature_channels=8 if toy else 48, upscale=2),
    }
    if toy:
        levels = {"ch": 32, "embed_dim": 32, "z_channels": 32, "n_embed": 8, "ch_mult": (1,) * 6, "num_res_blocks": 1}
        fixed = {"out_ch": 3, "in_channels": 3, "resolution": 512, "head_size": 8, "attn_resolutions": (16,)}
        made["faces"] = RestoreFormer(**levels, **fixed, dropout=0.0, double_z=False, enable_mid=True)
    else:
        made["faces"] = GFPGAN()
    for name, network in made.items():
        if name != "faces":  # smaller weights than at the start of a training, so that the result is a picture
            for parameter in network.parameters():
                parameter.data.mul_(0.7)
    return made


def installed(models: Path, toy: bool) -> None:
    for name, network in networks(toy).items():
        (models / name).mkdir(parents=True)
        weights = {key: value.contiguous() for key, value in network.state_dict().items()}
        save_file(weights, models / name / f"{name}.safetensors")
        record(models / name)


def clip(path: Path, side: int, count: int) -> None:
    """A portrait that moves evenly."""
    with Image.open(sample_portrait(path.parent)) as image:
        portrait = np.asarray(image.convert("RGB").resize((side * 9 // 8, side * 9 // 8)))
    with ClipWriter(path, FPS, CRF) as writer:
        for index in range(count):
            left = round((side // 8) * (0.5 + 0.5 * np.sin(index / 12)))
            writer.add(portrait[left // 2 : left // 2 + side, left : left + side])


class Plain:
    """The loop: one frame after the other, one step after the other."""

    def __init__(self, models: Path, name: str, faces: str, device: str, half: bool) -> None:
        load = import_spandrel().ModelLoader(device).load_from_file
        self.network = load(models / name / f"{name}.safetensors").eval()
        self.faces = load(models / faces / f"{faces}.safetensors").eval() if faces else None
        self.device, self.dtype = device, torch.float16 if half else torch.float32
        if half:
            self.network.half()

    def __call__(self, source: Path, target: Path, crf: int = CRF) -> float:
        """Seconds. ``target`` has twice the size of ``source``."""
        started = time.perf_counter()
        with ClipWriter(target, FPS, crf) as writer:
            for rgb in frames(source):
                given = torch.from_numpy(rgb).to(self.device).permute(2, 0, 1)[None].to(self.dtype) / 255
                made = self.network(given)[0].float().mul(255).round().byte().permute(1, 2, 0).cpu().numpy()
                size = (2 * rgb.shape[1], 2 * rgb.shape[0])
                if made.shape[1::-1] != size:
                    made = cv2.resize(made, size, interpolation=cv2.INTER_AREA)
                writer.add(self._restored(rgb, made) if self.faces is not None else made)
        return time.perf_counter() - started

    def _restored(self, rgb: NDArray[Any], made: NDArray[Any]) -> NDArray[Any]:
        blended = made.astype(np.float32)
        for five in landmarks_of_faces(rgb, shared_face_models()):
            square = to_square(five).scaled(512)
            matrix = np.array([[square.a, -square.b, square.left], [square.b, square.a, square.top]])
            crop = cv2.warpAffine(rgb, matrix, (512, 512), flags=cv2.INTER_LINEAR)
            given = torch.from_numpy(crop).to(self.device).permute(2, 0, 1)[None].float() / 255
            face = (self.faces(given)[0] * 255).permute(1, 2, 0).cpu().numpy()
            back = cv2.invertAffineTransform(matrix) * 2
            size, flags = made.shape[1::-1], cv2.INTER_LINEAR
            mask = np.zeros((512, 512), np.float32)
            mask[64:448, 64:448] = 1
            alpha = cv2.warpAffine(cv2.GaussianBlur(mask, (0, 0), 20), back, size, flags=flags)[..., None]
            blended += alpha * 0.8 * (cv2.warpAffine(face, back, size, flags=flags) - blended)
        return blended.round().clip(0, 255).astype(np.uint8)


class Node:
    """The node, in one process with its models loaded."""

    def __init__(self, folder: Path, models: Path, name: str, faces: str, device: str, batch: int) -> None:
        self.folder, self.cache, self.batch = folder, ModelCache(), batch
        self.models, self.device = models, device
        self.params = {"model": name, "face_model": faces, "device": device, "batch_size": batch}
        self.first_frame_s = 0.0
        self.host: FolderHost | None = None

    def __call__(self, source: Path, target: Path, crf: int = CRF) -> float:
        started = time.perf_counter()
        first: list[float] = []

        def progressed(done: float, total: float, unit: str) -> None:
            if done and not first:
                first.append(time.perf_counter() - started)

        ctx = local_context(self.folder, self.cache, settings={"models": str(self.models)})
        video = ctx.save(source.read_bytes(), "video")
        self.host = ctx.host = FolderHost(self.folder, progressed)
        made = run_locally(upscale_video_torch.run, ctx, {**self.params, "crf": crf}, {"video": video})
        took = time.perf_counter() - started
        self.first_frame_s = first[0] if first else took
        target.write_bytes(ctx.open(made.video).read_bytes())
        return took


def psnr(a: Path, b: Path) -> float:
    """In dB over all pixels of two videos; 99 if they are equal."""
    errors = [float(((x.astype(float) - y) ** 2).mean()) for x, y in zip(frames(a), frames(b), strict=True)]
    return 99.0 if not any(errors) else float(10 * np.log10(255**2 / np.mean(errors)))


def measured(folder: Path, source: Path, start: Path, count: int, options: argparse.Namespace) -> Iterator[str]:
    cuda = options.device.startswith("cuda")
    for name, faces in ROWS:
        if options.only not in ("", f"{name}+{faces}".rstrip("+")):
            continue
        node = Node(folder, folder / "models", name, faces, options.device, options.batch)
        single = Plain(folder / "models", name, faces, options.device, half=False)
        node(start, folder / "node.mp4", crf=0)
        cold_s = node.first_frame_s
        single(start, folder / "single.mp4", crf=0)
        quality = psnr(folder / "node.mp4", folder / "single.mp4")
        ours, theirs = pairs(
            options.pairs,
            partial(node, source, folder / "node.mp4"),
            partial(single, source, folder / "single.mp4"),
        )
        gain = ratio_interval(theirs, ours)
        halved = "–"
        if cuda:
            half = Plain(folder / "models", name, faces, options.device, half=True)
            half(source, folder / "half.mp4")
            took = median(half(source, folder / "half.mp4") for _ in range(options.pairs))
            halved = f"{count / took:.2f} ({took / median(ours):.2f} x)"
        peak = node.host.metrics["peak_memory_gib"] if node.host else 0.0
        yield (
            f"| {name}{' + face restoration' if faces else ''} | {count / median(theirs):.2f} | {halved} "
            f"| {count / median(ours):.2f} | {shown(gain)} {told(gain[1] >= GOAL)} | {quality:.1f} dB "
            f"| {peak:.2f} GiB | {cold_s:.1f} s | {node.first_frame_s:.2f} s |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--side", type=int, default=512, help="side of the clip in pixels")
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument(
        "--only", default="", help="one row: span-x2, realesrgan-x2plus, realesrgan-x4plus, span-x2+faces"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--toy", action="store_true", help="tiny networks, 64 px, 4 frames: it shows that all runs, not how fast"
    )
    options = parser.parse_args()
    side, count = (64, 4) if options.toy else (options.side, options.frames)
    name = torch.cuda.get_device_name(options.device) if options.device.startswith("cuda") else "no GPU"
    print(f"{machine()}; {name}; torch {torch.__version__}; {count} frames of {side} x {side}, doubled\n")
    print(
        "| network | plain, single: frames/s | plain, half | node: frames/s | node / plain, single | PSNR | peak "
        "memory | first frame of the first job | of a later one |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        import_spandrel()
        installed(folder / "models", options.toy)
        clip(folder / "clip.mp4", side, count)
        clip(folder / "start.mp4", side, min(COMPARED, count // 2))
        for row in measured(folder, folder / "clip.mp4", folder / "start.mp4", count, options):
            print(row, flush=True)


if __name__ == "__main__":
    main()

"""Computes batches on the device. While the CPU takes the frames of one batch, the device computes the next."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from nodes._torch.device import Device
from nodes._torch.step_down import StepDown
from nodes.generate._restoration.batches import Batch, Pause
from nodes.generate._restoration.face_restorer import FaceRestorer
from nodes.generate._restoration.gate import Gate
from nodes.generate._restoration.load import Load
from nodes.generate._restoration.upscaler import Upscaler
from nodes.sdk import Context

_FLYING = 2  # batches on the device: one is computed, one is taken


@dataclass(frozen=True)
class _Launched:
    batch: Batch
    frames: Tensor  # (n, H, W, 3) uint8 in the host's memory
    copied: torch.cuda.Event | None


class DeviceWork:
    """The networks and what they make of a batch.

    Args:
        size: width and height of the result.
        faces: None if no faces are restored.
        strength: of the restored faces, 0 to 1.
    """

    def __init__(
        self,
        on: Device,
        upscaler: Upscaler,
        faces: FaceRestorer | None,
        strength: float,
        size: tuple[int, int],
        loads: StepDown[Load],
    ) -> None:
        self._on, self._upscaler, self._faces, self._strength = on, upscaler, faces, strength
        self._size, self._loads = size, loads
        self.face_frames = 0

    def frames(self, ctx: Context, batches: Iterable[Batch | Pause], gate: Gate) -> Iterator[NDArray[Any]]:
        """The finished frames in order: (H, W, 3) uint8. Raises what the batches raise, after the frames before it."""
        flying: deque[_Launched] = deque()
        source, stopped = iter(batches), None
        while True:
            try:
                item = next(source, None)
            except BaseException as error:  # also the request to leave the node: it comes after the finished frames
                stopped = error
                break
            if item is None:
                break
            if isinstance(item, Batch):
                ctx.progress(item.first, item.known, "frames")
                flying.append(self._launch(item))
            while len(flying) >= (_FLYING if isinstance(item, Batch) else 1):
                yield from self._taken(ctx, flying.popleft())
            if isinstance(item, Pause):
                gate.open()
        while flying:
            yield from self._taken(ctx, flying.popleft())
        if stopped is not None:
            raise stopped

    def _launch(self, batch: Batch) -> _Launched:
        on_device = batch.frames.to(self._on.device, non_blocking=True)
        # The heuristic choice of an algorithm is the same in each run; the quickest one of a trial is not.
        with torch.inference_mode(), torch.backends.cudnn.flags(deterministic=True, benchmark=False):
            made = self._loads.run(lambda load: self._compute(on_device, batch, load))
        self.face_frames += len({face.frame for face in batch.faces})
        if not self._on.is_cuda:
            return _Launched(batch, made.cpu(), None)
        frames = torch.empty(made.shape, dtype=torch.uint8, pin_memory=True)
        frames.copy_(made, non_blocking=True)
        return _Launched(batch, frames, torch.cuda.current_stream(self._on.device).record_event())

    def _compute(self, frames: Tensor, batch: Batch, load: Load) -> Tensor:
        """(n, h, w, 3) uint8 -> (n, H, W, 3) uint8 on the device, by ``load.frames`` frames at a time."""
        width, height = self._size
        made = torch.empty((len(frames), height, width, 3), dtype=torch.uint8, device=frames.device)
        for start in range(0, len(frames), load.frames):
            some = frames[start : start + load.frames]
            enlarged = self._upscaler.enlarge(some, self._size, load.tile)
            if self._faces is not None:
                faces = [face.moved(-start) for face in batch.faces if start <= face.frame < start + load.frames]
                self._faces.blend(some, enlarged, faces, self._strength, load.frames)
            made[start : start + load.frames] = enlarged.mul_(255).round_().permute(0, 2, 3, 1)
        return made

    def _taken(self, ctx: Context, launched: _Launched) -> Iterator[NDArray[Any]]:
        if launched.copied is not None:
            launched.copied.synchronize()
        for done, rgb in enumerate(launched.frames.numpy(), launched.batch.first + 1):
            yield rgb
            ctx.progress(done, launched.batch.known, "frames")

"""Runs the network on batches of faces and what they hear."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nodes._torch.device import Device
from nodes.generate._wav2lip.network import FACE_PX, Wav2Lip
from nodes.sdk import Context, NodeError

_STEP_DOWN = 4  # a quarter of the batch


class Lips:
    """Paints mouths. Out of memory, it goes on with a quarter of the batch, once, and says so.

    Attributes:
        batch: faces in a batch.
        device_s: seconds for which the network ran until now.
        stepped_down: whether memory ran out.
    """

    def __init__(self, ctx: Context, network: Wav2Lip, device: Device, batch: int) -> None:
        self._ctx, self._network, self._device = ctx, network, device
        self.batch, self._asked = batch, batch
        self.device_s = 0.0

    @property
    def stepped_down(self) -> bool:
        return self.batch < self._asked

    def painted(self, faces: NDArray[Any], heard: NDArray[Any]) -> NDArray[Any]:
        """(N, 96, 96, 3) uint8 RGB and (N, 80, 16) float32 mel windows -> (N, 96, 96, 3) float32 RGB, 0 to 255.

        Raises NodeError (node.out_of_memory) if a quarter of the batch does not fit either.
        """
        began = time.perf_counter()
        done: list[NDArray[Any]] = []
        while (at := sum(map(len, done))) < len(faces):
            piece = slice(at, at + self.batch)
            try:
                done.append(self._run(faces[piece], heard[piece]))
            except torch.OutOfMemoryError as error:
                seen = " ".join(str(error).split())[:200]
            else:
                continue
            self._step_down(seen)  # the error is gone, and with it the tensors that its traceback held
        self.device_s += time.perf_counter() - began
        return np.concatenate(done)

    @torch.inference_mode()
    def _run(self, faces: NDArray[Any], heard: NDArray[Any]) -> NDArray[Any]:
        device, dtype = self._device.device, self._device.dtype
        bgr = torch.from_numpy(np.ascontiguousarray(faces[..., ::-1].transpose(0, 3, 1, 2)))
        pixels = bgr.to(device, dtype) / 255
        masked = pixels.clone()
        masked[:, :, FACE_PX // 2 :] = 0  # what the network paints
        mel = torch.from_numpy(heard[:, None]).to(device, dtype)
        with torch.backends.cudnn.flags(deterministic=True, benchmark=False):
            painted: NDArray[Any] = self._network(mel, torch.cat((masked, pixels), dim=1)).float().cpu().numpy()
        return painted.transpose(0, 2, 3, 1)[..., ::-1] * np.float32(255)

    def _step_down(self, seen: str) -> None:
        fewer = self._asked // _STEP_DOWN
        if self._device.is_cuda:
            torch.cuda.empty_cache()
        if self.stepped_down or not fewer:
            tried = f"{self._asked} faces" + (f", then {self.batch}" if self.stepped_down else "")
            raise NodeError(
                f"the network does not fit into the memory of {self._device.device}",
                code="node.out_of_memory",
                where="params.batch_size",
                seen=f"out of memory with {tried}: {seen}",
                allowed="a batch that fits into the free memory",
                remedy="Decrease batch_size, end what else uses the device, or choose another one.",
            )
        self._ctx.log(f"out of memory with {self.batch} faces at once; from here on {fewer}")
        self.batch = fewer

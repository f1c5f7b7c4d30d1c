"""Runs the network on batches of faces and what they hear."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nodes._torch.device import Device
from nodes._torch.step_down import StepDown
from nodes.generate._wav2lip.network import FACE_PX, Wav2Lip
from nodes.sdk import Context

_FEWER = 4  # a quarter of the batch


class Lips:
    """Paints mouths. If memory runs out, the network takes a quarter of the batch from there on.

    Attributes:
        batch: faces in a batch.
        device_s: seconds for which the network ran until now.
    """

    def __init__(self, ctx: Context, network: Wav2Lip, device: Device, batch: int) -> None:
        self._network, self._device = network, device
        self._loads = StepDown(
            ctx,
            device.device,
            (batch, batch // _FEWER or batch),
            where="params.batch_size",
            remedy="Decrease batch_size, end what else uses the device, or choose another one.",
            text=lambda faces: f"{faces} faces at once",
        )
        self.batch = batch
        self.device_s = 0.0

    def painted(self, faces: NDArray[Any], heard: NDArray[Any]) -> NDArray[Any]:
        """(N, 96, 96, 3) uint8 RGB and (N, 80, 16) float32 mel windows -> (N, 96, 96, 3) float32 RGB, 0 to 255.

        Raises NodeError (node.out_of_memory) if a quarter of the batch does not fit either.
        """
        began = time.perf_counter()
        done: list[NDArray[Any]] = []
        while (at := sum(map(len, done))) < len(faces):
            done.append(self._loads.run(partial(self._first, faces[at:], heard[at:])))
        self.device_s += time.perf_counter() - began
        return np.concatenate(done)

    @torch.inference_mode()
    def _first(self, faces: NDArray[Any], heard: NDArray[Any], count: int) -> NDArray[Any]:
        """The mouths of the first so many faces."""
        device, dtype = self._device.device, self._device.dtype
        bgr = torch.from_numpy(np.ascontiguousarray(faces[:count, ..., ::-1].transpose(0, 3, 1, 2)))
        pixels = bgr.to(device, dtype) / 255
        masked = pixels.clone()
        masked[:, :, FACE_PX // 2 :] = 0  # what the network paints
        mel = torch.from_numpy(heard[:count, None]).to(device, dtype)
        with torch.backends.cudnn.flags(deterministic=True, benchmark=False):
            painted: NDArray[Any] = self._network(mel, torch.cat((masked, pixels), dim=1)).float().cpu().numpy()
        return painted.transpose(0, 2, 3, 1)[..., ::-1] * np.float32(255)

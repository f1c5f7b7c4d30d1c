"""Restores faces: cuts them out as aligned squares, runs the network, and blends them back inside a soft ellipse.

Method: GFPGAN by Wang et al., CVPR 2021 (Apache-2.0, parts under other terms), RestoreFormer by Wang et al., CVPR 2022
(Apache-2.0), CodeFormer by Zhou et al., NeurIPS 2022 (S-Lab License 1.0). Alignment and blending are own work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from nodes._torch.device import Device
from nodes.generate._restoration.alignment import SIDE, Similarity
from nodes.generate._restoration.upscaler import precision

# What is replaced, in the unit square: forehead to chin and cheek to cheek. Hair and background keep the upscaler's
# texture, because a face network invents them anew in each frame.
_CENTRE = (0.5, 0.56)
_RADII = (0.37, 0.44)
_FEATHER = 0.25  # of the radius, inwards
_MOST_SAMPLES = 4  # along a side, for each pixel of a reduced face
_SIGNED = ("GFPGAN", "CodeFormer")


@dataclass(frozen=True)
class PlacedFace:
    """A face of a batch.

    Attributes:
        frame: index in the batch.
        square: from pixels of the input frame to the unit square.
        presence: 0 to 1, how much of the restored face is shown.
    """

    frame: int
    square: Similarity
    presence: float

    def moved(self, frames: int) -> PlacedFace:
        """The same face in a batch that begins elsewhere."""
        return replace(self, frame=self.frame + frames)


class FaceRestorer:
    """A network on a device.

    Args:
        network: spandrel's descriptor, in float32; it is moved.
    """

    def __init__(self, network: Any, on: Device) -> None:
        # Half precision only where it is asked for by name: bfloat16 has 8 bits, and faces would show bands.
        self.dtype = precision(network, on.dtype)
        network.model.to(on.device, self.dtype)
        self._network = network

    def blend(self, frames: Tensor, enlarged: Tensor, faces: Sequence[PlacedFace], strength: float, batch: int) -> None:
        """Restore the faces of ``frames`` and blend them into ``enlarged``.

        Args:
            frames: (n, H, W, 3) uint8. enlarged: (n, 3, H * s, W * s) float32, 0 to 1; changed in place.
            strength: 0 keeps the faces as they are, 1 replaces them.
            batch: most faces that the network takes at once.
        """
        reach = enlarged.shape[3] / frames.shape[2]
        for start in range(0, len(faces), batch):
            some = faces[start : start + batch]
            restored = self.restore(torch.stack([_cut(frames[face.frame], face.square) for face in some]))
            for face, image in zip(some, restored, strict=True):
                _paste(enlarged[face.frame], image, face.square.inverse().scaled(reach), strength * face.presence)

    def restore(self, squares: Tensor) -> Tensor:
        """(n, 3, side, side) float32, 0 to 1 -> the same shape, restored."""
        given = squares.to(self.dtype)
        if self._network.architecture.id in _SIGNED:
            # These networks work from -1 to 1; spandrel's call passes 0 to 1. GFPGAN draws new noise for each call
            # unless it is told to use the noise that is stored with its weights: faces would flicker.
            options = {"randomize_noise": False} if self._network.architecture.id == "GFPGAN" else {}
            signed = self._network.model(given * 2 - 1, **options)[0]
            return (signed.float() / 2 + 0.5).clamp_(0, 1)
        restored: Tensor = self._network(given)
        return restored.float()


def _cut(frame: Tensor, square: Similarity) -> Tensor:
    """(H, W, 3) uint8 -> (3, SIDE, SIDE) float32, 0 to 1. A large face is averaged, so that nothing aliases."""
    height, width = frame.shape[:2]
    samples = min(_MOST_SAMPLES, max(1, round(1 / (square.scale * SIDE))))
    x, y = _mapped(square.inverse(), (0.0, 0.0), (1.0, 1.0), (SIDE * samples, SIDE * samples), frame.device)
    grid = torch.stack([x * (2 / width) - 1, y * (2 / height) - 1], -1)
    image = frame.permute(2, 0, 1).float().div_(255)
    seen = functional.grid_sample(image[None], grid[None], "bilinear", "border", align_corners=False)
    return functional.avg_pool2d(seen, samples)[0] if samples > 1 else seen[0]


def _paste(enlarged: Tensor, face: Tensor, to_image: Similarity, strength: float) -> None:
    """Blend the (3, side, side) face into the (3, H, W) image. Outside of the ellipse nothing changes.

    Args:
        to_image: from the unit square to pixels of the image.
    """
    height, width = enlarged.shape[1:]
    corners = to_image(np.array([[0, 0], [1, 0], [0, 1], [1, 1]], float))
    left, top = (max(0, int(edge)) for edge in np.floor(corners.min(0)))
    right, bottom = (min(most, int(edge)) for edge, most in zip(np.ceil(corners.max(0)), (width, height), strict=True))
    if left >= right or top >= bottom:
        return
    shape = (bottom - top, right - left)
    x, y = _mapped(to_image.inverse(), (left, top), (right, bottom), shape, enlarged.device)
    reduced = max(1, round(face.shape[-1] / to_image.scale))
    if reduced > 1:  # bilinear sampling would alias, and the face would shimmer
        face = functional.interpolate(face[None], size=-(-face.shape[-1] // reduced), mode="area")[0]
    grid = torch.stack([x * 2 - 1, y * 2 - 1], -1)
    seen = functional.grid_sample(face[None], grid[None], "bicubic", "border", align_corners=False)[0].clamp_(0, 1)
    region = enlarged[:, top:bottom, left:right]
    region += _mask(x, y) * strength * (seen - region)


def _mask(x: Tensor, y: Tensor) -> Tensor:
    """1 inside the ellipse, falling smoothly to 0 at its edge. x, y: positions in the unit square."""
    distance = torch.sqrt(((x - _CENTRE[0]) / _RADII[0]) ** 2 + ((y - _CENTRE[1]) / _RADII[1]) ** 2)
    inside = ((1 - distance) / _FEATHER).clamp_(0, 1)
    return inside * inside * (3 - 2 * inside)


def _mapped(
    transform: Similarity,
    low: tuple[float, float],
    high: tuple[float, float],
    shape: tuple[int, int],
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Where the centres of a grid's cells go: x and y, each of ``shape`` (rows, columns).

    The transform's numbers go to the device with the commands: a copy would wait for all that runs there.
    """
    rows, columns = shape
    x = (torch.arange(columns, device=device) + 0.5) * ((high[0] - low[0]) / columns) + low[0]
    y = ((torch.arange(rows, device=device) + 0.5) * ((high[1] - low[1]) / rows) + low[1])[:, None]
    return (
        transform.a * x - transform.b * y + transform.left,
        transform.b * x + transform.a * y + transform.top,
    )

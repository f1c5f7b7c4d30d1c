"""Aspect buckets: images are trained in their own shape, with about equally many pixels, and cropped around the face.

Method: as in NovelAI's "aspect ratio bucketing" (2022): all images of a batch have one size of a fixed set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_MOST_RATIO = 2.0


@dataclass(frozen=True)
class Crop:
    """The part of an image that is trained.

    Attributes:
        rgb: (height, width, 3) uint8 in the bucket's size.
        original: height, width of the image in pixels.
        corner: top, left of the crop in the scaled image, in pixels.
    """

    rgb: NDArray[Any]
    original: tuple[int, int]
    corner: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """Height, width."""
        return self.rgb.shape[0], self.rgb.shape[1]


def bucket_sizes(resolution: int, step: int) -> list[tuple[int, int]]:
    """(width, height) of the buckets: multiples of ``step`` with at most resolution² pixels, from 1:2 to 2:1."""
    found = set()
    for width in range(step, 2 * resolution + 1, step):
        height = resolution * resolution // width // step * step
        if height and 1 / _MOST_RATIO <= width / height <= _MOST_RATIO:
            found.add((width, height))
    return sorted(found)


def crop(rgb: NDArray[Any], face: tuple[float, float, float, float], sizes: list[tuple[int, int]]) -> Crop:
    """Scale an (H, W, 3) uint8 image to cover the nearest bucket, and cut it around the face.

    Args:
        face: left, top, right, bottom in pixels.
    """
    height, width = rgb.shape[:2]
    ratio = math.log(width / height)
    to_width, to_height = min(sizes, key=lambda size: (abs(math.log(size[0] / size[1]) - ratio), -size[0] * size[1]))
    scale = max(to_width / width, to_height / height)
    scaled = max(to_width, round(width * scale)), max(to_height, round(height * scale))
    image = Image.fromarray(rgb).resize(scaled, Image.Resampling.LANCZOS)
    left = _start((face[0] + face[2]) / 2 * scale, to_width, scaled[0])
    top = _start((face[1] + face[3]) / 2 * scale, to_height, scaled[1])
    cut = np.asarray(image.crop((left, top, left + to_width, top + to_height)))
    return Crop(cut, (height, width), (top, left))


def _start(centre: float, length: int, whole: int) -> int:
    return min(max(0, round(centre - length / 2)), whole - length)

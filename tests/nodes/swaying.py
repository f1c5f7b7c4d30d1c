"""A face that moves as we know, for tests of what follows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nodes._samples import sample_portrait

FPS = 25
SIDE = 256


def swaying(folder: Path, count: int, amplitude: float, hz: float = 1.0, noise: float = 0.0) -> tuple[Any, Any]:
    """(count, 256, 256, 3) uint8 frames of the sample portrait, and the (count, 2) pixels by which each was moved."""
    with Image.open(sample_portrait(folder)) as image:
        portrait = np.asarray(image.convert("RGB"))
    room = np.pad(portrait, ((64, 64), (64, 64), (0, 0)), mode="edge")
    phase = 2 * np.pi * hz * np.arange(count) / FPS
    moved = np.stack([amplitude * np.sin(phase), 0.4 * amplitude * np.cos(1.3 * phase)], 1)
    return np.stack([_moved(room, x, y, noise, at) for at, (x, y) in enumerate(moved)]), moved


def _moved(room: NDArray[Any], x: float, y: float, noise: float, seed: int) -> NDArray[Any]:
    matrix = np.array([[0.5, 0, x - 32], [0, 0.5, y - 32]])
    frame = cv2.warpAffine(room, matrix, (SIDE, SIDE)).astype(float)
    frame += np.random.default_rng(seed).normal(0, noise, frame.shape) if noise else 0
    seen: NDArray[Any] = np.clip(np.rint(frame), 0, 255).astype(np.uint8)
    return seen

"""Portraits for tests: photographs in the public domain from installed packages, and what goes wrong with portraits."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nodes._face import landmarks as at
from nodes._face import measured_faces, read_image
from nodes._samples import sample_portrait

Rgb = NDArray[Any]


def packaged(name: str, package: str = "skimage", folder: str = "data") -> Path:
    """An image of an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / folder / name


def people(folder: Path) -> dict[str, Rgb]:
    """Eileen Collins in colour (NASA) and Grace Hopper (US Navy)."""
    hopper = packaged("grace_hopper.jpg", "matplotlib", "mpl-data/sample_data")
    return {"collins": read_image(sample_portrait(folder)), "hopper": read_image(hopper)}


def grey(rgb: Rgb) -> Rgb:
    return np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def sepia(rgb: Rgb) -> Rgb:
    share = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) / 255
    return np.stack([255 * share**power for power in (0.8, 1.0, 1.35)], -1).astype(np.uint8)


def dark(rgb: Rgb) -> Rgb:
    return (rgb * 0.15).astype(np.uint8)


def bright(rgb: Rgb) -> Rgb:
    return np.clip(rgb * 2.2, 0, 255).astype(np.uint8)


def blurred(rgb: Rgb) -> Rgb:
    return cv2.GaussianBlur(rgb, (0, 0), _face_px(rgb) / 25)


def masked(rgb: Rgb) -> Rgb:
    """A light blue mask with pleats from the nose to the chin."""
    jaw = (234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 6)
    area = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillPoly(area, [np.round(_points(rgb)[list(jaw)]).astype(np.int32)], 255)
    pleats = 1 + 0.06 * np.sin(np.arange(len(rgb)) * 60 / _face_px(rgb))[:, None, None]
    return _over(rgb, area, np.array([150, 190, 215]) * pleats)


def behind_a_hand(rgb: Rgb) -> Rgb:
    """Four fingers of the person's own skin across the mouth."""
    px, (x, y) = _face_px(rgb), _points(rgb)[list(at.LIPS_OUTER)].mean(0)
    cheek_x, cheek_y = _points(rgb)[50].astype(int)
    skin = np.median(rgb[cheek_y - 4 : cheek_y + 4, cheek_x - 4 : cheek_x + 4].reshape(-1, 3), axis=0)
    for finger in range(4):
        area, top = np.zeros(rgb.shape[:2], np.uint8), y + (finger - 1.5) * px * 0.1
        ends = (int(x - px * 0.28), int(top + px * 0.02)), (int(x + px * 0.9), int(top + px * 0.15))
        cv2.line(area, *ends, 255, int(px * 0.095))
        depth = np.clip(cv2.distanceTransform(area, cv2.DIST_L2, 3) / (px * 0.045), 0, 1)
        rgb = _over(rgb, area, skin * (0.6 + 0.4 * depth)[..., None])
    return rgb


def behind_a_microphone(rgb: Rgb) -> Rgb:
    px, (x, y) = _face_px(rgb), _points(rgb)[list(at.LIPS_OUTER)].mean(0)
    area = np.zeros(rgb.shape[:2], np.uint8)
    cv2.circle(area, (int(x), int(y + px * 0.03)), int(px * 0.17), 255, -1)
    cv2.line(area, (int(x), int(y)), (int(x + px * 0.2), int(y + px * 0.8)), 255, int(px * 0.12))
    rows, columns = np.mgrid[: rgb.shape[0], : rgb.shape[1]] * 150 / px
    return _over(rgb, area, (45 + 25 * np.sin(rows) * np.sin(columns))[..., None])


def _over(rgb: Rgb, area: Rgb, colour: Rgb) -> Rgb:
    cover = cv2.GaussianBlur(area, (0, 0), 1)[..., None] / 255
    return np.clip(rgb * (1 - cover) + colour * cover, 0, 255).astype(np.uint8)


def _points(rgb: Rgb) -> Rgb:
    return measured_faces(rgb)[0].points[:, :2]


def _face_px(rgb: Rgb) -> float:
    return measured_faces(rgb)[0].size

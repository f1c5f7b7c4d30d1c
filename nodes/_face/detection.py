"""Face detection with BlazeFace's 256 x 256 model, on the whole image and, for small faces, on windows of it.

Method: Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", CVPRW 2019. The anchor
layout (two 16 x 16 grids, then six 8 x 8 grids) is the one of the published model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nodes._face.models import FaceModels, shared_face_models

_SIDE = 256
_MIN_SCORE = 0.6
_SAME_FACE_OVERLAP = 0.3
_SMALL = 0.2  # as a share of the image's longer side


@dataclass(frozen=True)
class Face:
    """A face, in image pixels.

    Attributes:
        box: left, top, right, bottom; from forehead to chin.
        score: 0 to 1.
        keypoints: (6, 2) float32: left eye, right eye, nose tip, mouth, left ear, right ear, as seen in the image.
    """

    box: tuple[float, float, float, float]
    score: float
    keypoints: NDArray[Any]

    @property
    def size(self) -> float:
        """The longer side of the box, in pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


def detect(rgb: NDArray[Any], models: FaceModels | None = None) -> list[Face]:
    """Find the faces in an (H, W, 3) uint8 RGB image, largest first. Returns an empty list if there are none.

    The first pass finds faces from about a twelfth of the longer side. If it finds none, a second pass over windows of
    a large image finds faces from a thirtieth. CPU: 10-20 ms; 0.2 s (512 px) to 0.8 s (1024 px and more) with the
    second pass.
    """
    models = models or shared_face_models()
    height, width = rgb.shape[:2]
    faces = _look(rgb, 0.0, 0.0, models)
    if not faces:  # perhaps a small face in a large image: search in windows
        for scale in (0.6, 0.4):
            window = int(max(height, width) * scale)
            if window < _SIDE:  # an enlarged window would show no more detail than before
                break
            for top in _starts(height, window):
                for left in _starts(width, window):
                    faces += _look(rgb[top : top + window, left : left + window], left, top, models)
            if faces:
                break
    faces = [_closer(rgb, face, models) for face in _distinct(faces)]
    return sorted(_distinct(faces), key=lambda face: -face.size)


def _closer(rgb: NDArray[Any], face: Face, models: FaceModels) -> Face:
    """Measure a small face again in a window around it: from few pixels, its box is up to a third too small."""
    height, width = rgb.shape[:2]
    if face.size > _SMALL * max(height, width):
        return face
    reach = 1.6 * face.size
    x, y = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
    left, top = max(0, int(x - reach)), max(0, int(y - reach))
    window = rgb[top : min(height, int(y + reach) + 1), left : min(width, int(x + reach) + 1)]
    near = [seen for seen in _look(window, left, top, models) if _overlap(seen.box, face.box) > _SAME_FACE_OVERLAP]
    return max(near, key=lambda seen: seen.score, default=face)


def _starts(length: int, window: int) -> list[int]:
    if window >= length:
        return [0]
    count = -(-(length - window) // max(1, window // 2)) + 1
    return [round(i * (length - window) / (count - 1)) for i in range(count)]


def _look(rgb: NDArray[Any], left: float, top: float, models: FaceModels) -> list[Face]:
    height, width = rgb.shape[:2]
    side = max(height, width)
    square = np.zeros((_SIDE, _SIDE, 3), np.uint8)
    small_w, small_h = max(1, round(width * _SIDE / side)), max(1, round(height * _SIDE / side))
    interpolation = cv2.INTER_AREA if side > _SIDE else cv2.INTER_LINEAR
    pad_x, pad_y = (_SIDE - small_w) // 2, (_SIDE - small_h) // 2
    square[pad_y : pad_y + small_h, pad_x : pad_x + small_w] = cv2.resize(
        rgb, (small_w, small_h), interpolation=interpolation
    )
    blob = cv2.dnn.blobFromImage(square, 1 / 127.5, mean=(127.5, 127.5, 127.5))
    with models.lock:
        models.detector.setInput(blob)
        regressors, logits = models.detector.forward(["regressors", "classificators"])
    scores = 1 / (1 + np.exp(-np.clip(logits.reshape(-1), -80, 80)))
    keep = np.flatnonzero(scores >= _MIN_SCORE)
    raw = regressors.reshape(-1, 16)[keep] / _SIDE
    centre = _anchors()[keep]
    to_px = side  # the letterbox covers `side` pixels in both directions
    offset = np.array([left - pad_x * side / _SIDE, top - pad_y * side / _SIDE], np.float32)
    middle = (raw[:, 0:2] + centre) * to_px + offset
    half = raw[:, 2:4] * to_px / 2
    points = (raw[:, 4:].reshape(-1, 6, 2) + centre[:, None]) * to_px + offset
    return [
        Face(
            box=(float(m[0] - h[0]), float(m[1] - h[1]), float(m[0] + h[0]), float(m[1] + h[1])),
            score=float(score),
            keypoints=p.astype(np.float32),
        )
        for m, h, p, score in zip(middle, half, points, scores[keep], strict=True)
    ]


@cache
def _anchors() -> NDArray[Any]:
    """(896, 2) float32 anchor centres, 0 to 1, in the order of the network's output rows."""
    grids = []
    for cells, boxes in ((16, 2), (8, 6)):
        line = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        x, y = np.meshgrid(line, line)
        grids.append(np.repeat(np.stack([x.ravel(), y.ravel()], 1), boxes, axis=0))
    return np.concatenate(grids)


def _distinct(faces: list[Face]) -> list[Face]:
    """The face with the best score of each group of overlapping boxes."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: -f.score):
        if all(_overlap(face.box, other.box) < _SAME_FACE_OVERLAP for other in kept):
            kept.append(face)
    return kept


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)

"""Follows the largest face through frames of a clip: its mesh in each frame, or None without a face."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodes._face import Face, FaceModels, detect, mesh
from nodes._face.landmarks import EYE_LEFT, EYE_RIGHT, FACE_OVAL

_DETECT_EVERY = 8  # frames; detection costs as much as the mesh, and in between the last mesh gives the face's position
_MAX_PAUSE = 16  # frames without detection after failed detections, because a failed one costs 0.8 CPU s
_FORGET_S = 0.3  # an older position says nothing about where the face is now
_MAX_MOVE = 0.25  # of the face's side, between two frames; a larger jump means that the face was lost


class FaceTracker:
    """Takes frames in order. The mesh network returns a mesh for any image, so detection decides if there is a face."""

    def __init__(self, models: FaceModels) -> None:
        self._models = models
        self._face: Face | None = None
        self._since_detection = 0
        self._time_s = 0.0
        self._skip = 0
        self._failures = 0

    def next(self, rgb: NDArray[Any], time_s: float) -> NDArray[Any] | None:
        """The (468, 3) float32 mesh of the face in an (H, W, 3) uint8 frame, or None. CPU: 20–45 ms.

        After a face disappears, up to ``_DETECT_EVERY`` frames may still count as having one. After it returns, up to
        ``_MAX_PAUSE`` frames may count as having none.
        """
        if abs(time_s - self._time_s) > _FORGET_S:
            self._face = None
        self._time_s = time_s
        if self._face is None or self._since_detection >= _DETECT_EVERY:
            self._face = self._detect(rgb)
            self._since_detection = 0
        if self._face is None:
            return None
        self._since_detection += 1
        points = mesh(rgb, self._face, self._models)
        followed = _face_of(points, self._face.score)
        if self._since_detection > 1 and _moved(followed, self._face) > _MAX_MOVE:
            self._face = None
            return self.next(rgb, time_s)
        self._face = followed
        return points

    def _detect(self, rgb: NDArray[Any]) -> Face | None:
        if self._skip > 0:
            self._skip -= 1
            return None
        faces = detect(rgb, self._models)
        self._failures = 0 if faces else self._failures + 1
        self._skip = min(_MAX_PAUSE, 2 ** (self._failures - 1)) if self._failures else 0
        return faces[0] if faces else None


def _face_of(points: NDArray[Any], score: float) -> Face:
    oval = points[list(FACE_OVAL), :2]
    (left, top), (right, bottom) = oval.min(0), oval.max(0)
    eyes = np.stack([points[list(eye), :2].mean(0) for eye in (EYE_LEFT, EYE_RIGHT)])
    keypoints = np.concatenate([eyes, np.repeat(oval.mean(0, keepdims=True), 4, axis=0)]).astype(np.float32)
    return Face(box=(float(left), float(top), float(right), float(bottom)), score=score, keypoints=keypoints)


def _moved(a: Face, b: Face) -> float:
    """Difference of two boxes in centre or size, as a share of the face's side."""
    side = max(a.size, b.size, 1.0)
    centres = [np.array([(f.box[0] + f.box[2]) / 2, (f.box[1] + f.box[3]) / 2]) for f in (a, b)]
    return max(float(np.linalg.norm(centres[0] - centres[1])), abs(a.size - b.size)) / side

"""Follow the largest face through some frames of a clip: its mesh at each, None where there is no face."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodes._face import Face, FaceModels, detect, mesh
from nodes._face.landmarks import EYE_LEFT, EYE_RIGHT, FACE_OVAL

_LOOK_EVERY = 8  # detection costs as much as the mesh; between, the last mesh tells where the face is
_MOST_WAIT = 16  # frames without another look where none had a face: a look in vain costs 0.8 CPU s
_FORGET_S = 0.3  # what was seen longer ago says nothing about where the face is
_MOST_MOVE = 0.25  # of the face's side between two frames; a larger jump means the face was lost


class FaceTrack:
    """Feed frames in order to ``next``; the mesh network answers for any picture, so detection has the last word."""

    def __init__(self, models: FaceModels) -> None:
        self._models = models
        self._face: Face | None = None
        self._since_look = 0
        self._time_s = 0.0
        self._skip = 0
        self._in_vain = 0

    def next(self, rgb: NDArray[Any], time_s: float) -> NDArray[Any] | None:
        """(468, 3) float32 mesh of the face in a (H, W, 3) uint8 frame, or None. CPU: 20–45 ms.

        Up to ``_LOOK_EVERY`` frames behind the one in which a face vanished may still count as having one, and up to
        ``_MOST_WAIT`` behind its return as having none.
        """
        if abs(time_s - self._time_s) > _FORGET_S:
            self._face = None
        self._time_s = time_s
        if self._face is None or self._since_look >= _LOOK_EVERY:
            self._face = self._look(rgb)
            self._since_look = 0
        if self._face is None:
            return None
        self._since_look += 1
        points = mesh(rgb, self._face, self._models)
        followed = _face_of(points, self._face.score)
        if self._since_look > 1 and _moved(followed, self._face) > _MOST_MOVE:
            self._face = None
            return self.next(rgb, time_s)
        self._face = followed
        return points

    def _look(self, rgb: NDArray[Any]) -> Face | None:
        if self._skip > 0:
            self._skip -= 1
            return None
        faces = detect(rgb, self._models)
        self._in_vain = 0 if faces else self._in_vain + 1
        self._skip = min(_MOST_WAIT, 2 ** (self._in_vain - 1)) if self._in_vain else 0
        return faces[0] if faces else None


def _face_of(points: NDArray[Any], score: float) -> Face:
    oval = points[list(FACE_OVAL), :2]
    (left, top), (right, bottom) = oval.min(0), oval.max(0)
    eyes = np.stack([points[list(eye), :2].mean(0) for eye in (EYE_LEFT, EYE_RIGHT)])
    keypoints = np.concatenate([eyes, np.repeat(oval.mean(0, keepdims=True), 4, axis=0)]).astype(np.float32)
    return Face(box=(float(left), float(top), float(right), float(bottom)), score=score, keypoints=keypoints)


def _moved(a: Face, b: Face) -> float:
    """How far two boxes are apart, in centre or size, as a share of the face's side."""
    side = max(a.size, b.size, 1.0)
    centres = [np.array([(f.box[0] + f.box[2]) / 2, (f.box[1] + f.box[3]) / 2]) for f in (a, b)]
    return max(float(np.linalg.norm(centres[0] - centres[1])), abs(a.size - b.size)) / side

"""Finds the five landmarks by which faces are aligned."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodes._face import FaceModels, detect, fit_mesh
from nodes._face.landmarks import EYE_LEFT, EYE_RIGHT, LIPS_UPPER_OUTER, NOSE_TIP
from nodes._face.suitability import PERSON
from nodes.generate._restoration.tracks import Landmarks


def landmarks_of_faces(rgb: NDArray[Any], models: FaceModels) -> list[Landmarks]:
    """(H, W, 3) uint8 -> for each face (5, 2) float64 in pixels: eyes, tip of the nose, corners of the mouth.

    CPU: 20 to 30 ms for a face.
    """
    meshes = (fit_mesh(rgb, face, models) for face in detect(rgb, models))
    return [_five(mesh.points[:, :2].astype(float)) for mesh in meshes if mesh.presence >= PERSON]


def _five(points: NDArray[Any]) -> Landmarks:
    corners = (LIPS_UPPER_OUTER[0], LIPS_UPPER_OUTER[-1])
    eyes = [points[list(eye)].mean(0) for eye in (EYE_LEFT, EYE_RIGHT)]
    return np.stack([*eyes, points[NOSE_TIP], *points[list(corners)]])

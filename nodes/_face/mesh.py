"""The 468-point face mesh of one face.

Method: Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", CVPRW 2019.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nodes._face.detection import Face
from nodes._face.landmarks import EYE_LEFT, EYE_RIGHT, FACE_OVAL, POINTS
from nodes._face.models import FaceModels, shared_face_models

_SIDE = 192
_MARGIN = 1.5  # crop side / face side, as in the network's training
_ROUNDS = 3  # each round crops around the points of the previous one; the third moves them less than a third of a pixel


@dataclass(frozen=True)
class FittedMesh:
    """A mesh, and how certain the network is that it lies on a human face.

    Attributes:
        points: (468, 3) float32, as of ``mesh``.
        presence: logit of the network. People from the front score 30 to 47, behind a hand or a microphone 17 to 26,
            behind a mask 2 to 15; cats, lions, cups and faces upside-down score below 2.
    """

    points: NDArray[Any]
    presence: float


def mesh(rgb: NDArray[Any], face: Face, models: FaceModels | None = None) -> NDArray[Any]:
    """The (468, 3) float32 mesh of ``face`` in an (H, W, 3) uint8 RGB image.

    x and y are image pixels; z is depth in the same unit, smaller towards the camera, zero near the head's centre.
    ``nodes._face.landmarks`` names the indices. CPU: 8 ms.
    """
    return fit_mesh(rgb, face, models).points


def fit_mesh(rgb: NDArray[Any], face: Face, models: FaceModels | None = None) -> FittedMesh:
    """The mesh of ``face`` as of ``mesh``, and whether there is a face. CPU: 8 ms."""
    models = models or shared_face_models()
    eyes = face.keypoints[:2]
    centre = np.array([(face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2], np.float32)
    fitted = _fit(rgb, centre, face.size * _MARGIN, roll(eyes[0], eyes[1]), models)
    for _ in range(_ROUNDS - 1):
        points = fitted.points
        angle = roll(points[list(EYE_LEFT), :2].mean(0), points[list(EYE_RIGHT), :2].mean(0))
        upright = points[list(FACE_OVAL), :2] @ _rotation(angle)  # rows rotated by -angle
        low, high = upright.min(0), upright.max(0)
        centre = _rotation(angle) @ ((low + high) / 2)
        fitted = _fit(rgb, centre, float((high - low).max()) * _MARGIN, angle, models)
    return fitted


def _fit(rgb: NDArray[Any], centre: NDArray[Any], side: float, angle: float, models: FaceModels) -> FittedMesh:
    """The mesh, from a square crop with this centre and side, rotated by ``angle`` radians."""
    scale = side / _SIDE
    to_image = np.empty((2, 3), np.float32)  # crop pixel -> image pixel
    to_image[:, :2] = _rotation(angle) * scale
    to_image[:, 2] = centre - to_image[:, :2] @ np.full(2, _SIDE / 2, np.float32)
    source, matrix = rgb, to_image
    if scale > 2:  # bilinear sampling of a large face would alias, so shrink the image first
        source = cv2.resize(rgb, None, fx=2 / scale, fy=2 / scale, interpolation=cv2.INTER_AREA)
        matrix = to_image * np.float32(2 / scale)
    crop = cv2.warpAffine(source, matrix, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    with models.lock:
        models.mesh.setInput(cv2.dnn.blobFromImage(crop, 1 / 255))
        found, presence = models.mesh.forward(["conv2d_20", "conv2d_30"])
    raw = found.reshape(POINTS, 3)
    points = np.empty((POINTS, 3), np.float32)
    points[:, :2] = raw[:, :2] @ to_image[:, :2].T + to_image[:, 2]
    points[:, 2] = raw[:, 2] * scale
    return FittedMesh(points, float(presence.item()))


def roll(left_eye: NDArray[Any], right_eye: NDArray[Any]) -> float:
    """The angle of the line between the eyes, clockwise in radians."""
    return math.atan2(float(right_eye[1] - left_eye[1]), float(right_eye[0] - left_eye[0]))


def _rotation(angle: float) -> NDArray[Any]:
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], np.float32)

"""Measures the faces of an image: what a service must know before it animates one. Measured once per file content."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nodes._face.detection import Face, detect
from nodes._face.landmarks import (
    CHEEK_LEFT,
    CHEEK_RIGHT,
    CHIN,
    EYE_LEFT,
    EYE_RIGHT,
    FACE_OVAL,
    FOREHEAD_TOP,
    LIPS_OUTER,
)
from nodes._face.mesh import fit_mesh, roll
from nodes._face.models import FaceModels, shared_face_models
from nodes._face.portrait import read_image

PERSON = 2.0  # presence from which something is a person's face; see FittedMesh
CLEAR = 8.0  # presence from which a face is clear enough to decide which way up an image is
UNCOVERED = 28.0  # presence of faces that nothing covers
UPRIGHT_DEG = 45.0
_MOST_FACES = 20
_SIDE = 256  # side of the upright crop that is measured
_TURN_PX = 1024  # longer side of the image in which another orientation is searched
# The mouth, relative to the face around it: gradients across the lips are 4 to 7 times those of the cheeks, and under
# a mask or a hand at most twice. A microphone is much darker or lighter than the skin around it.
_LIPS_TO_CHEEKS = 3.0
_LEAST_GRADIENT = 0.1
_OTHER_LIGHT = 20.0
_KEPT = 64
_measured_lately: dict[str, tuple[MeasuredFace, ...]] = {}  # by SHA-256 of the file, oldest first


@dataclass(frozen=True)
class MeasuredFace:
    """A face of a person.

    Attributes:
        box: left, top, right, bottom in image pixels, from forehead to chin.
        score: the detector's confidence, 0 to 1.
        points: (468, 3) float32 mesh in image pixels.
        presence: as of ``FittedMesh``.
        yaw, pitch, roll: degrees; 0 looks into the camera, positive to the right of the image, down, and clockwise.
        cut: share of the face's outline outside the image, 0 to 1.
        mouth_covered: whether something hides the mouth.
        sharpness: variance of the Laplacian of the face at 128 px, grey 0-255; sharp portraits have several hundred.
        brightness: median of the grey values, 0 to 1. clipped: share of white pixels, 0 to 1.
        colour: mean distance of the colours from grey (CIELAB); below 3 the photo is grey.
    """

    box: tuple[float, float, float, float]
    score: float
    points: NDArray[Any]
    presence: float
    yaw: float
    pitch: float
    roll: float
    cut: float
    mouth_covered: bool
    sharpness: float
    brightness: float
    clipped: float
    colour: float

    @property
    def size(self) -> float:
        """The longer side of the box, in pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


def measured_faces(rgb: NDArray[Any], models: FaceModels | None = None) -> list[MeasuredFace]:
    """The faces of people in an (H, W, 3) uint8 RGB image, largest first; animals and things are left out.

    CPU: 30 to 60 ms with one face; up to 0.8 s without one.
    """
    models = models or shared_face_models()
    found = [_measured(rgb, face, models) for face in detect(rgb, models)[:_MOST_FACES]]
    return [face for face in found if face is not None]


def measured_file(path: Path) -> tuple[MeasuredFace, ...]:
    """``measured_faces`` of an image file. A content that was measured lately is not measured again.

    Raises the NodeErrors of ``read_image``.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    found = _measured_lately.get(digest)
    if found is None:
        found = _measured_lately[digest] = tuple(measured_faces(read_image(path)))
        for oldest in list(_measured_lately)[:-_KEPT]:
            _measured_lately.pop(oldest, None)
    return found


def quarter_turns(rgb: NDArray[Any], faces: list[MeasuredFace], models: FaceModels | None = None) -> int:
    """How many quarter turns counter-clockwise bring the faces of an image upright: 0 to 3; 0 if there is no face.

    Args:
        faces: of the image as it is. One search per other orientation is needed only if none of them is upright.
    """
    if any(face.presence >= CLEAR and abs(face.roll) <= UPRIGHT_DEG for face in faces):
        return 0
    scale = min(1.0, _TURN_PX / max(rgb.shape[:2]))
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    found: dict[int, float] = {}
    for turns in (2, 1, 3):
        turned = measured_faces(np.ascontiguousarray(np.rot90(small, turns)), models)
        upright = [face.presence for face in turned if face.presence >= CLEAR and abs(face.roll) <= UPRIGHT_DEG]
        if upright:
            found[turns] = max(upright)
    return max(found, key=lambda turns: found[turns], default=0)


def _measured(rgb: NDArray[Any], face: Face, models: FaceModels) -> MeasuredFace | None:
    fitted = fit_mesh(rgb, face, models)
    if fitted.presence < PERSON:
        return None
    points = fitted.points
    height, width = rgb.shape[:2]
    eyes = [points[list(eye), :2].mean(0) for eye in (EYE_LEFT, EYE_RIGHT)]
    angle = roll(eyes[0], eyes[1])
    across, along = points[CHEEK_RIGHT] - points[CHEEK_LEFT], points[CHIN] - points[FOREHEAD_TOP]
    oval = points[list(FACE_OVAL), :2]
    outside = np.any((oval < -1) | (oval > (width, height)), axis=1)
    crop, inner = _upright(rgb, points, angle)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    skin = _filled(inner[list(FACE_OVAL)])
    lab = cv2.cvtColor(crop.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return MeasuredFace(
        box=face.box,
        score=min(1.0, face.score),
        points=points,
        presence=fitted.presence,
        yaw=math.degrees(math.atan2(float(across[2]), float(np.hypot(*across[:2])))),
        pitch=math.degrees(math.atan2(float(along[2]), float(np.hypot(*along[:2])))),
        roll=math.degrees(angle),
        cut=float(outside.mean()),
        mouth_covered=fitted.presence < UNCOVERED and _mouth_is_covered(lab[..., 0], inner),
        sharpness=_sharpness(rgb, face),
        brightness=float(np.median(grey[skin])) / 255,
        clipped=float((grey[skin] >= 253).mean()),
        colour=float(np.hypot(lab[skin][:, 1], lab[skin][:, 2]).mean()),
    )


def _upright(rgb: NDArray[Any], points: NDArray[Any], angle: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """The face as an upright (256, 256, 3) uint8 square, and the (468, 2) points in it."""
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    oval = points[list(FACE_OVAL), :2] @ turn
    low, high = oval.min(0), oval.max(0)
    scale = _SIDE / (1.25 * float((high - low).max()))
    matrix = np.empty((2, 3))
    matrix[:, :2] = turn.T * scale
    matrix[:, 2] = _SIDE / 2 - (low + high) / 2 * scale
    inner = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    source = rgb
    if scale < 0.5:  # bilinear sampling of a large face would alias
        source = cv2.resize(rgb, None, fx=2 * scale, fy=2 * scale, interpolation=cv2.INTER_AREA)
        matrix[:, :2] /= 2 * scale
    crop = cv2.warpAffine(source, matrix, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return crop, inner


def _mouth_is_covered(light: NDArray[Any], points: NDArray[Any]) -> bool:
    """Whether the (256, 256) lightness, 0 to 100, shows no lips where the mesh expects them."""
    soft = cv2.GaussianBlur(light, (0, 0), 1.5)
    steps = np.abs(cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=3)) / 8
    outline = points[list(LIPS_OUTER)]
    centre = outline.mean(0)
    lips, near = _filled(outline), _filled((outline - centre) * 1.1 + centre)
    around = (
        _filled((outline - centre) * 1.45 + centre)
        & ~_filled((outline - centre) * 1.12 + centre)
        & _filled(points[list(FACE_OVAL)])
    )
    cheeks = _discs(points[[50, 280, 205, 425]], 8)
    if not (lips.any() and around.any() and cheeks.any()):
        return False
    flat = steps[near].mean() < _LIPS_TO_CHEEKS * max(_LEAST_GRADIENT, float(steps[cheeks].mean()))
    return bool(flat or abs(np.median(soft[lips]) - np.median(soft[around])) > _OTHER_LIGHT)


def _filled(outline: NDArray[Any]) -> NDArray[np.bool_]:
    mask = np.zeros((_SIDE, _SIDE), np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1)
    return mask > 0


def _discs(centres: NDArray[Any], radius: int) -> NDArray[np.bool_]:
    mask = np.zeros((_SIDE, _SIDE), np.uint8)
    for x, y in np.round(centres).astype(int):
        cv2.circle(mask, (int(x), int(y)), radius, 1, -1)
    return mask > 0


def _sharpness(rgb: NDArray[Any], face: Face) -> float:
    height, width = rgb.shape[:2]
    left, top = max(0, int(face.box[0])), max(0, int(face.box[1]))
    crop = rgb[top : min(height, int(face.box[3]) + 1), left : min(width, int(face.box[2]) + 1)]
    grey = cv2.cvtColor(cv2.resize(crop, (128, 128), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())

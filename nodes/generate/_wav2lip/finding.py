"""Finds the face in an image: the outline of the mesh, from the hair to the chin and from cheek to cheek.

The published checkpoints were trained on such boxes, which the detector S3FD gave.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from nodes._face import FaceModels, MeasuredFace, detect, fit_mesh
from nodes._face.landmarks import FACE_OVAL
from nodes._face.suitability import PERSON
from nodes.generate._wav2lip.smoothing import Box


class FaceFinder:
    """A ``Finder`` of the face with a number.

    Args:
        number: in the first frame with a face: 0 for the largest, else counted from the left, from 1.
    """

    def __init__(self, models: FaceModels, number: int) -> None:
        self._models, self._number = models, number

    def __call__(self, rgb: NDArray[Any], near: Box | None, moved_on: bool) -> Box | None:
        """The face at ``near``, as of ``Finder``. CPU: 20 ms; up to a second without a face."""
        faces = detect(rgb, self._models)  # largest first
        if near is not None:
            faces.sort(key=lambda face: -near.overlap(Box(*face.box)))
            if not moved_on:  # another person's face is not that of one who turns away
                faces = [face for face in faces if near.overlap(Box(*face.box)) > 0]
        elif 0 < self._number <= len(faces):
            faces = [sorted(faces, key=lambda face: face.box[0] + face.box[2])[self._number - 1]]
        for face in faces:
            fitted = fit_mesh(rgb, face, self._models)
            if fitted.presence >= PERSON:
                return outline(fitted.points)
        return None


def outline(points: NDArray[Any]) -> Box:
    """The box around the outline of a (468, 3) mesh."""
    oval = points[list(FACE_OVAL), :2]
    return Box(*map(float, (*oval.min(0), *oval.max(0))))


def box_of(face: MeasuredFace) -> Box:
    """The box of a face that was measured in a portrait."""
    return outline(face.points)

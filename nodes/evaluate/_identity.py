"""Compares the face in the clip with the face in the portrait: distance between two 128-dimensional descriptors.

Method: dlib's HOG detector, 5-point alignment and ResNet-34 face recognition network (D. King, CC0 1.0), from
face-recognition-models 0.3.0. A distance under 0.6 counts as the same person (the network's published threshold). The
68-point model of that package is not licensed for commercial use, so this module does not use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nodes.evaluate._model_packages import package_folder
from nodes.evaluate._unmeasured import Unmeasured

MODEL_KEY = "dlib/identity"  # for ctx.model
_DETECT_SIDE = 640  # longer side of the image for detection; the descriptor is computed at full size


@dataclass(frozen=True)
class Recognition:
    """dlib's detector, 5-point predictor and descriptor network."""

    detector: Any
    points: Any
    network: Any


def load_recognition() -> Recognition:
    """Read the models (about 1 s, 60 MB). Raises NodeError (node.missing_package)."""
    folder = package_folder("face_recognition_models", "face-recognition-models") / "models"
    import dlib

    return Recognition(
        dlib.get_frontal_face_detector(),
        dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat")),
        dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat")),
    )


def describe(rgb: NDArray[Any], models: Recognition) -> NDArray[Any]:
    """(H, W, 3) uint8 RGB -> (128,) float64 descriptor of the largest face. Raises Unmeasured if there is no face.

    CPU: 0.15 s, or 0.25 s for a small face, which takes a second detection.
    """
    import dlib

    scale = min(1.0, _DETECT_SIDE / max(rgb.shape[:2]))
    small = rgb if scale == 1 else cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    boxes = models.detector(small, 0) or models.detector(small, 1)  # faces from 80 px, then from 40 px
    if not boxes:
        raise Unmeasured("no face was found")
    box = max(boxes, key=lambda found: found.area())
    at_full_size = dlib.rectangle(*(round(side / scale) for side in (box.left(), box.top(), box.right(), box.bottom())))
    pixels = np.ascontiguousarray(rgb)
    return np.array(models.network.compute_face_descriptor(pixels, models.points(pixels, at_full_size)))


def distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Euclidean distance between two descriptors."""
    return float(np.linalg.norm(a - b))

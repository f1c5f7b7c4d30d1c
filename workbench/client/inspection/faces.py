"""Finds faces in an image, and warns about problems for a talking head. Runs in the inspection process only."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from schemas.errors import WorkbenchError
from schemas.upload import FaceBox, UploadWarning
from workbench.client.inspection.upload_errors import hint

SMALL_PX = 128  # smaller faces look enlarged in the animation
TOO_SMALL_PX = 48  # nodes._face.MIN_FACE_PX: smaller faces are refused at submit
TURNED = 0.45  # offset of the nose from the middle of the eyes, in eye distances: about 30 degrees
BLURRED = 25.0  # variance of the Laplacian of the face at 128 px, grey 0-255; sharp portraits have several hundred


def find_faces(image: Image.Image) -> tuple[list[FaceBox], list[UploadWarning]]:
    """The faces of an RGB image, the largest first, and the warnings about them."""
    from nodes._face import detect

    rgb = np.asarray(image)
    try:
        faces = detect(rgb)
    except WorkbenchError as error:  # the optional package is not installed
        return [], [hint("face.unchecked", error.message, error.remedy)]
    boxes = [
        FaceBox(**dict(zip(("left", "top", "right", "bottom"), face.box, strict=True)), score=min(1.0, face.score))
        for face in faces
    ]
    return boxes, _hints(rgb, faces)


def _hints(rgb: Any, faces: list[Any]) -> list[UploadWarning]:
    if not faces:
        remedy = "Use a well-lit portrait that faces the camera and shows the whole head."
        return [hint("face.none", "No face was found in the image.", remedy, level="error")]
    face = faces[0]
    hints = []
    if face.size < TOO_SMALL_PX:
        found = f"The face is {face.size:.0f} px large; it must be at least {TOO_SMALL_PX} px."
        remedy = "Use a closer or larger image, or enlarge it first with generate.upscale_image."
        hints.append(hint("face.too_small", found, remedy, level="error"))
    elif face.size < SMALL_PX:
        found = f"The face is {face.size:.0f} px large; the video looks sharp from {SMALL_PX} px."
        hints.append(hint("face.small", found, "Use a closer or larger image."))
    height, width = rgb.shape[:2]
    left, top, right, bottom = face.box
    cut = left < 0 or top < 0 or right > width or bottom > height
    others = (
        (cut, "cut", "The face is cut off at the edge of the image.", "Use an image that shows the whole head."),
        (
            len(faces) > 1,
            "several",
            f"There are {len(faces)} faces; the largest is used.",
            "Crop the image to one person.",
        ),
        (
            _turn(face) > TURNED,
            "turned",
            "The face is turned away.",
            "Use an image in which the person faces the camera.",
        ),
        (_sharpness(rgb, face) < BLURRED, "blurred", "The face is blurred.", "Use a sharper image."),
    )
    return [*hints, *(hint(f"face.{code}", found, remedy) for applies, code, found, remedy in others if applies)]


def _turn(face: Any) -> float:
    left_eye, right_eye, nose = face.keypoints[:3]
    between = float(np.hypot(*(right_eye - left_eye))) or 1.0
    along = (right_eye - left_eye) / between
    return abs(float(np.dot(nose - (left_eye + right_eye) / 2, along))) / between


def _sharpness(rgb: Any, face: Any) -> float:
    import cv2

    height, width = rgb.shape[:2]
    left, top = max(0, int(face.box[0])), max(0, int(face.box[1]))
    crop = rgb[top : min(height, int(face.box[3]) + 1), left : min(width, int(face.box[2]) + 1)]
    if min(crop.shape[:2]) < TOO_SMALL_PX:
        return BLURRED  # too few pixels to measure; the size warning covers it
    grey = cv2.cvtColor(cv2.resize(crop, (128, 128), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())

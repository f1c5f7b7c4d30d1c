"""Finds the faces of people in an image, turns it upright, and warns about it. Runs in the inspection process only."""

from __future__ import annotations

import numpy as np
from PIL import Image

from nodes.sdk import PortraitNeeds
from schemas.errors import WorkbenchError
from schemas.upload import FaceBox, UploadWarning
from workbench.client.inspection.upload_errors import hint

_TURNED = {2: "upside-down", 1: "on its side", 3: "on its side"}  # by quarter turns


def find_faces(image: Image.Image) -> tuple[list[FaceBox], list[UploadWarning], int]:
    """The faces of an RGB image, the largest first, the warnings about them, and how to turn the image upright.

    The faces are those of the image after the turns: a number of quarter turns counter-clockwise.
    """
    from nodes._face import findings, measured_faces, no_face, quarter_turns

    rgb = np.asarray(image)
    try:
        faces = measured_faces(rgb)
        turns = quarter_turns(rgb, faces)
        if turns:
            faces = measured_faces(np.ascontiguousarray(np.rot90(rgb, turns)))
    except WorkbenchError as error:  # the optional package is not installed
        return [], [hint("face.unchecked", error.message, error.remedy)], 0
    boxes = [
        FaceBox(**dict(zip(("left", "top", "right", "bottom"), face.box, strict=True)), score=face.score)
        for face in faces
    ]
    found = findings(faces[0], PortraitNeeds()) if faces else [no_face()]
    hints = [hint(f"face.{one.code}", one.message, one.remedy, level=one.level) for one in found]
    if len(faces) > 1:
        remedy = "Choose one with the parameter face of the animation, or crop the image to one person."
        hints.append(hint("face.several", f"There are {len(faces)} faces; the largest is used.", remedy))
    if turns:
        remedy = "If that is wrong, turn the file and give it again."
        hints.insert(0, hint("picture.turned", f"The image was {_TURNED[turns]}; it is turned upright.", remedy))
    return boxes, hints, turns

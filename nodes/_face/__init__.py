"""Face detection for all nodes: find faces in images, fit the 468-point mesh, name its parts, and judge portraits.

Importing this package imports numpy, OpenCV and Pillow, so import it inside ``run`` or ``check``. Its modules
``nodes._face.landmarks`` (index groups) and ``nodes._face.models`` (model key) import nothing beyond that.

    from nodes._face import MODEL_KEY, chosen_face, load_face_models, measured_faces, read_image

    models = ctx.model(MODEL_KEY, load_face_models)
    rgb = read_image(ctx.open(inputs.image))
    face, warnings = chosen_face(measured_faces(rgb, models), NEEDS, params.face)
    face.points  # (468, 3) float32 px
"""

from nodes._face import landmarks
from nodes._face.detection import Face, detect
from nodes._face.mesh import FittedMesh, fit_mesh, mesh
from nodes._face.models import MODEL_KEY, FaceModels, load_face_models, shared_face_models
from nodes._face.portrait import MAX_PIXELS, read_image
from nodes._face.requirements import Finding, check_portrait, chosen_face, findings, no_face
from nodes._face.suitability import MeasuredFace, measured_faces, measured_file, quarter_turns

__all__ = [
    "MAX_PIXELS",
    "MODEL_KEY",
    "Face",
    "FaceModels",
    "Finding",
    "FittedMesh",
    "MeasuredFace",
    "check_portrait",
    "chosen_face",
    "detect",
    "findings",
    "fit_mesh",
    "landmarks",
    "load_face_models",
    "measured_faces",
    "measured_file",
    "mesh",
    "no_face",
    "quarter_turns",
    "read_image",
    "shared_face_models",
]

"""Faces in pictures, for any node: find them, fit the 468-point mesh, name its parts.

Importing this package imports numpy, OpenCV and Pillow: do it inside ``run`` or ``check``. The index groups alone
(``nodes._face.landmarks``) and the model key (``nodes._face.models``) pull in nothing more than this package does.

    from nodes._face import MODEL_KEY, load_face_models, mesh, read_picture, usable_face

    models = ctx.model(MODEL_KEY, load_face_models)
    rgb = read_picture(ctx.open(inputs.image))
    points = mesh(rgb, usable_face(rgb, models), models)   # (468, 3) float32 px
"""

from nodes._face import landmarks
from nodes._face.detection import Face, detect
from nodes._face.mesh import mesh
from nodes._face.models import MODEL_KEY, FaceModels, load_face_models, shared_face_models
from nodes._face.picture import MAX_PIXELS, MIN_FACE_PX, largest_face, read_picture, usable_face

__all__ = [
    "MAX_PIXELS",
    "MIN_FACE_PX",
    "MODEL_KEY",
    "Face",
    "FaceModels",
    "detect",
    "landmarks",
    "largest_face",
    "load_face_models",
    "mesh",
    "read_picture",
    "shared_face_models",
    "usable_face",
]

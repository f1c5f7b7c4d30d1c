"""Face detection for all nodes: find faces in images, fit the 468-point mesh, and name its parts.

Importing this package imports numpy, OpenCV and Pillow, so import it inside ``run`` or ``check``. Its modules
``nodes._face.landmarks`` (index groups) and ``nodes._face.models`` (model key) import nothing beyond that.

    from nodes._face import MODEL_KEY, load_face_models, mesh, read_image, usable_face

    models = ctx.model(MODEL_KEY, load_face_models)
    rgb = read_image(ctx.open(inputs.image))
    points = mesh(rgb, usable_face(rgb, models), models)   # (468, 3) float32 px
"""

from nodes._face import landmarks
from nodes._face.detection import Face, detect
from nodes._face.mesh import mesh
from nodes._face.models import MODEL_KEY, FaceModels, load_face_models, shared_face_models
from nodes._face.portrait import MAX_PIXELS, MIN_FACE_PX, largest_face, read_image, usable_face

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
    "read_image",
    "shared_face_models",
    "usable_face",
]

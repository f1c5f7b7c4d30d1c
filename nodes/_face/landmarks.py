"""Named index groups of the 468-point face mesh (MediaPipe's canonical topology).

Left and right are as seen in the image: ``EYE_LEFT`` is the eye at smaller x in an upright, unmirrored portrait.
Closed rings run once around; open lines run from left to right in the image.
"""

from __future__ import annotations

POINTS = 468

# Lips: the two lines of a pair share their corner points.
LIPS_UPPER_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LIPS_LOWER_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
LIPS_UPPER_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LIPS_LOWER_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
LIPS_OUTER = LIPS_UPPER_OUTER + LIPS_LOWER_OUTER[-2:0:-1]
LIPS_INNER = LIPS_UPPER_INNER + LIPS_LOWER_INNER[-2:0:-1]

# Eyes: the two lid lines of an eye share their corner points.
EYE_LEFT_UPPER = (33, 246, 161, 160, 159, 158, 157, 173, 133)
EYE_LEFT_LOWER = (33, 7, 163, 144, 145, 153, 154, 155, 133)
EYE_RIGHT_UPPER = (362, 398, 384, 385, 386, 387, 388, 466, 263)
EYE_RIGHT_LOWER = (362, 382, 381, 380, 374, 373, 390, 249, 263)
EYE_LEFT = EYE_LEFT_UPPER + EYE_LEFT_LOWER[-2:0:-1]
EYE_RIGHT = EYE_RIGHT_UPPER + EYE_RIGHT_LOWER[-2:0:-1]

# Brows, upper edge then lower edge.
BROW_LEFT = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
BROW_RIGHT = (336, 296, 334, 293, 300, 276, 283, 282, 295, 285)

FACE_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)

FOREHEAD_TOP = 10
CHIN = 152
NOSE_TIP = 1
NOSE_BASE = 2  # where the philtrum begins
CHEEK_LEFT = 234
CHEEK_RIGHT = 454

GROUPS: dict[str, tuple[int, ...]] = {
    "lips_outer": LIPS_OUTER,
    "lips_inner": LIPS_INNER,
    "eye_left": EYE_LEFT,
    "eye_right": EYE_RIGHT,
    "brow_left": BROW_LEFT,
    "brow_right": BROW_RIGHT,
    "face_oval": FACE_OVAL,
}

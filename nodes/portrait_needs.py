"""What a service needs of a portrait. Imports nothing, so that every service can declare it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PortraitNeeds:
    """Bounds of a portrait for one service. Beyond a ``most_`` or ``least_`` bound a portrait is refused, else warned.

    Attributes:
        chosen_by: the integer parameter that chooses one of several faces, counted from the left; 0 is the largest.
        face: whether an image without a person's face is refused; else it is warned with ``without_face``.
        least_face_px, good_face_px: longer side of the face from forehead to chin.
        most_yaw, good_yaw, good_pitch, good_roll: degrees.
        most_cut, good_cut: share of the face's outline outside the image.
        least_sharpness: variance of the Laplacian of the face at 128 px, grey 0-255; sharp portraits have hundreds.
        dark, bright: median grey of the face, 0 to 1; bright only counts with a tenth of white pixels.
        turned, covered: what to expect of a face that looks aside, and of a mouth behind something.
    """

    chosen_by: str = ""
    face: bool = True
    without_face: str = ""
    least_face_px: float = 48
    good_face_px: float = 128
    most_yaw: float = 60
    good_yaw: float = 25
    good_pitch: float = 30
    good_roll: float = 30
    most_cut: float = 0.4
    good_cut: float = 0.02
    least_sharpness: float = 25
    dark: float = 0.15
    bright: float = 0.9
    turned: str = "The far side of the face looks stretched in the video."
    covered: str = "The video may show a mouth on top of it."

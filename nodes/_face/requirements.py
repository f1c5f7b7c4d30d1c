"""What to say about a portrait that does not meet the needs of a service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nodes._face.suitability import MeasuredFace, measured_file
from nodes.portrait_needs import PortraitNeeds
from nodes.sdk import NodeError
from schemas.errors import WorkbenchError

_NO_FACE_REMEDY = "Use a sharp, well-lit photo of a person who faces the camera, with the whole head in view."


@dataclass(frozen=True)
class Finding:
    """What a portrait does not meet. ``level`` error: refused."""

    code: Literal[
        "none", "too_small", "small", "cut", "turned", "tilted", "covered", "blurred", "dark", "bright", "several"
    ]
    level: Literal["warning", "error"]
    message: str
    remedy: str
    seen: str = ""
    allowed: str = ""


def chosen_face(faces: Sequence[MeasuredFace], needs: PortraitNeeds, number: int = 0) -> tuple[MeasuredFace, list[str]]:
    """The face that a service with these needs shall animate, and sentences that warn about it.

    Args:
        number: counted from the left, from 1; 0 is the largest.

    Raises NodeError if there is no such face, or if it cannot be used.
    """
    if not faces:
        raise _refusal(no_face(), "no face of a person was found in the portrait")
    if number > len(faces):
        raise NodeError(
            f"the portrait has no face {number}",
            where="params.face",
            seen=number,
            allowed=f"0 for the largest, or 1 to {len(faces)}, counted from the left",
            remedy="Choose one of the faces.",
        )
    in_order = sorted(faces, key=lambda face: face.box[0] + face.box[2])
    chosen = in_order[number - 1] if number else max(faces, key=lambda face: face.size)
    warnings = []
    if len(faces) > 1:
        at = next(at for at, one in enumerate(in_order, 1) if one is chosen)
        which = f"number {at} from the left" + ("" if number else ", the largest,")
        warnings.append(f"The portrait shows {len(faces)} faces; {which} is used. The parameter face chooses another.")
    for one in findings(chosen, needs):
        if one.level == "error":
            raise _refusal(one, one.message[0].lower() + one.message[1:])
        warnings.append(f"{one.message} {one.remedy}")
    return chosen, warnings


def check_portrait(path: Path, needs: PortraitNeeds, number: int = 0) -> list[str]:
    """Sentences that warn about a portrait, for a service with these needs.

    Raises the NodeErrors of ``read_image`` and ``chosen_face``, and WorkbenchError (node.missing_package) if the
    service needs a face and the package that finds faces is not installed.
    """
    try:
        faces = measured_file(path)
    except WorkbenchError as error:
        if needs.face or error.code != "node.missing_package":
            raise
        return [f"The portrait was not checked: {error.message}."]
    if not faces and not needs.face:
        return [f"{no_face().message} {needs.without_face}"]
    return chosen_face(faces, needs, number)[1]


def no_face() -> Finding:
    """The finding about an image without a face of a person."""
    message, allowed = "No face of a person was found in the image.", "one person, seen from the front"
    return Finding("none", "error", message, _NO_FACE_REMEDY, "no face", allowed)


def findings(face: MeasuredFace, needs: PortraitNeeds) -> list[Finding]:
    """What this face does not meet, in the order of the needs."""
    found = [_size(face, needs), _cut(face, needs), _turned(face, needs), _tilted(face, needs), *_light(face, needs)]
    blurred = (
        face.sharpness < needs.least_sharpness and face.size >= needs.least_face_px and face.brightness > needs.dark
    )
    if blurred:
        found.append(
            Finding("blurred", "warning", "The face is blurred, and so will be the video.", "Use a sharper image.")
        )
    elif face.mouth_covered and abs(face.yaw) <= needs.good_yaw:
        message = f"Something seems to cover the mouth: a mask, a hand or a microphone. {needs.covered}"
        found.append(Finding("covered", "warning", message, "Use an image in which the mouth is visible."))
    return [one for one in found if one is not None]


def _size(face: MeasuredFace, needs: PortraitNeeds) -> Finding | None:
    remedy = "Use a closer or larger image"
    if face.size < needs.least_face_px:
        message = f"The face is {face.size:.0f} px large; it must be at least {needs.least_face_px:.0f} px."
        allowed = f"at least {needs.least_face_px:.0f} px"
        remedy += ", or enlarge it first with generate.upscale_image."
        return Finding("too_small", "error", message, remedy, f"{face.size:.0f} px", allowed)
    if face.size < needs.good_face_px:
        message = f"The face is {face.size:.0f} px large; the video looks sharp from {needs.good_face_px:.0f} px."
        return Finding("small", "warning", message, f"{remedy}.")
    return None


def _cut(face: MeasuredFace, needs: PortraitNeeds) -> Finding | None:
    if face.cut <= needs.good_cut:
        return None
    share = f"{100 * face.cut:.0f} % of its outline"
    message = f"The face is cut off at the edge of the image: {share} is missing."
    level: Literal["warning", "error"] = "error" if face.cut > needs.most_cut else "warning"
    allowed = f"up to {100 * needs.most_cut:.0f} % missing"
    return Finding("cut", level, message, "Use an image that shows the whole head.", share, allowed)


def _turned(face: MeasuredFace, needs: PortraitNeeds) -> Finding | None:
    yaw, pitch = abs(face.yaw), abs(face.pitch)
    if yaw <= needs.good_yaw and pitch <= needs.good_pitch:
        return None
    remedy = "Use an image in which the person faces the camera."
    by = f"{yaw:.0f}° to the side" if yaw > needs.good_yaw else f"{pitch:.0f}° {'down' if face.pitch > 0 else 'up'}"
    if yaw > needs.most_yaw:
        allowed = f"up to {needs.most_yaw:.0f}°"
        return Finding("turned", "error", f"The face is turned {by}, almost a profile.", remedy, f"{yaw:.0f}°", allowed)
    return Finding("turned", "warning", f"The face is turned {by}. {needs.turned}", remedy)


def _tilted(face: MeasuredFace, needs: PortraitNeeds) -> Finding | None:
    if abs(face.roll) <= needs.good_roll:
        return None
    return Finding("tilted", "warning", f"The head is tilted by {abs(face.roll):.0f}°.", "Turn the image upright.")


def _light(face: MeasuredFace, needs: PortraitNeeds) -> list[Finding]:
    if face.brightness < needs.dark:
        return [Finding("dark", "warning", "The face is very dark.", "Use a brighter image.")]
    if face.brightness > needs.bright and face.clipped > 0.1:
        return [
            Finding("bright", "warning", "The face is overexposed: parts of it are plain white.", "Use a darker image.")
        ]
    return []


def _refusal(finding: Finding, message: str) -> NodeError:
    details = {name: value for name, value in (("seen", finding.seen), ("allowed", finding.allowed)) if value}
    return NodeError(message.rstrip("."), where="image", remedy=finding.remedy, **details)

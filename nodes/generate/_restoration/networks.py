"""The networks of a run, kept loaded from one job to the next."""

from __future__ import annotations

from pathlib import Path

from nodes._torch.device import Device
from nodes.generate._restoration.checkpoints import load_network
from nodes.generate._restoration.face_restorer import FaceRestorer
from nodes.generate._restoration.upscaler import Upscaler
from nodes.sdk import Context
from nodes.weights import recorded

_GIB = 0.5  # on the device: the largest of these networks has 90 million weights


def upscaler(ctx: Context, model: str, on: Device) -> Upscaler:
    """Raises as ``load_network`` and ``ctx.weights`` do."""
    folder = ctx.weights(model)
    return ctx.model(_key("upscaler", folder, on), lambda: Upscaler(load_network(folder, "upscaler"), on), _GIB)


def face_restorer(ctx: Context, model: str, on: Device, licence: bool) -> FaceRestorer | None:
    """None if no model is named. Raises as ``load_network`` and ``ctx.weights`` do."""
    if not model:
        return None
    folder = ctx.weights(model)
    key = _key("face restorer", folder, on) + (", S-Lab licence accepted" if licence else "")
    return ctx.model(key, lambda: FaceRestorer(load_network(folder, "face", s_lab_licence=licence), on), _GIB)


def _key(role: str, folder: Path, on: Device) -> str:
    """Another file under the same name is another network."""
    return f"{role} {folder.name} {recorded(folder).digest[:16]} on {on.device} in {on.dtype}"

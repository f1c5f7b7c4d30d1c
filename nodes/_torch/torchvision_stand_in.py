"""Imports spandrel where torchvision is not installed, or was built for another torch.

spandrel uses three names of torchvision: ``normalize`` for RestoreFormer, and ``rotate`` with ``InterpolationMode`` for
LaMa, which is an inpainting network. The package itself is the greater problem: one that was built for CUDA does not
load beside a torch for the CPU ("operator torchvision::nms does not exist"), and then diffusers and transformers,
which look for torchvision, do not load either. So the environment of the engine does without it.
"""

from __future__ import annotations

import importlib
import sys
import threading
from enum import Enum
from types import ModuleType
from typing import Any

_PATH = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
_importing = threading.Lock()


class InterpolationMode(Enum):
    """The names that spandrel looks up while it is imported."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"


def normalize(tensor: Any, mean: list[float], std: list[float]) -> Any:
    """(…, C, H, W) float -> (tensor - mean) / std for each channel."""
    along = (-1, 1, 1)
    return (tensor - tensor.new_tensor(mean).view(along)) / tensor.new_tensor(std).view(along)


def rotate(*_: object, **__: object) -> Any:
    raise NotImplementedError("LaMa needs torchvision, which is not installed here")


def import_spandrel() -> ModuleType:
    """The package spandrel. The stand-in for torchvision is there only while it is imported.

    Raises ModuleNotFoundError if spandrel is not installed.
    """
    with _importing:
        if "spandrel" not in sys.modules and not _works():
            sys.modules.update(_stand_in())
            try:
                return importlib.import_module("spandrel")
            finally:
                for name in _PATH:
                    sys.modules.pop(name, None)
        return importlib.import_module("spandrel")


def _works() -> bool:
    try:
        importlib.import_module(_PATH[-1])
    except (ImportError, RuntimeError):  # RuntimeError: its operators are not there, as in a build for another torch
        return False
    return True


def _stand_in() -> dict[str, ModuleType]:
    modules = {name: ModuleType(name) for name in _PATH}
    vars(modules[_PATH[-1]]).update(normalize=normalize, rotate=rotate, InterpolationMode=InterpolationMode)
    return modules

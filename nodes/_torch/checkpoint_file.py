"""Reads a model that is one file of weights: safetensors, or pickle with only weights in it. Runs no code from it."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from nodes.sdk import NodeError

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt")
_NAMED = re.compile(r"GLOBAL ([\w.]+)")  # in the error of torch's restricted unpickler


def only_file(folder: Path) -> Path:
    """The file of weights in a model's folder; safetensors if the same weights are there in several formats.

    Raises NodeError (node.bad_input) if there is none, or several of a format.
    """
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    for suffix in SUFFIXES:
        of_format = [path for path in found if path.suffix.lower() == suffix]
        if len(of_format) == 1:
            return of_format[0]
        if of_format:
            break
    raise NodeError(
        "the model is not one file of weights",
        where=f"params.model: {folder.name}",
        seen=", ".join(path.name for path in found) or "no file of weights",
        allowed=f"one file that ends with {', '.join(SUFFIXES)}",
        remedy="Choose a model of one file, or install each file as a model of its own.",
    )


def read_weights(path: Path) -> Mapping[str, Any]:
    """What the file contains by name, on the CPU: tensors, and in pickle files also tables of them and plain values.

    Raises NodeError (node.bad_input) if it is damaged, or refers to anything that is not a weight.
    """
    try:
        if path.suffix.lower() == ".safetensors":
            read: Any = load_file(path)
        else:
            read = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises anything: KeyError, EOFError, RuntimeError, ...
        if isinstance(error, pickle.UnpicklingError) and (named := _NAMED.search(str(error))):
            raise _program(path, f"a reference to {named[1]}") from None  # torch's text advises to run it
        if "TorchScript" in str(error):
            raise _program(path, "a TorchScript program") from None
        raise damaged(path, _reason(error)) from None
    if not isinstance(read, Mapping):
        raise damaged(path, f"a {type(read).__name__} instead of a table of weights")
    return read


def check_finite(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raises NodeError (node.bad_input) if a weight is not a finite number."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise damaged(path, f"values that are not finite, in {name}")


def damaged(path: Path, seen: str) -> NodeError:
    """The error about a file that is not what was published."""
    return NodeError(
        "the checkpoint is damaged",
        where=f"params.model: {path.parent.name}/{path.name}",
        seen=seen,
        allowed="an undamaged file of weights",
        remedy=f"Get the file again. `workbench models verify {path.parent.name}` compares it with its source.",
    )


def _program(path: Path, seen: str) -> NodeError:
    return NodeError(
        "the checkpoint contains more than weights, and was not loaded",
        where=f"params.model: {path.parent.name}/{path.name}",
        seen=seen,
        allowed="weights alone; anything else could run code from the file",
        remedy="Get the weights from a source that you trust, if possible as safetensors.",
    )


def _reason(error: Exception) -> str:
    """The end of torch's text: what comes before it advises to load the file without protection."""
    if isinstance(error, pickle.UnpicklingError):
        return "no file of torch, or one that is cut off"
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__

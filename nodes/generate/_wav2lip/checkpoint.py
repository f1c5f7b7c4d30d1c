"""Reads a published checkpoint of Wav2Lip without running code from it, and checks that it fits the network."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from nodes.generate._wav2lip.network import Wav2Lip
from nodes.sdk import NodeError

SUFFIXES = (".safetensors", ".pth", ".pt")
_COUNTER = ".num_batches_tracked"  # of the training; converted checkpoints leave it out
_ALLOWED = "a checkpoint of Wav2Lip for faces of 96 x 96 px"
_REMEDY = "Use wav2lip or wav2lip_gan as published, or a conversion of one of them to safetensors."


def file_in(folder: Path) -> Path:
    """The one checkpoint in a model's folder. Raises NodeError if there is none, or several."""
    found = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    if len(found) != 1:
        raise NodeError(
            "the model is not a single checkpoint",
            where=f"params.model: {folder.name}",
            seen=", ".join(path.name for path in found) or "no checkpoint",
            allowed=f"one file that ends with {', '.join(SUFFIXES)}",
            remedy=_REMEDY,
        )
    return found[0]


def load(path: Path) -> Wav2Lip:
    """The network with the weights of a file, on the CPU, in float32, for use without training.

    The names may begin with ``module.``, and the weights may lie under ``state_dict``, as the training program wrote
    them. Raises NodeError if the file is damaged, contains code, or is not of this network.
    """
    tensors = _tensors(path)
    with torch.device("meta"):
        network = Wav2Lip()
    expected = network.state_dict()
    missing = [name for name in expected if name not in tensors and not name.endswith(_COUNTER)]
    unexpected = [name for name in tensors if name not in expected]
    if missing or unexpected:
        raise _other_network(path, _some("missing", missing) + _some("unexpected", unexpected))
    shaped = [
        f"{name} is {_shape(tensors[name])} instead of {_shape(tensor)}"
        for name, tensor in expected.items()
        if name in tensors and tensors[name].shape != tensor.shape
    ]
    if shaped:
        raise _other_network(path, _some("of another shape", shaped))
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise _unreadable(path, f"{name} has values that are not finite")
    counters = {name: torch.zeros((), dtype=torch.int64) for name in expected if name.endswith(_COUNTER)}
    weights = {name: tensor.float() for name, tensor in tensors.items() if name not in counters}
    network.load_state_dict(counters | weights, assign=True)
    return network.eval().requires_grad_(False)


def _tensors(path: Path) -> dict[str, Tensor]:
    """The tensors by the names of the network."""
    try:
        read: Any = load_file(path) if path.suffix == ".safetensors" else _unpickled(path)
    except pickle.UnpicklingError as error:
        raise NodeError(
            "the checkpoint contains more than weights, and was not loaded",
            where=f"params.model: {path.name}",
            seen=_first_line(error),
            allowed="weights alone: loading anything else would run code from the file",
            remedy=f"Get it from another source. {_REMEDY}",
        ) from error
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise _unreadable(path, f"{type(error).__name__}: {_first_line(error)}") from error
    if isinstance(read, Mapping) and isinstance(read.get("state_dict"), Mapping):
        read = read["state_dict"]
    if not isinstance(read, Mapping):
        raise _other_network(path, f"a {type(read).__name__}")
    others = [str(name) for name, value in read.items() if not isinstance(value, Tensor)]
    if others:
        raise _other_network(path, _some("no weights", others))
    return {str(name).removeprefix("module."): value for name, value in read.items()}


def _unpickled(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def _some(what: str, names: list[str]) -> str:
    """The first names of a list."""
    if not names:
        return ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{what}: {', '.join(names[:3])}{more}. "


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no details"])[0][:300]


def _other_network(path: Path, seen: str) -> NodeError:
    return NodeError(
        "the checkpoint is not one of this network",
        where=f"params.model: {path.name}",
        seen=seen.strip(),
        allowed=_ALLOWED,
        remedy=_REMEDY,
    )


def _unreadable(path: Path, seen: str) -> NodeError:
    return NodeError(
        "the checkpoint is damaged",
        where=f"params.model: {path.name}",
        seen=seen,
        allowed=_ALLOWED,
        remedy="Get the file again: `workbench models verify` says which one differs from its source.",
    )

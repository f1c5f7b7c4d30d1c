"""Loads a published checkpoint of Wav2Lip, and checks that it fits the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from nodes._torch.checkpoint_file import check_finite, read_weights
from nodes.generate._wav2lip.network import Wav2Lip
from nodes.sdk import NodeError

_COUNTER = ".num_batches_tracked"  # of the training; converted checkpoints leave it out
_SHOWN = 3  # names in an error


def load(path: Path) -> Wav2Lip:
    """The network with the weights of a file, on the CPU, in float32, for use without training.

    The names may begin with ``module.``, and the weights may lie under ``state_dict``, as the training program wrote
    them. Raises NodeError (node.bad_input) if the file is damaged, contains code, or is not of this network.
    """
    tensors = _tensors(path)
    with torch.device("meta"):
        network = Wav2Lip()
    expected = network.state_dict()
    missing = [name for name in expected if name not in tensors and not name.endswith(_COUNTER)]
    unexpected = [name for name in tensors if name not in expected]
    if missing or unexpected:
        raise _other_network(path, _some("missing", missing), _some("unexpected", unexpected))
    others = [
        f"{name} is {_shape(tensors[name])} instead of {_shape(tensor)}"
        for name, tensor in expected.items()
        if name in tensors and tensors[name].shape != tensor.shape
    ]
    if others:
        raise _other_network(path, _some("of another shape", others))
    check_finite(path, tensors)
    counters = {name: torch.zeros((), dtype=torch.int64) for name in expected if name.endswith(_COUNTER)}
    weights = {name: tensor.float() for name, tensor in tensors.items() if name not in counters}
    network.load_state_dict(counters | weights, assign=True)
    return network.eval().requires_grad_(False)


def _tensors(path: Path) -> dict[str, Tensor]:
    """The tensors by the names of the network."""
    read = read_weights(path)
    if isinstance(inner := read.get("state_dict"), Mapping):
        read = inner
    others = [str(name) for name, value in read.items() if not isinstance(value, Tensor)]
    if others:
        raise _other_network(path, _some("no weights", others))
    return {str(name).removeprefix("module."): value for name, value in read.items()}


def _some(what: str, names: list[str]) -> str:
    """The first names of a list; "" for an empty one."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{what}: {', '.join(names[:_SHOWN])}{more}" if names else ""


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"


def _other_network(path: Path, *seen: str) -> NodeError:
    return NodeError(
        "the checkpoint is not one of this network",
        where=f"params.model: {path.parent.name}/{path.name}",
        seen="; ".join(one for one in seen if one),
        allowed="a checkpoint of Wav2Lip for faces of 96 x 96 px",
        remedy="Use wav2lip or wav2lip_gan as published, or a conversion of one of them to safetensors.",
    )

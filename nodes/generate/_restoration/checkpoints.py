"""Loads a network from a file of weights with spandrel, which knows the architecture by the names of the tensors.

Source: spandrel by the chaiNNer authors, licence MIT. Its own loader opens pickle files with a limited unpickler, and
files named .pt as TorchScript first, which is a program. So files are read by ``nodes._torch.checkpoint_file``, which
builds tensors and nothing else.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any, Literal

import torch

from nodes._torch.checkpoint_file import check_finite, damaged, only_file, read_weights
from nodes._torch.torchvision_stand_in import import_spandrel
from nodes.sdk import NodeError

Role = Literal["upscaler", "face"]
_CODEFORMER = frozenset({"position_emb", "idx_pred_layer.1.weight", "quantize.embedding.weight"})
_EXTRA = "spandrel_extra_arches"


def load_network(folder: Path, role: Role, *, s_lab_licence: bool = False) -> Any:
    """The network in a model's folder, in float32 on the CPU, as an ``ImageModelDescriptor`` in evaluation mode.

    Args:
        s_lab_licence: whether the user accepts the licence of CodeFormer, which allows no commercial use.

    Raises NodeError: node.bad_input for a file that is damaged or contains a program, an architecture that is not
    supported, or a network for another purpose; node.missing_package.
    """
    path = only_file(folder)
    spandrel = import_spandrel()
    weights = _weights(spandrel, path)
    if weights.keys() >= _CODEFORMER:
        _allow_codeformer(spandrel, path, s_lab_licence)
    try:
        network = spandrel.ModelLoader().load_from_state_dict(weights)
    except spandrel.UnsupportedModelError:
        raise NodeError(
            "the architecture of the network is not supported",
            where=str(path),
            seen=f"tensors such as {', '.join(sorted(weights)[:3])}",
            allowed="Real-ESRGAN, SPAN, GFPGAN, RestoreFormer, or another architecture of spandrel",
            remedy="Choose another model.",
        ) from None
    except (RuntimeError, KeyError, IndexError, ValueError, TypeError) as error:
        raise damaged(path, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}") from error
    _check_purpose(network, path, role)
    network.model.eval().requires_grad_(False)
    return network


def _weights(spandrel: Any, path: Path) -> dict[str, Any]:
    weights = spandrel.canonicalize_state_dict(dict(read_weights(path)))
    if not weights or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise damaged(path, "no table of weights")
    check_finite(path, weights)
    return dict(weights)


def _check_purpose(network: Any, path: Path, role: Role) -> None:
    purpose = network.purpose
    colour = (network.input_channels, network.output_channels) == (3, 3)
    if role == "upscaler":
        fits = purpose == "SR" and network.scale >= 2 and colour
        allowed = "a network that enlarges colour images, such as Real-ESRGAN or SPAN"
    else:
        fits = purpose == "FaceSR" and network.scale == 1 and colour
        allowed = "a network that restores faces: GFPGAN or RestoreFormer"
    if not fits:
        raise NodeError(
            "the network is for another purpose",
            where="params.model" if role == "upscaler" else "params.face_model",
            seen=f"{path.parent.name}: {network.architecture.name}, purpose {purpose}, scale {network.scale}, "
            f"{network.input_channels} -> {network.output_channels} channels",
            allowed=allowed,
            remedy="Choose another model for this parameter.",
        )


def _allow_codeformer(spandrel: Any, path: Path, accepted: bool) -> None:
    if not accepted:
        raise NodeError(
            "CodeFormer may only be used by those who accept its licence",
            where=str(path),
            seen="s_lab_licence is false",
            allowed="S-Lab License 1.0: no commercial use",
            remedy="Read the licence in the repository sczhou/CodeFormer, and set s_lab_licence if you accept it. "
            "GFPGAN and RestoreFormer do the same task under other licences.",
        )
    if importlib.util.find_spec(_EXTRA) is None:
        raise NodeError(
            f"CodeFormer needs the package {_EXTRA}, which is not installed",
            code="node.missing_package",
            where=str(path),
            seen="not installed",
            allowed=_EXTRA,
            remedy=f"pip install --no-deps {_EXTRA} in the environment of the engine torch. Its architectures have "
            "licences of their own, so it is not installed by default.",
        )
    extra = importlib.import_module(_EXTRA)
    spandrel.MAIN_REGISTRY.add(*extra.EXTRA_REGISTRY, ignore_duplicates=True)

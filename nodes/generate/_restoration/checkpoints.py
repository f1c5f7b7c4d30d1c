"""Loads a network from a file of weights with spandrel, which knows the architecture by the names of the tensors.

Source: spandrel by the chaiNNer authors, licence MIT. Its own loader opens pickle files with a limited unpickler, and
files named .pt as TorchScript first, which is a program. So files are read here: safetensors, or pickle with
``torch.load(weights_only=True)``, which builds tensors and nothing else.
"""

from __future__ import annotations

import importlib
import importlib.util
import pickle
import re
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file

from nodes._torch.torchvision_stand_in import import_spandrel
from nodes.sdk import NodeError

Role = Literal["upscaler", "face"]
_SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt")
_CODEFORMER = frozenset({"position_emb", "idx_pred_layer.1.weight", "quantize.embedding.weight"})
_EXTRA = "spandrel_extra_arches"


def load_network(folder: Path, role: Role, *, s_lab_licence: bool = False) -> Any:
    """The network in a model's folder, in float32 on the CPU, as an ``ImageModelDescriptor`` in evaluation mode.

    Args:
        s_lab_licence: whether the user accepts the licence of CodeFormer, which allows no commercial use.

    Raises NodeError: node.bad_input for a file that is damaged or contains a program, an architecture that is not
    supported, or a network for another purpose; node.missing_package.
    """
    path = _file(folder)
    try:
        spandrel = import_spandrel()
    except ModuleNotFoundError:
        raise NodeError(
            "the networks are loaded by the package spandrel, which is not installed",
            code="node.missing_package",
            where="generate.upscale_video_torch",
            seen="not installed",
            allowed="spandrel",
            remedy="Run `workbench engines install torch`.",
        ) from None
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
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    _check_purpose(spandrel, network, path, role)
    network.model.eval().requires_grad_(False)
    return network


def _file(folder: Path) -> Path:
    files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in _SUFFIXES]
    for suffix in _SUFFIXES:  # safetensors first: many publishers offer the same weights in both formats
        of_kind = [path for path in files if path.suffix.lower() == suffix]
        if len(of_kind) == 1:
            return of_kind[0]
        if of_kind:
            break
    raise NodeError(
        "the folder of the model must have one file of weights",
        where=str(folder),
        seen=", ".join(path.name for path in files) or "none",
        allowed=f"one file: {', '.join(_SUFFIXES)}",
        remedy="Choose a model of one file, or install each file as a model of its own.",
    )


def _weights(spandrel: Any, path: Path) -> dict[str, Any]:
    try:
        if path.suffix.lower() == ".safetensors":
            read: Any = load_file(path)
        else:
            read = torch.load(path, map_location="cpu", weights_only=True)
        weights = spandrel.canonicalize_state_dict(read)
    except Exception as error:  # a damaged pickle file raises anything: KeyError, EOFError, RuntimeError, …
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        if isinstance(error, pickle.UnpicklingError) and named:
            raise _program(path, named[1]) from None
        if "TorchScript" in str(error):
            raise _program(path, "a TorchScript program") from None
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    if not weights or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise _damaged(path, "no table of tensors")
    broken = [name for name, value in weights.items() if value.is_floating_point() and not value.isfinite().all()]
    if broken:
        raise _damaged(path, f"values that are not finite, in {broken[0]}")
    return dict(weights)


def _check_purpose(spandrel: Any, network: Any, path: Path, role: Role) -> None:
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
            "GFPGAN and RestoreFormer (Apache-2.0) do the same task.",
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


def _program(path: Path, seen: str) -> NodeError:
    return NodeError(
        "the file of weights contains more than weights, and was not opened further",
        where=str(path),
        seen=seen,
        allowed="tensors only",
        remedy="Such a file can run any program. Get the weights from their publisher, as safetensors if possible.",
    )


def _damaged(path: Path, seen: str) -> NodeError:
    return NodeError(
        "the file of weights cannot be read",
        where=str(path),
        seen=" ".join(seen.split())[:300],
        allowed="an intact file of weights",
        remedy=f"Run `workbench models verify {path.parent.name}`, or get the file again from its publisher.",
    )

"""Reads what the folder of a diffusers model contains, without loading it, and refuses what must not be loaded.

Only safetensors files are loaded. A pickle file can run any program when it is opened, so a folder that has one is
refused as a whole: it does not matter which file a library would prefer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from nodes.sdk import NodeError
from nodes.weights import recorded

_PICKLES = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth")
_NETWORKS = ("unet", "transformer", "vae", "text_encoder", "image_encoder", "safety_checker")
_MAY_BE_ABSENT = ("safety_checker", "feature_extractor")  # of Stable Diffusion 1.5, whose copies often lack them


@dataclass(frozen=True)
class ModelFiles:
    """What a model's folder contains.

    Attributes:
        pipeline: the class of diffusers that loads it.
        values: number of weights by network.
        variant: the variant of the files to load, such as fp16; None for the plain files.
        absent: optional components that are not in the folder.
        digest: over all its files, as its record says.
    """

    name: str
    folder: Path
    pipeline: str
    values: Mapping[str, int]
    variant: str | None
    absent: tuple[str, ...]
    digest: str

    def config(self, component: str) -> dict[str, Any]:
        """The settings of a network."""
        return _json(self.folder / component / "config.json", self.name)


def read_model(folder: Path, name: str, supported: Collection[str]) -> ModelFiles:
    """The contents of an installed model. Reads the headers of its files only.

    Args:
        supported: the pipeline classes that the node can run.

    Raises NodeError: node.bad_input for a model of another class or with pickle files, model.damaged for files that are
    missing or incomplete.
    """
    pickles = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix in _PICKLES)
    if pickles:
        raise NodeError(
            f"the model {name} has pickle files, which can run any program when they are opened",
            where=str(folder),
            seen=", ".join(pickles[:4]) + (f" and {len(pickles) - 4} more" if len(pickles) > 4 else ""),
            allowed="safetensors files",
            remedy="Install a copy of the model without them: most publishers offer safetensors files beside them.",
        )
    index = _json(folder / "model_index.json", name)
    pipeline = index.get("_class_name")
    if not isinstance(pipeline, str) or pipeline not in supported:
        raise NodeError(
            f"the model {name} is of a kind that this node cannot run",
            where="params.model",
            seen=pipeline,
            allowed=", ".join(sorted(supported)),
            remedy="Choose another model, or the node for this kind of model.",
        )
    components = {key: value for key, value in index.items() if isinstance(value, list) and None not in value}
    absent = tuple(key for key in components if key in _MAY_BE_ABSENT and not (folder / key).is_dir())
    values: dict[str, int] = {}
    only_fp16 = False
    for component in components:
        if component in absent or not component.startswith(_NETWORKS):
            continue
        files = sorted((folder / component).glob("*.safetensors"))
        plain = [path for path in files if ".fp16" not in path.name]
        only_fp16 |= not plain
        values[component] = _values(folder / component, plain or files, name)
    return ModelFiles(
        name=name,
        folder=folder,
        pipeline=pipeline,
        values=values,
        variant="fp16" if only_fp16 else None,
        absent=absent,
        digest=recorded(folder).digest,
    )


def _values(folder: Path, files: list[Path], name: str) -> int:
    """Number of weights in a network's files, after a check that all of them are there as a whole."""
    if not files:
        raise _damaged(name, folder, "no safetensors file")
    named = {path.name for path in files}
    for index in folder.glob("*.safetensors.index*.json"):
        weight_map = _json(index, name).get("weight_map")
        if not isinstance(weight_map, dict):
            raise _damaged(name, index, "no weight_map")
        needed = set(map(str, weight_map.values()))
        if needed & named and needed - named:
            raise _damaged(name, folder, f"{', '.join(sorted(needed - named))} missing")
    count = 0
    for path in files:
        try:
            with safe_open(path, framework="pt") as file:  # compares the header with the size of the file
                count += sum(math.prod(file.get_slice(key).get_shape()) for key in file.keys())  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise _damaged(name, path, str(error)) from error
    return count


def _json(path: Path, name: str) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise _damaged(name, path, f"{type(error).__name__}: {error}") from error
    if not isinstance(read, dict):
        raise _damaged(name, path, "JSON without names")
    return read


def _damaged(name: str, path: Path, seen: str) -> NodeError:
    return NodeError(
        f"the model {name} is not complete",
        code="model.damaged",
        where=str(path),
        seen=seen,
        allowed="a folder in the layout of diffusers: model_index.json and safetensors files for each network",
        remedy=f"Run `workbench models verify {name}`, or install the model again.",
    )

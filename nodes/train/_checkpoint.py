"""The state of a training as one safetensors file, without pickle: another attempt goes on from it.

There is no state of a random generator in it: every step draws from a generator of its own, seeded by the job's seed
and the number of the step. So a training that was stopped and one that was not draw the same numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nodes._torch import safetensors_file
from nodes.sdk import NodeError

_FORMAT = "workbench.training.1"
_MOMENTS = ("exp_avg", "exp_avg_sq")  # of AdamW


@dataclass
class Progress:
    """How far a training is.

    Attributes:
        step: number of finished steps.
        losses: of each finished step.
        samples: (step, (H, W, 3) uint8) for each sample image, the base's first.
    """

    step: int = 0
    losses: list[float] = field(default_factory=list)
    samples: list[tuple[int, NDArray[Any]]] = field(default_factory=list)


def save(
    path: Path,
    progress: Progress,
    parameters: Mapping[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
) -> None:
    """Write the checkpoint. Equal states give equal bytes."""
    tensors: dict[str, torch.Tensor] = {"losses": torch.tensor(progress.losses, dtype=torch.float64)}
    for name, parameter in parameters.items():
        tensors[f"lora/{name}"] = parameter.data
        state = optimizer.state.get(parameter)
        if state:  # none before the first step that the scaler did not skip
            tensors |= {f"{moment}/{name}": state[moment] for moment in _MOMENTS}
            tensors[f"step/{name}"] = state["step"].reshape(1)
    for index, (_, image) in enumerate(progress.samples):
        tensors[f"sample/{index:04}"] = torch.from_numpy(image)
    about = {
        "step": progress.step,
        "sampled_at": [step for step, _ in progress.samples],
        "scaler": scaler.state_dict(),
    }
    safetensors_file.write(path, tensors, {"format": _FORMAT, "state": json.dumps(about, sort_keys=True)})


def restore(
    path: Path,
    parameters: Mapping[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
) -> Progress:
    """Read a checkpoint into a training that was set up in the same way. Raises NodeError if it is of another one."""
    header = safetensors_file.read_header(path, "checkpoint", "ctx.parts")
    tensors = safetensors_file.read(path, "checkpoint", "ctx.parts")
    there = {name.removeprefix("lora/"): value.shape for name, value in tensors.items() if name.startswith("lora/")}
    needed = {name: parameter.shape for name, parameter in parameters.items()}
    if header.get("format") != _FORMAT or there != needed:
        raise NodeError(
            "the checkpoint is of another training",
            where="ctx.parts",
            seen=f"{len(there)} weights, format {header.get('format')}",
            allowed=f"{len(needed)} weights, format {_FORMAT}",
            remedy="Start the training again.",
        )
    for name, parameter in parameters.items():
        parameter.data.copy_(tensors[f"lora/{name}"])
        if f"step/{name}" in tensors:
            moments = {moment: tensors[f"{moment}/{name}"].to(parameter.device) for moment in _MOMENTS}
            optimizer.state[parameter] = {**moments, "step": tensors[f"step/{name}"].reshape(())}
    about = json.loads(header["state"])
    if scaler.is_enabled():
        scaler.load_state_dict(about["scaler"])
    images = [np.ascontiguousarray(tensors[f"sample/{at:04}"].numpy()) for at in range(len(about["sampled_at"]))]
    return Progress(
        step=about["step"],
        losses=tensors["losses"].tolist(),
        samples=list(zip(about["sampled_at"], images, strict=True)),
    )

"""Reads and writes safetensors files. Equal tensors and metadata give equal bytes, and a damaged file a NodeError.

The format is that of Hugging Face's safetensors (Apache-2.0): the length of a JSON header, the header, the tensors. Its
own writer puts the metadata in a random order, so two equal trainings would give files with different digests.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from nodes.sdk import NodeError

_ALIGNMENT = 8
_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
}


def write(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> None:
    """Write the tensors (any device, any layout) sorted by name, and the metadata sorted by key."""
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))}
    offset = 0
    for name, tensor in sorted(tensors.items()):
        end = offset + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % _ALIGNMENT)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        for _, tensor in sorted(tensors.items()):
            flat = tensor.detach().to("cpu").contiguous().reshape(-1)
            file.write(flat.view(torch.uint8).numpy().data)


def read_header(path: Path, what: str, where: str) -> dict[str, str]:
    """The metadata. Raises NodeError if the file is not one of safetensors.

    Args:
        what: what the file should be, for the error: "LoRA".
        where: the input or parameter that named it.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, what, where, error) from error


def read(path: Path, what: str, where: str) -> dict[str, torch.Tensor]:
    """The tensors, on the CPU. Raises NodeError if the file is not one of safetensors, or has NaN or infinity."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, what, where, error) from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise NodeError(
                f"the {what} has values that are not numbers",
                where=where,
                seen=f"NaN or infinity in {name}",
                allowed="finite values",
                remedy="Use another file: a training that diverged or a damaged copy gives such values.",
            )
    return tensors


def _unreadable(path: Path, what: str, where: str, error: Exception) -> NodeError:
    with path.open("rb") as file:
        start = file.read(4)
    pickled = start[:2] in (b"PK", b"\x80\x02", b"\x80\x04")
    return NodeError(
        f"the {what} cannot be read",
        where=where,
        seen="a pickle file, which could run any program" if pickled else f"{type(error).__name__}: {error}",
        allowed="a safetensors file",
        remedy="Use an undamaged .safetensors file. Pickle files (.pt, .bin, .ckpt) are not opened.",
    )

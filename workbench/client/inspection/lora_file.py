"""Inspects LoRA files: the header of a safetensors file, without torch. Inspection process only.

Format: Hugging Face's safetensors. The file is the length of a JSON header in 8 bytes, the header, and the bytes of the
tensors, which the header must cover without gaps. Such a file cannot contain code.
"""

from __future__ import annotations

import math
import re
import shutil
import struct
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

import orjson

from schemas.errors import WorkbenchError
from schemas.refs import SAFETENSORS
from schemas.upload import LoraFacts
from workbench.client.inspection.limits import (
    MAX_LORA_HEADER_BYTES,
    MAX_LORA_METADATA_BYTES,
    MAX_LORA_RANK,
    MAX_LORA_TENSORS,
)
from workbench.client.inspection.upload_errors import refused, too_large, unreadable

_WHAT = "a LoRA: pairs of small matrices with lora in their names"
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I64": 8, "I32": 4, "I16": 2, "I8": 1}
_BYTES |= {"U8": 1, "U16": 2, "U32": 4, "U64": 8, "BOOL": 1}
# Names of diffusers and peft (lora_A, lora_B), of kohya's scripts (lora_down, lora_up), and of older diffusers.
_DOWN = re.compile(r"\blora[._](a|down)\b|_lora\.down\b", re.IGNORECASE)
_UP = re.compile(r"\blora[._](b|up)\b|_lora\.up\b", re.IGNORECASE)
_OWN, _SAID = "workbench.lora", ("trigger", "base_model", "licence")
# What programs need to load it. Training programs add much more, such as folders and names of users.
_KEPT = ("format", _OWN, "lora_adapter_metadata")
_ALIGNMENT = 8


def inspect_lora(path: Path, out: Path) -> dict[str, Any]:
    """The facts of a LoRA file. It is written to ``out`` with the tensors as they are, and without the metadata that no
    program needs to load it. Raises WorkbenchError: upload.*.
    """
    with path.open("rb") as file:
        header = _header(file, path.stat().st_size)
        tensors_at = file.tell()
    metadata = header.pop("__metadata__", {})
    tensors = {name: _shape(name, entry) for name, entry in header.items()}
    _check_extent(header, path.stat().st_size - tensors_at)
    facts = LoraFacts(tensors=len(tensors), rank=_rank(tensors), **_said(metadata))
    kept = {key: value for key, value in metadata.items() if key in _KEPT}
    if kept == metadata:
        shutil.copyfile(path, out)
    else:
        _write(path, tensors_at, header | ({"__metadata__": kept} if kept else {}), out)
    return {
        "kind": "lora",
        "media_type": SAFETENSORS,
        "suffix": ".safetensors",
        "facts": {"format": "safetensors", "rewritten": kept != metadata, "lora": facts.model_dump(mode="json")},
        "faces": [],
        "warnings": [],
    }


def _header(file: BinaryIO, size: int) -> dict[str, Any]:
    (length,) = struct.unpack("<Q", file.read(8))
    if length > min(MAX_LORA_HEADER_BYTES, size - 8):
        raise too_large("the header of the file is too long", f"{length} bytes", f"up to {MAX_LORA_HEADER_BYTES} bytes")
    try:
        header = orjson.loads(file.read(length))
    except orjson.JSONDecodeError as fault:
        raise unreadable("the header of the file is damaged", str(fault)) from fault
    if not isinstance(header, dict):
        raise unreadable("the header of the file is damaged", type(header).__name__)
    if len(header) > MAX_LORA_TENSORS:
        raise too_large("the file has too many tensors", str(len(header)), f"up to {MAX_LORA_TENSORS}")
    return header


def _shape(name: str, entry: Any) -> tuple[int, ...]:
    """The shape of a tensor, whose type, shape and position fit each other."""
    damaged = unreadable("the header of the file is damaged", f"tensor {str(name)[:100]}")
    if not isinstance(entry, dict) or entry.get("dtype") not in _BYTES:
        raise damaged
    shape, offsets = entry.get("shape"), entry.get("data_offsets")
    if not (_are_sizes(shape, 8) and _are_sizes(offsets, 2) and len(offsets) == 2):
        raise damaged
    if offsets[1] - offsets[0] != math.prod(shape) * _BYTES[entry["dtype"]]:
        raise damaged
    return tuple(shape)


def _are_sizes(value: Any, most: int) -> TypeGuard[list[int]]:
    """Whether the value is a list of up to ``most`` sizes."""
    return (
        isinstance(value, list) and len(value) <= most and all(type(one) is int and 0 <= one < 2**48 for one in value)
    )


def _check_extent(header: dict[str, Any], size: int) -> None:
    """The tensors follow each other up to the end of the file, so that nothing else is in it."""
    at = 0
    for begin, end in sorted(entry["data_offsets"] for entry in header.values()):
        if begin != at:
            raise unreadable("the tensors of the file overlap, or leave gaps", f"at byte {begin}")
        at = end
    if at != size:
        raise unreadable("the file is truncated, or something follows its tensors", f"{size} bytes, not {at}")


def _write(path: Path, tensors_at: int, header: dict[str, Any], out: Path) -> None:
    """The file with another header. Positions of tensors count from the end of the header."""
    encoded = orjson.dumps(header, option=orjson.OPT_SORT_KEYS)
    encoded += b" " * (-len(encoded) % _ALIGNMENT)
    with path.open("rb") as source, out.open("wb") as target:
        source.seek(tensors_at)
        target.write(struct.pack("<Q", len(encoded)) + encoded)
        shutil.copyfileobj(source, target, 1024 * 1024)


def _rank(tensors: dict[str, tuple[int, ...]]) -> int:
    """The largest rank of the pairs of matrices. Raises WorkbenchError (upload.refused) if it is no LoRA."""
    downs = {_DOWN.sub("", name): shape for name, shape in tensors.items() if _DOWN.search(name)}
    ups = {_UP.sub("", name): shape for name, shape in tensors.items() if _UP.search(name)}
    if not downs or not ups:
        raise _no_lora(f"{len(tensors)} tensors, such as {', '.join(sorted(tensors)[:3])}")
    if downs.keys() != ups.keys():
        alone = min(downs.keys() ^ ups.keys())
        raise _no_lora(f"{alone} has only one of its two matrices")
    for name, down in downs.items():
        up = ups[name]
        if not (len(down) >= 2 and len(up) >= 2 and down[0] == up[1] and 1 <= down[0] <= MAX_LORA_RANK):
            raise _no_lora(f"{name} has the shapes {list(down)} and {list(up)}")
    return max(shape[0] for shape in downs.values())


def _no_lora(seen: str) -> WorkbenchError:
    error = refused("a safetensors file without the tensors of a LoRA", "Choose the file of a LoRA.", _WHAT)
    error.seen = seen[:300]
    return error


def _said(metadata: Any) -> dict[str, str]:
    """What a file of ``train.lora`` says of itself. Raises WorkbenchError: upload.*."""
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise unreadable("the metadata of the file is damaged", "values that are no texts")
    size = sum(len(key) + len(value) for key, value in metadata.items())
    if size > MAX_LORA_METADATA_BYTES:
        raise too_large("the metadata of the file are too long", f"{size} bytes", f"up to {MAX_LORA_METADATA_BYTES}")
    try:
        own = orjson.loads(metadata.get(_OWN, "{}"))
    except orjson.JSONDecodeError as fault:
        raise unreadable("the metadata of the file is damaged", str(fault)) from fault
    said = own if isinstance(own, dict) else {}
    return {name: str(said.get(name) or "")[:200] for name in _SAID}

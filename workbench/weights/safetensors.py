"""Looks at the start of a .safetensors file. A page that says "log in" has no header of tensors.

Format: github.com/huggingface/safetensors: eight bytes with the length of a JSON object, that object, the tensors.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

from schemas.errors import WorkbenchError

_LONGEST_HEADER = 100_000_000  # what the library reads


def check_safetensors(path: Path, shown: str = "") -> None:
    """Check that a file has the header of tensors and all their bytes. Reads the header only.

    Args:
        shown: the path to name in an error; default: `path`.

    Raises WorkbenchError (model.unreadable).
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else _LONGEST_HEADER + 1
        header = file.read(length) if length <= min(_LONGEST_HEADER, size - 8) else b""
    try:
        tensors = {name: one for name, one in json.loads(header).items() if name != "__metadata__"}
        end = max((one["data_offsets"][1] for one in tensors.values()), default=0)
        whole = 8 + length + end == size
    except (ValueError, AttributeError, KeyError, IndexError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise WorkbenchError(
            "model.unreadable",
            "the file is not a whole file of weights (.safetensors)",
            where=shown or str(path),
            seen=f"{size} bytes that begin with {start!r}",
            allowed="a header of tensors and all bytes that it names",
            remedy="Get the file again. If it is a page, the address asks for a login.",
        )

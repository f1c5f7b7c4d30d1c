"""Looks into a file of pickled weights, without loading it, for anything but tensors.

Unpickling runs whatever the file names. `torch.load(weights_only=True)` refuses all but a short list; this check
refuses the same before a model is installed, so that it does not fail in the middle of a job. What is allowed, names
and instructions, is what torch/_weights_only_unpickler.py of torch 2.13 allows.
"""

from __future__ import annotations

import pickletools
import re
import zipfile
from pathlib import Path
from typing import IO

from schemas.errors import WorkbenchError

_NAMES = {
    "collections.OrderedDict",
    "collections.Counter",
    "torch.nn.parameter.Parameter",
    "torch.serialization._get_layout",
    "torch.Size",
    "torch.Tensor",
    "torch.device",
    "_codecs.encode",
    "builtins.bytearray",
    "builtins.set",
    "builtins.complex",
    "torch._tensor._rebuild_from_type_v2",
    *(
        f"torch._utils._rebuild_{what}"
        for what in (
            "parameter",
            "parameter_with_state",
            "qtensor",
            "tensor",
            "tensor_v2",
            "tensor_v3",
            "sparse_tensor",
            "meta_tensor_no_storage",
            "nested_tensor",
            "wrapper_subclass",
            "device_tensor_from_numpy",
            "device_tensor_from_cpu_tensor",
        )
    ),
}
_PATTERNS = re.compile(
    r"torch(\.cuda)?\.\w+Storage|torch\.storage\.(Typed|Untyped)Storage"
    r"|torch(\.cuda|\.sparse|\.cuda\.sparse)?\.(Float|Double|Half|BFloat16|Char|Byte|Short|Int|Long|Bool)Tensor"
    r"|torch\.(u?int\d+|b?float\d+(_\w+)?|complex\d+|q(u?int\d+(x\d)?)|bits\w+|bool)"
    r"|torch\.per_(tensor|channel)_\w+"
)
_OLD = {"__builtin__": "builtins", "copy_reg": "copyreg"}  # modules of Python 2, as torch maps them
_INSTRUCTIONS = frozenset(
    re.findall(
        r"\w+",
        """
        APPEND APPENDS BINFLOAT BINGET BININT BININT1 BININT2 BINPERSID BINPUT BINUNICODE BUILD EMPTY_DICT EMPTY_LIST
        EMPTY_SET EMPTY_TUPLE GLOBAL LONG1 LONG_BINGET LONG_BINPUT MARK NEWFALSE NEWOBJ NEWTRUE NONE PROTO REDUCE
        SETITEM SETITEMS SHORT_BINSTRING STOP TUPLE TUPLE1 TUPLE2 TUPLE3
        """,
    )
)
# A file from before torch 1.6: its mark, its version, facts about the machine, the objects, the keys of the storages.
_OLD_FORMAT_PICKLES = 5


def check_pickle(path: Path, shown: str = "") -> None:
    """Check a .pt, .pth, .ckpt or .bin file. Reads its instructions, not the tensors.

    Args:
        shown: the path to name in an error; default: `path`.

    Raises WorkbenchError (model.unsafe) with the name that the file wants to import.
    """
    where = shown or str(path)
    try:
        if zipfile.is_zipfile(path):
            _check_archive(path, where)
        else:
            with path.open("rb") as file:
                for _ in range(_OLD_FORMAT_PICKLES):
                    _check_instructions(file, where)
    except WorkbenchError:
        raise
    except Exception as error:  # BadZipFile, zlib.error, RuntimeError if encrypted, MemoryError by a length, …
        raise _unsafe(where, f"it cannot be read as weights: {error}", "unreadable") from None


def _check_archive(path: Path, where: str) -> None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if any("/code/" in name for name in names):
            raise _unsafe(where, "it is a TorchScript program, not a file of weights", "TorchScript")
        pickles = [name for name in names if name.endswith(".pkl")]
        if not any(name.endswith("data.pkl") for name in pickles):
            raise _unsafe(where, "it is an archive without data.pkl", ", ".join(names[:5]) or "an empty archive")
        for name in pickles:
            with archive.open(name) as file:
                _check_instructions(file, where)


def _check_instructions(file: IO[bytes], where: str) -> None:
    for instruction, argument, _ in pickletools.genops(file):
        if instruction.name == "GLOBAL":
            module, _, name = str(argument).partition(" ")
            full = f"{_OLD.get(module, module)}.{name}"
            if full not in _NAMES and not _PATTERNS.fullmatch(full):
                raise _unsafe(where, f"it wants to import {module}.{name}", f"{module}.{name}")
        elif instruction.name not in _INSTRUCTIONS:
            named = f" with {argument!r}" if argument is not None else ""
            raise _unsafe(where, f"it has the instruction {instruction.name}{named}", instruction.name)


def _unsafe(where: str, why: str, seen: str) -> WorkbenchError:
    return WorkbenchError(
        "model.unsafe",
        f"the file could run code when it is loaded: {why}",
        where=where,
        seen=seen,
        allowed="tensors and plain values, as torch.load(weights_only=True) reads them",
        remedy="Do not load it. Get the model from its authors, as .safetensors if there is such a file.",
    )

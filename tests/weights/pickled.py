"""Files as torch.save writes them, in both of its formats, made without torch; and trojans of the same form."""

from __future__ import annotations

import pickle
import struct
import zipfile
from pathlib import Path

# {"weight": torch._utils._rebuild_tensor_v2(storage, 0, (2,), (1,), False, OrderedDict())}
STATE = (
    b"\x80\x02}q\x00X\x06\x00\x00\x00weightq\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02((X\x07\x00\x00\x00storageq\x03"
    b"ctorch\nFloatStorage\nq\x04X\x01\x00\x00\x000q\x05X\x03\x00\x00\x00cpuq\x06K\x02tq\x07QK\x00K\x02\x85q\x08K\x01"
    b"\x85q\t\x89ccollections\nOrderedDict\nq\n)Rq\x0btq\x0cRq\rs."
)
TROJAN = b"\x80\x02}q\x00X\x06\x00\x00\x00weightq\x01cposix\nsystem\nq\x02X\x04\x00\x00\x00trueq\x03\x85q\x04Rq\x05s."
COMPUTED = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R."  # STACK_GLOBAL: the name comes from the stack


def archive(path: Path, pickled: bytes, more: dict[str, bytes] | None = None) -> Path:
    """The format since torch 1.6: a zip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as made:
        for name, content in {"data.pkl": pickled, "data/0": b"\0" * 8, "version": b"3\n", **(more or {})}.items():
            made.writestr(f"{path.stem}/{name}", content)
    return path


def old_format(path: Path, pickled: bytes) -> Path:
    """The format before: five pickles, then the storages."""
    facts = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    parts = [pickle.dumps(one, protocol=2) for one in (0x1950A86A20F9469CFC6C, 1001, facts)]
    keys = pickle.dumps(["0"], protocol=2)
    pickled = pickled.replace(b"K\x02tq\x07Q", b"K\x02Ntq\x07Q")  # a storage says here whether it is a view
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join([*parts, pickled, keys, struct.pack("<q", 2), b"\0" * 8]))
    return path

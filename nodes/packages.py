"""What the installed packages that a node needs are: the files of a model, and versions. Nothing of the machine.

Standard library only. A wheel's RECORD lists the SHA-256 of each file, so hundreds of megabytes need not be read at
every start. It also lists what an installer writes for one environment (scripts with the path of their interpreter,
bytecode, notes); and code differs between the wheels of one version. Neither is part of a model.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

_CODE = re.compile(r"\.(py|pyi|pyc|pyo|pyd|so(\.[\d.]+)?|dll|dylib)$")


@cache
def weights_digest(packages: tuple[str, ...]) -> str:
    """SHA-256 (hex) over the data files inside those packages: their names and contents, not code, not versions.

    Raises importlib.metadata.PackageNotFoundError, whose name is the package that is not installed.
    """
    digest = hashlib.sha256()
    for package in packages:
        digest.update(f"{canonical(package)}\n".encode())
        for name, sha256 in sorted(_data_files(metadata.distribution(package))):
            digest.update(f"{name} {sha256}\n".encode())
    return digest.hexdigest()


@cache
def versions(packages: tuple[str, ...]) -> tuple[str, ...]:
    """``name==version`` of each, sorted, without local parts: 2.13.0+cpu and 2.13.0+cu128 are one version.

    Raises importlib.metadata.PackageNotFoundError, whose name is the package that is not installed.
    """
    return tuple(sorted({f"{canonical(name)}=={metadata.version(name).partition('+')[0]}" for name in packages}))


def canonical(name: str) -> str:
    """The one spelling of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _data_files(distribution: metadata.Distribution) -> Iterator[tuple[str, str]]:
    """(path inside the packages' folder, SHA-256 in hex) of every data file."""
    listed = [file for file in distribution.files or () if _is_data(file)]
    for file in listed:
        if file.hash is not None and file.hash.mode == "sha256":
            value = file.hash.value
            yield str(file), base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()
        else:  # of a distribution's own package, such as Debian's, whose list has no hashes
            yield str(file), _sha256(Path(str(file.locate())))
    if not listed:  # installed from a folder in place (pip install -e), or without a list: what lies there is read
        for folder in _folders(distribution):
            for path in folder.rglob("*"):
                name = PurePosixPath(path.relative_to(folder.parent).as_posix())
                if path.is_file() and _is_data(name):
                    yield str(name), _sha256(path)


def _is_data(path: PurePosixPath) -> bool:
    first = path.parts[0] if path.parts else ""
    inside = len(path.parts) > 1 and first != ".." and not path.is_absolute()
    return (
        inside
        and not first.endswith((".dist-info", ".egg-info"))
        and "__pycache__" not in path.parts
        and _CODE.search(path.name) is None
    )


def _folders(distribution: metadata.Distribution) -> Iterable[Path]:
    named = (distribution.read_text("top_level.txt") or "").split()
    for name in named or [canonical(distribution.metadata["Name"]).replace("-", "_")]:
        spec = find_spec(name)  # of a top-level name: nothing is imported
        yield from (Path(place) for place in (spec.submodule_search_locations or () if spec else ()))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

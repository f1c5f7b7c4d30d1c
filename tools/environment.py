"""Makes ``.venv`` and installs the pinned packages into it: ``python tools/environment.py [--dev]``.

Standard library only: it runs before anything is installed. Doing it twice costs nothing, and what an interrupted run
left behind is made anew. pip's own configuration (index, extra indexes, find-links, certificate, proxy) is passed on to
uv, which does not read it.
"""

from __future__ import annotations

import argparse
import ast
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"  # written last: what is in the environment
UNFINISHED = VENV / "unfinished"  # there while packages are being written
UV = "uv==0.13.9"
LEAST_PYTHON = (3, 11)
LEAST_FREE_GIB = 3.0
# Where every pinned package has a wheel (docs/operations.md). Intel Macs lack cryptography, dlib-bin and onnxruntime.
MACHINES = ("linux-x86_64", "linux-aarch64", "darwin-arm64")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dev", action="store_true", help="also what the checks and tests need")
    dev = parser.parse_args().dev
    check_machine()
    folder = os.open(ROOT, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)  # two makes at once: the second waits and finds it done
    wanted, present = fingerprints(), read_stamp()
    kind = "dev" if dev else "demo"
    if (present.get("python"), present.get(kind)) == (wanted["python"], wanted[kind]):
        return
    started = time.monotonic()
    prepare(keep=usable(present, wanted))
    install("requirements-dev.txt" if dev else "requirements.txt")
    STAMP.write_text(json.dumps(wanted if dev else {**wanted, "dev": ""}, indent=1) + "\n")
    UNFINISHED.unlink()
    say(f"installed into {VENV.name} in {time.monotonic() - started:.0f} s")


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
    if not VENV.exists() and free_gib < LEAST_FREE_GIB:
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


def read_stamp() -> dict[str, str]:
    """What was installed last; nothing where that was interrupted or the environment does not start."""
    if UNFINISHED.exists() or not STAMP.is_file() or not runs(PYTHON, "-c", "import uv"):
        return {}
    try:
        stamp: dict[str, str] = json.loads(STAMP.read_text())
    except ValueError:
        return {}
    return stamp


def usable(stamp: dict[str, str], wanted: dict[str, str]) -> bool:
    """Whether to install into the environment that is there: one that is whole, of this Python and of this place."""
    same_python = f"import sys; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
    return (
        not UNFINISHED.exists()
        and stamp.get("python", wanted["python"]) == wanted["python"]
        and runs(PYTHON, "-c", same_python)
    )


def prepare(keep: bool) -> None:
    """An environment with uv, marked as unfinished. ``keep``: use the one that is there."""
    if not keep:
        if not runs(Path(sys.executable), "-c", "import venv, ensurepip"):
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            stop(
                "This Python cannot make virtual environments: it lacks venv or ensurepip.",
                "a Python with both",
                f"On Debian or Ubuntu: apt-get install python{version}-venv",
            )
        say(f"making {VENV.name} with Python {sys.version.split()[0]}")
        if VENV.exists():
            shutil.rmtree(VENV)
        run(sys.executable, "-m", "venv", str(VENV))
    UNFINISHED.touch()
    if not runs(PYTHON, "-c", f"import importlib.metadata as m; assert m.version('uv') == '{UV.partition('==')[2]}'"):
        run(str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check", UV)


def install(requirements: str) -> None:
    uv = [str(PYTHON), "-m", "uv", "pip", "install", "--python", str(PYTHON), "--quiet"]
    environment = {**os.environ, **uv_environment(pip_configuration())}
    packages = sum(1 for line in (ROOT / requirements).read_text().splitlines() if "==" in line)
    say(f"installing {packages} packages from {requirements} (the first time: 1-3 minutes, 2.3 GB on disk)")
    run(*uv, "-r", requirements, environment=environment)
    run(*uv, "--no-deps", "-r", "requirements-nodeps.txt", environment=environment)
    run(*uv, "--no-deps", "--editable", ".", environment=environment)


def pip_configuration() -> dict[str, str]:
    """pip's settings by name, from its files and PIP_* variables; the more particular wins."""
    listed = subprocess.run(
        [str(PYTHON), "-m", "pip", "config", "list"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    found: dict[str, str] = {}
    for scope in ("global.", "install.", ":env:."):
        for line in listed.stdout.splitlines():
            name, separator, value = line.partition("=")
            if separator and name.startswith(scope):
                found[name.removeprefix(scope)] = str(ast.literal_eval(value))
    return found


def uv_environment(pip: dict[str, str]) -> dict[str, str]:
    """The same settings as uv's variables; what the person set for uv stays. Folders that do not exist are left out."""
    extra = [url for url in pip.get("extra-index-url", "").split() if exists(url)]
    values = {
        "UV_DEFAULT_INDEX": pip.get("index-url", ""),
        "UV_INDEX": " ".join(extra),
        # As pip does: the version decides, not the index that is asked first.
        "UV_INDEX_STRATEGY": "unsafe-best-match" if extra else "",
        "UV_FIND_LINKS": ",".join(place for place in pip.get("find-links", "").split() if exists(place)),
        "UV_INSECURE_HOST": pip.get("trusted-host", ""),
        "UV_HTTP_TIMEOUT": pip.get("default-timeout", pip.get("timeout", "120")),
        "SSL_CERT_FILE": pip.get("cert", ""),
        "HTTPS_PROXY": pip.get("proxy", ""),
    }
    return {name: value for name, value in values.items() if value and not os.environ.get(name)}


def exists(place: str) -> bool:
    """Whether a local folder is there; other places are taken on trust."""
    if place.startswith("file://"):
        return Path(place.removeprefix("file://")).exists()
    return "://" in place or Path(place).expanduser().exists()


def runs(program: Path, *arguments: str) -> bool:
    try:
        return subprocess.run([str(program), *arguments], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(*command: str, environment: dict[str, str] | None = None) -> None:
    ended = subprocess.run(command, cwd=ROOT, env=environment, check=False)
    if ended.returncode:
        stop(
            f"This failed with exit code {ended.returncode}: {' '.join(command)}",
            "see the message above",
            "Check the network or pip's configuration and run make again: what was downloaded is kept.",
        )


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def stop(problem: str, needed: str, remedy: str) -> None:
    raise SystemExit(f"{problem}\n  needed: {needed}\n  remedy: {remedy}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("\ninterrupted; the next make finishes it") from None

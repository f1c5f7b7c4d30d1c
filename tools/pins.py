"""Writes the pins from the bounds in ``pyproject.toml``: ``make pins``, or ``make pins UPGRADE="gradio mlflow"``.

Versions that still fit stay as they are; ``--upgrade`` looks for newer ones, of every package or of those named. A uv
lock file would carry this machine's indexes and local paths, so the pins are plain requirements, for every Python and
system the workbench runs on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path

from environment import ENVIRONMENT, ROOT, say
from packaging.requirements import Requirement

from workbench.environments.engines import ENGINES
from workbench.environments.virtual_environment import run

RUN = ("cpu", "embedded", "app", "compare", "notebook")
SYSTEMS = (("linux", "Linux", "x86_64"), ("linux", "Linux", "aarch64"), ("darwin", "Darwin", "arm64"))
PYTHONS = ("3.11.0", "3.11.9", "3.12.0", "3.13.0", "3.14.0")
# torch names what it needs for CUDA, in the build for CUDA alone: pinned here, every machine would install it.
OF_TORCH = ("cuda-", "nvidia-", "triton")
ARQ = "arq>=0.28,<0.29\n"  # not in pyproject.toml: it declares redis<6, and works with the version used here


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upgrade", nargs="*", metavar="PACKAGE", help="look for newer versions: of all, or of these")
    named: Sequence[str] | None = parser.parse_args().upgrade
    newer = ["--upgrade"] if named == [] else [f"--upgrade-package={name}" for name in named or ()]
    running, dev = ROOT / "requirements.txt", ROOT / "requirements-dev.txt"
    write(running, resolve(running, RUN, newer))
    write(dev, resolve(dev, (*RUN, "dev"), newer, within=running))
    peers = ROOT / "requirements-peers.txt"
    beside = set(dev.read_text().splitlines())
    found = resolve(peers, (*RUN, "dev", "peers"), newer, within=dev, more=ARQ)
    write(peers, [line for line in found if line not in beside])
    for engine in ENGINES.values():
        ours = [dev] if engine.name == "torch" else []  # F5-TTS needs an older rich than we do
        sources = [str(engine.pins.with_name(f"{name}.in")) for name in ("executor", engine.name)]
        found = compile_pins(engine.pins, sources, newer, within=ours)
        write(engine.pins, [line for line in found if not line.startswith(OF_TORCH)])


def resolve(
    before: Path, extras: Sequence[str], options: Sequence[str], within: Path | None = None, more: str = ""
) -> Iterator[str]:
    """The pins of these extras, as many as any of our systems needs.

    Args:
        before: has the versions to keep where they fit.
        within: pins that count for these too.
        more: requirements beside those of ``pyproject.toml``.
    """
    with tempfile.TemporaryDirectory() as folder:
        extra, override = (Path(folder) / name for name in ("more.in", "override.in"))
        extra.write_text(more)
        override.write_text("redis[hiredis]>=8.1,<9\n")  # whatever arq declares
        named = [f"--extra={name}" for name in extras]
        sources = [str(ROOT / "pyproject.toml"), str(extra), *named, "--override", str(override)]
        yield from compile_pins(before, sources, options, within=[within] if within else [])


def compile_pins(before: Path, sources: Sequence[str], options: Sequence[str], within: Sequence[Path]) -> list[str]:
    """The pins of requirement files, as many as any of our systems needs; arguments as for ``resolve``."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "pins.txt"
        out.write_text(before.read_text() if before.exists() else "")
        command = [str(ENVIRONMENT.python), "-m", "uv", "pip", "compile", "--quiet", *sources]
        command += ["--universal", "--python-version", "3.11", "--no-header", "--no-annotate"]
        command += ["--output-file", str(out), *options]
        for path in within:
            command += ["--constraint", str(path)]
        # Without folders of wheels: a build for this machine alone is no pin.
        run(*command, environment=ENVIRONMENT.uv_environment() | {"UV_FIND_LINKS": ""})
        return [line for line in out.read_text().splitlines() if needed(line)]


def needed(line: str) -> bool:
    """Whether any of our systems installs what the line pins."""
    marker = Requirement(line).marker
    return marker is None or any(
        marker.evaluate(
            {
                "sys_platform": platform,
                "platform_system": system,
                "platform_machine": machine,
                "os_name": "posix",
                "python_version": ".".join(version.split(".")[:2]),
                "python_full_version": version,
            }
        )
        for (platform, system, machine), version in product(SYSTEMS, PYTHONS)
    )


def write(path: Path, pins: Iterable[str]) -> None:
    """Below the comments that stand at the head of the file."""
    before = path.read_text().splitlines() if path.exists() else []
    lines = [*(line for line in before if line.startswith("#")), *pins]
    path.write_text("".join(f"{line}\n" for line in lines))
    say(f"{path.name}: {len(set(lines) ^ set(before))} lines differ")


if __name__ == "__main__":
    sys.exit(main())

"""Installs the environment of an engine, checks it, and says which engines this machine has."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from schemas.engine import EngineCheck, EngineState, EngineStatus
from schemas.errors import WorkbenchError
from workbench.environments.engines import ENGINES, Engine, environment_of
from workbench.environments.virtual_environment import InstallationFailed, VirtualEnvironment, locked
from workbench.host import python_module

OURS = Path(__file__).resolve().parents[2]
PACKAGES = ("schemas", "nodes", "workbench")


def install(
    engines: Path,
    engine: Engine,
    *,
    more: Sequence[str] = (),
    cpu: bool = False,
    python: str = sys.executable,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Make the environment of an engine, or bring it up to date. Returns its interpreter. Blocks for minutes.

    Args:
        engines: the folder of all engines' environments.
        more: further packages, as pip names them: with nodes of your own, or for tests.
        cpu: refuse if pip would install torch for CUDA, which takes several GiB.
        python: the interpreter that a new environment is made with.
        say: receives a line about each step.

    Raises WorkbenchError: engine.no_space, engine.no_cpu_build, engine.not_installed.
    """
    environment = environment_of(engines, engine.name)
    engines.mkdir(parents=True, exist_ok=True)
    with locked(engines):
        stamp = _stamp(engine, more)
        if environment.stamp() != stamp:
            _check_space(engines, engine, environment)
            say(f"installing {engine.title} into {environment.folder} (about {engine.disk_gib:g} GiB)")
            try:
                with environment.installing(stamp, keep=environment.usable(), python=python):
                    if cpu:
                        check_cpu_build(engine, environment)
                    environment.install("-r", str(engine.pins), *more)
                    if engine.bare:
                        environment.install("--no-deps", *engine.bare)
            except InstallationFailed as failed:
                raise WorkbenchError(
                    "engine.not_installed",
                    f"the packages of the engine {engine.name} could not be installed",
                    where=str(environment.folder),
                    seen=str(failed),
                    remedy="Check the network and pip's configuration, and run the command again: what was downloaded "
                    "is kept.",
                ) from failed
        link_packages(environment)
    return environment.python


def link_packages(environment: VirtualEnvironment) -> None:
    """Let the environment import the packages of this installation: the worker and its executors run the same code."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.check_output([str(environment.python), "-c", ask], text=True).strip())
    for name in PACKAGES:
        link = Path(tempfile.mkdtemp(dir=site)) / name
        link.symlink_to(OURS / name, target_is_directory=True)
        link.replace(site / name)
        link.parent.rmdir()


def engine_statuses(engines: Path, services: Mapping[str, Sequence[str]]) -> list[EngineStatus]:
    """All engines. Takes the start of an interpreter for each that is installed.

    Args:
        services: names of services by pool.
    """
    return [
        EngineStatus(
            name=engine.name,
            title=engine.title,
            state=_state(environment_of(engines, engine.name), engine),
            folder=str(engines / engine.name),
            disk_gib=engine.disk_gib,
            services=list(services.get(engine.name, ())),
        )
        for engine in ENGINES.values()
    ]


def check(engines: Path, engine: Engine) -> EngineCheck:
    """Import the engine's modules in its environment and ask it which services it can run. Blocks for seconds.

    Raises WorkbenchError (engine.not_installed).
    """
    environment = environment_of(engines, engine.name)
    if not environment.stamp():
        raise not_installed(engine)
    link_packages(environment)
    command = python_module(
        "workbench.environments.probe", engine.name, *engine.modules, python=str(environment.python)
    )
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return EngineCheck.model_validate_json(ended.stdout.rpartition("\n")[2] or ended.stdout)
    except ValidationError:
        raise WorkbenchError(
            "engine.not_installed",
            f"the environment of the engine {engine.name} does not work",
            where=str(environment.folder),
            seen=(ended.stderr or ended.stdout)[-1500:],
            remedy=f"Remove that folder and run `workbench engines install {engine.name}`.",
        ) from None


def not_installed(engine: Engine) -> WorkbenchError:
    """The error for an engine without an environment on this machine."""
    return WorkbenchError(
        "engine.not_installed",
        f"the engine {engine.name} is not installed on this machine",
        seen="no environment",
        remedy=f"Run `workbench engines install {engine.name}`.",
    )


def _stamp(engine: Engine, more: Sequence[str]) -> dict[str, str]:
    pins = hashlib.sha256(engine.pins.read_bytes() + " ".join(engine.bare).encode()).hexdigest()
    return {"pins": pins, "more": " ".join(more)}


def _state(environment: VirtualEnvironment, engine: Engine) -> EngineState:
    stamp = environment.stamp()
    if not stamp:
        return EngineState.MISSING
    return EngineState.INSTALLED if stamp.get("pins") == _stamp(engine, ())["pins"] else EngineState.OUTDATED


def _check_space(engines: Path, engine: Engine, environment: VirtualEnvironment) -> None:
    free_gib = shutil.disk_usage(engines).free / 2**30
    needed_gib = engine.disk_gib * (1.2 if environment.stamp() else 1.5)  # while packages are unpacked
    if free_gib < needed_gib:
        raise WorkbenchError(
            "engine.no_space",
            f"there is too little space for the engine {engine.name}",
            where=str(engines),
            seen=f"{free_gib:.1f} GiB free",
            allowed=f"at least {needed_gib:.1f} GiB",
            remedy="Free some space there, or set WORKBENCH_ENGINES to another folder.",
        )


def check_cpu_build(engine: Engine, environment: VirtualEnvironment) -> None:
    """Raise WorkbenchError (engine.no_cpu_build) if pip would install torch for CUDA. Macs have one build for all."""
    pin = next((line for line in engine.pins.read_text().splitlines() if line.startswith("torch==")), "")
    if sys.platform != "linux" or not pin:
        return
    found = environment.resolved(pin)
    if not found.endswith("+cpu"):
        raise WorkbenchError(
            "engine.no_cpu_build",
            "pip finds no build of torch for CPUs",
            seen=found,
            allowed=f"{pin}+cpu",
            remedy="Let pip find it: set PIP_EXTRA_INDEX_URL to the index of CPU builds that pytorch.org names, or "
            "PIP_FIND_LINKS to a folder with its wheel. Without --cpu, the build for CUDA is installed.",
        )

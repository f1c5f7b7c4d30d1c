"""Packages of others: what is imported is declared, and declaring nodes loads none of the heavy ones."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from workbench.environments.engines import ENGINES

ROOT = Path(__file__).parents[1]
OURS = {"schemas", "nodes", "workbench"}
STAND_INS = {"torchvision"}  # nodes/_torch supplies what spandrel needs of it


def test_imported_packages_are_declared() -> None:
    """What comes along with another package today may be gone tomorrow."""
    imported: set[str] = set()
    for path in [path for folder in OURS for path in (ROOT / folder).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    lines += (ROOT / "requirements-nodeps.txt").read_text().splitlines()
    for engine in ENGINES.values():  # a node of another pool says that a package is missing here
        lines += [*engine.pins.with_suffix(".in").read_text().splitlines(), *engine.bare]
    declared = {re.split(r"[\[<>=]", line)[0].lower().replace("_", "-") for line in lines if not line.startswith("#")}
    providers = {
        **metadata.packages_distributions(),
        "dlib": ["dlib-bin"],  # its wheel does not list its module
        "f5_tts": ["f5-tts"],
        **{name: [name] for name in ("accelerate", "diffusers", "peft", "safetensors", "spandrel", "torch")},
        "transformers": ["transformers"],
        "plyvel": ["plyvel"],  # until Python 3.11; from 3.12 on the next
        "plyvel_next": ["plyvel-next"],
    }
    undeclared = {
        name: providers.get(name)
        for name in imported - set(sys.stdlib_module_names) - OURS - STAND_INS
        if not declared & {provider.lower().replace("_", "-") for provider in providers.get(name, [])}
    }
    assert not undeclared


def test_declaring_every_service_loads_nothing_heavy() -> None:
    heavy = ("torch", "cv2", "av", "numpy", "PIL", "onnxruntime", "mlflow", "diffusers", "ncnn", "dlib", "xllamacpp")
    program = f"""
import sys
from nodes.registry import services
assert len(services()) > 5
print(*(name for name in {heavy!r} if name in sys.modules))
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.split()) == (0, []), ended.stderr


def test_pins_fit_the_bounds_and_each_other() -> None:
    """For this Python and system: nothing is missing, nothing is left over, every version is one that all allow."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    running = [
        *project["dependencies"],
        *(line for name in ("cpu", "embedded", "app", "compare", "notebook") for line in extras[name]),
    ]
    for file, roots in (("requirements.txt", running), ("requirements-dev.txt", [*running, *extras["dev"]])):
        pins = {pin.name: pin for pin in map(Requirement, (ROOT / file).read_text().splitlines()) if applies(pin)}
        wanted = closure(roots)
        assert set(pins) == set(wanted), f"{file}: run `make pins`"
        unfit = {
            name: str(bounds)
            for name, bounds in wanted.items()
            if not bounds.contains(version_of(pins[name]), prereleases=True)
        }
        assert not unfit, f"{file}: run `make pins`"


def test_pins_of_the_peers_fit_the_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "requirements-peers.txt").read_text().splitlines()
    pins = {pin.name: version_of(pin) for line in lines if not line.startswith("#") for pin in [Requirement(line)]}
    bounds = [Requirement(line) for line in project["optional-dependencies"]["peers"]]
    assert not [str(bound) for bound in bounds if not bound.specifier.contains(pins[bound.name])]


def test_pins_of_the_engines_fit_the_bounds() -> None:
    """Each engine has a version of everything that it and the executor ask for."""
    for engine in ENGINES.values():
        lines = [line for line in engine.pins.read_text().splitlines() if not line.startswith("#")]
        pins = {canonicalize_name(pin.name): version_of(pin) for line in lines if applies(pin := Requirement(line))}
        asked = [*engine.pins.with_suffix(".in").read_text().splitlines()]
        asked += engine.pins.with_name("executor.in").read_text().splitlines()
        bounds = [Requirement(line) for line in asked if not line.startswith("#")]
        unfit = [str(bound) for bound in bounds if not bound.specifier.contains(pins[canonicalize_name(bound.name)])]
        assert not unfit, f"{engine.name}: run `make pins`"


def closure(roots: list[str]) -> dict[str, SpecifierSet]:
    """Every package that the roots need here, with what all of them together allow."""
    found: dict[str, SpecifierSet] = {}
    seen: set[tuple[str, str]] = set()
    todo = [(Requirement(line), "") for line in roots]
    while todo:
        wanted, extra = todo.pop()
        if not applies(wanted, extra):
            continue
        name = canonicalize_name(wanted.name)
        found[name] = found.get(name, SpecifierSet()) & wanted.specifier
        for inner in ("", *wanted.extras):
            if (name, inner) not in seen:
                seen.add((name, inner))
                todo += [(Requirement(line), inner) for line in metadata.requires(name) or ()]
    return found


def applies(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def version_of(pin: Requirement) -> str:
    (bound,) = pin.specifier
    return bound.version

"""The environments of engines: made, brought up to date, linked with our packages, refused with a remedy."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from schemas.engine import EngineState
from schemas.errors import WorkbenchError
from schemas.installing import ENGINES as NAMES
from workbench.environments import installing
from workbench.environments.engines import ENGINES, Engine, engine, environment_of, interpreter_of
from workbench.environments.installing import check, check_cpu_build, engine_statuses, install
from workbench.environments.virtual_environment import VirtualEnvironment


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, the only place where uv finds packages."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    return folder


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The engine torch, with a package of that name that contains nothing."""

    class SmallEngine(Engine):
        pins = tmp_path / "torch.txt"

    SmallEngine.pins.write_text("torch==2.13.0\n")
    made = SmallEngine(name="torch", title="a small torch", bare=(), modules=("torch",), disk_gib=0.01)
    monkeypatch.setattr(installing, "ENGINES", {"torch": made})
    return made


def put_wheel(folder: Path, version: str) -> None:
    """A wheel of a package torch that has nothing but its version."""
    info = f"torch-{version}.dist-info"
    with zipfile.ZipFile(folder / f"torch-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("torch/__init__.py", f"__version__ = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.mark.slow
def test_an_engine_is_installed_once_and_again_when_its_pins_change(
    tmp_path: Path, wheels: Path, small: Engine
) -> None:
    engines, said = tmp_path / "engines", list[str]()

    def state() -> EngineState:
        (found,) = engine_statuses(engines, {"torch": ["generate.svd"]})
        assert found.services == ["generate.svd"]
        return found.state

    put_wheel(wheels, "2.13.0")
    assert state() is EngineState.MISSING and interpreter_of(engines, "torch") is None
    ours = VirtualEnvironment(Path(sys.prefix))
    with pytest.raises(WorkbenchError) as refused:
        check_cpu_build(small, ours)
    assert (refused.value.code, refused.value.seen) == ("engine.no_cpu_build", "torch==2.13.0")

    put_wheel(wheels, "2.13.0+cpu")
    python = install(engines, small, cpu=True, say=said.append)
    assert state() is EngineState.INSTALLED and interpreter_of(engines, "torch") == python and len(said) == 1
    ask = "import nodes, torch; print(nodes.__file__, torch.__version__)"
    file, version = subprocess.check_output([python, "-P", "-c", ask], text=True, cwd=tmp_path).split()
    assert Path(file).resolve() == installing.OURS / "nodes" / "__init__.py" and version == "2.13.0+cpu"

    install(engines, small, cpu=True, say=said.append)
    assert len(said) == 1, "nothing was left to do"
    small.pins.write_text("torch==2.13.0+cpu\n")
    assert state() is EngineState.OUTDATED
    with pytest.raises(WorkbenchError) as unusable:  # the executor's own packages are not in it
        install(engines, small, say=said.append)
        check(engines, small)
    (environment_of(engines, "torch").folder / "unfinished").touch()  # an installation that was interrupted
    assert state() is EngineState.MISSING
    assert unusable.value.code == "engine.not_installed" and "pydantic" in str(unusable.value.seen)


def test_without_space_nothing_is_begun(tmp_path: Path) -> None:
    large = Engine(name="torch", title="torch", bare=(), modules=(), disk_gib=10**9)
    with pytest.raises(WorkbenchError) as refused:
        install(tmp_path, large)
    assert refused.value.code == "engine.no_space" and "WORKBENCH_ENGINES" in refused.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_an_engine_that_is_not_there_is_refused_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError) as missing:
        check(tmp_path, engine("torch"))
    assert missing.value.remedy == "Run `workbench engines install torch`."
    with pytest.raises(WorkbenchError) as unknown:
        engine("jax")
    assert (unknown.value.code, unknown.value.allowed) == ("engine.unknown", "torch, f5")


def test_every_engine_has_its_pins_and_its_name_where_nodes_find_it() -> None:
    assert tuple(ENGINES) == NAMES
    for one in ENGINES.values():
        pins = one.pins.read_text().splitlines()
        assert any(line.startswith("torch==") for line in pins)
        assert not [line for line in pins if line.startswith(("nvidia-", "cuda-")) or "+" in line or "://" in line]

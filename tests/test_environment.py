"""Making the environment: clear refusals, pip's configuration passed on, repairs after interruption."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from workbench.environments.virtual_environment import VirtualEnvironment, uv_variables

ROOT = Path(__file__).parents[1]


@pytest.fixture
def environment(tmp_path: Path) -> ModuleType:
    """tools/environment.py, looking at an environment in a folder of the test's."""
    spec = importlib.util.spec_from_file_location("environment", ROOT / "tools" / "environment.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ENVIRONMENT = VirtualEnvironment(tmp_path / ".venv")
    return module


@pytest.fixture
def installed(tmp_path: Path) -> VirtualEnvironment:
    """An environment whose installation has ended; its interpreter is that of the tests."""
    made = VirtualEnvironment(tmp_path / "made")
    made.python.parent.mkdir(parents=True)
    made.python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    made.python.chmod(0o755)
    (made.folder / "installed.json").write_text(json.dumps({"python": "3.11 /here"}))
    return made


def test_finished_installation_is_recognised(installed: VirtualEnvironment) -> None:
    assert installed.stamp() == {"python": "3.11 /here"} and installed.usable()


def test_an_interrupted_installation_does_not_count(installed: VirtualEnvironment) -> None:
    with pytest.raises(KeyboardInterrupt), installed.installing({"python": "new"}, keep=True):
        raise KeyboardInterrupt
    assert installed.stamp() == {} and not installed.usable()


def test_a_foreign_environment_is_used_and_not_removed(installed: VirtualEnvironment) -> None:
    (installed.folder / "installed.json").unlink()
    assert installed.usable()


def test_environment_whose_interpreter_is_gone_counts_as_none(installed: VirtualEnvironment) -> None:
    installed.python.unlink()
    installed.python.symlink_to("/nowhere/python3")
    assert installed.stamp() == {} and not installed.usable()


def test_a_moved_environment_is_made_again(environment: ModuleType) -> None:
    wanted = environment.fingerprints()
    assert environment.made_here({}, wanted) and environment.made_here(wanted, wanted)
    assert not environment.made_here({**wanted, "python": "3.11 /elsewhere"}, wanted)


def test_pip_configuration_is_passed_on_and_missing_folders_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("UV_") or name in ("SSL_CERT_FILE", "HTTPS_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("UV_INSECURE_HOST", "kept.example")
    given = uv_variables(
        {
            "index-url": "https://index.example/simple",
            "extra-index-url": f"file:///nowhere/simple file://{tmp_path} https://more.example/simple",
            "find-links": f"/nowhere {tmp_path}",
            "trusted-host": "index.example",
            "default-timeout": "180",
        }
    )
    assert given == {
        "UV_DEFAULT_INDEX": "https://index.example/simple",
        "UV_INDEX": f"file://{tmp_path} https://more.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": str(tmp_path),
        "UV_HTTP_TIMEOUT": "180",
    }


@pytest.mark.parametrize("machine", ["linux x86_64", "linux aarch64", "darwin arm64"])
def test_machines_with_wheels_of_every_package_are_accepted(
    environment: ModuleType, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_machine(machine, monkeypatch)
    environment.check_machine()


@pytest.mark.parametrize("machine", ["darwin x86_64", "win32 AMD64"])
def test_other_machines_are_refused_with_those_that_are_accepted(
    environment: ModuleType, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_machine(machine, monkeypatch)
    with pytest.raises(SystemExit, match="darwin-arm64") as refused:
        environment.check_machine()
    assert "remedy:" in str(refused.value)


def on_machine(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    system, processor = machine.split()
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: processor)


def test_without_a_new_enough_python_make_says_what_to_do(tmp_path: Path) -> None:
    for name in ("sh", "make", "test", "echo"):
        (tmp_path / name).symlink_to(shutil.which(name) or "/bin/" + name)
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2"\nexit 1\n')
    old.chmod(0o755)
    ended = subprocess.run(
        ["make", "demo"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        executable=shutil.which("make"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "No Python 3.11 or newer" in ended.stderr
    assert "Python 3.9.2" in ended.stderr
    assert "PYTHON=/path/to/python" in ended.stderr


def test_requirements_name_versions_and_no_places() -> None:
    for path in ROOT.glob("requirements*.txt"):
        lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
        assert all("==" in line and "://" not in line and "@" not in line for line in lines), path
    run, dev = (set((ROOT / f"requirements{kind}.txt").read_text().splitlines()) for kind in ("", "-dev"))
    assert run <= dev

"""Makes virtual environments and installs pinned packages into them, with uv and pip's own configuration.

Standard library only: ``tools/environment.py`` uses it before anything is installed. What an interrupted run left
behind is made anew. pip's configuration (index, extra indexes, find-links, certificate, proxy) is passed on to uv,
which does not read it.
"""

from __future__ import annotations

import ast
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UV = "uv==0.13.9"


class InstallationFailed(Exception):
    """A command of the installation failed. Its output is on the terminal."""

    def __init__(self, command: tuple[str, ...], exit_code: int) -> None:
        super().__init__(f"exit code {exit_code}: {' '.join(command)}")
        self.command = command
        self.exit_code = exit_code


class VirtualEnvironment:
    """A folder with a Python environment and a stamp that says what was installed into it.

    Args:
        folder: where it is; it need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self._stamp = folder / "installed.json"  # written last
        self._unfinished = folder / "unfinished"  # there while packages are being written

    def stamp(self) -> dict[str, str]:
        """What was installed last; nothing if that was interrupted or the interpreter does not start."""
        if self._unfinished.exists() or not self._stamp.is_file() or not runs(self.python, "-c", ""):
            return {}
        try:
            found: dict[str, str] = json.loads(self._stamp.read_text())
        except ValueError:
            return {}
        return found

    def usable(self) -> bool:
        """Whether packages can be installed into it as it is: it is whole, and has this version of Python."""
        same_python = f"import sys; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
        return not self._unfinished.exists() and runs(self.python, "-c", same_python)

    @contextmanager
    def installing(self, stamp: dict[str, str], *, keep: bool, python: str = sys.executable) -> Iterator[None]:
        """Install in the block. The environment counts as unfinished until the block has ended without an exception.

        Args:
            stamp: what ``stamp()`` returns afterwards.
            keep: use the environment that is there, instead of making a new one.
            python: the interpreter that a new one is made with; it needs venv and ensurepip.
        """
        if not keep:
            if self.folder.exists():
                shutil.rmtree(self.folder)
            run(*_module(python, "venv"), str(self.folder))
        self._unfinished.touch()
        version = UV.partition("==")[2]
        if not runs(self.python, "-c", f"import importlib.metadata as m; assert m.version('uv') == '{version}'"):
            run(*_module(self.python, "pip"), "install", "-qq", "--disable-pip-version-check", UV)
        yield
        self._stamp.write_text(json.dumps(stamp, indent=1) + "\n")
        self._unfinished.unlink()

    def install(self, *arguments: str) -> None:
        """``uv pip install`` into this environment. Blocks. Raises InstallationFailed."""
        command = [*_module(self.python, "uv"), "pip", "install", "--python", str(self.python), "--quiet"]
        run(*command, *arguments, environment=self.uv_environment())

    def resolved(self, requirement: str) -> str:
        """What would be installed, with its build: ``torch==2.13.0+cpu``. Raises InstallationFailed."""
        command = (*_module(self.python, "uv"), "pip", "compile", "--quiet", "--no-deps", "--no-header", "-")
        ended = subprocess.run(
            command, input=requirement, capture_output=True, text=True, env=self.uv_environment(), check=False
        )
        if ended.returncode:
            raise InstallationFailed(command, ended.returncode)
        return next((line for line in ended.stdout.splitlines() if "==" in line), "")

    def uv_environment(self) -> dict[str, str]:
        """The variables of this process and those that tell uv what pip is configured to do."""
        return {**os.environ, **uv_variables(self._pip_configuration())}

    def _pip_configuration(self) -> dict[str, str]:
        """pip's settings by name, from its files and PIP_* variables; the more particular wins."""
        command = [*_module(self.python, "pip"), "config", "list"]
        listed = subprocess.run(command, capture_output=True, text=True, check=False)
        found: dict[str, str] = {}
        for scope in ("global.", "install.", ":env:."):
            for line in listed.stdout.splitlines():
                name, separator, value = line.partition("=")
                if separator and name.startswith(scope):
                    found[name.removeprefix(scope)] = str(ast.literal_eval(value))
        return found


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder between processes: two installations at once, and the second finds the work done."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def uv_variables(pip: dict[str, str]) -> dict[str, str]:
    """pip's settings as uv's variables; what a person set for uv stays. Folders that do not exist are left out."""
    extra = [url for url in pip.get("extra-index-url", "").split() if _exists(url)]
    values = {
        "UV_DEFAULT_INDEX": pip.get("index-url", ""),
        "UV_INDEX": " ".join(extra),
        # As pip does: the version decides, not the index that is asked first.
        "UV_INDEX_STRATEGY": "unsafe-best-match" if extra else "",
        "UV_FIND_LINKS": ",".join(place for place in pip.get("find-links", "").split() if _exists(place)),
        "UV_INSECURE_HOST": pip.get("trusted-host", ""),
        "UV_HTTP_TIMEOUT": pip.get("default-timeout", pip.get("timeout", "120")),
        "SSL_CERT_FILE": pip.get("cert", ""),
        "HTTPS_PROXY": pip.get("proxy", ""),
    }
    return {name: value for name, value in values.items() if value and not os.environ.get(name)}


def runs(program: Path | str, *arguments: str) -> bool:
    """Whether a program starts and ends without an error."""
    try:
        return subprocess.run([str(program), *arguments], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(*command: str, environment: dict[str, str] | None = None) -> None:
    """Run a command with this process's output. Raises InstallationFailed."""
    ended = subprocess.run(command, env=environment, check=False)
    if ended.returncode:
        raise InstallationFailed(command, ended.returncode)


def _module(python: Path | str, name: str) -> tuple[str, ...]:
    """The command that runs a module, as ``workbench.host.python_module``, which is not there before the packages."""
    return str(python), "-P", "-m", name


def _exists(place: str) -> bool:
    """Whether a local folder is there; other places are taken on trust."""
    if place.startswith("file://"):
        return Path(place.removeprefix("file://")).exists()
    return "://" in place or Path(place).expanduser().exists()

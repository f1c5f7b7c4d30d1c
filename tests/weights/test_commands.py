"""``workbench models`` as a person uses it: on a terminal, in a pipe, interrupted and killed."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import ROOT, Program
from tests.weights.conftest import Lab, some_bytes
from tests.weights.pickled import TROJAN, archive
from tests.weights.server import Fault, FileServer
from workbench.weights import partial_file
from workbench.weights.folder import State

FILES = {"unet/model.safetensors": some_bytes(5000), "model_index.json": b"{}\n"}
BIG = some_bytes(1_500_000)
BIG_URL = "/tiny/big.safetensors"
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def program(lab: Lab, tmp_path: Path) -> Program:
    return Program(tmp_path, PYTHONUNBUFFERED="1")  # `lab` made the folder of models in this home


def on_terminal(program: Program, *arguments: str, answer: str = "", columns: int = 80) -> tuple[int, str]:
    """Exit code and output of a command on a terminal of its own."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "workbench.cli.main", *arguments],
        cwd=ROOT,
        env={**program.environment, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    if answer:
        os.write(ours, answer.encode())
    while True:
        try:
            data = os.read(ours, 65_536)
        except OSError:  # Linux says EIO when the other side is closed
            data = b""
        if not data:
            break
        shown += data
    os.close(ours)
    return process.wait(30), _COLOURS.sub("", shown.decode()).replace("\r", "")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_list_fits_into_80_columns(lab: Lab, program: Program) -> None:
    lab.fetch(lab.serve("tiny", FILES))
    code, shown = on_terminal(program, "models", "list")
    assert code == 0
    *lines, place = shown.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert place == f"in {lab.folder.root}", "a path is as long as it is"
    for name in lab.catalogue.models:
        assert re.search(rf"^{re.escape(name)} .*(missing|installed)", shown, re.MULTILINE), name
    assert "generate.upscale_video_torch\n" in shown and "CreativeML Open RAIL++-M" in shown
    assert re.search(r"^tiny +5.0 kB +installed +Lab *$", shown, re.MULTILINE)


def test_list_in_a_pipe_and_as_json(lab: Lab, program: Program) -> None:
    lab.fetch(lab.serve("tiny", FILES))
    header, *lines = program.run("models", "list", "--for", "lab.tiny").splitlines()
    assert header.split("\t") == ["model", "size", "state", "licence", "title", "services"]
    assert [line.split("\t") for line in lines] == [["tiny", "5.0 kB", "installed", "Lab", "tiny", "lab.tiny"]]
    answer = program.json("models", "list")
    assert answer["folder"] == str(lab.folder.root)
    [tiny] = [one for one in answer["models"] if one["name"] == "tiny"]
    assert (tiny["state"], tiny["sizeBytes"], tiny["acceptedAt"]) == ("installed", 5003, 1.0)
    assert tiny["licence"] == {"title": "Lab", "url": "https://lab.test/licence", "says": "Research only."}
    [missing] = [one for one in answer["models"] if one["name"] == "svd-xt"]
    assert missing["state"] == "missing" and missing["services"] == ["generate.svd", "train.lora"]


def test_fetch_in_a_pipe_needs_the_option(lab: Lab, program: Program) -> None:
    lab.serve("tiny", FILES, known=False)
    ended = program.try_("models", "fetch", "tiny")
    assert ended.code == 2 and "model.licence" in ended.err and "https://lab.test/licence" in ended.err
    assert lab.folder.state("tiny") is State.MISSING
    out = program.run("models", "fetch", "tiny", "--accept-licence")
    assert "tiny is installed (5.0 kB, digest " in out and "No public source says the digest of 2 of its files" in out
    assert "tiny was installed already" in program.run("models", "fetch", "--all-for", "lab.tiny")


def test_licence_is_asked_on_a_terminal(lab: Lab, program: Program) -> None:
    lab.serve("tiny", FILES)
    code, shown = on_terminal(program, "models", "fetch", "tiny", answer="n\n")
    assert code == 1 and "tiny: Lab\n" in shown and "Research only." in shown and "Do you accept this licence?" in shown
    assert lab.folder.state("tiny") is State.MISSING
    code, shown = on_terminal(program, "models", "fetch", "tiny", answer="y\n")
    assert code == 0, shown
    assert lab.folder.state("tiny") is State.INSTALLED


def test_unknown_names_are_refused(lab: Lab, program: Program) -> None:
    ended = program.try_("models", "fetch", "sd-1.4", "--json")
    assert ended.code == 2 and ended.error["code"] == "model.unknown" and "sd-1.5" in ended.error["details"]["allowed"]
    assert program.try_("models", "fetch", "--all-for", "generate.nothing", "--json").error["code"] == "model.unknown"
    assert program.try_("models", "fetch", "--json").error["code"] == "model.unknown"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_fetch_goes_on_where_it_was(
    lab: Lab, server: FileServer, program: Program, number: signal.Signals
) -> None:
    lab.serve("tiny", {"big.safetensors": BIG})
    server.always[BIG_URL] = Fault(slow_s=0.05)
    process = program.start("models", "fetch", "tiny", "--accept-licence")
    partial = lab.folder.partial("tiny") / "files" / "big.safetensors"
    until(lambda: partial_file.bytes_here(partial) > 100_000)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    if number is signal.SIGINT:
        assert process.returncode == 130
        assert "What was downloaded is kept. `workbench models fetch tiny` goes on." in err
    kept = partial_file.bytes_here(partial)
    assert kept > 100_000 and not lab.folder.of("tiny").exists()

    server.always.clear()
    server.seen.clear()
    ended = program.try_("models", "fetch", "tiny")  # its licence was accepted
    assert ended.code == 0, ended.err
    assert server.ranges(BIG_URL) == [f"bytes={kept}-{len(BIG) - 1}"]
    assert (lab.folder.of("tiny") / "big.safetensors").read_bytes() == BIG
    assert sorted(path.name for path in lab.folder.of("tiny").iterdir()) == ["big.safetensors", "installed.json"]


def test_verify_ends_with_1_if_anything_differs(lab: Lab, program: Program) -> None:
    lab.fetch(lab.serve("tiny", FILES))
    assert program.run("models", "verify") == "tiny: 2 files, 5.0 kB, all right\n"
    (lab.folder.of("tiny") / "model_index.json").write_bytes(b"[]\n")
    ended = program.try_("models", "verify", "tiny")
    assert ended.code == 1 and "tiny/model_index.json: has the SHA-256" in ended.out
    assert "remedy: `workbench models fetch tiny`" in ended.out
    ended = program.try_("models", "verify", "--json")
    assert ended.code == 1 and [one["path"] for one in ended.json["models"][0]["differences"]] == ["model_index.json"]


def test_import_and_gc(lab: Lab, program: Program, tmp_path: Path) -> None:
    (tmp_path / "mine.safetensors").write_bytes(some_bytes(2000))
    out = program.run("models", "import", str(tmp_path / "mine.safetensors"), "--name", "mine", "--for", "lab.x")
    assert out.startswith("mine is imported (2.0 kB, ")
    [mine] = program.json("models", "list", "--for", "lab.x")["models"]
    assert (mine["name"], mine["own"], mine["state"]) == ("mine", True, "installed")

    ended = program.try_("models", "import", str(archive(tmp_path / "bad.pth", TROJAN)), "--name", "bad", "--json")
    assert ended.code == 1 and ended.error["code"] == "model.unsafe"
    assert ended.error["details"]["seen"] == "posix.system"

    leftover = lab.folder.partial("old") / "files" / "x"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"x" * 5000)
    assert "interrupted download\told" in program.run("models", "gc", "--dry-run") and leftover.exists()
    ended = program.try_("models", "gc")
    assert ended.code == 2 and "--yes" in ended.err and leftover.exists()
    assert program.json("models", "gc", "--yes")["removed"] == ["old"]
    assert not leftover.exists() and lab.folder.state("mine") is State.INSTALLED
    assert program.run("models", "gc") == "Nothing to remove.\n"


def test_mirror_can_be_a_setting(lab: Lab, program: Program, server: FileServer, tmp_path: Path) -> None:
    lab.serve("tiny", FILES)
    for path, content in FILES.items():
        server.files[f"/mirror/tiny/{path}"] = content
        del server.files[f"/tiny/{path}"]
    program.environment["WORKBENCH_MODELS_MIRROR"] = f"{server.url}/mirror/"
    assert (
        json.loads(program.run("models", "fetch", "tiny", "--accept-licence", "--json"))["models"][0]["name"] == "tiny"
    )
    assert lab.folder.state("tiny") is State.INSTALLED

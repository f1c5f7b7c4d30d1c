"""The decoder process: if it is killed, hangs or runs out of memory, no other process fails."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from schemas.errors import WorkbenchError
from tests.app.uploads.media import picture, sound, video
from tests.stack.conditions import wait_for
from workbench.client.inspection.inspector import Inspector
from workbench.client.inspection.limits import CHILD_MEMORY_BYTES
from workbench.host import PORTABLE

ROOT = Path(__file__).parents[3]

# The real process with a faulty image decoder, as if a hostile file had taken control of it.
STAND_IN = """
import os, sys, time
sys.path.insert(0, {root!r})
from workbench.client.inspection import child
real = child.look
def look(path, out, wanted, limits):
    with path.open("rb") as file:
        head = file.read(64)
    {decoder}
    return real(path, out, wanted, limits)
child.look = look
child.start(sys.argv[1:])
"""
HANGS = "if b'slow' in path.name.encode(): open(out, 'w').write('begun'); time.sleep(3600)"
SPINS = "\n    while b'slow' in path.name.encode(): pass"
GRABS = "if b'slow' in path.name.encode(): held = [bytearray(64 << 20) for _ in range(100)]"
DIES = "if b'slow' in path.name.encode(): os.abort()"
LIES = "if b'slow' in path.name.encode(): return {'kind': 'image', 'media_type': 'text/html', 'suffix': '/../x'}"
WRITES = "if b'slow' in path.name.encode(): open(out, 'wb').truncate(0) or open(out, 'wb').write(bytes(400 << 20))"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A file that makes the fake decoder fail, a file that does not, and the path of the result."""
    slow, plain = tmp_path / "slow.png", tmp_path / "plain.png"
    for path in (slow, plain):
        path.write_bytes(picture())
    return slow, plain, tmp_path / "out"


def inspector_with(decoder: str, look_s: float = 15.0) -> Inspector:
    code = STAND_IN.format(root=str(ROOT), decoder=decoder)
    return Inspector(look_s=look_s, processes=1, command=(sys.executable, "-c", code))


@pytest.fixture
def inspector() -> Iterator[Inspector]:
    inspector = Inspector(processes=1)
    yield inspector
    inspector.close()


def refusal(inspector: Inspector, path: Path, out: Path) -> WorkbenchError:
    with pytest.raises(WorkbenchError) as refused:
        inspector.look(path, out)
    return refused.value


@pytest.mark.parametrize(
    ("decoder", "look_s", "code", "words"),
    [
        (HANGS, 1.0, "upload.unreadable", "too long"),
        (SPINS, 1.0, "upload.unreadable", "too"),
        (GRABS, 15.0, "upload.too_large", "too much memory"),
        (DIES, 15.0, "upload.unreadable", "crashed"),
        (LIES, 15.0, "upload.unreadable", "could not be decoded"),
        (WRITES, 15.0, "upload.too_large", "too large to keep"),
    ],
    ids=("hangs", "spins", "grabs memory", "dies", "lies", "writes without end"),
)
def test_a_failing_decoder_gives_an_error_and_the_next_file_works(
    files: tuple[Path, Path, Path], decoder: str, look_s: float, code: str, words: str
) -> None:
    slow, plain, out = files
    inspector = inspector_with(decoder, look_s)
    try:
        error = refusal(inspector, slow, out)
        assert error.code == code and words in error.message
        assert inspector.look(plain, out).facts.width == 64
    finally:
        inspector.close()


def test_a_decoder_killed_during_a_file_is_restarted(files: tuple[Path, Path, Path]) -> None:
    slow, plain, out = files
    inspector = inspector_with(HANGS)
    failed: list[WorkbenchError] = []
    looking = threading.Thread(target=lambda: failed.append(refusal(inspector, slow, out)))
    try:
        looking.start()
        wait_for(lambda: out.exists() and out.stat().st_size)
        [pid] = inspector.pids()
        os.kill(pid, signal.SIGKILL)
        looking.join(10)
        assert "crashed" in failed[0].message and failed[0].seen == "SIGKILL"
        assert inspector.look(plain, out).kind == "image"
        assert inspector.pids() != [pid]
    finally:
        inspector.close()


def test_the_decoder_has_limits_and_no_secrets(
    inspector: Inspector, files: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_S3_SECRET_KEY", "do-not-tell")
    inspector.look(files[1], files[2])
    [pid] = inspector.pids()
    process = psutil.Process(pid)
    assert process.rlimit(psutil.RLIMIT_AS)[1] == CHILD_MEMORY_BYTES
    assert process.rlimit(psutil.RLIMIT_NOFILE)[1] <= 64
    assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert 0 < process.rlimit(psutil.RLIMIT_CPU)[0] < 120
    assert not any(name.startswith("WORKBENCH_") for name in process.environ())
    assert "NoNewPrivs:\t1" in Path(f"/proc/{pid}/status").read_text()


def test_a_decoder_that_uses_too_much_memory_is_killed_without_kernel_limits(
    files: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PORTABLE, "1")
    slow, plain, out = files
    inspector = inspector_with(GRABS, look_s=120)
    try:
        error = refusal(inspector, slow, out)
        assert error.code == "upload.too_large" and "too much memory" in error.message
        assert inspector.look(plain, out).facts.width == 64
    finally:
        inspector.close()


@pytest.mark.parametrize("portable", ["0", "1"], ids=["Linux", "portable"])
def test_the_decoder_ends_with_its_parent(
    files: tuple[Path, Path, Path], portable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess

    monkeypatch.setenv(PORTABLE, portable)
    code = f"""
import os, sys
from pathlib import Path
from workbench.client.inspection.inspector import Inspector
inspector = Inspector(processes=1)
inspector.look(Path({str(files[1])!r}), Path({str(files[2])!r}))
print(*inspector.pids(), flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_the_end_of_a_calling_thread_does_not_kill_the_decoder(files: tuple[Path, Path, Path]) -> None:
    """The kernel sends the death signal when the thread that started a child ends, not only the process."""
    inspector = Inspector(processes=1)
    try:
        caller = threading.Thread(target=lambda: inspector.look(files[1], files[2]))
        caller.start()
        caller.join()
        before = inspector.pids()
        assert inspector.look(files[1], files[2]).kind == "image" and inspector.pids() == before != []
    finally:
        inspector.close()


def test_thumbnails_of_images_and_of_a_video_at_one_third(inspector: Inspector, tmp_path: Path) -> None:
    from PIL import Image

    for name, data in (("a.png", picture(size=(640, 320))), ("v.mp4", video(count=60))):
        (tmp_path / name).write_bytes(data)
        inspector.thumbnail(tmp_path / name, tmp_path / "t.jpg", 160)
        with Image.open(tmp_path / "t.jpg") as small:
            assert small.format == "JPEG" and max(small.size) == 160
            if name == "v.mp4":  # frames get brighter from 0 to 255
                assert abs(small.convert("L").getpixel((80, 60)) - 85) < 12
    (tmp_path / "s.mp3").write_bytes(sound("libmp3lame", "mp3"))
    with pytest.raises(WorkbenchError) as refused:
        inspector.thumbnail(tmp_path / "s.mp3", tmp_path / "t.jpg", 160)
    assert refused.value.code == "upload.refused"

"""The caller's side of the inspection process: starts it on first use, kills it if it hangs, and replaces it."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, TypeVar

import orjson
from pydantic import Field, ValidationError

from nodes.media import file_type
from schemas.base import Contract
from schemas.errors import ErrorInfo, WorkbenchError
from schemas.frame_index import FrameIndex
from schemas.refs import ZIP
from schemas.upload import FaceBox, MediaFacts, UploadKind, UploadWarning
from workbench.client.inspection.limits import ARCHIVE_S, CHILD_OVER_MEMORY, LOOK_BYTES_PER_S, LOOK_S, Limits
from workbench.client.inspection.upload_errors import needs_memory, too_large, unreadable
from workbench.engine.wire import Closed, Wire
from workbench.host import PORTABLE, python_module
from workbench.store.retry import disk_full, no_space

PROCESSES = 2  # files inspected at the same time; more wait
WAIT_S = 60.0  # for a free process
START_S = 300.0
LOOKS = 100  # then the process is replaced, so that leaks of a decoder do not accumulate
KEPT_VARIABLES = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", PORTABLE)
_MOST_INDEX_BYTES = 100_000_000  # a million frames take 30 MB
_KEPT_OVERHEAD = 256_000_000  # an image or audio file may grow with lossless encoding

C = TypeVar("C", bound=Contract)


class Inspection(Contract):
    """The process's answer about a file. It decoded untrusted bytes, so its answer is validated like untrusted data."""

    kind: UploadKind
    media_type: str = Field(pattern=r"^(image/(png|jpeg)|audio/wav|video/(mp4|webm)|application/(zip|x-safetensors))$")
    suffix: str = Field(pattern=r"^\.(png|jpg|wav|mp4|webm|zip|safetensors)$")
    facts: MediaFacts
    faces: list[FaceBox] = Field(max_length=1000)
    warnings: list[UploadWarning] = Field(max_length=20)


class StreamIndex(Contract):
    """The positions of the pieces in a fragmented MP4 file."""

    kind: Literal["audio", "video"]
    codecs: list[str] = Field(max_length=2, description="Codec names by RFC 6381.")
    duration_s: float = Field(ge=0)
    size_bytes: int = Field(ge=0)
    head_bytes: int = Field(ge=0, description="Size of the header that a player needs before any piece.")
    pieces: list[tuple[float, int, int]] = Field(description="Second, offset and size of each.")


class Inspector:
    """Inspects files. Thread-safe; all methods block. Each of its threads has its own process.

    Args:
        look_s: maximum seconds for a small file.
        command: command line of the process; the socket's descriptor and our pid are appended.
    """

    def __init__(self, look_s: float = LOOK_S, processes: int = PROCESSES, command: tuple[str, ...] = ()) -> None:
        self._look_s = look_s
        self._command = command or tuple(python_module("workbench.client.inspection.child"))
        # The kernel ends a child with the thread that started it, and a server's pool ends idle threads, so use own
        # threads.
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="inspection")
        self._own = threading.local()
        self._processes: list[_Process] = []

    def look(self, path: Path, out: Path, wanted: str = "auto", limits: Limits | None = None) -> Inspection:
        """The facts of a file. Its decoded content is written to ``out``, which the caller may move.

        Raises WorkbenchError: upload.refused, upload.too_large, upload.unreadable, upload.busy, home.disk_full.
        """
        size, limits = path.stat().st_size, limits or Limits()
        with path.open("rb") as file:
            archive = file_type(file.read(9)) == ZIP
        kept = size + _KEPT_OVERHEAD + (limits.archive_bytes if archive else 0)
        more_s = ARCHIVE_S if archive else 0.0
        result = self._ask("look", path, out, size, kept, more_s, wanted=wanted, limits=asdict(limits))
        return _validated(Inspection, result, "the file could not be decoded")

    def thumbnail(self, path: Path, out: Path, side_px: int) -> None:
        """Write a JPEG of an image, or of the frame one third into a video. Raises WorkbenchError like ``look``."""
        self._ask("thumbnail", path, out, 0, 10_000_000, side_px=side_px)

    def waveform(self, path: Path, points: int) -> list[float]:
        """The largest amplitude in each of ``points`` equal sections of the audio, 0 to 1. Raises like ``look``."""
        result = self._ask("waveform", path, None, path.stat().st_size, 0, points=points)
        peaks = result.get("peaks")
        if not (isinstance(peaks, list) and len(peaks) == points and all(_is_share(peak) for peak in peaks)):
            raise unreadable("the audio could not be decoded", "the decoder's answer is invalid")
        return [float(peak) for peak in peaks]

    def stream(self, path: Path, out: Path) -> StreamIndex:
        """Write a video or audio file as fragmented MP4. Returns the positions of its pieces. Raises like ``look``."""
        size = path.stat().st_size
        result = self._ask("stream", path, out, size, size + _KEPT_OVERHEAD)
        return _validated(StreamIndex, result, "the file could not be split into pieces")

    def frames(self, path: Path, out: Path, sha256: str) -> FrameIndex:
        """Write the frame index of a video as JSON, and return it. ``sha256`` is the file's. Raises like ``look``."""
        size = path.stat().st_size
        self._ask("frames", path, out, size, _MOST_INDEX_BYTES, sha256=sha256)
        problem = "the frames could not be found in the file"
        try:
            index = FrameIndex.model_validate_json(out.read_bytes())
        except ValidationError as fault:
            raise unreadable(problem, "the decoder's answer is invalid") from fault
        if not _is_consistent(index, size):
            raise unreadable(problem, "the decoder's answer is invalid")
        return index

    def warm(self) -> None:
        """Start one process in advance, because its start takes some seconds. Does not block."""
        self._threads.submit(lambda: self._mine().start())

    def pids(self) -> list[int]:
        """The pids of the running processes."""
        return [process.pid for process in self._processes if process.pid is not None]

    def close(self) -> None:
        """Stop the processes. Inspections in progress are aborted."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in self._processes:
            process.kill()
        self._threads.shutdown(wait=True)
        for process in self._processes:
            process.stop()

    def _ask(
        self,
        kind: str,
        path: Path,
        out: Path | None,
        read_bytes: int,
        file_bytes: int,
        more_s: float = 0.0,
        **fields: Any,
    ) -> dict[str, Any]:
        """The answer to a message about a file.

        Args:
            read_bytes: the part of the file that is decoded; it extends the time limit.
            file_bytes: maximum size of ``out``.
            more_s: added to the time limit.
        """
        seconds = self._look_s + read_bytes / LOOK_BYTES_PER_S + more_s
        limits = {"cpu_s": seconds, "file_bytes": file_bytes}
        message = {"kind": kind, "path": str(path), "out": str(out or ""), **fields, **limits}
        future = self._threads.submit(lambda: self._mine().ask(message, seconds))
        with contextlib.suppress(NotInTime):
            return future.result(WAIT_S)
        if future.cancel():
            raise WorkbenchError(
                "upload.busy",
                "other files are being inspected",
                where="file",
                seen=f"no inspection ended within {WAIT_S:.0f} s",
                remedy="Try again in a minute.",
            )
        return future.result()  # the inspection has started and has its own time limit

    def _mine(self) -> _Process:
        """This thread's process."""
        process: _Process | None = getattr(self._own, "process", None)
        if process is None:
            process = self._own.process = _Process(self._command)
            self._processes.append(process)
        return process


class _Process:
    """One process, used by one thread."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._wire: Wire | None = None
        self._looks = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def ask(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """The response to one message. Raises WorkbenchError."""
        self.start()
        assert self._wire is not None
        self._looks += 1
        try:
            self._wire.send(orjson.dumps(message))
            reply = self._wire.receive(seconds)
        except Closed:
            raise self._died() from None
        if reply is None:
            self.stop()
            raise unreadable("decoding the file took too long", f"over {seconds:.0f} s")
        return _read(orjson.loads(reply))

    def kill(self) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        self.kill()
        if self._process is not None:
            self._process.wait()
        if self._wire is not None:
            self._wire.close()
        self._process, self._wire, self._looks = None, None, 0

    def start(self) -> None:
        if self.pid is not None and self._looks < LOOKS:
            return
        self.stop()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*self._command, str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                cwd="/",
                start_new_session=True,
            )
        self._wire = Wire(ours)
        try:
            ready = self._wire.receive(START_S)
        except Closed:
            ready = None
        if ready is None:
            self.stop()
            raise WorkbenchError(
                "upload.busy",
                "the inspection process does not start",
                where=" ".join(self._command),
                remedy="Start it manually to see the error: `python -m workbench.client.inspection.child`.",
            )

    def _died(self) -> WorkbenchError:
        assert self._process is not None
        until = time.monotonic() + 2
        while self._process.poll() is None and time.monotonic() < until:
            time.sleep(0.005)  # the socket closes a moment before the process can be reaped
        code = self._process.poll()
        self.stop()
        if code == -signal.SIGXCPU:
            return unreadable("decoding the file took too much CPU time", "killed by SIGXCPU")
        if code == CHILD_OVER_MEMORY:
            return needs_memory()
        name = signal.Signals(-code).name if code is not None and code < 0 else f"exit status {code}"
        return unreadable("the decoder crashed on this file", name)


def _read(reply: dict[str, Any]) -> dict[str, Any]:
    """The result of a reply. Raises the WorkbenchError of the reply; only upload errors are trusted."""
    if reply.get("kind") == "done" and isinstance(reply.get("result"), dict):
        result: dict[str, Any] = reply["result"]
        return result
    if reply.get("kind") == "failed":
        fault = OSError(reply.get("errno"), str(reply.get("text"))[:300])
        if fault.errno == errno.EFBIG:
            raise too_large("the decoded file is too large to keep", "above the limit", "a smaller file")
        if no_space(fault):
            raise disk_full(fault)
        raise unreadable("the file could not be decoded", str(fault))
    try:
        error = WorkbenchError.from_info(ErrorInfo.model_validate(reply.get("error")))
    except ValidationError:
        error = unreadable("the file could not be decoded")
    raise error if error.code.startswith("upload.") else unreadable("the file could not be decoded", error.message)


def _validated(model: type[C], answer: dict[str, Any], problem: str) -> C:
    try:
        return model.model_validate(answer)
    except ValidationError as fault:
        raise unreadable(problem, "the decoder's answer is invalid") from fault


def _is_consistent(index: FrameIndex, size: int) -> bool:
    """Whether all columns have the same length, and name bytes of a file of this size and packets of their own."""
    packets = len(index.offsets)
    spans = zip(index.offsets, index.sizes, strict=False)
    return (
        packets == len(index.sizes) == len(index.times)
        and all(at >= 0 and bytes_ > 0 and at + bytes_ <= size for at, bytes_ in spans)
        and all(0 <= key < packets for key in index.key)
    )


def _is_share(value: object) -> bool:
    return isinstance(value, (int, float)) and 0 <= value <= 1


def _environment() -> dict[str, str]:
    """The environment of the process, without the deployment's credentials."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    # One thread each, because the memory limit includes the stacks and arenas of idle threads.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**kept, **threads, "PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2"}

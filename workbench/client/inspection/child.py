"""The process that decodes. It has limits, no secrets, no network where the kernel allows to drop it, and one job.

Run as ``python -m workbench.client.inspection.child FD PARENT``. Messages: ``look``, ``thumbnail``,
``waveform`` and ``stream`` in; ``done`` or ``refused`` out, one for each.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import orjson

from schemas.errors import WorkbenchError
from workbench.client.inspection.bytes_seen import HEAD_BYTES, family_of, format_of
from workbench.client.inspection.limits import CHILD_MEMORY_BYTES, CHILD_OPEN_FILES, CHILD_OVER_MEMORY, Limits
from workbench.client.inspection.refusals import needs_memory, refused, unreadable
from workbench.engine.wire import Closed, Wire
from workbench.host import this_host


def confine(parent: int) -> None:
    """Take from this process what it does not need. Call it before any thread is started."""
    this_host().isolate()
    this_host().end_with_parent(parent)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (CHILD_OPEN_FILES, CHILD_OPEN_FILES))
    os.umask(0o077)


def allow(cpu_s: float, file_bytes: int) -> None:
    """Limits of the next file. CPU time counts from the start of the process, so it is what was used and some more."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + cpu_s) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, resource.RLIM_INFINITY))


def warm() -> None:
    """Import what decoding needs, and look for a face once: the first file is not slower than the others."""
    import av  # noqa: F401
    import cv2
    import numpy as np
    from PIL import Image

    from workbench.client.inspection import film, picture, sound, stream, thumbnail, waveform  # noqa: F401

    cv2.setNumThreads(1)
    from workbench.client.inspection.faces import find_faces

    find_faces(Image.fromarray(np.zeros((64, 64, 3), np.uint8)))


def look(path: Path, out: Path, wanted: str, limits: Limits) -> dict[str, Any]:
    """Facts of one file. Raises WorkbenchError: upload.*."""
    from workbench.client.inspection.containers import opened, the_video
    from workbench.client.inspection.film import inspect_film
    from workbench.client.inspection.picture import inspect_picture
    from workbench.client.inspection.sound import inspect_sound

    format_name = detected(path)
    if family_of(format_name) == "image":
        _check_kind("image", wanted)
        return inspect_picture(path, format_name, out)
    with opened(path, format_name) as container:
        video = the_video(container) if family_of(format_name) == "media" else None
        if video is None:
            _check_kind("audio", wanted)
            return inspect_sound(container, format_name, out, limits.duration_s)
        _check_kind("video", wanted)
        if format_name == "ogg":
            raise refused("Ogg video", "Convert it to MP4 or WebM.")
        return inspect_film(container, video, format_name, out, limits.duration_s)


def detected(path: Path) -> str:
    """The format of the file by its first bytes. Raises WorkbenchError: upload.*."""
    with path.open("rb") as file:
        return format_of(file.read(HEAD_BYTES))


def _check_kind(kind: str, wanted: str) -> None:
    if wanted not in ("auto", kind):
        article = {"image": "a picture", "audio": "a sound", "video": "a video"}
        raise refused(article[kind], f"Give {article[wanted]} here.", wanted)


def answer(message: dict[str, Any]) -> dict[str, Any]:
    """What one message asks for."""
    path, out = Path(message["path"]), Path(message["out"])
    allow(message["cpu_s"], message["file_bytes"])
    if message["kind"] == "thumbnail":
        from workbench.client.inspection.thumbnail import write_thumbnail

        write_thumbnail(path, detected(path), out, message["side_px"])
        return {}
    if message["kind"] == "waveform":
        from workbench.client.inspection.waveform import peaks

        return {"peaks": peaks(path, detected(path), message["points"])}
    if message["kind"] == "stream":
        from workbench.client.inspection.stream import write_stream

        return write_stream(path, detected(path), out)
    return look(path, out, message["wanted"], Limits(**message["limits"]))


def serve(wire: Wire) -> None:
    """Answer until the other side is gone."""

    def say(kind: str, **fields: Any) -> None:
        wire.send(orjson.dumps({"kind": kind, **fields}))

    while True:
        body = wire.receive()
        assert body is not None
        message = orjson.loads(body)
        try:
            say("done", result=answer(message))
        except WorkbenchError as error:
            if isinstance(error.seen, str):  # what decoders say names the file: that is ours to know
                error.seen = error.seen.replace(message["path"], "it").replace(message["out"], "it")
            say("refused", error=error.info().model_dump(mode="json"))
        except MemoryError:
            say("refused", error=needs_memory().info().model_dump(mode="json"))
        except OSError as fault:
            if fault.errno is None:
                raise
            say("failed", errno=fault.errno, text=str(fault))
        except Closed:
            raise
        except Exception as fault:  # a decoder's own exception: the file made it
            damaged = unreadable("the file could not be decoded", f"{type(fault).__name__}: {fault}")
            say("refused", error=damaged.info().model_dump(mode="json"))


def start(arguments: list[str]) -> None:
    """Entry point of the process."""
    fd, parent = (int(argument) for argument in arguments)
    confine(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wire = Wire(socket.socket(fileno=fd))
    warm()
    this_host().limit_memory(CHILD_MEMORY_BYTES, CHILD_OVER_MEMORY)
    try:
        wire.send(orjson.dumps({"kind": "ready"}))
        serve(wire)
    except Closed:
        os._exit(0)


if __name__ == "__main__":
    start(sys.argv[1:])

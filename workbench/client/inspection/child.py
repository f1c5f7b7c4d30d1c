"""The process that decodes files. It has limits and no secrets, and no network if the kernel lets it drop the network.

Run as ``python -m workbench.client.inspection.child FD PARENT``. It receives the messages ``look``, ``thumbnail``,
``waveform``, ``stream`` and ``frames``, and answers each with ``done``, ``refused`` or ``failed``.
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
from workbench.client.inspection.file_formats import HEAD_BYTES, family_of, format_of
from workbench.client.inspection.limits import CHILD_MEMORY_BYTES, CHILD_OPEN_FILES, CHILD_OVER_MEMORY, Limits
from workbench.client.inspection.upload_errors import needs_memory, refused, unreadable
from workbench.engine.wire import Closed, Wire
from workbench.host import this_host


def confine(parent: int) -> None:
    """Drop the privileges that this process does not need. Call it before any thread starts."""
    this_host().isolate()
    this_host().end_with_parent(parent)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (CHILD_OPEN_FILES, CHILD_OPEN_FILES))
    os.umask(0o077)


def allow(cpu_s: float, file_bytes: int) -> None:
    """Set the limits for the next file. CPU time counts from the process start, so the limit includes the used time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + cpu_s) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, resource.RLIM_INFINITY))


def warm() -> None:
    """Import the decoders and run face detection once, so that the first file is not slower than the others."""
    import av  # noqa: F401
    import cv2
    import numpy as np
    from PIL import Image

    from workbench.client.inspection import (  # noqa: F401
        archive,
        audio,
        frames,
        image,
        lora_file,
        stream,
        thumbnail,
        video,
        waveform,
    )

    cv2.setNumThreads(1)
    from workbench.client.inspection.faces import find_faces

    find_faces(Image.fromarray(np.zeros((64, 64, 3), np.uint8)))


def look(path: Path, out: Path, wanted: str, limits: Limits) -> dict[str, Any]:
    """The facts of one file. Raises WorkbenchError: upload.*."""
    from workbench.client.inspection.archive import inspect_archive
    from workbench.client.inspection.audio import inspect_audio
    from workbench.client.inspection.containers import opened, video_stream
    from workbench.client.inspection.image import inspect_image
    from workbench.client.inspection.lora_file import inspect_lora
    from workbench.client.inspection.video import inspect_video

    format_name = detected(path)
    if family_of(format_name) == "image":
        _check_kind("image", wanted)
        return inspect_image(path, format_name, out)
    if format_name == "zip":
        _check_kind("portraits", wanted)
        return inspect_archive(path, out, limits)
    if format_name == "safetensors":
        _check_kind("lora", wanted)
        return inspect_lora(path, out)
    with opened(path, format_name) as container:
        video = video_stream(container) if family_of(format_name) == "media" else None
        if video is None or wanted == "audio":  # of a video, the audio is used
            _check_kind("audio", wanted)
            return inspect_audio(container, format_name, out, limits.duration_s)
        _check_kind("video", wanted)
        if format_name == "ogg":
            raise refused("Ogg video", "Convert it to MP4 or WebM.")
        return inspect_video(container, video, format_name, out, limits.duration_s)


def detected(path: Path) -> str:
    """The format of the file, detected from its first bytes. Raises WorkbenchError: upload.*."""
    with path.open("rb") as file:
        return format_of(file.read(HEAD_BYTES))


def _check_kind(kind: str, wanted: str) -> None:
    if wanted not in ("auto", kind):
        article = {
            "image": "an image",
            "audio": "an audio file",
            "video": "a video",
            "portraits": "a ZIP archive",
            "lora": "a safetensors file",
        }
        named = article | {"portraits": "a zip of portraits", "lora": "a LoRA as one safetensors file"}
        raise refused(article[kind], f"Choose {named[wanted]} here.", named[wanted])


def answer(message: dict[str, Any]) -> dict[str, Any]:
    """The response to one message."""
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
    if message["kind"] == "frames":
        from workbench.client.inspection.frames import write_frame_index

        write_frame_index(path, detected(path), out, message["sha256"])
        return {}
    return look(path, out, message["wanted"], Limits(**message["limits"]))


def serve(wire: Wire) -> None:
    """Answer messages until the other side closes the connection."""

    def reply(kind: str, **fields: Any) -> None:
        wire.send(orjson.dumps({"kind": kind, **fields}))

    while True:
        body = wire.receive()
        assert body is not None
        message = orjson.loads(body)
        try:
            reply("done", result=answer(message))
        except WorkbenchError as error:
            if isinstance(error.seen, str):  # decoders name the file, whose path is private
                error.seen = error.seen.replace(message["path"], "it").replace(message["out"], "it")
            reply("refused", error=error.info().model_dump(mode="json"))
        except MemoryError:
            reply("refused", error=needs_memory().info().model_dump(mode="json"))
        except OSError as fault:
            if fault.errno is None:
                raise
            reply("failed", errno=fault.errno, text=str(fault))
        except Closed:
            raise
        except Exception as fault:  # a decoder's own exception, which the file caused
            damaged = unreadable("the file could not be decoded", f"{type(fault).__name__}: {fault}")
            reply("refused", error=damaged.info().model_dump(mode="json"))


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

"""Clips whose frame number is drawn into the image as blocks, and a server with a bare page that plays them."""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from nodes._frame_index import frame_index
from workbench.web import folder, style_sheets

BITS = 16  # 12 of the frame number, then 4 of the clip
HERE = Path(__file__).parent
H264 = {"preset": "ultrafast", "bf": "3", "b_strategy": "0", "g": "24"}


def write_numbered(
    path: Path,
    clip: int,
    *,
    frames: int = 100,
    fps: int = 25,
    size: tuple[int, int] = (256, 256),
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    tone: bool = False,
) -> Path:
    """Write a clip; each frame shows its number and the clip's in black and white blocks above a moving bar."""
    import av
    import numpy as np

    width, height = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=H264 if options is None else options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        sound = container.add_stream("aac" if path.suffix == ".mp4" else "libopus", rate=48_000) if tone else None
        for number in range(frames):
            picture = np.full((height, width, 3), (50 + 40 * clip % 160, 70, 110), np.uint8)
            left = number * 5 % (width - 24)
            picture[height // 2 :, left : left + 24] = (240, 200, 80)
            value = number << 4 | clip
            for bit in range(BITS):
                lit = value >> (BITS - 1 - bit) & 1
                picture[: height // 8, bit * width // BITS : (bit + 1) * width // BITS] = 235 if lit else 20
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
        if sound is not None:
            _sing(container, sound, frames / fps, 220 * (clip + 1))
    return path


def _sing(container: Any, stream: Any, seconds: float, pitch: float) -> None:
    import av
    import numpy as np

    at = np.arange(int(seconds * 48_000))
    swell = 0.5 + 0.5 * np.sin(at / 48_000 * 5)
    wave = (9000 * swell * np.sin(2 * np.pi * pitch * at / 48_000)).astype(np.int16)
    for begin in range(0, len(wave), 960):
        frame = av.AudioFrame.from_ndarray(wave[None, begin : begin + 960], format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48_000, begin
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def index_of(path: Path) -> bytes:
    """The frame index of a clip, as the API gives it."""
    import av

    with av.open(str(path)) as container, path.open("rb") as file:
        index = frame_index(container, file, hashlib.sha256(path.read_bytes()).hexdigest())
    return index.model_dump_json(by_alias=True).encode()


class _Files(SimpleHTTPRequestHandler):
    """Our modules below /web/, the page, and the clips with ranges of bytes."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args: Any, clips: Path, **named: Any) -> None:
        self.clips = clips
        super().__init__(*args, **named)

    def do_GET(self) -> None:
        name = self.path.split("?")[0]
        if name.startswith("/web/"):
            self._send((folder() / name.removeprefix("/web/")).read_bytes(), "text/javascript")
        elif name == "/player.css":
            self._send("\n".join(sheet.read_text() for sheet in style_sheets()).encode(), "text/css")
        elif name == "/player":
            self._send((HERE / "numbered.html").read_bytes(), "text/html; charset=utf-8")
        elif name.startswith("/clips/") and not (self.clips / name[7:].removesuffix(".json")).exists():
            self._send(b"", "text/plain", 404)
        elif name.startswith("/clips/") and name.endswith(".json"):
            self._send(index_of(self.clips / name[7:-5]), "application/json")
        elif name.startswith("/clips/"):
            self._send((self.clips / name[7:]).read_bytes(), "video/webm" if name.endswith("webm") else "video/mp4")
        else:
            self._send(b"", "text/plain", 404 if name != "/favicon.ico" else 200)

    def _send(self, body: bytes, kind: str, status: int = 200) -> None:
        wanted = self.headers.get("Range", "")
        span = ""
        if wanted.startswith("bytes=") and status == 200:
            begin, _, end = wanted[6:].partition("-")
            last = min(int(end or len(body) - 1), len(body) - 1)
            span, status = f"bytes {begin}-{last}/{len(body)}", 206
            body = body[int(begin) : last + 1]
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        if span:
            self.send_header("Content-Range", span)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def served(clips: Path) -> Iterator[str]:
    """Serve the bare page and the clips of a folder; gives the address of the server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Files, clips=clips))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""Memory of the app while a large file is uploaded: the body goes to the disk, never through memory.

    python -m benchmarks.upload_memory [megabytes]

A real MP4 of that size is made (noise, which does not compress) and posted in one piece to a stack's app, after a small
upload that loads what every upload needs. Printed are the app process's resident size before, its peak while the file
comes in, is looked at and is stored, and the same of the processes that look at files.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path

import av
import httpx
import numpy as np
import psutil

from benchmarks.bench_stack import running_stack
from benchmarks.measure import machine, told
from workbench.embedded.stack import status
from workbench.settings import Settings

GOAL_MB = 50.0
SIDE_PX, FPS = 768, 25


def main(megabytes: int = 200) -> None:
    print(machine())
    with (
        tempfile.TemporaryDirectory(prefix="upload-") as folder,
        running_stack("bus", "objects", "sql", "control", "app") as deployment,
    ):
        small, large = Path(folder) / "small.mp4", Path(folder) / "large.mp4"
        noise(small, 1)
        noise(large, megabytes)
        await_app(deployment.settings.app_url)
        app = next(part.pid for part in status(deployment.settings.home).parts if part.name == "app")
        assert app
        post(deployment.settings, small)
        sizes = Sizes(app)
        began = time.perf_counter()
        answer = post(deployment.settings, large)
        seconds = time.perf_counter() - began
        sizes.stop()
    facts = answer["facts"]
    stored_mb = answer["ref"]["sizeBytes"] / 1e6
    print(f"{stored_mb:.0f} MB of {facts['durationS']:.0f} s, answered after {seconds:.1f} s")
    print(f"decoders: {sizes.children_before_mb:.0f} MB before, {sizes.children_peak_mb:.0f} at most")
    print(f"app: {sizes.before_mb:.0f} MB before, {sizes.peak_mb:.0f} at most")
    growth = sizes.peak_mb - sizes.before_mb
    print(f"growth of the app: {growth:.1f} MB  goal under {GOAL_MB:.0f} {told(growth < GOAL_MB)}")


def await_app(url: str) -> None:
    """The page is no part of what a stack waits for when it starts."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            if httpx.get(f"{url}/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise TimeoutError(f"the app at {url} does not answer")


def noise(path: Path, megabytes: int) -> None:
    """Write an MP4 of that size: a few noisy pictures over and over, coded without loss."""
    chance = np.random.default_rng(1)
    pictures = [chance.integers(0, 255, (SIDE_PX, SIDE_PX, 3), np.uint8) for _ in range(4)]
    with av.open(str(path), "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "0", "g": "1"})
        stream.width = stream.height = SIDE_PX
        stream.pix_fmt = "yuv420p"
        written, count = 0, 0
        while written < megabytes * 1_000_000:
            frame = av.VideoFrame.from_ndarray(pictures[count % 4], format="rgb24")
            frame.pts, count = count, count + 1
            for packet in stream.encode(frame):
                written += packet.size
                file.mux(packet)
        file.mux(stream.encode(None))


def post(settings: Settings, path: Path) -> dict:
    url, headers = f"{settings.app_url}/api/uploads", {"Authorization": f"Bearer {settings.app_token}"}
    with path.open("rb") as file:
        answer = httpx.post(url, headers=headers, files={"file": (path.name, file)}, timeout=300)
    assert answer.status_code == 201, answer.text
    found: dict = answer.json()
    return found


class Sizes:
    """Resident sizes of a process, and of its children together, looked at a hundred times a second."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.before_mb, self.children_before_mb = self._now()
        self.peak_mb, self.children_peak_mb = self.before_mb, self.children_before_mb
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            own, children = self._now()
            self.peak_mb, self.children_peak_mb = max(self.peak_mb, own), max(self.children_peak_mb, children)

    def _now(self) -> tuple[float, float]:
        children = 0
        for child in self._process.children(recursive=True):
            try:
                children += child.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return self._process.memory_info().rss / 1e6, children / 1e6


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))

"""A stand-in for a ComfyUI server: it replays recorded HTTP answers of a real one and renders nothing.

Status codes, fields, queue and history are the recorded ones; the video is a clip from the test.
"""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "comfyui_recorded.json").read_text())
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class FakeComfyUI:
    """The state of the server. A run ends after ``looks`` requests for its history, in the way given by ``ends``.

    Attributes:
        ends: success, error, interrupted, or never.
        refuses: the name of a recorded refusal of POST /prompt, or "".
    """

    def __init__(self, video: bytes) -> None:
        self.video = video
        self.ends, self.refuses, self.looks = "success", "", 2
        self.posted: list[dict[str, Any]] = []
        self.uploads: dict[str, bytes] = {}
        self.interrupted: list[str] = []
        self.asked: list[str] = []
        self.lost = False  # the video, while the history still names it
        self._looked: dict[str, int] = {}
        self._history: dict[str, Any] = {}
        self._running: list[str] = []

    def forget(self) -> None:
        """As after a restart of the server."""
        self._history.clear()
        self._running.clear()

    def answer(self, method: str, path: str, body: bytes, content_type: str) -> tuple[int, bytes]:
        url = urlsplit(path)
        self.asked.append(f"{method} {url.path}")
        if url.path == "/prompt":
            return self._prompt(json.loads(body))
        if url.path == "/queue":
            if method == "POST":
                return 200, b""
            idle = copy.deepcopy(RECORDED["queue_idle"])
            return 200, json.dumps(idle | {"queue_running": [[0, name, {}, {}, []] for name in self._running]}).encode()
        if url.path == "/history":
            for name in json.loads(body)["delete"]:
                self._history.pop(name, None)
            return 200, b""
        if url.path.startswith("/history/"):
            return 200, json.dumps(self._history_of(url.path.rpartition("/")[2])).encode()
        if url.path == "/interrupt":
            name = json.loads(body)["prompt_id"]
            self.interrupted.append(name)
            self._end(name, "interrupted")
            return RECORDED["interrupt"]["status"], b""
        if url.path == "/upload/image":
            return self._upload(body, content_type)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if (
            url.path == "/view"
            and not self.lost
            and query == {"filename": "clip.mp4", "subfolder": "workbench", "type": "output"}
        ):
            return 200, self.video
        return RECORDED["view_missing"]["status"], b""

    def _prompt(self, body: dict[str, Any]) -> tuple[int, bytes]:
        refuses = self.refuses or ("" if _UUID.fullmatch(body["prompt_id"]) else "bad_prompt_id")
        if refuses:
            refusal = RECORDED["refused"][refuses]
            return refusal["status"], json.dumps(refusal["response"]).encode()
        self.posted.append(body)
        self._running.append(body["prompt_id"])
        accepted = RECORDED["accepted"]
        return accepted["status"], json.dumps(accepted["response"] | {"prompt_id": body["prompt_id"]}).encode()

    def _history_of(self, name: str) -> dict[str, Any]:
        if name in self._running and self.ends != "never":
            self._looked[name] = self._looked.get(name, 0) + 1
            if self._looked[name] >= self.looks:
                self._end(name, self.ends)
        return {name: self._history[name]} if name in self._history else dict(RECORDED["history"]["unknown"])

    def _end(self, name: str, how: str) -> None:
        if name in self._running:
            self._running.remove(name)
        entry = copy.deepcopy(RECORDED["history"][how])
        if how == "success":
            saved = {"filename": "clip.mp4", "subfolder": "workbench", "type": "output"}
            entry["outputs"] = {"save": {"images": [saved], "animated": [True]}}
        self._history[name] = entry

    def _upload(self, body: bytes, content_type: str) -> tuple[int, bytes]:
        boundary = content_type.rpartition("boundary=")[2].encode()
        fields: dict[str, tuple[str, bytes]] = {}
        for part in body.split(b"--" + boundary)[1:-1]:
            head, _, data = part.strip(b"\r\n").partition(b"\r\n\r\n")
            said = dict(re.findall(rb'(\w+)="([^"]*)"', head))
            fields[said[b"name"].decode()] = (said.get(b"filename", b"").decode(), data)
        name = fields["image"][0]
        self.uploads[name] = fields["image"][1]
        answer = RECORDED["upload"]["response"] | {"name": name, "subfolder": fields["subfolder"][1].decode()}
        return RECORDED["upload"]["status"], json.dumps(answer).encode()


@contextmanager
def serving(fake: FakeComfyUI) -> Iterator[str]:
    """Its URL."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, data = fake.answer(self.command, self.path, body, self.headers.get("Content-Type", ""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _answer

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

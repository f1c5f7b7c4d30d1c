"""A client for a ComfyUI server over HTTP: upload, submit, wait, interrupt, fetch.

Source: own work, based on traffic recorded from ComfyUI 0.33.0. A ``prompt_id`` that is posted twice runs twice.
Therefore the id is derived from the workflow, and the client checks queue and history before it posts: an attempt after
a crash finds the run of the previous attempt. ComfyUI sends WebSocket messages only to the client that submitted, so
this client relies on the history.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

import orjson
import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import make_headers

from nodes.sdk import Context, NodeError, NodeUnavailable

POLL_S = 1.0
FOLDER = "workbench"  # below ComfyUI's input folder
LOST_AFTER = 5  # polls of queue and history without a trace of the run
_TRIES = 50  # earlier runs of the same workflow that failed or were interrupted


@dataclass(frozen=True)
class Result:
    """A file saved by a workflow."""

    filename: str
    subfolder: str
    type: str
    prompt_id: str  # the run that saved it


class ComfyUI:
    """One server. Every method raises NodeUnavailable if the server does not respond.

    Args:
        url: ``http(s)://[user:password@]host:port``. ComfyUI has no login of its own: keep it on an internal network,
            or behind a proxy that requires one. Errors never show the credentials.
    """

    def __init__(self, url: str, poll_s: float = POLL_S) -> None:
        parts = urlsplit(url)
        self.url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
        self._poll_s = poll_s
        self._http = urllib3.PoolManager(
            retries=False, timeout=urllib3.Timeout(connect=5.0, read=60.0), headers=make_headers(basic_auth=login)
        )

    def upload(self, path: Path, sha256: str, suffix: str) -> str:
        """Upload a file to the server's input folder, under a name derived from its digest. Returns that name."""
        name = f"{sha256[:32]}{suffix}"
        fields = {
            "image": (name, path.read_bytes(), "application/octet-stream"),
            "type": "input",
            "subfolder": FOLDER,
            "overwrite": "true",
        }
        answer = self._ask("POST", "/upload/image", fields=fields)
        return "/".join(filter(None, (str(answer.get("subfolder", "")), str(answer["name"]))))

    def run(self, ctx: Context, workflow: dict[str, Any], output: str) -> Result:
        """Run a workflow, or attach to an earlier run, and return the file that its node ``output`` saved. Blocks.

        A cancelled job interrupts the run. Raises NodeError if the server rejects the workflow or it fails.
        """
        prompt_id, state = self._find(workflow)
        try:
            if state == "unknown":
                self._post(prompt_id, workflow)
            return self._await(ctx, prompt_id, output)
        except BaseException as stopped:
            # Interrupt on Cancelled and at the end of the process. A run that failed needs no interrupt.
            if not isinstance(stopped, Exception):
                self._stop(prompt_id)
            raise

    def fetch(self, result: Result, target: Path) -> Path:
        """Download a file that a workflow saved.

        If the file is gone, removes the run from the server's history, so that another attempt runs it again, and
        raises NodeUnavailable.
        """
        query = urlencode({"filename": result.filename, "subfolder": result.subfolder, "type": result.type})
        try:
            with self._http.request("GET", f"{self.url}/view?{query}", preload_content=False) as answer:
                if answer.status == 404:
                    self._request("POST", "/history", {"delete": [result.prompt_id]})
                if answer.status != 200:
                    raise NodeUnavailable(
                        "the ComfyUI server no longer has the video that it rendered",
                        where=f"{self.url}/view",
                        seen=f"HTTP {answer.status} for {result.filename}",
                        remedy="The file may have been removed there. Another attempt renders it again.",
                    )
                with target.open("wb") as file:
                    for piece in answer.stream(1 << 20):
                        file.write(piece)
        except HTTPError as error:
            raise self._unreachable(error) from error
        return target

    # -- requests ---------------------------------------------------------------------------------------------------

    def _find(self, workflow: dict[str, Any]) -> tuple[str, str]:
        """(prompt id, "done" | "queued" | "unknown") of the first run of this workflow that did not fail."""
        queued = self._queued()
        for attempt in range(_TRIES):
            prompt_id = prompt_id_of(workflow, attempt)
            if prompt_id in queued:
                return prompt_id, "queued"
            entry = self._history(prompt_id)
            if entry is None:
                return prompt_id, "unknown"
            if entry["status"]["status_str"] == "success":
                return prompt_id, "done"
        return str(uuid.uuid4()), "unknown"

    def _post(self, prompt_id: str, workflow: dict[str, Any]) -> None:
        body = {"prompt": workflow, "client_id": uuid.uuid4().hex, "prompt_id": prompt_id}
        status, answer = self._request("POST", "/prompt", body)
        if status == 200:
            return
        error = answer.get("error") or {}
        problems = [
            f"{node['class_type']}: {problem['message']}: {problem['details']}"
            for node in (answer.get("node_errors") or {}).values()
            for problem in node.get("errors", [])
        ]
        reason = error.get("message", f"HTTP {status}") if isinstance(error, dict) else str(error)
        missing = error.get("type") == "missing_node_type" if isinstance(error, dict) else False
        missing = missing or any("not in" in problem for problem in problems)
        raise NodeError(
            f"ComfyUI rejected the workflow: {reason}",
            code="node.model_unavailable" if missing else "node.bad_input",
            where=self.url,
            seen=problems or reason,
            remedy="Install these models and nodes on that server, or set the parameters to models that it has."
            if missing
            else "Correct the named parameter.",
        )

    def _await(self, ctx: Context, prompt_id: str, output: str) -> Result:
        silent = 0
        while True:
            ctx.progress(0, 1)  # ComfyUI reports no progress here; this call raises Cancelled
            entry = self._history(prompt_id)
            if entry is not None:
                return _result(entry, prompt_id, output, self.url)
            silent = 0 if prompt_id in self._queued() else silent + 1
            if silent >= LOST_AFTER:
                raise NodeUnavailable(
                    "ComfyUI has lost the run",
                    where=self.url,
                    seen="neither in its queue nor in its history",
                    remedy="The server was probably restarted. Another attempt submits the workflow again.",
                )
            time.sleep(self._poll_s)

    def _queued(self) -> set[str]:
        queue = self._ask("GET", "/queue")
        return {str(entry[1]) for name in ("queue_running", "queue_pending") for entry in queue.get(name, [])}

    def _history(self, prompt_id: str) -> dict[str, Any] | None:
        entry: dict[str, Any] | None = self._ask("GET", f"/history/{prompt_id}").get(prompt_id)
        return entry

    def _stop(self, prompt_id: str) -> None:
        try:
            self._request("POST", "/queue", {"delete": [prompt_id]})  # if it has not started
            self._request("POST", "/interrupt", {"prompt_id": prompt_id})
        except NodeUnavailable:
            return  # a server that does not respond cannot be told to stop

    def _ask(self, method: str, path: str, body: Any = None, fields: Any = None) -> dict[str, Any]:
        status, answer = self._request(method, path, body, fields)
        if status != 200:
            raise NodeUnavailable(
                "the ComfyUI server returned an error",
                where=f"{self.url}{path}",
                seen=f"HTTP {status}",
                remedy="Check the log of that server.",
            )
        return answer

    def _request(self, method: str, path: str, body: Any = None, fields: Any = None) -> tuple[int, dict[str, Any]]:
        try:
            if fields is not None:
                answer = self._http.request(method, self.url + path, fields=fields)
            else:
                data = None if body is None else orjson.dumps(body)
                headers = {} if body is None else {"Content-Type": "application/json"}
                headers = {**self._http.headers, **headers}
                answer = self._http.request(method, self.url + path, body=data, headers=headers)
        except HTTPError as error:
            raise self._unreachable(error) from error
        try:
            parsed = orjson.loads(answer.data) if answer.data else {}
        except orjson.JSONDecodeError:
            parsed = {}
        return answer.status, parsed if isinstance(parsed, dict) else {}

    def _unreachable(self, error: Exception) -> NodeUnavailable:
        return NodeUnavailable(
            "the ComfyUI server does not respond",
            where=self.url,
            seen=f"{type(error).__name__}: {error}",
            remedy="Start the server, or correct WORKBENCH_COMFYUI_URL on the machine of this worker.",
        )


def prompt_id_of(workflow: dict[str, Any], attempt: int) -> str:
    """A lower-case UUID derived from the workflow: equal workflows (files are named by digest) have equal ids."""
    digest = hashlib.sha256(orjson.dumps([workflow, attempt], option=orjson.OPT_SORT_KEYS)).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def _result(entry: dict[str, Any], prompt_id: str, output: str, url: str) -> Result:
    status = entry["status"]
    if status["status_str"] != "success":
        kind, failure = _failure(status.get("messages", []))
        if kind == "execution_interrupted":
            raise NodeUnavailable(
                "the run was interrupted on the ComfyUI server", where=url, remedy="Another attempt follows."
            )
        raise NodeError(
            f"ComfyUI failed: {failure.get('exception_message', 'no reason given')}".strip(),
            code="node.failed",
            where=f"{url}: {failure.get('node_type', 'workflow')}",
            seen=failure.get("exception_type"),
            remedy="If it ran out of memory, use a smaller size or window. Otherwise check the log of that server.",
            log="".join(failure.get("traceback", []))[-4000:],
        )
    for files in entry["outputs"].get(output, {}).values():
        for file in files if isinstance(files, list) else []:
            if isinstance(file, dict) and "filename" in file:
                subfolder, kind = str(file.get("subfolder", "")), str(file.get("type", "output"))
                return Result(str(file["filename"]), subfolder, kind, prompt_id)
    raise NodeError(
        "the ComfyUI workflow saved no video", code="node.bad_output", where=url, seen=sorted(entry["outputs"])
    )


def _failure(messages: list[Any]) -> tuple[str, dict[str, Any]]:
    for kind, details in reversed(messages):
        if kind in ("execution_error", "execution_interrupted"):
            return kind, details
    return "execution_error", {}

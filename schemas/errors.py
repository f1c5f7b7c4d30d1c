"""Errors a person sees: what, where, the value seen, the values allowed, the remedy. Each has a code, listed here.

``docs/errors.md`` is generated from ``ERROR_CODES``; a test fails when they drift.
"""

from __future__ import annotations

import linecache
import sysconfig
import traceback
from types import CodeType, FrameType
from typing import Any

from pydantic import Field

from schemas.base import Contract

ERROR_CODES: dict[str, str] = {
    # the graph, refused at submit
    "graph.not_json": "The document is not JSON.",
    "graph.too_large": "The document or the graph is larger than the bench accepts.",
    "graph.schema": "A field is missing, unknown, or of the wrong type, or `schema` is not langgraph.v1.",
    "graph.duplicate_id": "Two nodes share an id.",
    "graph.dangling_edge": "An edge names a node that the graph does not have.",
    "graph.cycle": "The edges form a cycle.",
    "graph.unknown_service": "No node type of that name is installed.",
    "graph.wrong_plane": "The node names a plane other than the one its service runs on.",
    "graph.bad_param": "A parameter is unknown or out of bounds.",
    "graph.missing_input": "A required input is filled by no parent, reference or value.",
    "graph.ambiguous_input": "Two parents offer the input and the graph does not say which.",
    "graph.bad_input": "An input is unknown, of the wrong type, or refers to something that is not there.",
    # the job
    "job.unknown": "No job of that id.",
    "job.key_reused": "The idempotency key was used for another graph.",
    "job.not_final": "The job must be finished for this.",
    "job.nothing_to_retry": "The job completed, so there is nothing to try again.",
    "job.cancelled": "The job was cancelled, so it has no result.",
    "job.no_such_output": "The job made no artifact of that kind.",
    "review.not_waiting": "No node of the job waits for a person's answer, or several do and none was named.",
    "review.decided": "A person has answered already, otherwise.",
    "review.bad_answer": "The answer cannot be used: no author, no text, a text that is too long.",
    "review.rejected": "A person rejected what the node asked about.",
    "worker.unknown": "No worker of that name is up.",
    "pool.unknown": "No pool of that name.",
    "pipeline.unknown": "No pipeline of that name.",
    "pipeline.bad_declaration": "A pipeline file declares something the workbench cannot use.",
    "pipeline.bad_option": "An option is unknown to the pipeline or missing.",
    "preset.unknown": "No preset of that name for the pipeline.",
    # a node
    "node.bad_declaration": "A node file declares something the workbench cannot use.",
    "node.bad_input": "The node cannot work with this input.",
    "node.failed": "The node raised an exception.",
    "node.crashed": "The process that ran the node died.",
    "node.timeout": "The node ran longer than its declared time.",
    "node.version_mismatch": "The worker has another version of the service than the graph was accepted with.",
    "node.worker_lost": "The worker that ran the node stopped answering.",
    "node.bad_output": "The node returned something other than its declared outputs.",
    "node.code_changed": "The node's source was edited after this process had read it.",
    "node.missing_package": "A package the node needs is not installed.",
    "node.model_unavailable": "A model or the server that runs it cannot be reached.",
    # the parts of the bench
    "bus.unreachable": "The bus does not answer.",
    "store.unreachable": "The object store does not answer.",
    "store.refused": "The object store refuses the credentials.",
    "store.missing": "The object store does not have this artifact. The remedy says how to get it back.",
    "store.corrupt": "The stored bytes do not match their digest or cannot be read. The remedy says what to do.",
    "sql.unreachable": "The database does not answer.",
    "sql.schema": "The database was written by a newer version of the workbench.",
    "tracking.unreachable": "The MLflow server does not answer.",
    "tracking.refused": "MLflow refuses the record of this job.",
    "tracking.foreign_location": "The request names a location outside the artifact store of MLflow.",
    "tracking.not_offered": "This part of MLflow is not offered through the app.",
    "tracking.off": "No MLflow server is configured, so no runs are recorded.",
    "stack.port_taken": "A port the stack was told to use is occupied.",
    "stack.part_failed": "A part of the stack did not start or keeps dying.",
    "stack.not_running": "No stack runs in this home.",
    "stack.missing_package": "A package that an embedded server, or what was asked for, needs is not installed.",
    "home.not_writable": "The home directory cannot be written.",
    "home.disk_full": "The disk that holds the home directory is full.",
    "settings.invalid": "A setting has a value that is not allowed.",
    "cancelled": "The job was cancelled.",
    # deleting
    "deletion.unconfirmed": "The command could not ask for confirmation, and --yes was not given.",
    "deletion.unknown": "There is no file, job or owner of that name to erase.",
    "deletion.ambiguous": "More than one file matches this beginning of a digest.",
    "deletion.busy": "Another collection or erasure is running.",
    # notebooks
    "notebook.unreadable": "The file is not a notebook of format 4.",
    "notebook.bad_cell": "The cell tagged parameters is not plain assignments, or differs from the model it mirrors.",
    "notebook.bad_parameter": "A parameter of the notebook is unknown, of the wrong type or out of bounds.",
    "notebook.bad_figure": "What was to be recorded is not a finite number with a name.",
    "notebook.no_kernel": "The kernel that runs the notebook is not installed on this machine.",
    "notebook.busy": "Another process runs the same notebook with the same parameters into the same folder.",
    "notebook.crashed": "The process that ran the notebook died.",
    "notebook.stopped": "The execution was stopped before its end.",
    "notebook.no_folder": "There is no folder of notebooks at that place.",
    # the app
    "app.unreachable": "The page's server does not answer.",
    "request.invalid": "A field of the request is missing, unknown or out of bounds.",
    "request.not_found": "Nothing is at this address.",
    "request.method": "This address takes another HTTP method.",
    "request.too_large": "The body of the request is larger than this address accepts.",
    "access.login_required": "The request names no user, or with a wrong password or token.",
    "access.forbidden": "The user's role does not allow this.",
    "access.other_account": "The session cookie came from a process of another account of this machine.",
    "access.too_many": "Too many requests, uploads, running jobs or failed logins of one user or address.",
    "access.foreign_host": "The Host header names another server: perhaps a page that wants to reach this one unseen.",
    "access.cross_site": "The request comes from a page of another site, or lacks the proof that it does not.",
    "access.no_user": "The page would be reachable by others and has no user who could log in.",
    "user.unknown": "No user of that name.",
    "user.exists": "There is a user of that name.",
    "user.invalid": "A user's name, password or token name is not allowed.",
    "user.token_exists": "The user has a token of that name.",
    "user.token_unknown": "The user has no token of that name.",
    "artifact.unknown": "No artifact of that digest in any job that the user may see.",
    "capabilities.incomplete": "The workers did not say in time what they can do.",
    "upload.too_large": "The file, its picture or its length is larger than the bench accepts.",
    "upload.refused": "A file of this type is not accepted.",
    "upload.unreadable": "The file is damaged, or not what its type says.",
    "upload.busy": "Other files are being looked at, or the process that does so cannot start.",
    "artifact.no_waveform": "There is no waveform of an artifact in which nothing can be heard.",
    "artifact.no_thumbnail": "There is no small picture of an artifact that is neither picture nor video.",
}


class ErrorInfo(Contract):
    """The error of a node or job, as it stands in the graph."""

    message: str = Field(description="One or two sentences for a person.")
    code: str = Field("node.failed", description="A code listed in docs/errors.md.")
    details: dict[str, Any] = Field(default_factory=dict, description="where, seen, allowed, remedy, log, …")


class WorkbenchError(Exception):
    """An error that tells a person what to do next. Faces print it without a traceback.

    Args:
        code: a key of ``ERROR_CODES``.
        message: what went wrong, in a sentence.
        where: the node, field, file or part concerned.
        seen: the value found there.
        allowed: the values that would have been accepted.
        remedy: what to do now.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        where: str = "",
        seen: object = None,
        allowed: object = None,
        remedy: str = "",
        **details: Any,
    ) -> None:
        assert code in ERROR_CODES, f"undocumented error code {code}"
        super().__init__(message)
        self.code = code
        self.message = message
        self.where = where
        self.seen = seen
        self.allowed = allowed
        self.remedy = remedy
        self.details = details

    def info(self) -> ErrorInfo:
        """The same error as it travels in JSON."""
        named = {"where": self.where, "seen": self.seen, "allowed": self.allowed, "remedy": self.remedy}
        details = {key: value for key, value in named.items() if value not in ("", None)}
        return ErrorInfo(message=self.message, code=self.code, details=_plain({**details, **self.details}))

    @classmethod
    def from_info(cls, info: ErrorInfo) -> WorkbenchError:
        details = dict(info.details)
        code = info.code if info.code in ERROR_CODES else "node.failed"
        known = {name: details.pop(name) for name in ("where", "seen", "allowed", "remedy") if name in details}
        return cls(code, info.message, **known, **details)

    def __str__(self) -> str:
        lines = [self.message]
        for label, value in (("where", self.where), ("seen", self.seen), ("allowed", self.allowed)):
            if value not in ("", None):
                lines.append(f"  {label}: {_short(value)}")
        if self.remedy:
            lines.append(f"  remedy: {self.remedy}")
        return "\n".join(lines)

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows (IPython asks for it): the lines of the person's own code that led here, and the error.

        ``%debug`` has the whole of it.
        """
        frames = [(frame, line) for frame, line in traceback.walk_tb(self.__traceback__) if _is_the_persons(frame)]
        own = [f"{_place(at.f_code)}, line {line}: {_source(at.f_code, line)}" for at, line in frames]
        message, *rest = str(self).split("\n")
        return [*own, f"\x1b[31m{self.code}\x1b[0m: \x1b[1m{message}\x1b[0m", *rest]


def _is_the_persons(frame: FrameType) -> bool:
    package = str(frame.f_globals.get("__name__")).partition(".")[0]
    libraries = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
    return package not in ("nodes", "schemas", "workbench") and not frame.f_code.co_filename.startswith(libraries)


def _place(code: CodeType) -> str:
    """A notebook's cell is compiled as a file that is not there, or in a folder of its kernel."""
    return "cell" if code.co_filename.startswith("<") or "ipykernel_" in code.co_filename else code.co_filename


def _source(code: CodeType, line: int) -> str:
    return linecache.getline(code.co_filename, line).strip()


def _short(value: object, limit: int = 300) -> str:
    if isinstance(value, (list, tuple, set, frozenset)):
        value = ", ".join(str(item) for item in value)
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _plain(value: Any) -> Any:
    """A JSON-safe copy: what JSON cannot hold becomes its shortened repr, so an error never fails to travel."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return _short(value)

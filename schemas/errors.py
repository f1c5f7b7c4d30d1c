"""Errors for people: what went wrong, where, the value seen, the values allowed, the remedy. Lists every code.

``docs/errors.md`` is generated from ``ERROR_CODES``; a test fails when they differ.
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
    "graph.too_large": "The document or the graph exceeds the size limit.",
    "graph.schema": "A field is missing, unknown or of the wrong type, or `schema` is not langgraph.v1.",
    "graph.duplicate_id": "Two nodes have the same id.",
    "graph.dangling_edge": "An edge refers to a node that is not in the graph.",
    "graph.cycle": "The edges form a cycle.",
    "graph.unknown_service": "No node type with this name is installed.",
    "graph.wrong_plane": "The node names a different plane than the one its service runs on.",
    "graph.bad_param": "A parameter is unknown or out of bounds.",
    "graph.missing_input": "A required input has no value: no parent, reference or literal provides it.",
    "graph.ambiguous_input": "More than one parent provides the input, and the graph does not say which one to use.",
    "graph.bad_input": "An input is unknown, has the wrong type, or refers to something that does not exist.",
    # the job
    "job.unknown": "No job has this id.",
    "job.key_reused": "The idempotency key was already used for a different graph.",
    "job.ended": "The job ended before it could be cancelled.",
    "job.not_final": "The operation requires a finished job.",
    "job.nothing_to_retry": "The job completed, so there is nothing to retry.",
    "job.cancelled": "The job was cancelled, so it has no result.",
    "job.no_such_output": "The job produced no artifact of this kind.",
    "review.not_waiting": "No node of the job is waiting for an answer, or several are and the request named none.",
    "review.decided": "The question was already answered differently.",
    "review.bad_answer": "The answer is not valid: the author or the text is missing, or the text is too long.",
    "review.rejected": "A person rejected the content that the node asked about.",
    "worker.unknown": "No running worker has this name.",
    "worker.other_version": "The executor and the supervisor of a worker have different versions of the workbench.",
    "engine.unknown": "No engine has this name.",
    "engine.not_installed": "The environment of an engine is not installed, or does not work.",
    "engine.no_cpu_build": "No build of torch for CPUs was found.",
    "engine.no_space": "There is too little disk space for the environment of an engine.",
    "pool.unknown": "No worker pool has this name.",
    "pipeline.unknown": "No pipeline has this name.",
    "pipeline.bad_declaration": "A pipeline file contains an invalid declaration.",
    "pipeline.bad_option": "A pipeline option is unknown or missing.",
    "sweep.unknown": "No sweep has this id.",
    "sweep.bad_spec": "A field of a sweep is missing, unknown or of the wrong type, or its axes do not fit together.",
    "sweep.bad_constraint": "A condition on the cells of a sweep is not an expression, or names something unknown.",
    "sweep.empty": "The axes and constraints of a sweep leave no cell.",
    "sweep.too_large": "The axes of a sweep combine to too many cells.",
    "sweep.not_final": "The sweep still has jobs, or submits more.",
    "manifest.unreadable": "A manifest of inputs cannot be read.",
    "manifest.bad_row": "A row of a manifest is not valid.",
    "preset.unknown": "The pipeline has no preset with this name.",
    "lora.unknown": "No LoRA that the user may read has this name.",
    # votes
    "study.unknown": "No study that the user may see has this id.",
    "study.bad_items": "A study needs at least two completed jobs with a video, and at most 100.",
    "study.closed": "The study is closed, so it takes no votes.",
    "vote.unknown": "The rater has no such pair on show.",
    "vote.answered": "The pair was already answered differently.",
    "vote.bad_choice": "A vote needs a choice for each axis of the study.",
    "vote.nothing_to_undo": "The rater has answered no pair that can be undone.",
    "rater_link.unknown": "No rater's link has this token or name, or the browser has opened none.",
    "rater_link.ended": "The rater's link has expired, was revoked, or all its pairs are answered.",
    "rater_link.in_use": "As many browsers as the rater's link allows have opened it already.",
    "rater_link.exists": "The study has a link with this name.",
    # a node
    "node.bad_declaration": "A node file contains an invalid declaration.",
    "node.bad_input": "The node cannot process this input.",
    "node.failed": "The node raised an exception.",
    "node.crashed": "The process that ran the node died.",
    "node.timeout": "The node exceeded its declared timeout.",
    "node.version_mismatch": "The worker has a different version of the service than the one pinned in the graph.",
    "node.worker_lost": "The worker that ran the node stopped responding.",
    "node.bad_output": "The node's return value does not match its declared outputs.",
    "node.code_changed": "The node's source changed after this process had loaded it.",
    "node.missing_package": "A package that the node needs is not installed.",
    "model.bad_catalogue": "The catalogue of models, or the user's own `models.toml`, contains an invalid entry.",
    "model.bad_import": "The folder or file is not a model that can be imported.",
    "model.damaged": "A file of an installed model differs from the one that was installed.",
    "model.differs": "A file has another size or digest than the catalogue says.",
    "model.gated": "The source of a model gives its files only to accounts that accepted its terms.",
    "model.licence": "The licence of a model was not accepted.",
    "model.no_space": "The disk that holds the models has too little free space.",
    "model.not_fetched": "A download failed. What was downloaded is kept.",
    "model.no_record": "The folder where a model would be installed has files of another origin.",
    "model.unknown": "No model has this name.",
    "model.unreadable": "A file of weights is damaged, or is something else.",
    "model.unsafe": "A file of a model would run code when it is loaded.",
    "node.out_of_memory": "The device has too little memory for the model and this input.",
    "node.model_unavailable": "A model, or the server that runs it, is not available.",
    # the parts of the deployment
    "bus.unreachable": "The bus does not respond.",
    "store.unreachable": "The object store does not respond.",
    "store.refused": "The object store rejected the credentials.",
    "store.missing": "The artifact is not in the object store. The remedy says how to restore it.",
    "store.corrupt": "The stored bytes do not match their digest or cannot be read. The remedy says what to do.",
    "sql.unreachable": "The database does not respond.",
    "sql.schema": "The database was written by a newer version of the workbench.",
    "tracking.unreachable": "The MLflow server does not respond.",
    "tracking.refused": "MLflow rejected the record of this job.",
    "tracking.not_recorded": "The job has ended, but MLflow does not have its complete record yet.",
    "tracking.foreign_location": "The request names a location outside MLflow's artifact store.",
    "tracking.not_offered": "The app does not expose this part of MLflow.",
    "tracking.off": "No MLflow server is configured, so no runs are recorded.",
    "stack.port_taken": "A port that the stack was told to use is occupied.",
    "stack.part_failed": "A part of the stack did not start, or dies repeatedly.",
    "stack.not_running": "No stack is running in this home.",
    "stack.missing_package": "A package that an embedded server or the requested operation needs is not installed.",
    "home.not_writable": "The home directory is not writable.",
    "home.disk_full": "The disk that holds the home directory is full.",
    "settings.invalid": "A setting has a value that is not allowed.",
    "cancelled": "The job was cancelled.",
    # deleting
    "deletion.unconfirmed": "The command could not ask for confirmation, and --yes was not given.",
    "deletion.unknown": "There is no such file, job, owner or consent to erase.",
    "deletion.ambiguous": "More than one file matches this digest prefix.",
    "deletion.busy": "Another collection or erasure is running.",
    # notebooks
    "notebook.unreadable": "The file is not a notebook in format 4.",
    "notebook.bad_cell": "The cell tagged `parameters` has other code than assignments, or differs from its model.",
    "notebook.bad_parameter": "A notebook parameter is unknown, has the wrong type or is out of bounds.",
    "notebook.bad_figure": "A recorded metric must be a finite number with a name.",
    "notebook.no_kernel": "The kernel that the notebook needs is not installed on this machine.",
    "notebook.busy": "Another process is running the same notebook with the same parameters and output folder.",
    "notebook.crashed": "The process that ran the notebook died.",
    "notebook.stopped": "The execution was stopped before it ended.",
    "notebook.no_folder": "There is no folder of notebooks at this path.",
    # the app
    "app.unreachable": "The server of the page does not respond.",
    "request.invalid": "A field of the request is missing, unknown or out of bounds.",
    "request.not_found": "The address does not exist.",
    "request.method": "The address does not support this HTTP method.",
    "request.stalled": "The client stopped sending its request.",
    "request.too_large": "The body of the request exceeds the size limit of this address.",
    "access.login_required": "The request has no credentials, or its password or token is wrong.",
    "access.forbidden": "The user's role does not allow this.",
    "access.other_account": "The session cookie came from a process of another account on this machine.",
    "access.quota": "A quota of stored files is used up.",
    "access.too_many": "One user or address made too many requests, uploads, jobs or failed login attempts.",
    "access.foreign_host": "The Host header names another server, which can be a sign of a DNS rebinding attack.",
    "access.cross_site": "The request comes from a page of another site, or its CSRF token is missing or wrong.",
    "access.no_user": "Others could reach the page, but no user exists who can log in.",
    "user.unknown": "No user has this name.",
    "user.exists": "A user with this name already exists.",
    "user.invalid": "The user name, password or token name is not allowed.",
    "user.token_exists": "The user already has a token with this name.",
    "user.token_unknown": "The user has no token with this name.",
    "bundle.unreadable": "The file is not a bundle, or its layout is one that a bundle never has.",
    "bundle.unknown_version": "The bundle was written in a format that this version does not know.",
    "bundle.altered": "A file of the bundle is missing, or differs from what its manifest says.",
    "bundle.signature": "The signature of the bundle is missing or does not hold.",
    "bundle.too_large": "The bundle holds more files or bytes than are accepted.",
    "bundle.incomplete": "The job has not ended, or a file of it is lost, so that no bundle can hold it.",
    "bundle.read_only": "The job was imported from a bundle, so it can be shown and run again, but not continued.",
    "bundle.not_found": "No job, MLflow run, sweep or bundle has this name.",
    "delivery.no_library": "The library that signs and verifies files is missing or does not load on this system.",
    "delivery.not_signed": "A file that leaves the workbench could not be signed.",
    "delivery.unreadable": "A file with a manifest, or of a kind that can have one, is too damaged to verify.",
    "artifact.unknown": "No job that the user may see has an artifact with this digest.",
    "capabilities.incomplete": "A plane has no running worker, or the bus does not answer.",
    "consent.missing": "The job uses an image, a recording or a video of people, and no consent to it is recorded.",
    "consent.withdrawn": "The consent to the use of a file was withdrawn.",
    "consent.unknown": "No consent with this name or for this file is recorded.",
    "upload.too_large": "The file exceeds a limit on its size, dimensions or duration.",
    "upload.refused": "Files of this type are not accepted.",
    "upload.unreadable": "The file is damaged, or its content does not match its type.",
    "upload.busy": "The server is checking other files, or the process that checks them cannot start.",
    "artifact.no_stream": "The artifact is neither audio nor video, or no browser plays its codec from pieces.",
    "artifact.no_waveform": "The artifact has no audio, so it has no waveform.",
    "artifact.no_frames": "The artifact is no video, or has no frames that could be found by their place in the file.",
    "artifact.no_series": "The artifact is no file of per-frame series.",
    "artifact.no_thumbnail": "The artifact is neither an image nor a video, so it has no thumbnail.",
}


class ErrorInfo(Contract):
    """The error of a node or job, as stored in the graph."""

    message: str = Field(description="One or two sentences for people.")
    code: str = Field("node.failed", description="A code listed in docs/errors.md.")
    details: dict[str, Any] = Field(default_factory=dict, description="where, seen, allowed, remedy, log, …")


class WorkbenchError(Exception):
    """An error that tells people what to do next. Front ends print it without a traceback.

    Args:
        code: a key of ``ERROR_CODES``.
        message: what went wrong, in one sentence.
        where: the node, field, file or part concerned.
        seen: the value found there.
        allowed: the accepted values.
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
        """The error in its JSON form."""
        named = {"where": self.where, "seen": self.seen, "allowed": self.allowed, "remedy": self.remedy}
        details = {key: value for key, value in named.items() if value not in ("", None)}
        return ErrorInfo(message=self.message, code=self.code, details=_json_safe({**details, **self.details}))

    @classmethod
    def from_info(cls, info: ErrorInfo) -> WorkbenchError:
        details = dict(info.details)
        code = info.code if info.code in ERROR_CODES else "node.failed"
        named = {name: details.pop(name) for name in ("where", "seen", "allowed", "remedy") if name in details}
        return cls(code, info.message, **named, **details)

    def __str__(self) -> str:
        lines = [self.message]
        for label, value in (("where", self.where), ("seen", self.seen), ("allowed", self.allowed)):
            if value not in ("", None):
                lines.append(f"  {label}: {_short(value)}")
        if self.remedy:
            lines.append(f"  remedy: {self.remedy}")
        return "\n".join(lines)

    def _render_traceback_(self) -> list[str]:
        """The traceback that a notebook shows (an IPython hook): the user's own lines that led here, and the error.

        ``%debug`` shows the full traceback.
        """
        frames = [(frame, line) for frame, line in traceback.walk_tb(self.__traceback__) if _is_user_code(frame)]
        own = [f"{_location(at.f_code)}, line {line}: {_source(at.f_code, line)}" for at, line in frames]
        message, *rest = str(self).split("\n")
        return [*own, f"\x1b[31m{self.code}\x1b[0m: \x1b[1m{message}\x1b[0m", *rest]


def _is_user_code(frame: FrameType) -> bool:
    package = str(frame.f_globals.get("__name__")).partition(".")[0]
    libraries = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
    return package not in ("nodes", "schemas", "workbench") and not frame.f_code.co_filename.startswith(libraries)


def _location(code: CodeType) -> str:
    """The file, or "cell": IPython compiles a cell under a file name that does not exist, or in its kernel's folder."""
    return "cell" if code.co_filename.startswith("<") or "ipykernel_" in code.co_filename else code.co_filename


def _source(code: CodeType, line: int) -> str:
    return linecache.getline(code.co_filename, line).strip()


def _short(value: object, limit: int = 300) -> str:
    if isinstance(value, (list, tuple, set, frozenset)):
        value = ", ".join(str(item) for item in value)
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _json_safe(value: Any) -> Any:
    """A copy for JSON. Values that JSON cannot represent become a shortened repr, so serialisation never fails."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {str(key): _json_safe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_json_safe(item) for item in value]
    return _short(value)

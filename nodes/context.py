"""The context that a node runs in. The ``Host`` protocol hides the differences between a worker and a plain script."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypedDict, TypeVar, Unpack, overload

from pydantic import BaseModel

from nodes.media import measure
from nodes.model_cache import ModelCache
from nodes.weights import locate
from schemas.approval import Decision, Question
from schemas.errors import WorkbenchError
from schemas.refs import REF_TYPES, AudioRef, FileRef, ImageRef, JsonRef, Ref, TextRef, VideoRef
from schemas.series import MOST_STEP

T = TypeVar("T")
PROGRESS_EVERY_S = 0.25
PREVIEW_EVERY_S = 2.0
_SUFFIXES = {"image": ".png", "audio": ".wav", "video": ".mp4", "json": ".json", "text": ".txt", "file": ".bin"}


class Cancelled(BaseException):
    """Raised by ``ctx.progress`` after the job was cancelled. It is no Exception, so that nodes do not swallow it."""


class Facts(TypedDict, total=False):
    """What a node may say of a file that it saves; the fields of the references."""

    media_type: str
    name: str
    author: str | None
    width: int
    height: int
    fps: float
    frames: int
    duration_s: float
    sample_rate_hz: int
    channels: int


class Host(Protocol):
    """Carries out the context's requests: the worker's executor, or a folder (``nodes.local``)."""

    def fetch(self, ref: Ref) -> Path:
        """A local, read-only file with the artifact's bytes. Raises WorkbenchError (store.missing)."""

    def store(self, path: Path, ref: Ref) -> None:
        """Take ownership of the file as an artifact; it must not be changed afterwards."""

    def progress(self, done: float, total: float, unit: str) -> None: ...

    def preview(self, path: Path, media_type: str) -> None: ...

    def metric(self, name: str, value: float, step: int | None) -> None: ...

    def log(self, text: str) -> None: ...

    def part(self, index: int, part: dict[str, Any]) -> None:
        """Record a finished part, so that another attempt can continue after it and other nodes can take it."""

    def ask(self, question: Question) -> Decision:
        """The person's answer. Raises Cancelled if there is none yet; the node runs again once there is."""

    def cancelled(self) -> bool: ...


class Parts:
    """The finished parts of a node's long output, in order. After a crash, the next attempt finds them here.

    A part is an instance of the model that the node declares: ``@node(…, part=Part)``.
    """

    def __init__(self, ctx: Context, model: type[BaseModel] | None, finished: Sequence[dict[str, Any]]) -> None:
        self._ctx = ctx
        self._model = model
        self._parts = [model.model_validate(part) for part in finished] if model else []

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: int) -> Any:
        return self._parts[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._parts)

    def append(self, part: BaseModel) -> None:
        """Record the next part. It survives a crash, and other nodes can take it, once the worker has reported it.

        Raises WorkbenchError (node.bad_declaration) if the node does not declare that it makes such parts.
        """
        if self._model is None or not isinstance(part, self._model):
            raise WorkbenchError(
                "node.bad_declaration",
                "the node does not declare this part",
                where="ctx.parts.append",
                seen=type(part).__name__,
                allowed=self._model.__name__ if self._model else "a declared part",
                remedy="Declare its model with @node(…, part=Part).",
            )
        self._ctx.host.part(len(self._parts), part.model_dump(mode="json"))
        self._parts.append(part)


class Context:
    """The services that a running node can use.

    Attributes:
        seed: an integer; equal seeds give equal outputs for nodes declared ``seeded=True``.
        device: "cpu" or "cuda:N".
        workdir: an empty directory of this run, created on first use and removed afterwards.
        parts: parts that an earlier attempt of the same node finished.
        provenance: values that a node may write into the metadata of its files (workflow, graph, seed, node versions).
        worker: the id of the worker, for reports.
    """

    def __init__(
        self,
        host: Host,
        *,
        workdir: Path,
        models: ModelCache,
        seed: int = 0,
        device: str = "cpu",
        settings: dict[str, str] | None = None,
        part: type[BaseModel] | None = None,
        parts: Sequence[dict[str, Any]] = (),
        provenance: dict[str, str] | None = None,
        worker: str = "local",
    ) -> None:
        self.host = host
        self._workdir = workdir
        self.seed = seed
        self.device = device
        self._finished = tuple(parts)
        self.declare_part(part)
        self.provenance = dict(provenance or {})
        self.worker = worker
        self._models = models
        self._settings = settings or {}
        self._progress_at = float("-inf")
        self._preview_at = float("-inf")

    def declare_part(self, part: type[BaseModel] | None) -> None:
        """Set the model of the node's parts, as its declaration says."""
        self.parts = Parts(self, part, self._finished if part else ())

    @property
    def workdir(self) -> Path:
        self._workdir.mkdir(parents=True, exist_ok=True)
        return self._workdir

    @property
    def cancelled(self) -> bool:
        """Whether the job was cancelled. A node that loops without calling ``progress`` should check this."""
        return self.host.cancelled()

    def model(self, key: str, load: Callable[[], T], vram_gib: float = 0.0) -> T:
        """The loaded model. ``load()`` runs once per worker, until the VRAM budget evicts the model."""

        def loading() -> T:
            self.log(f"loading {key}")
            return load()

        return self._models.get(key, loading, vram_gib)

    def make_room(self, fits: Callable[[], bool], keep: str = "") -> None:
        """Evict models that other nodes loaded until ``fits()`` is true; ``keep`` is the key of one that stays.

        Only models loaded with ``vram_gib`` are evicted, the least recently used first.
        """
        self._models.make_room(fits, keep)

    def weights(self, name: str) -> Path:
        """The folder with the files of an installed model; only read it. Declare the parameter: ``models=("model",)``.

        Raises WorkbenchError: node.model_unavailable, model.damaged.
        """
        return locate(Path(self.setting("models")), name)

    def setting(self, name: str, default: str = "") -> str:
        """A setting for an external engine, e.g. ``llm_url``."""
        return self._settings.get(name) or default

    def open(self, ref: Ref) -> Path:
        """A local, read-only file with the artifact's bytes. Blocks while it is fetched.

        Raises WorkbenchError: store.missing, store.unreachable.
        """
        return self.host.fetch(ref)

    @overload
    def save(self, data: Path | bytes, kind: Literal["image"], **facts: Unpack[Facts]) -> ImageRef: ...
    @overload
    def save(self, data: Path | bytes, kind: Literal["audio"], **facts: Unpack[Facts]) -> AudioRef: ...
    @overload
    def save(self, data: Path | bytes, kind: Literal["video"], **facts: Unpack[Facts]) -> VideoRef: ...
    @overload
    def save(self, data: Path | bytes, kind: Literal["text"], **facts: Unpack[Facts]) -> TextRef: ...
    @overload
    def save(self, data: Path | bytes, kind: Literal["json"], **facts: Unpack[Facts]) -> JsonRef: ...
    @overload
    def save(self, data: Path | bytes, kind: Literal["file"], **facts: Unpack[Facts]) -> FileRef: ...
    @overload
    def save(self, data: Path | bytes, kind: str, **facts: Unpack[Facts]) -> Ref: ...
    def save(self, data: Path | bytes, kind: str, **facts: Unpack[Facts]) -> Ref:
        """Store bytes or a file as an artifact and return its typed reference, with measured properties.

        Args:
            data: bytes, or a file in ``workdir``, which becomes the artifact and must not be changed afterwards.
            kind: image, audio, video, json, text or file.
            facts: a name, and properties that the caller already knows (``width=…``); they override measured ones.
        """
        if kind not in REF_TYPES:
            raise WorkbenchError("node.bad_output", f"unknown artifact kind {kind!r}", allowed=sorted(REF_TYPES))
        path = data
        if isinstance(data, bytes):
            with tempfile.NamedTemporaryFile(dir=self.workdir, suffix=_SUFFIXES[kind], delete=False) as written:
                written.write(data)
            path = Path(written.name)
        assert isinstance(path, Path)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        known = {name: value for name, value in facts.items() if value not in ("", None)}
        described = {**measure(path, kind), **known, "sha256": sha256, "size_bytes": path.stat().st_size}
        ref = REF_TYPES[kind].model_validate(described)
        self.host.store(path, ref)
        return ref

    def progress(self, done: float, total: float, unit: str = "") -> None:
        """Report progress, at most every 0.25 s. Raises Cancelled."""
        if self.host.cancelled():
            raise Cancelled
        now = time.monotonic()
        if done >= total or now - self._progress_at >= PROGRESS_EVERY_S:
            self._progress_at = now
            self.host.progress(done, total, unit)

    def log(self, text: str) -> None:
        """Add a line to the node's log, which is shown while the node runs and kept with its result.

        The last 20 lines are kept, 300 characters of each.
        """
        self.host.log(text)

    def preview(self, make: Callable[[], bytes], media_type: str = "image/jpeg") -> None:
        """Show a short-lived preview. ``make`` is called only if the last preview is at least two seconds old."""
        now = time.monotonic()
        if now - self._preview_at >= PREVIEW_EVERY_S:
            self._preview_at = now
            path = self.workdir / f"preview-{time.monotonic_ns()}"
            path.write_bytes(make())
            self.host.preview(path, media_type)

    def ask(self, question: Question) -> Decision:
        """Ask a person for a decision. For nodes declared ``asks=True``.

        While there is no answer, this call leaves the node: the job waits without occupying a worker, and the node runs
        again from its beginning after the person decides. So ask first, before any work that must not run twice.

        Raises WorkbenchError: review.rejected, which fails the node permanently; node.bad_declaration.
        """
        decision = self.host.ask(question)
        if not decision.approved:
            raise WorkbenchError(
                "review.rejected",
                f"{decision.author} rejected the text" + (f": {decision.reason}" if decision.reason else ""),
                seen=question.text[:300],
                remedy="Change the prompt or the script and run it again.",
                author=decision.author,
                at=decision.at,
            )
        return decision

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Record a metric of this run (a loss, a score); MLflow shows it as ``node.name``.

        With a step the metric is a series, which is shown as a curve while the node runs. Call it at every step: it is
        throttled, and a long series is thinned. A point replaces all that the node reported from its step on, also in
        an earlier attempt. Without a step, only the last value counts.

        Raises WorkbenchError: node.bad_output for a negative step.
        """
        if step is not None and not 0 <= step <= MOST_STEP:
            raise WorkbenchError(
                "node.bad_output",
                f"the metric {name} has an invalid step",
                where="ctx.metric",
                seen=step,
                allowed=f"0 to {MOST_STEP:,}",
                remedy="Count the steps of the whole run from 0 or 1.",
            )
        self.host.metric(name, float(value), None if step is None else int(step))


def take_over(path: Path, target: Path) -> None:
    """Move a finished file to its content address, or copy it across file systems. Atomic at the target."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return
    staging = target.with_name(f".{target.name}.{time.monotonic_ns()}")
    try:
        try:
            staging.hardlink_to(path)
        except OSError:
            shutil.copyfile(path, staging)
        staging.chmod(0o444)
        staging.replace(target)
    except BaseException:
        staging.unlink(missing_ok=True)  # an incomplete copy would waste space on a full disk
        raise

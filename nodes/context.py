"""The context a node runs in. What differs between a worker and a plain script is behind the ``Host`` protocol."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, Protocol, TypedDict, TypeVar, Unpack, overload

from nodes.media import measure
from nodes.model_cache import ModelCache
from schemas.approval import Decision, Question
from schemas.errors import WorkbenchError
from schemas.refs import REF_TYPES, AudioRef, FileRef, ImageRef, JsonRef, Ref, TextRef, VideoRef

T = TypeVar("T")
PROGRESS_EVERY_S = 0.25
PREVIEW_EVERY_S = 2.0
_SUFFIXES = {"image": ".png", "audio": ".wav", "video": ".mp4", "json": ".json", "text": ".txt", "file": ".bin"}


class Cancelled(BaseException):
    """Raised out of ``ctx.progress`` when the job was cancelled. Not an Exception: a node must not swallow it."""


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
    """What carries out the context's requests: the worker's executor, or a folder (``nodes.local``)."""

    def fetch(self, ref: Ref) -> Path:
        """A local, read-only file with the artifact's bytes. Raises WorkbenchError (store.missing)."""

    def store(self, path: Path, ref: Ref) -> None:
        """Take the file over as an artifact; it must not be changed afterwards."""

    def progress(self, done: float, total: float, unit: str) -> None: ...

    def preview(self, path: Path, media_type: str) -> None: ...

    def metric(self, name: str, value: float, step: int | None) -> None: ...

    def log(self, text: str) -> None: ...

    def part(self, index: int, ref: Ref) -> None:
        """Record a finished part, so that another attempt can go on behind it."""

    def ask(self, question: Question) -> Decision:
        """The person's answer. Raises Cancelled where there is none yet: the node is run again when there is."""

    def cancelled(self) -> bool: ...


class Parts:
    """The finished parts of a node's long output, in order. After a crash the next attempt finds them here."""

    def __init__(self, ctx: Context, known: list[Ref]) -> None:
        self._ctx = ctx
        self._refs = list(known)

    def __len__(self) -> int:
        return len(self._refs)

    def __getitem__(self, index: int) -> Ref:
        return self._refs[index]

    def __iter__(self) -> Iterator[Ref]:
        return iter(self._refs)

    def append(self, data: Path | bytes, kind: str, **facts: Unpack[Facts]) -> Ref:
        """Save one more part. It is safe from crashes once the worker has reported it."""
        ref = self._ctx.save(data, kind, **facts)
        self._ctx.host.part(len(self._refs), ref)
        self._refs.append(ref)
        return ref


class Context:
    """What a node needs and no more.

    Attributes:
        seed: an integer; equal seeds give equal outputs for nodes declared ``seeded=True``.
        device: "cpu" or "cuda:N".
        workdir: an empty directory of this run, made when first asked for and removed afterwards.
        parts: finished parts of an earlier attempt of this very node.
        provenance: what a node may write into its file's metadata (workflow, graph, seed, node versions).
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
        parts: list[Ref] | None = None,
        provenance: dict[str, str] | None = None,
        worker: str = "local",
    ) -> None:
        self.host = host
        self._workdir = workdir
        self.seed = seed
        self.device = device
        self.parts = Parts(self, parts or [])
        self.provenance = dict(provenance or {})
        self.worker = worker
        self._models = models
        self._settings = settings or {}
        self._progress_at = float("-inf")
        self._preview_at = float("-inf")

    @property
    def workdir(self) -> Path:
        self._workdir.mkdir(parents=True, exist_ok=True)
        return self._workdir

    @property
    def cancelled(self) -> bool:
        """Whether the job was cancelled. A node that loops without ``progress`` should look here."""
        return self.host.cancelled()

    def model(self, key: str, load: Callable[[], T], vram_gib: float = 0.0) -> T:
        """The loaded model: ``load()`` runs once per worker, until the budget pushes it out."""

        def loading() -> T:
            self.log(f"loading {key}")
            return load()

        return self._models.get(key, loading, vram_gib)

    def setting(self, name: str, default: str = "") -> str:
        """A setting of an outside engine, e.g. ``llm_url``."""
        return self._settings.get(name) or default

    def open(self, ref: Ref) -> Path:
        """A local file with the artifact's bytes: read it, do not change it. Blocks while it is fetched.

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
        """Keep bytes or a file as an artifact and return its typed reference, with measured facts.

        Args:
            data: bytes, or a file in ``workdir`` that is taken over and must not be changed afterwards.
            kind: image, audio, video, json, text or file.
            facts: a name, and facts that are known and need not be measured (``width=…``); they win over measured ones.
        """
        if kind not in REF_TYPES:
            raise WorkbenchError("node.bad_output", f"unknown kind of artifact {kind!r}", allowed=sorted(REF_TYPES))
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
        """Report how far the node is; calls in quick succession are thinned. Raises Cancelled."""
        if self.host.cancelled():
            raise Cancelled
        now = time.monotonic()
        if done >= total or now - self._progress_at >= PROGRESS_EVERY_S:
            self._progress_at = now
            self.host.progress(done, total, unit)

    def log(self, text: str) -> None:
        """Say what is being done, in a line: shown with the node while it runs, and kept with its result.

        The last 20 are kept, 300 characters of each.
        """
        self.host.log(text)

    def preview(self, make: Callable[[], bytes], media_type: str = "image/jpeg") -> None:
        """Show a short-lived preview; ``make`` is only called when the last one is two seconds old."""
        now = time.monotonic()
        if now - self._preview_at >= PREVIEW_EVERY_S:
            self._preview_at = now
            path = self.workdir / f"preview-{time.monotonic_ns()}"
            path.write_bytes(make())
            self.host.preview(path, media_type)

    def ask(self, question: Question) -> Decision:
        """What a person decided. For nodes declared ``asks=True``.

        Without an answer this leaves the node: the job waits without a worker, and the node runs again, from its
        beginning, when the person has decided. So ask first, and do nothing before that is not to be done twice.

        Raises WorkbenchError: review.rejected, which fails the node for good; node.bad_declaration.
        """
        decision = self.host.ask(question)
        if not decision.approved:
            raise WorkbenchError(
                "review.rejected",
                f"{decision.author} rejected it" + (f": {decision.reason}" if decision.reason else ""),
                seen=question.text[:300],
                remedy="Change the prompt or the script and run it again.",
                author=decision.author,
                at=decision.at,
            )
        return decision

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Record a figure of this run (a loss, a score); it becomes ``node.name`` in MLflow."""
        self.host.metric(name, float(value), step)


def take_over(path: Path, target: Path) -> None:
    """Move a finished file to its content address; a copy where the move crosses file systems. Atomic at the target."""
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
        staging.unlink(missing_ok=True)  # half a copy on a full disk would take what little space there is
        raise

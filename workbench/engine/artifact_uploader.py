"""Uploads an executor's output: artifacts before anything refers to them, finished parts, previews."""

from __future__ import annotations

import functools
from contextlib import ExitStack
from pathlib import Path

import orjson

from schemas.errors import WorkbenchError
from schemas.event import FirstPart
from schemas.refs import Ref, refs_in
from workbench.bus.results import Verdict
from workbench.engine.leased_calls import LeasedCalls
from workbench.engine.messages import PartDone, Previewed
from workbench.engine.running_segment import RunningSegment
from workbench.engine.slot_parts import SlotParts
from workbench.engine.wire import Closed


class ArtifactUploader:
    """The uploader of one segment. Methods block for the store and the bus."""

    def __init__(self, parts: SlotParts, segment: RunningSegment, calls: LeasedCalls) -> None:
        self._bus = parts.bus
        self._objects = parts.objects
        self._cache = parts.cache
        self._segment = segment
        self._calls = calls
        self._waiting: list[Ref] = []  # saved by the executor, but not in the store yet
        self._locks: dict[str, ExitStack] = {}  # by digest: locks on their copies in the cache, until they are uploaded
        self._uploaded: dict[str, Ref] = {}  # by digest
        self.round = ""  # round of removing bytes before the first upload

    def saved(self, ref: Ref) -> None:
        """Note a file that the executor put into the cache, and keep it there until it is in the store."""
        lock = self._locks.setdefault(ref.sha256, ExitStack())
        lock.enter_context(self._cache.hold(ref))
        self._waiting.append(ref)

    def upload(self) -> None:
        """Upload the files that the executor saved, before anything refers to them. Raises Lost, Closed."""
        if self._waiting and not self.round:
            _, self.round = self._calls.bus(self._bus.round)
        while self._waiting:
            ref = self._waiting[0]
            path = self._cache.path(ref)
            if path is not None:
                self._calls.store(functools.partial(self._objects.put, path, ref))
            elif not self._calls.store(functools.partial(self._objects.has, ref.sha256)):
                raise Closed(f"the file of artifact {ref.sha256[:12]} does not exist any more")
            self._uploaded[ref.sha256] = self._waiting.pop(0)
            if (lock := self._locks.pop(ref.sha256, None)) is not None:
                lock.close()

    def upload_again(self) -> None:
        """Upload files again that were removed from the store meanwhile. Raises Lost, Closed."""
        self._segment.log.info("bytes were removed meanwhile; checking again", artifacts=len(self._uploaded))
        self._waiting = [*self._uploaded.values(), *self._waiting]
        self.round = ""
        self.upload()

    def part(self, message: PartDone) -> None:
        """Upload and record a finished part of a long output, which is safe from then on. Raises Lost, Closed."""
        self.upload()
        leased, part = self._segment.leased, bytes(message.part)

        refs = refs_in(orjson.loads(part))
        first = FirstPart(kind=refs[0].kind if refs else "").to_json()

        def record() -> Verdict:
            return self._bus.part(leased.lease, message.node, message.index, part, self.round, first=first)

        while (verdict := self._calls.bus(record)) is Verdict.ROUND:
            self.upload_again()
        if verdict is not Verdict.OK:
            raise leased.lose(verdict)
        with leased.lock:
            leased.parts.setdefault(message.node, []).append(part)
        leased.report(leased.progress_of(message.node).model_copy(update={"parts": message.index + 1}))

    def preview(self, message: Previewed) -> None:
        """Publish a preview image. A failure has no other effect."""
        leased = self._segment.leased
        try:
            data = Path(message.path).read_bytes()
            key = self._objects.put_preview(leased.lease.job, message.node, data, message.media_type)
        except (WorkbenchError, OSError) as error:
            self._segment.log.info("preview not published", node=message.node, error=str(error))  # not essential
            return
        leased.report(leased.progress_of(message.node).model_copy(update={"preview": key}))

    def close(self) -> None:
        """Release the copies in the cache that were not uploaded."""
        while self._locks:
            self._locks.popitem()[1].close()

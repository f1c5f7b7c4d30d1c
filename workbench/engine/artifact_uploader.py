"""What an executor makes: artifacts into the store before anything names them, finished parts, previews."""

from __future__ import annotations

import functools
from contextlib import ExitStack
from pathlib import Path

from schemas.errors import WorkbenchError
from schemas.refs import Ref
from workbench.bus.answers import Verdict
from workbench.engine.leased_calls import LeasedCalls
from workbench.engine.messages import PartDone, Previewed
from workbench.engine.running_segment import RunningSegment
from workbench.engine.slot_parts import SlotParts
from workbench.engine.wire import Closed


class ArtifactUploader:
    """Of one segment. Methods block for the store and the bus."""

    def __init__(self, parts: SlotParts, segment: RunningSegment, calls: LeasedCalls) -> None:
        self._bus = parts.bus
        self._objects = parts.objects
        self._cache = parts.cache
        self._segment = segment
        self._calls = calls
        self._waiting: list[Ref] = []  # saved by the executor, not in the store
        self._locks: dict[str, ExitStack] = {}  # by digest: their copies in the cache, until they are
        self._uploaded: dict[str, Ref] = {}  # by digest
        self.round = ""  # of removing bytes, before the first of them was put into the store

    def saved(self, ref: Ref) -> None:
        """The executor has put a file into the cache: it stays there until it is in the store."""
        lock = self._locks.setdefault(ref.sha256, ExitStack())
        lock.enter_context(self._cache.hold(ref))
        self._waiting.append(ref)

    def upload(self) -> None:
        """Put what the executor saved into the store, before anything refers to it. Raises Lost, Closed."""
        if self._waiting and not self.round:
            _, self.round = self._calls.bus(self._bus.round)
        while self._waiting:
            ref = self._waiting[0]
            path = self._cache.path(ref)
            if path is not None:
                self._calls.store(functools.partial(self._objects.put, path, ref))
            elif not self._calls.store(functools.partial(self._objects.has, ref.sha256)):
                raise Closed(f"the file of artifact {ref.sha256[:12]} is gone")
            self._uploaded[ref.sha256] = self._waiting.pop(0)
            if (lock := self._locks.pop(ref.sha256, None)) is not None:
                lock.close()

    def upload_again(self) -> None:
        """Bytes were removed from the store since: put there again what is missing. Raises Lost, Closed."""
        self._segment.log.info("bytes were removed meanwhile; looking again", artifacts=len(self._uploaded))
        self._waiting = [*self._uploaded.values(), *self._waiting]
        self.round = ""
        self.upload()

    def part(self, message: PartDone) -> None:
        """A finished part of a long output is there from now on, whatever comes. Raises Lost, Closed."""
        self.upload()
        leased, part = self._segment.leased, message.ref.to_json()

        def record() -> Verdict:
            return self._bus.part(leased.lease, message.node, message.index, part, self.round)

        while (verdict := self._calls.bus(record)) is Verdict.ROUND:
            self.upload_again()
        if verdict is not Verdict.OK:
            raise leased.lose(verdict)
        leased.report(leased.progress_of(message.node).model_copy(update={"parts": message.index + 1}))

    def preview(self, message: Previewed) -> None:
        """Show a picture of what is being made; where that fails, nothing else does."""
        leased = self._segment.leased
        try:
            data = Path(message.path).read_bytes()
            key = self._objects.put_preview(leased.lease.job, message.node, data, message.media_type)
        except (WorkbenchError, OSError) as error:
            self._segment.log.info("preview not shown", node=message.node, error=str(error))  # a courtesy
            return
        leased.report(leased.progress_of(message.node).model_copy(update={"preview": key}))

    def close(self) -> None:
        """Let go of the copies in the cache that were not uploaded."""
        while self._locks:
            self._locks.popitem()[1].close()

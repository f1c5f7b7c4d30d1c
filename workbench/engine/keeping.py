"""What the executor makes on the way: artifacts into the store before anything names them, finished parts, previews."""

from __future__ import annotations

import functools
from contextlib import ExitStack
from pathlib import Path

import orjson

from schemas.errors import WorkbenchError
from schemas.event import Progress
from schemas.refs import Ref
from workbench.bus.answers import Verdict
from workbench.bus.bus import Bus
from workbench.engine.messages import PartDone, Previewed
from workbench.engine.patience import Lost, Patience
from workbench.engine.wire import Closed
from workbench.engine.work import Work, log_of
from workbench.store.local_cache import LocalCache
from workbench.store.objects import Objects


class Keeping:
    """Keeps what one executor makes. Methods block for the store and the bus."""

    def __init__(self, bus: Bus, objects: Objects, cache: LocalCache, patience: Patience) -> None:
        self.bus = bus
        self.objects = objects
        self.cache = cache
        self.patience = patience

    def saved(self, work: Work, ref: Ref) -> None:
        """The executor has put a file into the cache: it stays there until it is in the store."""
        lock = work.locks.setdefault(ref.sha256, ExitStack())
        lock.enter_context(self.cache.hold(ref))
        work.uploads.append(ref)

    def upload(self, work: Work) -> None:
        """Put what the executor saved into the store, before anything refers to it. Raises Lost, Closed."""
        if work.uploads and not work.round:
            _, work.round = self.patience.insist(work, self.bus.round)
        while work.uploads:
            ref = work.uploads[0]
            path = self.cache.path(ref)
            if path is not None:
                self.patience.with_store(work, functools.partial(self.objects.put, path, ref))
            elif not self.patience.with_store(work, functools.partial(self.objects.has, ref.sha256)):
                raise Closed(f"the file of artifact {ref.sha256[:12]} is gone")
            work.kept[ref.sha256] = work.uploads.pop(0)
            if (lock := work.locks.pop(ref.sha256, None)) is not None:
                lock.close()

    def upload_again(self, work: Work) -> None:
        """Bytes were removed from the store since: put there again what is missing. Raises Lost, Closed."""
        log_of(work).info("bytes were removed meanwhile; looking again", artifacts=len(work.kept))
        work.uploads = [*work.kept.values(), *work.uploads]
        work.round = ""
        self.upload(work)

    def part(self, work: Work, message: PartDone) -> None:
        """A finished part of a long output is there from now on, whatever comes. Raises Lost, Closed."""
        self.upload(work)
        part = orjson.dumps(message.ref.model_dump(mode="json"))

        def say() -> Verdict:
            return self.bus.part(work.active.lease, message.node, message.index, part, work.round)

        while (verdict := self.patience.insist(work, say)) is Verdict.ROUND:
            self.upload_again(work)
        if verdict is not Verdict.OK:
            work.active.lost = verdict
            raise Lost
        known = work.active.progress.get(message.node) or Progress(node=message.node)
        work.active.report(known.model_copy(update={"parts": message.index + 1}))

    def preview(self, work: Work, message: Previewed) -> None:
        """Show a picture of what is being made; where that fails, nothing else does."""
        path = Path(message.path)
        try:
            key = self.objects.put_preview(work.active.lease.job, message.node, path.read_bytes(), message.media_type)
        except (WorkbenchError, OSError) as error:
            log_of(work).info("preview not shown", node=message.node, error=str(error))  # a courtesy
            return
        known = work.active.progress.get(message.node) or Progress(node=message.node)
        work.active.report(known.model_copy(update={"preview": key}))

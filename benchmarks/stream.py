"""A talking head whose steps take each other's output in parts, beside the same job without parts.

    python -m benchmarks.stream [pairs] [minutes of speech] [minutes of a recording]

Interleaved pairs with warm models; then one long text and one long recording (0: none). Without parts means that the
plan of the job finds no streams: the same graph, nodes, worker and slots. The first part counts once its bytes are
here. Goals: first part after 3 s, also for 30 minutes of speech, with flat memory; finishing an 18-minute recording
in less than 10 s.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
import wave
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from benchmarks.bench_stack import running_stack, stack_pids
from benchmarks.measure import interval, machine, pairs, shown, told, tree_cpu_s
from benchmarks.memory import resident_mib
from benchmarks.talking_head import QUIET_PARTS
from nodes._samples import sample_portrait
from schemas.event import EventType
from schemas.job import JobRecord
from schemas.refs import AudioRef, Ref, VideoRef
from schemas.status import JobStatus
from workbench.client.completion import await_record
from workbench.client.deployment import Deployment
from workbench.client.submit import submit_graph
from workbench.client.uploads import store_file
from workbench.client.view import artifacts
from workbench.embedded.stack import status
from workbench.engine.accept import Request
from workbench.pipelines.registry import find_pipeline
from workbench.pipelines.sdk import Settings
from workbench.pipelines.sdk.building import build

FIRST_GOAL_S, FINISH_GOAL_S, FLAT_GOAL = 3.0, 10.0, 1.1
SENTENCES = (
    "A talking head is made of many small steps, and each of them can begin before the last one has ended.",
    "The voice reads one sentence, and the face already speaks it while the next one is being read.",
    "What you hear and what you see belong together, so both are cut at the same times.",
    "Nobody wants to wait for the end of a long speech only to see that its first word is wrong.",
)
WORDS_A_MINUTE = 205
LONG_UPLOADS = {"WORKBENCH_UPLOAD_AUDIO_MB": "200", "WORKBENCH_UPLOAD_MINUTES": "60"}
FIRST = (EventType.NODE_FIRST_PART, "remux")


class Run(NamedTuple):
    """Seconds from the submit; CPU seconds of the whole stack; the record."""

    first_s: float
    whole_s: float
    cpu_s: float
    record: JobRecord


class Measured:
    """Runs jobs on one stack; each computes everything anew."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.pids = stack_pids(deployment)
        self.seed = 0
        with tempfile.TemporaryDirectory() as folder:
            self.portrait = store_file(deployment, sample_portrait(Path(folder)), "image")[0]

    def run(self, *, in_parts: bool = True, **speech: object) -> Run:
        """Submit and watch one job; ``speech`` is a script or an audio."""
        self.seed += 1
        settings = Settings(seed=self.seed, leave_out=frozenset({"upscale", "evaluate"}), fresh=True)
        graph = build(find_pipeline("talking_head"), {"portrait": self.portrait, **speech}, settings)
        without = patch("workbench.engine.plan.find_streams", return_value={})
        cpu, began, first_s = tree_cpu_s(self.pids), time.perf_counter(), 0.0
        with nullcontext() if in_parts else without:
            job = submit_graph(self.deployment, Request(graph, pipeline="talking_head")).job
        for update in self.deployment.watch(job):
            if not first_s and any((event.type, event.node) == FIRST for event in update.events):
                self.deployment.open(self.deployment.parts(job, "remux")[0])
                first_s = time.perf_counter() - began
            if update.final:
                break
        whole_s = time.perf_counter() - began
        record = await_record(self.deployment, job)
        if record.status is not JobStatus.COMPLETED:
            raise SystemExit(f"job {job} {record.status}: {record.error}")
        return Run(first_s or whole_s, whole_s, tree_cpu_s(self.pids) - cpu, record)


class Memory:
    """The resident size of the worker and its executors, sampled every second while a job runs."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.mib: list[float] = []

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(1.0):
            self.mib.append(resident_mib(self._pid))

    def highest(self, part: slice) -> float:
        return max(self.mib[part])


def the(record: JobRecord, kind: type[AudioRef] | type[VideoRef]) -> Ref:
    """The last file of a kind that the job made."""
    return [ref for _, _, ref in artifacts(record) if isinstance(ref, kind)][-1]


def speech_s(record: JobRecord) -> float:
    speech = the(record, AudioRef)
    assert isinstance(speech, AudioRef) and speech.duration_s is not None
    return speech.duration_s


def compare(measured: Measured, count: int) -> None:
    script = " ".join(SENTENCES)
    for in_parts in (True, False, True, False):  # the models load
        measured.run(in_parts=in_parts, script=script)
    ours, theirs = pairs(
        count, lambda: measured.run(script=script), lambda: measured.run(in_parts=False, script=script)
    )
    length_s = speech_s(ours[0].record)
    print(f"clip           {length_s:.1f} s, {count} interleaved pairs; medians with 95 % intervals")
    for name, runs in (("in parts", ours), ("without parts", theirs)):
        print(
            f"{name:14} first part {shown(interval([run.first_s for run in runs]))} s, "
            f"whole {shown(interval([run.whole_s for run in runs]))} s, "
            f"{shown(interval([run.cpu_s for run in runs]))} CPU s"
        )
    first_s = interval([run.first_s for run in ours])[1]
    print(f"first part     {first_s:.2f} s  goal {FIRST_GOAL_S} {told(first_s <= FIRST_GOAL_S)}")


def long_text(measured: Measured, minutes: int, worker: int) -> None:
    """One job with a text of that many minutes."""
    words = len(" ".join(SENTENCES).split())
    turns = max(1, round(minutes * WORDS_A_MINUTE / words))
    script = " ".join(f"Part {turn + 1}. {' '.join(SENTENCES)}" for turn in range(turns))
    with Memory(worker) as memory:
        run = measured.run(script=script)
    half = len(memory.mib) // 2
    growth = memory.highest(slice(half, None)) / memory.highest(slice(0, half))
    length_s = speech_s(run.record)
    print(f"long text      {length_s / 60:.1f} min of speech, {len(script)} characters, {run.whole_s:.0f} s")
    print(f"first part     {run.first_s:.2f} s  goal {FIRST_GOAL_S} {told(run.first_s <= FIRST_GOAL_S)}")
    print(
        f"worker memory  at most {memory.highest(slice(0, half)):.0f} MiB in the first half, "
        f"{memory.highest(slice(half, None)):.0f} in the second: x {growth:.2f}  "
        f"goal {FLAT_GOAL} {told(growth <= FLAT_GOAL)}"
    )
    print(f"finishing      {finishing_s(run.record):.1f} s after the last frame was painted")


def recording(measured: Measured, minutes: int, folder: Path) -> None:
    """One job with a recording: the voice's own speech, repeated."""
    spoken = the(measured.run(script=" ".join(SENTENCES)).record, AudioRef)
    path = folder / "recording.wav"
    with wave.open(str(measured.deployment.open(spoken)), "rb") as one, wave.open(str(path), "wb") as target:
        target.setparams(one.getparams())
        sound, seconds = one.readframes(one.getnframes()), one.getnframes() / one.getframerate()
        for _ in range(round(minutes * 60 / seconds)):
            target.writeframes(sound)
    run = measured.run(audio=store_file(measured.deployment, path, "audio")[0])
    finish_s = finishing_s(run.record)
    print(f"recording      {minutes} min, first part {run.first_s:.2f} s, whole {run.whole_s:.0f} s")
    reached = told(finish_s <= FINISH_GOAL_S)
    print(f"finishing      {finish_s:.1f} s after the last frame was painted  goal {FINISH_GOAL_S} {reached}")


def finishing_s(record: JobRecord) -> float:
    """From the end of the animation to the end of the job."""
    animated = record.node("animate").finished_at
    assert animated is not None and record.finished_at is not None
    return record.finished_at - animated


def main(count: int = 7, text_minutes: int = 30, recording_minutes: int = 18) -> None:
    print(machine())
    with (
        running_stack(*QUIET_PARTS, WORKBENCH_CONSENT="a synthetic voice", **LONG_UPLOADS) as deployment,
        tempfile.TemporaryDirectory() as folder,
    ):
        worker = next(part.pid for part in status(deployment.settings.home).parts if part.name == "worker")
        assert worker is not None
        measured = Measured(deployment)
        compare(measured, count)
        if text_minutes:
            long_text(measured, text_minutes, worker)
        if recording_minutes:
            recording(measured, recording_minutes, Path(folder))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))

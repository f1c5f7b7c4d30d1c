"""Small services for tests, declared through WORKBENCH_NODE_MODULES like those of a third party."""

from __future__ import annotations

import ctypes
import hashlib
import json
import math
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from nodes.sdk import (
    Context,
    Field,
    FileRef,
    ImageRef,
    InParts,
    Metric,
    ModelName,
    NodeError,
    NodeModel,
    Resources,
    TextRef,
    node,
)


class Params(NodeModel):
    value: str = Field("", description="Copied to the output.")
    sleep_s: float = Field(0.0, ge=0, le=600, description="Sleep this long and report progress.")
    sleep_first_s: float = Field(0.0, ge=0, le=600, description="In the first execution, sleep this long as well.")
    gate: str = Field("", description="Waits until this file is there, reporting progress.")
    log: str = Field("", description="A file to which each execution appends a line.")
    fail_times: int = Field(0, ge=0, description="Raise in the first executions.")
    die_times: int = Field(0, ge=0, description="Kill its own process in the first executions.")
    bad_input: bool = Field(False, description="Raise NodeError.")
    eat_memory: bool = Field(False, description="Allocate memory until the kernel refuses.")
    hold_gil_s: float = Field(0.0, ge=0, description="Hold the GIL this long.")
    native_s: float = Field(0.0, ge=0, description="Stay this long in one native call that holds the GIL.")
    sign: bool = Field(False, description="Name the process in the output.")
    parts: int = Field(0, ge=0, description="Produce this many parts.")
    part_s: float = Field(0.05, ge=0, description="Duration of one part in seconds.")
    die_after_parts: int = Field(0, ge=0, description="Kill its own process after that many parts.")
    part_gate: str = Field("", description="Before the last part, waits until this file is there.")
    say: str = Field("", description="Say this of its work, before the gate.")
    preview: str = Field("", description="Show this text as a preview before the parts are made.")
    file_kib: int = Field(0, ge=0, description="Save a file of this size whose content depends only on ``value``.")
    nan_metric: bool = Field(False, description="Record a metric that is NaN.")
    huge_number: bool = Field(False, description="Return an integer that is too large for JSON parsers.")


class Inputs(NodeModel):
    text: str | None = Field(None, description="Appended to the output.")


class Outputs(NodeModel):
    text: str = Field(description="``value`` followed by ``text``.")
    file: TextRef | None = Field(None, description="The output as an artifact, with parts.")
    number: int | None = Field(None, description="A huge integer, if requested.")


class Piece(NodeModel):
    file: TextRef = Field(description="A piece of the artifact.")


def _eat_memory() -> None:
    """Allocate memory under a limit for this process, so that no other process runs out of memory."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 300 * 2**20, before[1]))
    try:
        eaten = []
        while True:
            eaten.append(bytearray(32 * 2**20))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _execute(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    executions = 0
    if params.log:
        path = Path(params.log)
        with path.open("a") as file:
            file.write(f"{params.value} {os.getpid()}\n")
        executions = sum(line.startswith(f"{params.value} ") for line in path.read_text().splitlines())
    if params.bad_input:
        raise NodeError("this probe was told to refuse", where="params.bad_input", seen=True, remedy="Set it to false.")
    if params.die_times and executions <= params.die_times:
        print("about to die", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    if params.fail_times and executions <= params.fail_times:
        raise RuntimeError(f"execution {executions} was told to fail")
    if params.eat_memory:
        _eat_memory()
    sleep_s = params.sleep_s + (params.sleep_first_s if executions <= 1 else 0.0)
    until = time.monotonic() + sleep_s
    while (left := until - time.monotonic()) > 0:
        ctx.progress(sleep_s - left, sleep_s, "s")
        time.sleep(min(0.02, left))
    if params.say:
        ctx.log(params.say)
    while params.gate and not Path(params.gate).exists():
        ctx.progress(0, 1, "gates")
        time.sleep(0.02)
    if params.hold_gil_s:
        # Matching this pattern takes exponential time and never releases the GIL.
        import re

        end = time.monotonic() + params.hold_gil_s
        while time.monotonic() < end:
            re.match(r"(a+)+$", "a" * 24 + "b")
    if params.native_s:
        ctx.metric("silent_s", _longest_silence_s(lambda: ctypes.PyDLL(None).usleep(int(params.native_s * 1e6))))
    if params.preview:
        ctx.preview(params.preview.encode, "text/plain")
    for index in range(len(ctx.parts), params.parts):
        while params.part_gate and index + 1 == params.parts and not Path(params.part_gate).exists():
            ctx.progress(index, params.parts, "parts")
            time.sleep(0.02)
        ctx.parts.append(Piece(file=ctx.save(f"part {index}\n".encode(), "text")))
        if params.log:
            with Path(params.log).open("a") as file:
                file.write(f"part-{index}\n")
        ctx.progress(index + 1, params.parts, "parts")
        time.sleep(params.part_s)
        if index + 1 == params.die_after_parts:
            os.kill(os.getpid(), signal.SIGSEGV)
    text = params.value + (inputs.text or "")
    if params.sign:
        text = f"{params.value} by process {os.getpid()}"
        return Outputs(text=text, file=ctx.save(text.encode(), "text"))
    if params.parts:
        return Outputs(
            text=text, file=ctx.save(b"".join(ctx.open(part.file).read_bytes() for part in ctx.parts), "text")
        )
    if params.file_kib:
        return Outputs(text=text, file=ctx.save(random.Random(params.value).randbytes(params.file_kib << 10), "text"))
    ctx.metric("length", len(text))
    if params.nan_metric:
        ctx.metric("loss", float("nan"))
    return Outputs(text=text, number=2**70 if params.huge_number else None)


def _longest_silence_s(call: Callable[[], object]) -> float:
    """The longest time for which another thread of this process could not run during the call."""
    stamps, done = [time.monotonic()], threading.Event()

    def tick() -> None:
        while not done.wait(0.01):
            stamps.append(time.monotonic())

    thread = threading.Thread(target=tick)
    thread.start()
    call()
    done.set()
    thread.join()
    stamps.append(time.monotonic())
    return max(after - before for before, after in pairwise(stamps))


@node("probe.control", version="1.0.0", plane="control", part=Piece, cache=False, resources=Resources(timeout_s=180))
def control(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    return _execute(ctx, params, inputs)


LENGTH = Metric(name="length", unit="characters", better="higher", meaning="Length of the output.")


@node(
    "probe.data",
    version="1.0.0",
    plane="data",
    part=Piece,
    cache=False,
    resources=Resources(timeout_s=180),
    metrics=(LENGTH,),
)
def data(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    return _execute(ctx, params, inputs)


@node("probe.cached", version="1.0.0", plane="data", part=Piece, seeded=True)
def cached(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    return _execute(ctx, params, inputs)


@node("probe.hasty", version="1.0.0", plane="data", part=Piece, cache=False, resources=Resources(timeout_s=1))
def hasty(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    return _execute(ctx, params, inputs)


@node("probe.elsewhere", version="1.0.0", plane="data", pool="elsewhere", part=Piece, cache=False)
def elsewhere(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    return _execute(ctx, params, inputs)


@node(
    "probe.hasty_control", version="1.0.0", plane="control", part=Piece, cache=False, resources=Resources(timeout_s=1)
)
def hasty_control(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    return _execute(ctx, params, inputs)


class File(NodeModel):
    file: TextRef = Field(description="An artifact.")


class Digest(NodeModel):
    digest: str = Field(description="SHA-256 of the bytes that were read.")


def _digest(ctx: Context, inputs: File) -> Digest:
    with ctx.open(inputs.file).open("rb") as file:
        return Digest(digest=hashlib.file_digest(file, "sha256").hexdigest())


@node("probe.reader", version="1.0.0", plane="data", cache=False, resources=Resources(timeout_s=180))
def reader(ctx: Context, params: NodeModel, inputs: File) -> Digest:
    return _digest(ctx, inputs)


@node("probe.reader_control", version="1.0.0", plane="control", cache=False, resources=Resources(timeout_s=180))
def reader_control(ctx: Context, params: NodeModel, inputs: File) -> Digest:
    return _digest(ctx, inputs)


class LouderParams(NodeModel):
    log: str = Field("", description="A file to which each execution and each part appends a line.")
    gate: str = Field("", description="Before its last line, waits until this file is there.")


class Lines(NodeModel):
    file: InParts[TextRef] = Field(description="Lines of text.")
    beside: InParts[TextRef] | None = Field(None, description="As many lines, which are only counted.")


class Louder(NodeModel):
    file: TextRef = Field(description="The lines in capitals.")


@node("probe.louder", version="1.0.0", plane="data", part=Louder, resources=Resources(timeout_s=180))
def louder(ctx: Context, params: LouderParams, inputs: Lines) -> Louder:
    """Takes lines in parts, and makes a part of each line, however the parts are cut."""

    def note(text: str) -> None:
        if params.log:
            with Path(params.log).open("a") as file:
                file.write(f"{text}\n")

    note(f"louder after {len(ctx.parts)}")
    count = 0
    for ref in inputs.file:
        for line in ctx.open(ref).read_text().splitlines(keepends=True):
            while params.gate and count == 1 and not Path(params.gate).exists():
                ctx.progress(0, 1, "gates")
                time.sleep(0.02)
            ctx.progress(count, sum(1 for _ in inputs.file.finished()), "lines")
            if count == len(ctx.parts):
                ctx.parts.append(Louder(file=ctx.save(line.upper().encode(), "text")))
                note(f"louder-{count}")
                ctx.log(f"line {count}")
                ctx.metric(f"line_{count}", 1, step=count)
            count += 1
    if inputs.beside is not None:
        beside = sum(ctx.open(ref).read_bytes().count(b"\n") for ref in inputs.beside)
        assert beside == count, f"{beside} lines beside {count}"
    return Louder(file=ctx.save(b"".join(ctx.open(part.file).read_bytes() for part in ctx.parts), "text"))


class Weighed(NodeModel):
    model: ModelName = Field("small", description="The model whose file is read.")


class Weight(NodeModel):
    text: str = Field(description="The content of the model's only file, and the interpreter that read it.")


@node("probe.weighed", version="1.0.0", plane="data", models=("model",))
def weigh(ctx: Context, params: Weighed, inputs: NodeModel) -> Weight:
    return Weight(text=(ctx.weights(params.model) / "weights.txt").read_text())


@node("probe.engine", version="1.0.0", plane="data", pool="f5", cache=False)
def where(ctx: Context, params: NodeModel, inputs: NodeModel) -> Weight:
    """The interpreter in which it runs, as its environment names it."""
    return Weight(text=os.environ.get("ENGINE", "ours"))


class LoraTraining(NodeModel):
    model: str = Field("tiny", description="Named in the file.")
    trigger: str = Field("sks", description="Copied to the output.")


class Portraits(NodeModel):
    images: FileRef = Field(description="Any file.")


class TrainedLora(NodeModel):
    lora: FileRef = Field(description="A LoRA whose bytes depend on the inputs.")
    trigger: str = Field(description="As given.")
    samples: ImageRef = Field(description="A picture.")


@node("probe.trainer", version="1.0.0", plane="data", resources=Resources(timeout_s=180))
def train(ctx: Context, params: LoraTraining, inputs: Portraits) -> TrainedLora:
    """A file with the shapes of a LoRA, made of the inputs instead of a training."""
    from PIL import Image

    seed = hashlib.sha256(ctx.open(inputs.images).read_bytes() + params.model_dump_json().encode()).digest()
    tensors = {"unet.to_q.lora_A.weight": ([2, 8], seed * 2), "unet.to_q.lora_B.weight": ([8, 2], seed * 2)}
    picture = ctx.workdir / "samples.png"
    Image.frombytes("RGB", (320, 160), (seed * 4800)).save(picture)
    return TrainedLora(
        lora=ctx.save(safetensors(tensors), "file", name=f"{params.trigger}.safetensors"),
        trigger=params.trigger,
        samples=ctx.save(picture, "image", name="samples.png"),
    )


def safetensors(tensors: dict[str, tuple[list[int], bytes]], **metadata: str) -> bytes:
    """A safetensors file of tensors of 32-bit floats: {name: (shape, bytes)}."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name, (shape, content) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(content)]}
        at += len(content)
    encoded = json.dumps(header).encode()
    return len(encoded).to_bytes(8, "little") + encoded + b"".join(content for _, content in tensors.values())


class Training(NodeModel):
    value: str = Field("", description="Names it, so that trainings differ.")
    steps: int = Field(100, ge=1, description="Steps.")
    checkpoint_every: int = Field(0, ge=0, description="A checkpoint after this many steps; 0 for none.")
    rate: float = Field(0.01, gt=0, description="How fast the loss falls.")
    gate: str = Field("", description="After ``gate_step``, waits until this file is there.")
    gate_step: int = Field(50, ge=0, description="The step after which it waits.")
    die_at: int = Field(0, ge=0, description="In the first attempt, kill its own process after this step.")
    refuse_at: int = Field(0, ge=0, description="Raise NodeError after this step.")


class Trained(NodeModel):
    steps: int = Field(description="Steps that this attempt made.")


class Checkpoint(NodeModel):
    file: TextRef | None = Field(None, description="The finished steps.")


class Model(Trained):
    file: TextRef | None = Field(None, description="The finished steps, as of the last checkpoint.")


def loss_at(step: int, rate: float = 0.01) -> float:
    """Falls from 2 and swings from step to step, the same in each attempt."""
    return 0.2 + 1.8 * math.exp(-rate * step) + 0.3 * ((math.sin(step * 12.9898) * 43758.5453) % 1 - 0.5)


@node(
    "probe.training",
    version="1.0.0",
    plane="data",
    part=Checkpoint,
    cache=False,
    resources=Resources(timeout_s=180),
    metrics=(Metric(name="loss", better="lower", meaning="How far the output is from the image.", series=True),),
)
def training(ctx: Context, params: Training, inputs: NodeModel) -> Model:
    done = int(ctx.open(ctx.parts[-1].file).read_text()) if ctx.parts else 0
    first = done
    for step in range(done + 1, params.steps + 1):
        ctx.metric("loss", loss_at(step, params.rate), step=step)
        ctx.metric("learning_rate", 1e-4 * (1 - step / params.steps), step=step)
        if params.checkpoint_every and step % params.checkpoint_every == 0:
            ctx.parts.append(Checkpoint(file=ctx.save(str(step).encode(), "text")))
        while params.gate and step == params.gate_step and not Path(params.gate).exists():
            ctx.progress(step, params.steps, "steps")
            time.sleep(0.02)
        ctx.progress(step, params.steps, "steps")
        if step == params.die_at and not done:
            time.sleep(0.5)  # longer than the pause between two messages, so that the supervisor has all points
            ctx.metric("loss", loss_at(step, params.rate), step=step)
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGKILL)
        if step == params.refuse_at:
            raise NodeError("this probe was told to refuse", where="params.refuse_at", seen=step, remedy="Set it to 0.")
    ctx.metric("seconds_per_step", 0.5)
    return Model(steps=params.steps - first)

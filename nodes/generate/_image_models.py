"""The kinds of image model that ``generate.image`` runs, and one of them loaded with its prompt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nodes._torch.device import choose
from nodes._torch.memory import Need, Plan, need, weights_gib
from nodes._torch.model_files import ModelFiles, read_model
from nodes._torch.pipeline import LoadedPipeline, generate, load_pipeline, plans_for
from nodes._torch.pixels import to_pixels
from nodes._torch.step_down import StepDown
from nodes.generate._image_request import Inputs, Params
from nodes.sdk import Context, NodeError


@dataclass(frozen=True)
class Kind:
    """A pipeline class of diffusers.

    Attributes:
        steps, guidance: the usual values, as in diffusers' documentation of the class.
        half: the half precision in which it was published.
        tokenizer: the component that limits the prompt. tokens: the limit, if it is not the tokenizer's own.
    """

    steps: int
    guidance: float
    half: torch.dtype
    tokenizer: str
    tokens: int = 0
    is_flux: bool = False


KINDS = {
    "StableDiffusionPipeline": Kind(30, 7.5, torch.float16, "tokenizer"),
    "StableDiffusionXLPipeline": Kind(30, 5.0, torch.float16, "tokenizer"),
    "FluxPipeline": Kind(28, 3.5, torch.bfloat16, "tokenizer_2", is_flux=True),
}
WITHOUT_PROMPT = (
    "portrait photo of a person who looks into the camera, head and shoulders, soft light, plain background"
)
FLUX_DISTILLED = Kind(4, 1.0, torch.bfloat16, "tokenizer_2", tokens=256, is_flux=True)  # Flux.1 schnell
_FLUX_SIDE_PX = 1024


class ImageModel:
    """The model of a run. Everything that can be refused is refused before it is loaded."""

    def __init__(self, ctx: Context, params: Params, inputs: Inputs) -> None:
        self._ctx, self._params, self._inputs = ctx, params, inputs
        self._files = read_model(ctx.weights(params.model), params.model, KINDS)
        self._kind = _kind(self._files)
        self._target = choose(params, self._kind.half)
        self._lora = ctx.open(inputs.lora) if inputs.lora is not None else None
        self._width, self._height = _size(self._files, self._kind, params)
        self.prompt = ""
        self._loaded: LoadedPipeline | None = None
        self._plans: StepDown[Plan] | None = None

    @property
    def device(self) -> torch.device:
        return self._target.device

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Load the model, with the LoRA, and keep it for this run alone."""
        self._loaded = loaded = load_pipeline(self._ctx, self._params, self._files, self._target, self._need())
        with loaded.lock:
            plan = Plan(tiling=self._params.vae_tiling, slicing=self._params.attention_slicing)
            self._plans = plans_for(self._ctx, loaded, plan)
            loaded.use_lora(self._lora, self._inputs.lora, self._params.lora_strength)
            described = self._params.prompt or self._inputs.stage_prompt or WITHOUT_PROMPT
            self.prompt = loaded.prompt(self._params.prompt_prefix, described)
            self._warn_of_long_prompts(loaded.pipe)
            yield

    def make(self, seed: int) -> tuple[NDArray[Any], str]:
        """An (H, W, 3) uint8 image, and why the model withheld it, or ""."""
        loaded, plans = self._loaded, self._plans
        assert loaded is not None and plans is not None, "make() is called inside ready()"
        output = generate(
            self._ctx, self._params, loaded, plans, seed, lambda _: self._arguments(), self._latents_of(loaded.pipe)
        )
        flagged = bool(np.any(getattr(output, "nsfw_content_detected", None) or False))
        return to_pixels(output.images[:1])[0], "the model's safety checker withheld it" if flagged else ""

    def _arguments(self) -> dict[str, Any]:
        params, kind = self._params, self._kind
        arguments = {
            "prompt": self.prompt,
            "negative_prompt": params.negative_prompt or None,
            "width": self._width,
            "height": self._height,
            "num_inference_steps": params.steps or kind.steps,
            "guidance_scale": params.guidance or kind.guidance,
            "output_type": "np",
        }
        if kind.is_flux and params.negative_prompt:
            arguments["true_cfg_scale"] = params.negative_guidance
        if kind.tokens:
            arguments["max_sequence_length"] = kind.tokens
        return arguments

    def _latents_of(self, pipe: Any) -> Any:
        if self._kind.is_flux:
            return lambda latents: pipe._unpack_latents(latents, self._height, self._width, pipe.vae_scale_factor)[0]
        return lambda latents: latents[0]

    def _need(self) -> Need:
        files, vae = self._files, self._files.config("vae")
        factor = 2 ** (len(vae["block_out_channels"]) - 1)
        latent = self._width * self._height // factor**2
        if self._kind.is_flux:
            network = files.config("transformer")
            positions, width = latent // 4, network["num_attention_heads"] * network["attention_head_dim"]
        else:
            positions, width = latent, files.config("unet")["block_out_channels"][0]
        return need(
            weights_gib(files, self._target.dtype),
            positions=positions,
            width=width,
            pixels=self._width * self._height,
            channels=vae["block_out_channels"][0],
            batch=1 if self._kind.is_flux else 2,
            dtype=self._target.dtype,
        )

    def _warn_of_long_prompts(self, pipe: Any) -> None:
        tokenizer = getattr(pipe, self._kind.tokenizer)
        most = self._kind.tokens or tokenizer.model_max_length
        for what, text in (("prompt", self.prompt), ("negative prompt", self._params.negative_prompt)):
            count = len(tokenizer(text).input_ids)
            if count > most:
                self._ctx.log(f"the {what} has {count} tokens; the model reads the first {most}")


def _kind(files: ModelFiles) -> Kind:
    if files.pipeline == "FluxPipeline" and not files.config("transformer").get("guidance_embeds", False):
        return FLUX_DISTILLED
    return KINDS[files.pipeline]


def _size(files: ModelFiles, kind: Kind, params: Params) -> tuple[int, int]:
    """Width and height of the image. Raises NodeError if the model cannot make an image of this size."""
    factor = 2 ** (len(files.config("vae")["block_out_channels"]) - 1)
    native = _FLUX_SIDE_PX if kind.is_flux else int(files.config("unet")["sample_size"]) * factor
    multiple = 2 * factor if kind.is_flux else factor
    for name, value in (("width", params.width), ("height", params.height)):
        if value % multiple or 0 < value < 8 * factor:
            raise NodeError(
                f"`{name}` does not suit the model {files.name}",
                where=f"params.{name}",
                seen=value,
                allowed=f"0, or a multiple of {multiple} from {8 * factor}",
                remedy="Use the nearest allowed value.",
            )
    return params.width or native, params.height or native

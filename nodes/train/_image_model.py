"""What a training asks of an image model: Stable Diffusion 1.5 and SDXL, by their own schedulers' noise.

Method: Ho et al., "Denoising Diffusion Probabilistic Models", 2020: noise of a random time is added to an image, and
the network learns to say which, or the velocity (Salimans and Ho, 2022) where the model's scheduler is configured so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers import DDPMScheduler
from numpy.typing import NDArray

from nodes.sdk import NodeError
from nodes.train._example import Example, cached, encoded, to_image, to_pixels

GUIDANCE = 7.0


class ImageModel:
    """An image pipeline with its examples as latents and embeddings, which are computed once.

    Attributes:
        network: the UNet that is trained.
        sizes: height, width of each example.
    """

    def __init__(
        self,
        pipe: Any,
        examples: Sequence[Example],
        *,
        prompt: str,
        dropout: float,
        sample_steps: int,
        done: Callable[[int], None],
    ) -> None:
        """Blocks: encodes all examples.

        Args:
            prompt: of the sample images.
            dropout: share of the examples that are trained without their caption, so that guidance keeps working.
            done: called with the number of encoded examples; may raise Cancelled.
        """
        self.network = pipe.unet
        self.sizes = [example.crop.size for example in examples]
        self._pipe = pipe
        self._device = pipe.unet.device
        self._dropout = dropout
        self._sample_steps = sample_steps
        self._scheduler = DDPMScheduler.from_config(pipe.scheduler.config)
        if self._scheduler.config.prediction_type not in _TARGETS:
            raise NodeError(
                "a model of this kind cannot be trained",
                where="params.model",
                seen=f"prediction_type {self._scheduler.config.prediction_type}",
                allowed=", ".join(_TARGETS),
                remedy="Choose another model.",
            )
        self._latents = cached(examples, lambda one: encoded(pipe.vae, to_pixels(one.crop.rgb)), done)
        texts = sorted({"", prompt, *(example.caption for example in examples)})
        self._texts = {text: self._embedded(text) for text in texts}
        self._examples = list(examples)
        self._prompt = prompt
        self._sample_size = min(self.sizes, key=lambda size: abs(size[0] - size[1]))

    def loss(self, batch: Sequence[int], generator: torch.Generator) -> torch.Tensor:
        """Mean squared error of the network's answer for some examples of one size, as a float32 scalar.

        Args:
            generator: on the CPU; equal states give equal noise on every device.
        """
        latents = torch.stack([self._latents[index] for index in batch]).to(self._device)
        times = self._scheduler.config.num_train_timesteps
        noise = torch.randn(latents.shape, generator=generator).to(self._device)
        at = torch.randint(0, times, (len(batch),), generator=generator).to(self._device)
        dropped = torch.rand(len(batch), generator=generator) < self._dropout
        captions = ["" if drop else self._examples[i].caption for i, drop in zip(batch, dropped.tolist(), strict=True)]
        noisy = self._scheduler.add_noise(latents, noise, at)
        answer = self.network(noisy.to(self.network.dtype), at, **self._condition(batch, captions)).sample
        target = _TARGETS[self._scheduler.config.prediction_type](self._scheduler, latents, noise, at)
        return torch.nn.functional.mse_loss(answer.float(), target.float())

    def sample(self, seed: int) -> NDArray[Any]:
        """An image of the prompt: (H, W, 3) uint8. The same seed gives the same noise for every state of the LoRA."""
        text, plain = self._texts[self._prompt], self._texts[""]
        embeddings = {"prompt_embeds": text[0], "negative_prompt_embeds": plain[0]}
        if text[1] is not None:
            embeddings |= {"pooled_prompt_embeds": text[1], "negative_pooled_prompt_embeds": plain[1]}
        height, width = self._sample_size
        latents = self._pipe(
            **embeddings,
            height=height,
            width=width,
            num_inference_steps=self._sample_steps,
            guidance_scale=GUIDANCE,
            generator=torch.Generator().manual_seed(seed),
            output_type="latent",
        ).images
        vae = self._pipe.vae
        with torch.no_grad():
            return to_image(vae.decode(latents.to(vae.dtype) / vae.config.scaling_factor).sample[0])

    def _embedded(self, text: str) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(1, tokens, width) and, for SDXL, the pooled (1, width)."""
        with torch.no_grad():
            found = self._pipe.encode_prompt(
                text, device=self._device, num_images_per_prompt=1, do_classifier_free_guidance=False
            )
        tokens, pooled = found[0], found[2] if len(found) > 2 else None
        if not text and getattr(self._pipe.config, "force_zeros_for_empty_prompt", False):  # as the pipeline samples
            return torch.zeros_like(tokens), None if pooled is None else torch.zeros_like(pooled)
        return tokens, pooled

    def _condition(self, batch: Sequence[int], captions: Sequence[str]) -> dict[str, Any]:
        texts = [self._texts[caption] for caption in captions]
        condition: dict[str, Any] = {"encoder_hidden_states": torch.cat([text[0] for text in texts])}
        pooled = [text[1] for text in texts if text[1] is not None]
        if pooled:
            crops = [self._examples[index].crop for index in batch]
            ids = [[*crop.original, *crop.corner, *crop.size] for crop in crops]
            condition["added_cond_kwargs"] = {
                "text_embeds": torch.cat(pooled),
                "time_ids": torch.tensor(ids, dtype=pooled[0].dtype, device=self._device),
            }
        return condition


def dry_inputs(unet: Any, latent: tuple[int, int], batch: int) -> dict[str, Any]:
    """Arguments without data for a UNet on the device "meta", to measure what a step of training keeps in memory.

    Args:
        latent: height, width of the latents.
    """
    config, empty = unet.config, _empty(unet.dtype)
    found: dict[str, Any] = {
        "sample": empty(batch, config.in_channels, *latent),
        "timestep": torch.empty(batch, dtype=torch.long, device="meta"),
        "encoder_hidden_states": empty(batch, 77, config.cross_attention_dim),
    }
    if config.addition_embed_type == "text_time":
        ids = 6
        pooled = config.projection_class_embeddings_input_dim - ids * config.addition_time_embed_dim
        found["added_cond_kwargs"] = {"text_embeds": empty(batch, pooled), "time_ids": empty(batch, ids)}
    return found


def _empty(dtype: torch.dtype) -> Callable[..., torch.Tensor]:
    return lambda *shape: torch.empty(shape, dtype=dtype, device="meta")


_TARGETS: dict[str, Callable[[Any, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "epsilon": lambda scheduler, latents, noise, at: noise,
    "v_prediction": lambda scheduler, latents, noise, at: scheduler.get_velocity(latents, noise, at),
    "sample": lambda scheduler, latents, noise, at: latents,
}

"""What a training asks of Stable Video Diffusion, when there are photographs and no clips.

Method: Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models" (EDM), 2022, as Blattmann et
al., "Stable Video Diffusion", 2023, use it: noise of a log-normal strength, and a network that answers with a velocity.
An example is a photograph that stands still for some frames, with a photograph as the conditioning frame, the lowest
motion bucket and a little noise on the conditioning frame.

What this can teach is how a person looks. It shows no motion, so by default only the layers inside a frame are trained,
and those between frames stay as they are. With the example's own photograph as the conditioning frame there would be
little to learn but to copy it; so some examples are trained without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from PIL import Image

from nodes.sdk import NodeError
from nodes.train._example import Example, cached, encoded, to_image, to_pixels

NOISE_MEAN, NOISE_SPREAD = 0.7, 1.6  # of the logarithm of the noise's strength, as SVD's last stage was trained
FPS_ID = 6  # the pipeline's default of 7, less one, as the model was trained
MOTION = 1  # lowest motion bucket: a still
NOISE_ON_FRAME = 0.02  # the pipeline's default


class VideoModel:
    """An SVD pipeline with its examples as latents and embeddings, which are computed once.

    Attributes:
        network: the UNet that is trained.
        sizes: height, width of each example.
    """

    def __init__(
        self,
        pipe: Any,
        examples: Sequence[Example],
        *,
        frames: int,
        dropout: float,
        sample_steps: int,
        seed: int,
        done: Callable[[int], None],
    ) -> None:
        """Blocks: encodes all examples.

        Args:
            frames: of each clip.
            dropout: share of the examples that are trained without their conditioning frame.
            seed: of the noise on the conditioning frames.
            done: called with the number of encoded examples; may raise Cancelled.
        """
        if pipe.scheduler.config.prediction_type != "v_prediction":
            raise NodeError(
                "a model of this kind cannot be trained",
                where="params.model",
                seen=f"prediction_type {pipe.scheduler.config.prediction_type}",
                allowed="v_prediction, as Stable Video Diffusion has",
                remedy="Choose another model.",
            )
        self.network = pipe.unet
        self.sizes = [example.crop.size for example in examples]
        self._pipe = pipe
        self._device = pipe.unet.device
        self._frames = frames
        self._dropout = dropout
        self._sample_steps = sample_steps
        self._first = examples[0]
        noise = torch.Generator().manual_seed(seed)

        def conditioning(example: Example) -> torch.Tensor:
            pixels = to_pixels(example.crop.rgb)
            pixels = pixels + NOISE_ON_FRAME * torch.randn(pixels.shape, generator=noise)
            return encoded(pipe.vae, pixels, scaled=False)

        def embedded(example: Example) -> torch.Tensor:
            image = Image.fromarray(example.crop.rgb)
            return pipe._encode_image(image, self._device, 1, False)[0]

        self._latents = cached(examples, lambda one: encoded(pipe.vae, to_pixels(one.crop.rgb)), done)
        self._conditioning = cached(examples, conditioning, lambda _: None)
        self._embeddings = cached(examples, embedded, lambda _: None)

    def loss(self, batch: Sequence[int], generator: torch.Generator) -> torch.Tensor:
        """Mean squared error of the velocity for some examples of one size, as a float32 scalar.

        Args:
            generator: on the CPU; equal states give equal noise on every device.
        """
        still = torch.stack([self._latents[index] for index in batch])
        clip = still[:, None].expand(-1, self._frames, -1, -1, -1).to(self._device)  # (B, T, C, h, w)
        frame = torch.stack([self._conditioning[index] for index in batch]).to(self._device)
        embedding = torch.stack([self._embeddings[index] for index in batch]).to(self._device)
        strength = torch.exp(NOISE_MEAN + NOISE_SPREAD * torch.randn(len(batch), generator=generator))
        noise = torch.randn(clip.shape, generator=generator).to(self._device)
        kept = (torch.rand(len(batch), generator=generator) >= self._dropout).float().to(self._device)
        sigma = strength.to(self._device).view(-1, 1, 1, 1, 1)
        noisy = clip + sigma * noise
        frames = (frame * kept.view(-1, 1, 1, 1))[:, None].expand(-1, self._frames, -1, -1, -1)
        dtype = self.network.dtype
        answer = self.network(
            torch.cat([noisy / (sigma**2 + 1).sqrt(), frames], dim=2).to(dtype),
            (0.25 * strength.log()).to(self._device),
            encoder_hidden_states=(embedding * kept.view(-1, 1, 1)).to(dtype),
            added_time_ids=torch.tensor([[FPS_ID, MOTION, NOISE_ON_FRAME]] * len(batch), dtype=dtype).to(self._device),
        ).sample
        velocity = (noisy / (sigma**2 + 1) - clip) * (sigma**2 + 1).sqrt() / sigma
        return torch.nn.functional.mse_loss(answer.float(), velocity)

    def sample(self, seed: int) -> NDArray[Any]:
        """The last frame of a short clip from the first photograph: (H, W, 3) uint8."""
        height, width = self._first.crop.size
        latents = self._pipe(
            Image.fromarray(self._first.crop.rgb),
            height=height,
            width=width,
            num_frames=self._frames,
            num_inference_steps=self._sample_steps,
            generator=torch.Generator().manual_seed(seed),
            output_type="latent",
        ).frames
        vae = self._pipe.vae
        with torch.no_grad():
            return to_image(self._pipe.decode_latents(latents.to(vae.dtype), self._frames, 1)[0, :, -1])


def inside_frames(unet: Any, targets: Sequence[str]) -> list[str]:
    """The names of the attention layers that work inside one frame, not between frames."""
    names = (name for name, module in unet.named_modules() if isinstance(module, torch.nn.Linear))
    return [name for name in names if "temporal" not in name and name.endswith(tuple(f".{end}" for end in targets))]


def dry_inputs(unet: Any, latent: tuple[int, int], batch: int, frames: int) -> dict[str, Any]:
    """Arguments without data for a UNet on the device "meta", to measure what a step of training keeps in memory."""
    empty = {"dtype": unet.dtype, "device": "meta"}
    return {
        "sample": torch.empty(batch, frames, unet.config.in_channels, *latent, **empty),
        "timestep": torch.empty(batch, **empty),
        "encoder_hidden_states": torch.empty(batch, 1, unet.config.cross_attention_dim, **empty),
        "added_time_ids": torch.empty(batch, 3, **empty),
    }

"""Shows what a diffusion model is making, from its latents, at no cost: one matrix product for each preview.

Method: latents are nearly linear in colour, so a matrix from a latent's channels to RGB gives a small, soft image. The
matrix is fitted by least squares to the model's own encoder, when the model is loaded: squares of known colours go in,
and their latents come out. So it is right for every model, and no table of numbers is copied from anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

_SQUARES = 8  # in each direction
_SIDE_PX = 320  # of the longer side of a preview


@dataclass(frozen=True)
class LatentPreview:
    """A linear map from latents to colours.

    Attributes:
        matrix: (C + 1, 3) float64; the last row is added.
        spread: standard deviation of the latents of the squares. Noisier latents are scaled down to it.
    """

    matrix: NDArray[Any]
    spread: float

    def rgb(self, latents: torch.Tensor) -> NDArray[Any]:
        """(C, h, w) latents, on any device -> (h, w, 3) uint8."""
        values = latents.detach().to("cpu", torch.float64).movedim(0, -1).numpy()
        values = values * min(1.0, self.spread / max(float(values.std()), 1e-9))
        colours = values @ self.matrix[:-1] + self.matrix[-1]
        return (np.nan_to_num(colours).clip(0, 1) * 255).round().astype(np.uint8)

    def jpeg(self, latents: torch.Tensor) -> bytes:
        """(C, h, w) latents -> a JPEG of 320 px."""
        rgb = self.rgb(latents)
        scale = _SIDE_PX / max(rgb.shape[:2])
        large = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        return bytes(cv2.imencode(".jpg", large[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1])


def fit_preview(vae: Any, device: torch.device) -> LatentPreview:
    """Fit the map to an autoencoder of diffusers for images or video. Moves it to the device, in float32 meanwhile."""
    squares = np.random.default_rng(0).random((_SQUARES, _SQUARES, 3), dtype=np.float32)
    factor = _factor(vae)
    image = torch.from_numpy(squares.repeat(4 * factor, 0).repeat(4 * factor, 1)).movedim(-1, 0)[None] * 2 - 1
    is_video = hasattr(vae.config, "z_dim")
    dtype = vae.dtype
    torch.nn.Module.to(vae, device=device, dtype=torch.float32)  # diffusers' own `to` warns that it is not for this
    with torch.no_grad():
        encoded = vae.encode((image[:, :, None] if is_video else image).to(device)).latent_dist.mode().cpu()
    torch.nn.Module.to(vae, dtype=dtype)
    latents = _as_in_pipelines(vae, encoded)[0]
    latents = latents[:, 0] if is_video else latents
    values = latents.double().movedim(0, -1).numpy()
    height, width, channels = values.shape
    colours = cv2.resize(squares, (width, height), interpolation=cv2.INTER_NEAREST).reshape(-1, 3)
    known = np.concatenate([values.reshape(-1, channels), np.ones((height * width, 1))], axis=1)
    matrix = np.linalg.lstsq(known, colours.astype(np.float64), rcond=None)[0]
    return LatentPreview(matrix, max(float(values.std()), 1e-9))


def _factor(vae: Any) -> int:
    if hasattr(vae.config, "scale_factor_spatial"):
        return int(vae.config.scale_factor_spatial)
    return int(2 ** (len(vae.config.block_out_channels) - 1))


def _as_in_pipelines(vae: Any, encoded: torch.Tensor) -> torch.Tensor:
    """Scale latents as the pipelines do before they add noise."""
    if hasattr(vae.config, "z_dim"):
        mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1, 1)
        std = torch.tensor(vae.config.latents_std).view(1, -1, 1, 1, 1)
        return (encoded - mean) / std
    shift = getattr(vae.config, "shift_factor", None) or 0.0
    return (encoded - shift) * float(vae.config.scaling_factor)

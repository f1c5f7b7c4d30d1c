"""Pipelines of the size of published models, with random weights, made on the GPU if the machine has one.

The sizes are those of the published settings. The text encoder of Wan is left small: it runs once in a job, and its
five billion weights would only fill the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from tests.torch import tiny


def _made(build: Callable[[], Any], dtype: torch.dtype) -> Any:
    """What ``build`` makes, in this precision and on the GPU."""
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
            return build()
    finally:
        torch.set_default_dtype(usual)


def _image_vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        sample_size=512,
        force_upcast=False,  # random weights do not overflow as those of SDXL do
    )


def _text(hidden: int, layers: int, heads: int, projected: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_attention_heads=heads,
        num_hidden_layers=layers,
        projection_dim=hidden,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def _vision(projected: bool) -> Any:
    from transformers import CLIPVisionConfig, CLIPVisionModel, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=1280,
        intermediate_size=5120,
        projection_dim=1024,
        num_attention_heads=16,
        num_hidden_layers=32,
        image_size=224,
        patch_size=14,
    )
    return (CLIPVisionModelWithProjection if projected else CLIPVisionModel)(config)


def stable_diffusion() -> Any:
    """Stable Diffusion 1.5: a UNet of 0.86 billion weights."""
    from diffusers import UNet2DConditionModel

    pipe = tiny.stable_diffusion()
    pipe.register_modules(
        unet=UNet2DConditionModel(sample_size=64, cross_attention_dim=768), text_encoder=_text(768, 12, 12)
    )
    pipe.register_modules(vae=_image_vae())
    return pipe


def stable_diffusion_xl() -> Any:
    """SDXL: a UNet of 2.6 billion weights."""
    from diffusers import UNet2DConditionModel

    unet = UNet2DConditionModel(
        sample_size=128,
        block_out_channels=(320, 640, 1280),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 10),
        attention_head_dim=(5, 10, 20),
        cross_attention_dim=2048,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
        use_linear_projection=True,
    )
    pipe = tiny.stable_diffusion_xl()
    pipe.register_modules(
        unet=unet, vae=_image_vae(), text_encoder=_text(768, 12, 12), text_encoder_2=_text(1280, 32, 20, projected=True)
    )
    return pipe


def stable_video_diffusion() -> Any:
    """SVD-XT: a UNet of 1.5 billion weights, 25 frames."""
    from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel

    pipe = tiny.stable_video_diffusion()
    vae = AutoencoderKLTemporalDecoder(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        sample_size=768,
        force_upcast=False,
    )
    pipe.register_modules(unet=UNetSpatioTemporalConditionModel(), vae=vae, image_encoder=_vision(projected=True))
    return pipe


def wan_i2v() -> Any:
    """Wan 2.1 I2V 14B: a transformer of 16 billion weights, 33 GB in half precision."""
    from diffusers import AutoencoderKLWan, WanTransformer3DModel

    transformer = WanTransformer3DModel(
        in_channels=36, out_channels=16, image_dim=1280, added_kv_proj_dim=5120, text_dim=tiny.TEXT_DIM
    )
    pipe = tiny.wan_i2v()
    pipe.register_modules(transformer=transformer, vae=AutoencoderKLWan(), image_encoder=_vision(projected=False))
    return pipe


BUILDERS: dict[str, Callable[[], Any]] = {
    "sd": partial(_made, stable_diffusion, torch.float16),
    "sdxl": partial(_made, stable_diffusion_xl, torch.float16),
    "svd": partial(_made, stable_video_diffusion, torch.float16),
    "wan": partial(_made, wan_i2v, torch.bfloat16),
}

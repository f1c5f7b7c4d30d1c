"""Tiny diffusers models with random weights, for tests of LoRA and its training: equal seeds give equal weights."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLTemporalDecoder,
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableVideoDiffusionPipeline,
    UNet2DConditionModel,
    UNetSpatioTemporalConditionModel,
)
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
CLIP = {"hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2, "num_hidden_layers": 2}


def tokenizer() -> Any:
    words = [*_LETTERS, *(f"{letter}</w>" for letter in _LETTERS), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={word: at for at, word in enumerate(words)}, merges=[], model_max_length=77)


def unet(**options: Any) -> Any:
    torch.manual_seed(0)
    return UNet2DConditionModel(
        **{
            "block_out_channels": (8, 16),
            "layers_per_block": 1,
            "sample_size": 16,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
            "cross_attention_dim": 16,
            "attention_head_dim": 4,
            "norm_num_groups": 4,
            **options,
        }
    )


def vae(kind: Any = AutoencoderKL) -> Any:
    torch.manual_seed(1)
    wide = (32, 32) if kind is AutoencoderKLTemporalDecoder else (8, 16)  # its norms have 32 groups
    blocks = {"block_out_channels": wide, "latent_channels": 4, "layers_per_block": 1}
    if kind is AutoencoderKLTemporalDecoder:
        return kind(down_block_types=("DownEncoderBlock2D",) * 2, **blocks, sample_size=32)
    types = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
    return kind(**types, **blocks, norm_num_groups=4, sample_size=32)


def image_pipeline() -> Any:
    """Stable Diffusion 1.5 in small."""
    torch.manual_seed(2)
    text = CLIPTextModel(CLIPTextConfig(**CLIP, vocab_size=54, bos_token_id=52, eos_token_id=53, pad_token_id=53))
    return StableDiffusionPipeline(
        vae=vae(),
        text_encoder=text,
        tokenizer=tokenizer(),
        unet=unet(),
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def video_unet() -> Any:
    torch.manual_seed(3)
    return UNetSpatioTemporalConditionModel(
        block_out_channels=(32, 32),
        layers_per_block=1,
        sample_size=16,
        in_channels=8,
        out_channels=4,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        num_attention_heads=(2, 2),
        cross_attention_dim=16,
        projection_class_embeddings_input_dim=24,
        addition_time_embed_dim=8,
        num_frames=3,
    )


def video_pipeline() -> Any:
    """Stable Video Diffusion in small."""
    torch.manual_seed(4)
    vision = CLIPVisionConfig(**CLIP, image_size=224, patch_size=112, projection_dim=16)
    return StableVideoDiffusionPipeline(
        vae=vae(AutoencoderKLTemporalDecoder),
        image_encoder=CLIPVisionModelWithProjection(vision),
        unet=video_unet(),
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            prediction_type="v_prediction",
            timestep_type="continuous",
            timestep_spacing="leading",
            sigma_min=0.002,
            sigma_max=700.0,
            use_karras_sigmas=True,
            interpolation_type="linear",
        ),
        feature_extractor=CLIPImageProcessor(crop_size=224, size={"shortest_edge": 224}),
    )

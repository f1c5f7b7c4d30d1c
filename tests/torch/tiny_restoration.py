"""Networks with few random weights, made of spandrel's own architectures, as a user's models folder has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from nodes._torch.torchvision_stand_in import import_spandrel
from nodes.weights import record


def span(scale: int = 2, channels: int = 8) -> Any:
    """SPAN; with weights of half the usual size, so that the result is not black and white noise."""
    from spandrel.architectures.SPAN import SPAN

    torch.manual_seed(0)
    network = SPAN(num_in_ch=3, num_out_ch=3, feature_channels=channels, upscale=scale)
    for parameter in network.parameters():
        parameter.data.mul_(0.5)
    return network


def compact(scale: int = 2) -> Any:
    """Real-ESRGAN's small network, which adds a residual to the enlarged image."""
    from spandrel.architectures.Compact import Compact

    torch.manual_seed(1)
    return Compact(num_in_ch=3, num_out_ch=3, num_feat=8, num_conv=2, upscale=scale)


def esrgan(scale: int = 2) -> Any:
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(2)
    return ESRGAN(in_nc=3, out_nc=3, num_filters=4, num_blocks=2, scale=scale)


def restoreformer() -> Any:
    """RestoreFormer; the number of its levels and the 32 channels of a group cannot be smaller."""
    from spandrel.architectures.RestoreFormer import RestoreFormer

    torch.manual_seed(3)
    return RestoreFormer(
        n_embed=8,
        embed_dim=32,
        ch=32,
        out_ch=3,
        ch_mult=(1, 1, 1, 1, 1, 1),
        num_res_blocks=1,
        attn_resolutions=(16,),
        dropout=0.0,
        in_channels=3,
        resolution=512,
        z_channels=32,
        double_z=False,
        enable_mid=True,
        head_size=8,
    )


def gfpgan(side: int = 64) -> Any:
    """spandrel's descriptor of a GFPGAN that is smaller than any it would load."""
    spandrel = import_spandrel()
    from spandrel.architectures.GFPGAN import GFPGAN, GFPGANArch

    torch.manual_seed(4)
    network = GFPGAN(out_size=side, num_style_feat=16, channel_multiplier=1, num_mlp=1, narrow=0.0625)
    for weight in network.parameters():
        if weight.numel() == 1:
            torch.nn.init.constant_(weight, 0.5)  # the strength of the noise, which is 0 before training
    return spandrel.ImageModelDescriptor(
        network.eval(),
        network.state_dict(),
        architecture=GFPGANArch(),
        purpose="FaceSR",
        tags=[],
        supports_half=False,
        supports_bfloat16=True,
        scale=1,
        input_channels=3,
        output_channels=3,
        call_fn=lambda model, image: model(image)[0],
    )


def install(models: Path, name: str, network: Any, suffix: str = ".safetensors") -> Path:
    """Save the weights as publishers do, and record them as an installed model."""
    folder = models / name
    folder.mkdir(parents=True)
    weights = {key: value.contiguous() for key, value in network.state_dict().items()}
    if suffix == ".safetensors":
        save_file(weights, folder / f"{name}{suffix}")
    else:
        torch.save({"params_ema": weights}, folder / f"{name}{suffix}")
    record(folder)
    return folder

"""A Wav2Lip with seeded random weights whose mouths can be told apart, and checkpoints of it."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn

from nodes import weights
from nodes.generate._wav2lip.network import Wav2Lip

WIDTH = 0.125  # of the published number of channels: a face takes 6 ms of CPU instead of 130


def tiny(seed: int = 0, width: float = WIDTH) -> Wav2Lip:
    """Random weights; its batch norms are set by one random batch, so that no layer fades or saturates."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        network = Wav2Lip(width)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0
        network.train()(torch.randn(8, 1, 80, 16) * 2, torch.rand(8, 6, 96, 96))
    return network.eval().requires_grad_(False)


def deaf(network: Wav2Lip) -> Wav2Lip:
    """The network with the path of the sound cut off: the last layer of its audio encoder gives nothing."""
    last = network.audio_encoder[-1].conv_block[0]
    assert isinstance(last, nn.Conv2d) and last.bias is not None
    with torch.no_grad():
        last.weight.zero_()
        last.bias.zero_()
    return network


def install(models: Path, name: str, network: Wav2Lip) -> None:
    """Save it below the folder of the models, in the format of the published files, and record it."""
    folder = models / name
    folder.mkdir(parents=True)
    weights_ = OrderedDict((f"module.{key}", tensor) for key, tensor in network.state_dict().items())
    moments = {"state": {0: {"step": 7, "exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 1e-4, "params": [0]}]}
    saved = {"state_dict": weights_, "optimizer": moments, "global_step": 7, "global_epoch": 1}
    torch.save(saved, folder / f"{name}.pth", _use_new_zipfile_serialization=False)
    weights.record(folder)

"""The network of Wav2Lip for faces of 96 x 96 px: encoders of face and sound, and a decoder with skip connections.

Method: Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to Lip Generation In the Wild", ACM Multimedia
2020. Own code after the architecture of the published network; the modules have the names of its state dict, so that
published checkpoints load.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

FACE_PX = 96

# Of each level: a convolution that shrinks or enlarges, then so many of the same size with a residual.
_FACE_LEVELS = ((16, 0), (32, 2), (64, 3), (128, 2), (256, 2), (512, 1))  # channels, residual convolutions
_AUDIO_LEVELS: tuple[tuple[int, int | tuple[int, int], int], ...] = (  # channels, stride, residual convolutions
    (32, 1, 2),
    (64, (3, 1), 2),
    (128, 3, 2),
    (256, (3, 2), 1),
)
_DECODER_LEVELS = ((512, 1), (512, 2), (384, 2), (256, 2), (128, 2), (64, 2))  # channels, residual convolutions


class Convolution(nn.Module):
    """Convolution, batch norm, residual if asked for, ReLU. (B, inputs, H, W) -> (B, outputs, H', W')."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int | tuple[int, int] = 1,
        padding: int = 1,
        *,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.BatchNorm2d(outputs))
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv_block(x)
        return torch.relu(y + x if self.residual else y)


class Enlargement(nn.Module):
    """Transposed convolution, batch norm, ReLU. (B, inputs, H, W) -> (B, outputs, H', W')."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        extra = stride - 1  # 1 -> 3 with stride 1 and no padding; else H -> 2 H
        self.conv_block = nn.Sequential(
            nn.ConvTranspose2d(inputs, outputs, 3, stride, padding=extra, output_padding=extra), nn.BatchNorm2d(outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv_block(x)
        return torch.relu(y)


class Wav2Lip(nn.Module):
    """Paints the lower half of a face so that it says what is heard. 36 million parameters.

    Args:
        width: share of the published number of channels, for tests.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()

        def wide(channels: int) -> int:
            return max(1, round(channels * width))

        top = wide(512)
        self.face_encoder_blocks = nn.ModuleList()
        inputs = 6
        for level, (channels, residuals) in enumerate(_FACE_LEVELS):  # 96, 48, 24, 12, 6, 3
            outputs = wide(channels)
            first = Convolution(inputs, outputs, 3, 2) if level else Convolution(inputs, outputs, 7, 1, 3)
            self.face_encoder_blocks.append(nn.Sequential(first, *_same(outputs, residuals)))
            inputs = outputs
        self.face_encoder_blocks.append(nn.Sequential(*_to_one(top)))

        heard: list[nn.Module] = []
        inputs = 1
        for channels, stride, residuals in _AUDIO_LEVELS:  # 80 x 16, 27 x 16, 9 x 6, 3 x 3
            outputs = wide(channels)
            heard += [Convolution(inputs, outputs, 3, stride), *_same(outputs, residuals)]
            inputs = outputs
        heard += [Convolution(inputs, top, 3, 1, 0), Convolution(top, top, 1, 1, 0)]
        self.audio_encoder = nn.Sequential(*heard)

        self.face_decoder_blocks = nn.ModuleList([nn.Sequential(Convolution(top, top, 1, 1, 0))])
        inputs, skips = 2 * top, [wide(channels) for channels, _ in reversed(_FACE_LEVELS)]
        for level, (channels, residuals) in enumerate(_DECODER_LEVELS):  # 3, 6, 12, 24, 48, 96
            outputs = wide(channels)
            first_up = Enlargement(inputs, outputs, 2 if level else 1)
            self.face_decoder_blocks.append(nn.Sequential(first_up, *_same(outputs, residuals)))
            inputs = outputs + skips[level]
        self.output_block = nn.Sequential(Convolution(inputs, wide(32)), nn.Conv2d(wide(32), 3, 1), nn.Sigmoid())

    def forward(self, mel: Tensor, faces: Tensor) -> Tensor:
        """(B, 1, 80, 16) mel windows, -4 to 4, and (B, 6, 96, 96) faces -> (B, 3, 96, 96), 0 to 1.

        Args:
            faces: BGR, 0 to 1: three channels with the lower half zero, then three of how the person looks.
        """
        skips = []
        for block in self.face_encoder_blocks:
            faces = block(faces)
            skips.append(faces)
        x: Tensor = self.audio_encoder(mel)  # (B, 512, 1, 1)
        for block in self.face_decoder_blocks:
            x = torch.cat((block(x), skips.pop()), dim=1)
        painted: Tensor = self.output_block(x)
        return painted


def _same(channels: int, count: int) -> list[Convolution]:
    return [Convolution(channels, channels, residual=True) for _ in range(count)]


def _to_one(channels: int) -> tuple[Convolution, Convolution]:
    """(B, channels, 3, 3) -> (B, channels, 1, 1)"""
    return Convolution(channels, channels, 3, 1, 0), Convolution(channels, channels, 1, 1, 0)

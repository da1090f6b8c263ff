"""The teacher: two convolutional encoders and one decoder that fuse clean luma (TSDM-Fusion, Section III-B)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

BASE_CHANNELS = 32
LEAKY_SLOPE = 0.1


def _convolutions(channels: list[int], last_activation: bool) -> nn.Sequential:
    """3×3 convolutions without bias between ``channels``, each followed by a LeakyReLU (the last one optionally)."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.LeakyReLU(LEAKY_SLOPE, inplace=True)]
    return nn.Sequential(*layers if last_activation else layers[:-1])


class Teacher(nn.Module):
    """``teacher(ir, y) -> fused luma``, all N×1×H×W in [0, 1] (the output is not clamped); 2,341,728 parameters.

    State-dict keys are those of the authors' release.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = [BASE_CHANNELS * 2**i for i in range(4)]
        self.encoder_a = _convolutions([1, *widths], last_activation=True)
        self.encoder_b = _convolutions([1, *widths], last_activation=True)
        self.decoder = _convolutions([2 * widths[-1], *widths[::-1], 1], last_activation=False)

    def forward(self, ir: Tensor, y: Tensor) -> Tensor:
        """Fused luma of infrared ``ir`` and visible luma ``y``, all N×1×H×W."""
        return self.decoder(torch.cat([self.encoder_a(ir), self.encoder_b(y)], dim=1))

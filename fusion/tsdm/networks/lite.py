"""``tsdm_lite``: a small convolutional student, for machines on which the transformer is too slow. Our extension."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusion.method import rgb_to_ycbcr, ycbcr_to_rgb

CELL = 16
"""Side of the cells (px) over which an overview averages: noise and blur hardly change their means."""
STATISTICS = 16
"""Mean, standard deviation, minimum and maximum of the cells' means of infrared, red, green and blue."""
WIDTHS = (32, 48, 72)
"""Channels at a half, a quarter and an eighth of the resolution."""
HIDDEN = 32
LARGEST_LOG_GAIN = 1.5
"""Contrast is raised up to 4.5 times."""


def overview(ir: Tensor, vis: Tensor) -> Tensor:
    """What a whole image tells of its exposure and contrast, N×16, from N×1×H×W and N×3×H×W in [0, 1], sides ≥ 16."""
    return statistics_of(F.avg_pool2d(torch.cat([ir, vis], 1), CELL))


def statistics_of(cells: Tensor) -> Tensor:
    """N×16 statistics of the cells' means, N×4×h×w: infrared, red, green, blue."""
    flat = cells.flatten(2)
    mean = flat.mean(2)
    deviation = (flat - mean[..., None]).square().mean(2).add(1e-8).sqrt()
    return torch.cat([mean, deviation, flat.amin(2), flat.amax(2)], 1)


class Residual(nn.Module):
    """x + conv(ReLU(conv(x))), 3×3 each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """What the convolutions add to ``x``, N×C×H×W."""
        return x + self.second(F.relu(self.first(x)))


def _doubled(x: Tensor) -> Tensor:
    """Every value repeated 2×2: on a CPU in half the time of a pixel shuffle, and with a quarter of its weights."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def _smooth(cells: Tensor, side: int) -> Tensor:
    """The values of cells of ``side``×``side`` pixels, spread over the pixels without steps."""
    return F.interpolate(cells, scale_factor=float(side), mode="bilinear", align_corners=False)


class LiteStudent(nn.Module):
    """Fuse and restore a degraded pair: N×1×H×W and N×3×H×W in [0, 1], sides multiples of 16, to N×3×H×W, not clamped.

    What varies slowly is a photometric guess, what varies fast comes from a U-shaped network that works on half the
    resolution. The guess is the mean of both lumas, averaged over 16×16 pixels, with one gain about the mean level for
    the whole image, because contrast is a property of it; the gain follows from the overview and from the mean deep
    features, which tell how noisy and how sharp the image is. Brightness, light and shade of the sources are thus kept
    on images of any kind. The correction of the colour is proportional to the colour around: a grey input gives a grey
    result, whatever the weights are.
    """

    def __init__(self) -> None:
        super().__init__()
        wide, wider, widest = WIDTHS
        self.exposure = nn.Sequential(nn.Linear(STATISTICS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * wide))
        self.photometry = nn.Sequential(nn.Linear(STATISTICS + widest, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2))
        self.stem = nn.Conv2d(16, wide, 3, padding=1)
        self.encoder_half = nn.Conv2d(wide, wide, 3, padding=1)
        self.to_quarter = nn.Conv2d(wide, wider, 2, stride=2)
        self.encoder_quarter = Residual(wider)
        self.to_eighth = nn.Conv2d(wider, widest, 2, stride=2)
        self.middle = Residual(widest)
        self.from_eighth = nn.Conv2d(widest, wider, 1)
        self.decoder_quarter = Residual(wider)
        self.from_quarter = nn.Conv2d(wider, wide, 1)
        self.decoder_half = nn.Conv2d(wide, wide, 3, padding=1)
        self.head = nn.Conv2d(wide, 12, 3, padding=1)
        for layer in (self.exposure[-1], self.photometry[-1], self.head):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.to(memory_format=torch.channels_last)  # in which oneDNN and cuDNN compute

    def forward(self, ir: Tensor, vis: Tensor, seen: Tensor | None = None) -> Tensor:
        """``seen`` is the overview of the whole images of which ``ir`` and ``vis`` are patches."""
        seen = overview(ir, vis) if seen is None else seen
        scale, shift = self.exposure(seen - 0.5)[..., None, None].chunk(2, dim=1)
        features = F.pixel_unshuffle(torch.cat([ir, vis], 1) - 0.5, 2)
        half = F.relu(self.stem(features) * (1 + scale) + shift)
        half = F.relu(self.encoder_half(half))
        quarter = self.encoder_quarter(self.to_quarter(half))
        deep = self.middle(self.to_eighth(quarter))
        quarter = self.decoder_quarter(quarter + _doubled(self.from_eighth(deep)))
        half = F.relu(half + _doubled(self.from_quarter(quarter)))
        details = F.pixel_shuffle(self.head(F.relu(self.decoder_half(half))), 2).float()

        known = torch.cat([seen - 0.5, F.relu(deep).mean((2, 3))], 1)
        numbers = torch.tanh(self.photometry(known).float())[..., None, None]
        gain, saturation = numbers.split(1, dim=1)
        y, cb, cr = rgb_to_ycbcr(vis)
        means = torch.cat([seen[:, :1, None, None], rgb_to_ycbcr(seen[:, 1:4, None, None])[0]], 1)
        slow = F.avg_pool2d(torch.cat([ir, y, details[:, :1]], 1), CELL)
        guess = (torch.exp(LARGEST_LOG_GAIN * gain) * (slow[:, :2] - means) + means).mean(1, keepdim=True)
        luma = _smooth(guess - slow[:, 2:], CELL) + details[:, :1]

        chroma = torch.cat([cb, cr], 1) - 0.5
        colourful = _smooth(F.avg_pool2d(chroma.abs().sum(1, keepdim=True), 4), 4)
        colour = (1 + saturation) * chroma + colourful * details[:, 1:]
        return ycbcr_to_rgb(luma, colour[:, :1] + 0.5, colour[:, 1:] + 0.5)

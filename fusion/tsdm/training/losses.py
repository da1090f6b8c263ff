"""The losses of TSDM-Fusion (Section III): teacher, student and adversarial terms. Images are N×C×H×W in [0, 1]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pytorch_msssim
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fusion.method import rgb_to_ycbcr

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
CHARBONNIER_EPSILON = 1e-6
SMALLEST_VARIANCE = 1e-4  # of a luma whose gain can be told
LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))
VGG19_WIDTHS = (64, 64, None, 128, 128, None, *[256] * 4, None, *[512] * 4, None, *[512] * 4)
"""Widths of the 3×3 convolutions of VGG19 (Simonyan & Zisserman 2015, column E); None is a 2×2 max pooling."""
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

SsimSign = Literal["corrected", "official"]
GeneratorLabels = Literal["swapped", "official"]
Backbone = Literal["vgg19", "vgg19_random"]


def gradient_loss(fused: Tensor, source: Tensor) -> Tensor:
    """Mean squared difference of the 4-neighbour Laplacians (border pixels repeated) of two N×1×H×W images."""
    kernel = fused.new_tensor(LAPLACIAN)[None, None]
    difference = F.pad(fused - source, (1, 1, 1, 1), mode="replicate")
    return F.conv2d(difference, kernel).square().mean()


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Mean structural similarity of two N×C×H×W images in [0, 1], over the places where the window fits (Wang et al.,
    IEEE TIP 2004: Gaussian window 11×11, σ 1.5, K 0.01 and 0.03, data range 1), by pytorch-msssim.

    Raises ``ValueError`` where a side is smaller than the window, which the library would leave out there.

    >>> float(ssim(torch.zeros(1, 1, 16, 16), torch.zeros(1, 1, 16, 16)))
    1.0
    """
    if min(a.shape[-2:]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs sides of at least {SSIM_WINDOW} pixels, got {tuple(a.shape[-2:])}")
    return pytorch_msssim.ssim(a, b, data_range=1.0, win_size=SSIM_WINDOW, win_sigma=SSIM_SIGMA)


def teacher_loss(
    fused: Tensor, ir: Tensor, y: Tensor, ssim_weight: float = 0.001, ssim_sign: SsimSign = "corrected"
) -> dict[str, Tensor]:
    """Terms of the teacher's loss, each the mean over both sources and already weighted, and their sum ``total``.

    The release adds +SSIM, so that minimising pushes similarity down; ``official`` keeps that, ``corrected`` adds
    1 - SSIM.
    """
    sources = (ir, y)
    similarity = sum(ssim(fused, source) for source in sources) / 2
    terms = {
        "l1": sum(F.l1_loss(fused, source) for source in sources) / 2,
        "gradient": sum(gradient_loss(fused, source) for source in sources) / 2,
        "ssim": ssim_weight * (similarity if ssim_sign == "official" else 1 - similarity),
    }
    return terms | {"total": sum(terms.values())}


def charbonnier(a: Tensor, b: Tensor) -> Tensor:
    """Mean of √((a-b)² + ε), a smooth L1."""
    return ((a - b).square() + CHARBONNIER_EPSILON).sqrt().mean()


def fitted(image: Tensor, target: Tensor) -> Tensor:
    """``image`` (N×3×H×W RGB) with the gain and the offset that bring its luma closest to that of ``target``.

    Both are one number an image, by least squares; the gain is kept in 0.5…2, and no gradient goes through it.

    >>> target = torch.rand(1, 3, 8, 8)
    >>> torch.allclose(fitted(0.8 * target + 0.1, target), target, atol=1e-2)
    True
    """
    given, wanted = rgb_to_ycbcr(image)[0], rgb_to_ycbcr(target)[0]
    mean = given.mean((2, 3), keepdim=True)
    wanted_mean = wanted.mean((2, 3), keepdim=True)
    with torch.no_grad():
        covariance = ((given - mean) * (wanted - wanted_mean)).mean((2, 3), keepdim=True)
        gain = (covariance / ((given - mean).square().mean((2, 3), keepdim=True) + SMALLEST_VARIANCE)).clamp(0.5, 2)
    return gain * (image - mean) + wanted_mean


class ContentLoss(nn.Module):
    """L1 between the VGG19 features (``features.35``) of two N×3×H×W RGB images, each side at least 16 pixels.

    ``backbone`` is ``vgg19`` (``state``, or by default torchvision's ImageNet weights, which are downloaded once), or
    ``vgg19_random``: the same layers with seeded random weights, which need no download.
    """

    def __init__(self, backbone: Backbone = "vgg19", state: Mapping[str, Tensor] | None = None) -> None:
        super().__init__()
        self.features = _vgg19_features()
        if backbone == "vgg19":
            state = _imagenet_state() if state is None else state
            own = {key.removeprefix("features."): value for key, value in state.items() if key.startswith("features.")}
            self.features.load_state_dict(own)
        self.features.requires_grad_(False)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """The loss of ``a`` against the target ``b``, which gets no gradient."""
        with torch.no_grad():
            target = self.features((b - self.mean) / self.std)
        return F.l1_loss(self.features((a - self.mean) / self.std), target)


def _vgg19_features() -> nn.Sequential:
    """The layers up to ``features.35`` with weights of variance 2 / (9 · inputs) from a seed (He initialisation)."""
    generator = torch.Generator().manual_seed(0)
    layers: list[nn.Module] = []
    inputs = 3
    for width in VGG19_WIDTHS:
        if width is None:
            layers.append(nn.MaxPool2d(2))
            continue
        conv = nn.Conv2d(inputs, width, 3, padding=1)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu", generator=generator)
        nn.init.zeros_(conv.bias)
        layers += [conv, nn.ReLU(inplace=True)]
        inputs = width
    return nn.Sequential(*layers)


def _imagenet_state() -> Mapping[str, Tensor]:
    from torchvision.models import VGG19_Weights

    try:
        return VGG19_Weights.IMAGENET1K_V1.get_state_dict(progress=True, check_hash=True)
    except OSError as error:
        raise ValueError(
            f"torchvision's VGG19 weights could not be downloaded ({error}); set loss.content_weights to a local copy "
            f"of {VGG19_Weights.IMAGENET1K_V1.url.rpartition('/')[2]}, loss.content_backbone to vgg19_random, or "
            f"loss.content_weight to 0"
        ) from error


def _relativistic(real: Tensor, fake: Tensor, real_label: float) -> Tensor:
    """BCE of D(real) - mean D(fake) against ``real_label``, plus that of D(fake) - mean D(real) against the other."""
    real_side, fake_side = real - fake.mean(), fake - real.mean()
    return F.binary_cross_entropy_with_logits(
        real_side, torch.full_like(real_side, real_label)
    ) + F.binary_cross_entropy_with_logits(fake_side, torch.full_like(fake_side, 1 - real_label))


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Relativistic average loss of the discriminator from the logits of targets and student outputs (N×1)."""
    return _relativistic(real, fake, 1.0)


def generator_loss(real: Tensor, fake: Tensor, labels: GeneratorLabels = "swapped") -> Tensor:
    """Relativistic average loss of the student from the same logits.

    ``swapped`` labels (ESRGAN) ask that outputs look more real than targets; ``official`` keeps the discriminator's
    labels, as the release does.
    """
    return _relativistic(real, fake, 0.0 if labels == "swapped" else 1.0) / 2

"""URFusion: one network that fuses and removes degradations, and an appearance of eight constants."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import scipy.io
import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.learned.layers import State, conv, published_state
from fusion.method import Method
from tsdm_bench.weights.card import github_file

REPOSITORY = "hanna-xu/URFusion", "6a04f3e06160b959d82f0d9005872f78ded6987e"
WEIGHTS = github_file(
    *REPOSITORY,
    "vis-ir/train-jobs/ckpt/content-fusion_ckpt.pth",
    name="URFusion_fusion.pth",
    bytes=987922,
    sha256="631051fd45f5b7a616db9f002608017a6122ca6903ac7d132c560ddd0d73cc3a",
    licence="none",
)
APPEARANCE = github_file(
    *REPOSITORY,
    "vis-ir/train-jobs/vis.mat",
    name="URFusion_vis.mat",
    bytes=3936,
    sha256="b246b64d5c27248b631e356efdbeb52651b0f91539fef6b44201fb72822bb92c",
    licence="none",
)
SLOPE = 0.01  # of the leaky ReLU
MULTIPLE = 4  # of the sides of what the authors' script fuses
GREY = 0.2989 + 0.5870 + 0.1140  # their grey helper reads the first channel three times
TO_YCBCR = ((0.257, 0.504, 0.098), (-0.148, -0.291, 0.439), (0.439, -0.368, -0.071))
FROM_YCBCR = ((1.164, 0.0, 1.596), (1.164, -0.392, -0.813), (1.164, 2.017, 0.0))
OFFSETS = (16 / 255, 128 / 255, 128 / 255)


class Look(NamedTuple):
    """The statistical appearance: two gains and offsets before the contrast, one after it, contrast and saturation."""

    gain: float
    offset: float
    second_gain: float
    second_offset: float
    last_gain: float
    last_offset: float
    contrast: float
    saturation: float


def content(state: State, ir: Tensor, vis: Tensor) -> Tensor:
    """The fused content N×3×H×W before its last tanh, of infrared N×1×H×W and RGB N×3×H×W in [0, 1]; sides even."""
    first = _layer(torch.cat([vis, ir, ir, ir], dim=1), state, "conv1")
    third = _layer(_layer(first, state, "conv2"), state, "conv3")
    gated = torch.cat([third, first], dim=1)
    gated.mul_(_channel_gate(gated, state))
    fourth = _attend(conv(gated, state, "conv4", pad="reflect"), state, 1)
    del gated, first
    fifth = _layer(F.avg_pool2d(fourth, 2), state, "conv5")
    joined = _attend(torch.cat([fifth, F.avg_pool2d(third, 2)], dim=1), state, 2)
    del fifth, third
    joined = F.interpolate(joined, scale_factor=2, mode="bicubic", align_corners=True)
    x = torch.cat([_layer(joined, state, "conv6"), fourth], dim=1)
    del joined, fourth
    x = _attend(conv(x, state, "conv7", pad="reflect"), state, 3)
    x = _layer(_layer(x, state, "conv8"), state, "conv9")
    for number, epsilon in ((10, 1e-3), (11, 1e-2)):
        x = F.leaky_relu_(F.group_norm(conv(x, state, f"conv{number}", pad="reflect"), 1, eps=epsilon), SLOPE)
    return conv(x, state, "conv12", pad="reflect")


def _layer(x: Tensor, state: State, key: str) -> Tensor:
    return F.leaky_relu_(conv(x, state, key, pad="reflect"), SLOPE)


def _channel_gate(x: Tensor, state: State) -> Tensor:
    """A factor per channel: a sigmoid of the sum of two sigmoids, of the mean and of the maximum of each channel."""
    gates = [
        F.linear(
            F.linear(values, state["fc.0.weight"], state["fc.0.bias"]).relu(), state["fc.2.weight"], state["fc.2.bias"]
        ).sigmoid()
        for values in (x.mean((2, 3)), x.amax((2, 3)))
    ]
    return (gates[0] + gates[1]).sigmoid()[..., None, None]


def _attend(x: Tensor, state: State, number: int) -> Tensor:
    """``x`` times a factor per pixel, made from mean and maximum over its channels, then a leaky ReLU; in place."""
    gate = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
    gate = conv(_layer(gate, state, f"sa_conv{number}_1"), state, f"sa_conv{number}_2", pad="reflect").sigmoid()
    return F.leaky_relu_(x.mul_(gate), SLOPE)


def plain(x: Tensor) -> Tensor:
    """The content as an image in [0, 1], without an appearance: flat and low in contrast."""
    return torch.tanh(x) / 2 + 0.5


def appearance(x: Tensor, look: Look) -> Tensor:
    """The content with the appearance, N×3×H×W in [0, 1]; contrast is about the mean luma of each image."""
    x = plain(look.gain * x + look.offset)
    x = (look.second_gain * x + look.second_offset).clamp(0, 1)
    offsets = x.new_tensor(OFFSETS)[:, None, None]
    ycbcr = (torch.einsum("ij,njhw->nihw", x.new_tensor(TO_YCBCR), x) + offsets).clamp_(0, 1)
    mean = ycbcr[:, :1].mean((2, 3), keepdim=True)
    ycbcr[:, :1].sub_(mean).mul_(look.contrast).add_(mean).clamp_(0, 1)
    x = torch.einsum("ij,njhw->nihw", x.new_tensor(FROM_YCBCR), ycbcr - offsets).clamp_(0, 1)
    x = look.last_gain * x + look.last_offset
    red = x[:, :1]
    grey = GREY * red
    colour = 1 - GREY * (red - grey)
    return (x * (1 + look.saturation * colour) - grey * look.saturation * colour).clamp(0, 1)


def _load(finish: Callable[..., Tensor], weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)["model_F_state_dict"]
    if finish is appearance:
        finish = partial(appearance, look=Look(*map(float, scipy.io.loadmat(weights[APPEARANCE.name])["centroid"][0])))
    return lambda ir, vis: finish(content(state, ir, vis))


CITATION = r"""@article{xu2025urfusion,
  author  = {Xu, Han and Yi, Xunpeng and Lu, Chen and Liu, Guangcan and Ma, Jiayi},
  title   = {{URFusion}: Unsupervised Unified Degradation-Robust Image Fusion Network},
  journal = {IEEE Transactions on Image Processing},
  volume  = {34},
  pages   = {5803--5818},
  year    = {2025},
}"""
_FACTS: dict[str, Any] = {
    "kind": "learned",
    "source": "Xu et al., URFusion: unsupervised unified degradation-robust image fusion network, IEEE TIP 34 (2025); "
    "github.com/hanna-xu/URFusion",
    "citation": CITATION,
    "year": 2025,
    "venue": "IEEE TIP",
    "licence": "none",
    "multiple": MULTIPLE,
    "weights": (WEIGHTS, APPEARANCE),
}
METHOD = Method(
    name="urfusion",
    title="URFusion",
    description="Made to remove degradations while it fuses; colour of the network with the published appearance.",
    parameters=243_302 + 8,
    load=partial(_load, appearance),
    **_FACTS,
)
CONTENT = Method(
    name="urfusion_content",
    title="URFusion (content)",
    description="The fused content without the appearance that the authors give it: flat and low in contrast.",
    parameters=243_302 + 8,
    load=partial(_load, plain),
    **_FACTS,
)

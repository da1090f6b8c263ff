"""SeAFusion: gradient residual dense blocks, trained in the loop of a segmentation network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.learned.layers import State, conv, published_state
from fusion.learned.saving import stretched, truncated
from fusion.method import Method, rgb_to_ycbcr, ycbcr_to_rgb
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "appleiphonedddd/Infrared-and-visible-image-fusion-benchmark",
    "391a85fc17dfc99c12c60d53ada4fdd12183251b",
    "checkpoint/SeAFusion.pth",
    name="SeAFusion_apple.pth",
    bytes=682043,
    sha256="8d65a7f9a50f36349803368cf9920f40420776995e7e8cc8a56d8d30e499431d",
    licence="Apache-2.0 here; MIT upstream (Linfeng-Tang/SeAFusion)",
)


def network(state: State, vis: Tensor, ir: Tensor) -> Tensor:
    """Fused luma in [0, 1] of visible luma and infrared, each N×1×H×W in [0, 1]."""
    x = torch.cat([_encode(state, "vis", vis), _encode(state, "inf", ir)], dim=1)
    for layer in ("decode4", "decode3", "decode2"):
        x = F.leaky_relu(conv(x, state, f"{layer}.conv"), 0.2)
    return torch.tanh(conv(x, state, "decode1.conv")) / 2 + 0.5


def _encode(state: State, stream: str, x: Tensor) -> Tensor:
    x = F.leaky_relu(conv(x, state, f"{stream}_conv.conv"), 0.2)
    return _gradient_residual_dense_block(
        state, f"{stream}_rgbd2", _gradient_residual_dense_block(state, f"{stream}_rgbd1", x)
    )


def _gradient_residual_dense_block(state: State, key: str, x: Tensor) -> Tensor:
    """Dense features plus the features of the gradient magnitude; the "Sobel" kernels were trained along."""
    dense = torch.cat([x, F.leaky_relu(conv(x, state, f"{key}.dense.conv1.conv"), 0.2)], dim=1)
    dense = torch.cat([dense, F.leaky_relu(conv(dense, state, f"{key}.dense.conv2.conv"), 0.2)], dim=1)
    along, down = (
        F.conv2d(x, state[f"{key}.sobelconv.{axis}.weight"], padding=1, groups=x.shape[1]).abs()
        for axis in ("convx", "convy")
    )
    gradient = along + down
    return F.leaky_relu(conv(dense, state, f"{key}.convdown.conv") + conv(gradient, state, f"{key}.convup.conv"), 0.1)


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)
    return lambda ir, y: network(state, y, ir)


def _load_official(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)

    def fuse(ir: Tensor, vis: Tensor) -> Tensor:
        y, cb, cr = rgb_to_ycbcr(vis)
        rgb = ycbcr_to_rgb(network(state, y, ir), cb, cr).clamp(0, 1)
        return truncated(stretched(rgb))

    return fuse


CITATION = r"""@article{tang2022seafusion,
  author  = {Tang, Linfeng and Yuan, Jiteng and Ma, Jiayi},
  title   = {Image Fusion in the Loop of High-Level Vision Tasks: A Semantic-Aware Real-Time Infrared and
             Visible Image Fusion Network},
  journal = {Information Fusion},
  volume  = {82},
  pages   = {28--42},
  year    = {2022},
  doi     = {10.1016/j.inffus.2021.12.004},
}"""
_FACTS: dict[str, Any] = {
    "trained_on": ("msrs",),
    "kind": "learned",
    "citation": CITATION,
    "source": "Tang, Yuan & Ma, Image fusion in the loop of high-level vision tasks, Information Fusion 82 (2022); "
    "github.com/Linfeng-Tang/SeAFusion",
    "year": 2022,
    "venue": "Information Fusion",
    "licence": "MIT",
    "parameters": 166_883,
    "weights": (WEIGHTS,),
}
METHOD = Method(
    name="seafusion",
    title="SeAFusion",
    description="Gradient residual dense network trained with a segmentation loss; luma, clamped.",
    luma=True,
    load=_load,
    **_FACTS,
)
OFFICIAL = Method(
    name="seafusion_official",
    title="SeAFusion (official output)",
    description="As the authors' test script saves it: the colour image stretched to its own minimum and maximum.",
    load=_load_official,
    **_FACTS,
)

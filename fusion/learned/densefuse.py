"""DenseFuse: one densely connected encoder for both images, features averaged, one decoder."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from fusion.learned.layers import State, conv, published_state
from fusion.method import Method
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "hli1221/densefuse-pytorch",
    "4394b63e9295db1c6b7a5c3664551c90f0605f2b",
    "models/densefuse_gray.model",
    name="densefuse_gray.model",
    bytes=300413,
    sha256="b34cf3650f04161b31ac2467decfeedf7eba39165b7618f846e0f298ecd2ac65",
    licence="none",
)
GREY_LEVELS = 255.0  # the network works on 0..255


def network(state: State, ir: Tensor, y: Tensor) -> Tensor:
    """Fused luma (about 0..255) of infrared and visible luma, each N×1×H×W in 0..255; fusion by addition."""
    x = (_encode(state, ir) + _encode(state, y)) / 2
    for layer in ("conv2", "conv3", "conv4", "conv5"):
        x = conv(x, state, f"{layer}.conv2d", pad="reflect").relu()
    return x


def _encode(state: State, x: Tensor) -> Tensor:
    x = conv(x, state, "conv1.conv2d", pad="reflect").relu()
    for i in range(3):
        x = torch.cat([x, conv(x, state, f"DB1.denseblock.{i}.dense_conv.conv2d", pad="reflect").relu()], dim=1)
    return x


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)
    return lambda ir, y: network(state, ir * GREY_LEVELS, y * GREY_LEVELS) / GREY_LEVELS


CITATION = r"""@article{li2019densefuse,
  author  = {Li, Hui and Wu, Xiao-Jun},
  title   = {{DenseFuse}: A Fusion Approach to Infrared and Visible Images},
  journal = {IEEE Transactions on Image Processing},
  volume  = {28},
  number  = {5},
  pages   = {2614--2623},
  year    = {2019},
  doi     = {10.1109/TIP.2018.2887342},
}"""

METHOD = Method(
    name="densefuse",
    title="DenseFuse",
    kind="learned",
    description="Densely connected auto-encoder, features fused by addition; luma, clamped.",
    source="Li & Wu, DenseFuse: a fusion approach to infrared and visible images, IEEE TIP 28(5) (2019); "
    "github.com/hli1221/densefuse-pytorch",
    citation=CITATION,
    year=2019,
    venue="IEEE TIP",
    licence="none",
    luma=True,
    parameters=74_193,
    weights=(WEIGHTS,),
    load=_load,
)

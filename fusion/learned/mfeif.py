"""MFEIF: a multi-scale feature ensemble, weighted by attention to edges."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.learned.layers import State, batch_norm, conv, published_state
from fusion.method import Method
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "JinyuanLiu-CV/MFEIF",
    "07906adf34beb3de396aaf76a858a16887d547a4",
    "weights/default.pth",
    name="MFEIF.pth",
    bytes=1523983,
    sha256="de730170d4e7c794c476bdf1ace00b3f949ce12fe332dec4d83aa0a961d809b6",
    licence="none",
)
DILATIONS = {"a": 1, "b": 2, "c": 3}


def network(weights: dict[str, State], ir: Tensor, y: Tensor) -> Tensor:
    """Fused luma (0 or more) of infrared and visible luma, each N×1×H×W in [0, 1]."""
    features = [_extract(x, weights["ext"]) for x in (ir, y)]
    attention = [_attend(x, weights["att"]) for x in (ir, y)]
    first, second = (deep * weight for (deep, _, _), weight in zip(features, attention, strict=True))
    fused = (first + second).softmax(dim=1)
    middle = _merge(features[0][1], features[1][1])
    shallow = _merge(features[0][2], features[1][2])
    state = weights["con"]
    x = torch.cat([_layer(fused, state, "conv_1"), middle], dim=1)
    x = torch.cat([_layer(x, state, "conv_2"), shallow], dim=1)
    return _layer(_layer(x, state, "conv_3"), state, "conv_4")


def _extract(x: Tensor, state: State) -> tuple[Tensor, Tensor, Tensor]:
    """Deep (64), middle (48) and shallow (32 channels) features, each from branches of three dilations."""
    x = _layer(x, state, "conv_1")
    branches = []
    for branch, dilation in DILATIONS.items():
        shallow = _layer(x, state, f"conv_{branch}1", dilation)
        middle = _layer(shallow, state, f"conv_{branch}2")
        branches.append((_layer(middle, state, f"conv_{branch}3"), middle, shallow))
    (deep_a, *a), (deep_b, *b), (deep_c, *c) = branches
    return 0.1 * deep_a + 0.1 * deep_b + deep_c, a[0] + b[0] + c[0], a[1] + b[1] + c[1]


def _layer(x: Tensor, state: State, key: str, dilation: int = 1) -> Tensor:
    return batch_norm(conv(x, state, f"{key}.conv", dilation=dilation), state, f"{key}.bn").relu()


def _attend(x: Tensor, state: State) -> Tensor:
    x = x + F.max_pool2d(_gradient_magnitude(x), 3, stride=1, padding=1)
    for key in ("conv_1", "conv_2", "conv_3"):
        x = conv(conv(x, state, f"{key}.conv_1").relu(), state, f"{key}.conv_2", dilation=2)
    return conv(x, state, "conv_4")


def _gradient_magnitude(x: Tensor) -> Tensor:
    """Central differences."""
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    dx = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    dy = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    return torch.sqrt(dx * dx + dy * dy)


def _merge(p: Tensor, q: Tensor) -> Tensor:
    return (p + q + torch.minimum(p, q)) / 3


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)
    return lambda ir, y: network(state, ir, y)


CITATION = r"""@article{liu2022mfeif,
  author  = {Liu, Jinyuan and Fan, Xin and Jiang, Ji and Liu, Risheng and Luo, Zhongxuan},
  title   = {Learning a Deep Multi-Scale Feature Ensemble and an Edge-Attention Guidance for Image Fusion},
  journal = {IEEE Transactions on Circuits and Systems for Video Technology},
  volume  = {32},
  number  = {1},
  pages   = {105--119},
  year    = {2022},
  doi     = {10.1109/TCSVT.2021.3056725},
}"""

METHOD = Method(
    name="mfeif",
    title="MFEIF",
    kind="learned",
    description="Multi-scale feature ensemble with edge attention; luma, clamped.",
    source="Liu, Fan, Jiang, Liu & Luo, Learning a deep multi-scale feature ensemble and an edge-attention guidance "
    "for image fusion, IEEE TCSVT 32(1) (2022); github.com/JinyuanLiu-CV/MFEIF",
    citation=CITATION,
    year=2022,
    venue="IEEE TCSVT",
    licence="none",
    luma=True,
    parameters=371_140,
    weights=(WEIGHTS,),
    load=_load,
)

"""MUFusion: an auto-encoder whose training remembers its own earlier outputs (the memory unit)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.learned.layers import State, conv, published_state
from fusion.method import Method
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "AWCXV/MUFusion",
    "223134e6317081bbf57cf51d175e93b386bb7602",
    "ir_vis/models/RoadScene.model",
    name="MUFusion_RoadScene.model",
    bytes=2227655,
    sha256="8c358e4869092fb0bb553947674ee1b04bfffe06eb200354c3a62ee005f093fd",
    licence="MIT",
)
PATCH, STRIDE = 128, 124  # of the authors' test script


def network(state: State, ir: Tensor, y: Tensor) -> Tensor:
    """Fused luma in (-1, 1) of infrared and visible luma, each N×1×H×W in [0, 1], H and W even."""
    x1 = _layer(state, 1, ir, y)
    x2 = _layer(state, 2, x1)
    x3 = _layer(state, 3, x1, x2, stride=2)
    x4 = _layer(state, 4, x3)
    x5 = _layer(state, 5, x3, x4)
    x = _layer(state, 66, _layer(state, 6, x3, x4, x5))
    for number, skip in ((55, x5), (44, x4), (33, x3)):
        x = _layer(state, number, skip, x)
    x = F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False)
    x = _layer(state, 22, x2, x)
    return torch.tanh(conv(torch.cat([x1, x], dim=1), state, "conv11.1", pad="reflect"))


def _layer(state: State, number: int, *parts: Tensor, stride: int = 1) -> Tensor:
    return conv(torch.cat(parts, dim=1), state, f"conv{number}.1", pad="reflect", stride=stride).relu()


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)
    return lambda ir, y: network(state, ir, y)


def _load_official(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)

    def fuse(ir: Tensor, y: Tensor) -> Tensor:
        total, count = torch.zeros_like(y), torch.zeros_like(y)
        for top in _starts(y.shape[-2]):
            for left in _starts(y.shape[-1]):
                patch = (..., slice(top, top + PATCH), slice(left, left + PATCH))
                total[patch] += network(state, ir[patch], y[patch])
                count[patch] += 1
        return total / count

    return fuse


def _starts(length: int) -> list[int]:
    """Where patches start along one side: every :data:`STRIDE` pixels, the last one aligned with the end."""
    last = max(length - PATCH, 0)
    return [*range(0, last, STRIDE), last]


CITATION = r"""@article{cheng2023mufusion,
  author  = {Cheng, Chunyang and Xu, Tianyang and Wu, Xiao-Jun},
  title   = {{MUFusion}: A General Unsupervised Image Fusion Network Based on Memory Unit},
  journal = {Information Fusion},
  volume  = {92},
  pages   = {80--92},
  year    = {2023},
  doi     = {10.1016/j.inffus.2022.11.010},
}"""
_FACTS: dict[str, Any] = {
    "trained_on": ("roadscene",),
    "kind": "learned",
    "citation": CITATION,
    "source": "Cheng, Xu & Wu, MUFusion: a general unsupervised image fusion network based on memory unit, Information "
    "Fusion 92 (2023); github.com/AWCXV/MUFusion",
    "year": 2023,
    "venue": "Information Fusion",
    "licence": "MIT",
    "luma": True,
    "multiple": 2,
    "parameters": 554_721,
    "weights": (WEIGHTS,),
}
METHOD = Method(
    name="mufusion",
    title="MUFusion",
    description="Auto-encoder trained with a memory of its outputs, RoadScene weights; luma, whole images, clamped.",
    load=_load,
    **_FACTS,
)
OFFICIAL = Method(
    name="mufusion_official",
    title="MUFusion (official patches)",
    description="As the authors' test script fuses colour images: overlapping patches of 128×128, averaged; luma, "
    "clamped.",
    load=_load_official,
    **_FACTS,
)

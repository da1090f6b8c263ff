"""MMDRFuse: a student network of 113 parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fusion.learned.layers import State, conv, published_state
from fusion.learned.saving import saved_by, stretched
from fusion.method import Method
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "yanglinDeng/MMDRFuse",
    "c9e5014493a7322a87cc24a58b66052123ac5bbe",
    "pretrained_models/student.model",
    name="MMDRFuse_student.model",
    bytes=2207,
    sha256="e5ad5bab796f4480dbbc35a8f6f63e69ba3ccd1842476d2c2453ca1aca6eb17c",
    licence="none",
)


def network(state: State, ir: Tensor, y: Tensor) -> Tensor:
    """Fused luma in (-1, 1) of infrared and visible luma, each N×1×H×W in [0, 1]."""
    x = conv(torch.cat([ir, y], dim=1), state, "conv1.1", pad="reflect").relu()
    return torch.tanh(conv(x, state, "conv2.1", pad="reflect"))


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)
    return lambda ir, y: network(state, ir, y)


CITATION = r"""@inproceedings{deng2024mmdrfuse,
  author    = {Deng, Yanglin and Xu, Tianyang and Cheng, Chunyang and Wu, Xiao-Jun and Kittler, Josef},
  title     = {{MMDRFuse}: Distilled Mini-Model With Dynamic Refresh for Multi-Modality Image Fusion},
  booktitle = {ACM International Conference on Multimedia},
  year      = {2024},
}"""
_FACTS: dict[str, Any] = {
    "kind": "learned",
    "citation": CITATION,
    "source": "Deng et al., MMDRFuse: distilled mini-model with dynamic refresh for multi-modality image fusion, ACM "
    "MM 2024; github.com/yanglinDeng/MMDRFuse",
    "year": 2024,
    "venue": "ACM MM",
    "licence": "none",
    "luma": True,
    "parameters": 113,
    "weights": (WEIGHTS,),
}
METHOD = Method(
    name="mmdrfuse",
    title="MMDRFuse",
    description="Distilled network of two convolutions; luma, clamped.",
    load=_load,
    **_FACTS,
)
OFFICIAL = Method(
    name="mmdrfuse_official",
    title="MMDRFuse (official output)",
    description="As the authors' test script saves it: luma stretched to its own minimum and maximum.",
    load=saved_by(_load, stretched),
    **_FACTS,
)

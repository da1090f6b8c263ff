"""U2Fusion: one dense network for several fusion tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.citations import XU_2022
from fusion.learned.layers import State, conv, tensorflow_state
from fusion.method import Method
from tsdm_bench.weights.card import github_file

INDEX = github_file(
    "hanna-xu/U2Fusion",
    "0a5882140df67b3e0b588e1f2233e18cf944f1a4",
    "model/model.ckpt.index",
    name="U2Fusion_tf.index",
    bytes=905,
    sha256="15b7d283a1de8f616cc42978346bd24d47a9c380d624370368b956beb593014e",
    licence="none",
)
DATA = github_file(
    "hanna-xu/U2Fusion",
    "0a5882140df67b3e0b588e1f2233e18cf944f1a4",
    "model/model.ckpt.data-00000-of-00001",
    name="U2Fusion_tf.data",
    bytes=2636868,
    sha256="e50cada8d4ec92f2577ad5db5d212fba521dffb35d04e00a20364b43512c64c8",
    licence="none",
)


def network(state: State, vis: Tensor, ir: Tensor) -> Tensor:
    """Fused luma in (0, 1) of visible luma and infrared, each N×1×H×W in [0, 1]."""
    x = _layer(torch.cat([vis, ir], dim=1), state, "Generator/encoder/conv1_1")
    for i in range(1, 6):
        x = torch.cat([_layer(x, state, f"Generator/encoder/dense_block_conv{i}"), x], dim=1)
    for i in range(1, 4):
        x = _layer(x, state, f"Generator_1/decoder/conv2_{i}")
    return torch.tanh(conv(x, state, "Generator_1/decoder/conv2_4", pad="reflect")) / 2 + 0.5


def _layer(x: Tensor, state: State, key: str) -> Tensor:
    return F.leaky_relu(conv(x, state, key, pad="reflect"), 0.2)


def _load(weights: dict[str, Path], device: torch.device):
    state = tensorflow_state(weights[INDEX.name], weights[DATA.name], device)
    return lambda ir, y: network(state, y, ir)


def _load_official(weights: dict[str, Path], device: torch.device):
    fuse = _load(weights, device)

    def scaled(ir: Tensor, y: Tensor) -> Tensor:
        fused = fuse(ir, y)
        return fused / fused.amax((1, 2, 3), keepdim=True)

    return scaled


_FACTS: dict[str, Any] = {
    "trained_on": ("roadscene",),
    "kind": "learned",
    "citation": XU_2022,
    "source": "Xu, Ma, Jiang, Guo & Ling, U2Fusion: a unified unsupervised image fusion network, IEEE TPAMI 44(1) "
    "(2022); github.com/hanna-xu/U2Fusion",
    "year": 2022,
    "venue": "IEEE TPAMI",
    "licence": "none",
    "luma": True,
    "parameters": 659_217,
    "weights": (INDEX, DATA),
}
METHOD = Method(
    name="u2fusion",
    title="U2Fusion",
    description="Unified dense network for several fusion tasks; luma, clamped.",
    load=_load,
    **_FACTS,
)
OFFICIAL = Method(
    name="u2fusion_official",
    title="U2Fusion (official output)",
    description="As the authors' test script saves it: luma divided by its maximum.",
    load=_load_official,
    **_FACTS,
)

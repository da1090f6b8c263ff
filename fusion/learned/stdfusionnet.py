"""STDFusionNet: salient target detection guides what is kept of each image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.learned.layers import State, conv, tensorflow_state
from fusion.learned.saving import saved_by, stretched
from fusion.method import Method
from tsdm_bench.weights.card import github_file

INDEX = github_file(
    "Linfeng-Tang/STDFusionNet",
    "4a8772c0c3fcec18e6fc0f81ff9fb7ae1ec12743",
    "checkpoint/Fusion.model-29.index",
    name="STDFusion_tf.index",
    bytes=2846,
    sha256="72141e22e9da68e15d6d8341c6d998869e5a113b1b01659c15a255ed3a35b3fc",
    licence="MIT",
)
DATA = github_file(
    "Linfeng-Tang/STDFusionNet",
    "4a8772c0c3fcec18e6fc0f81ff9fb7ae1ec12743",
    "checkpoint/Fusion.model-29.data-00000-of-00001",
    name="STDFusion_tf.data",
    bytes=1130052,
    sha256="3c7ff5b01671dbf59039dd80c6b7df8f149237a4f8bd05405fe22ca9959db92e",
    licence="MIT",
)


def _leaky_relu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


def network(state: State, vis: Tensor, ir: Tensor) -> Tensor:
    """Fused luma in (-1, 1) of visible luma and infrared, each N×1×H×W in [-1, 1]."""
    x = torch.cat([_extract(vis, state, "vi"), _extract(ir, state, "ir")], dim=1)
    activations: tuple[Callable[[Tensor], Tensor], ...] = (F.elu, F.elu, _leaky_relu, torch.tanh)
    for i, activation in enumerate(activations, start=1):
        x = _block(x, state, f"STDFusion_model/reconstruction_network/block{i}", activation)
    return x


def _extract(x: Tensor, state: State, modality: str) -> Tensor:
    key = f"STDFusion_model/{modality}_extraction_network"
    x = _leaky_relu(conv(x, state, f"{key}/conv1"))
    for i in (1, 2, 3):
        x = _block(x, state, f"{key}/block{i}", _leaky_relu)
    return x


def _block(x: Tensor, state: State, key: str, activation: Callable[[Tensor], Tensor]) -> Tensor:
    """Residual block 1×1, 3×3, 1×1; the skip is a 1×1 convolution where the number of channels changes."""
    skip = conv(x, state, f"{key}/identity_conv") if f"{key}/identity_conv.weight" in state else x
    x = _leaky_relu(conv(x, state, f"{key}/conv1"))
    x = _leaky_relu(conv(x, state, f"{key}/conv2"))
    return activation(conv(x, state, f"{key}/conv3") + skip)


def _load(weights: dict[str, Path], device: torch.device):
    state = tensorflow_state(weights[INDEX.name], weights[DATA.name], device)
    return lambda ir, y: network(state, y * 2 - 1, ir * 2 - 1) / 2 + 0.5


CITATION = r"""@article{ma2021stdfusionnet,
  author  = {Ma, Jiayi and Tang, Linfeng and Xu, Meilong and Zhang, Hao and Xiao, Guobao},
  title   = {{STDFusionNet}: An Infrared and Visible Image Fusion Network Based on Salient Target Detection},
  journal = {IEEE Transactions on Instrumentation and Measurement},
  volume  = {70},
  pages   = {1--13},
  year    = {2021},
  doi     = {10.1109/TIM.2021.3075747},
}"""
_FACTS: dict[str, Any] = {
    "kind": "learned",
    "citation": CITATION,
    "source": "Ma, Tang, Xu, Zhang & Xiao, STDFusionNet: an infrared and visible image fusion network based on salient "
    "target detection, IEEE TIM 70 (2021); github.com/Linfeng-Tang/STDFusionNet",
    "year": 2021,
    "venue": "IEEE TIM",
    "licence": "MIT",
    "luma": True,
    "parameters": 282_513,
    "weights": (INDEX, DATA),
}
METHOD = Method(
    name="stdfusionnet",
    title="STDFusionNet",
    description="Residual network trained with salient-target masks; luma, clamped.",
    load=_load,
    **_FACTS,
)
OFFICIAL = Method(
    name="stdfusionnet_official",
    title="STDFusionNet (official output)",
    description="As the authors' test script saves it: luma stretched to its own minimum and maximum.",
    load=saved_by(_load, stretched),
    **_FACTS,
)

"""SDNet: squeeze and decomposition; fusing needs the squeezing half only."""

from __future__ import annotations

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
    "HaoZhang1018/SDNet",
    "bf6a2eeed1f723f0fd319b882d2bf38016bf6e55",
    "IR_VIS/checkpoint/IRVIS.model-10.index",
    name="SDNet_tf.index",
    bytes=1325,
    sha256="bed2d4628732a36bc972de1189c4e139d8bc233077da20156e8e662a17df35aa",
    licence="MIT",
)
DATA = github_file(
    "HaoZhang1018/SDNet",
    "bf6a2eeed1f723f0fd319b882d2bf38016bf6e55",
    "IR_VIS/checkpoint/IRVIS.model-10.data-00000-of-00001",
    name="SDNet_tf.data",
    bytes=268364,
    sha256="17e4426453f09f3dae7887244f48eed54550bdd584792ac284597ee3713293a0",
    licence="MIT",
)
LAYERS = 4


def network(state: State, ir: Tensor, y: Tensor) -> Tensor:
    """Fused luma in (-1, 1) of infrared and visible luma, each N×1×H×W in [-1, 1]."""
    pairs = zip(_features(ir, state, "ir"), _features(y, state, "vi"), strict=True)
    return torch.tanh(conv(torch.cat([x for pair in pairs for x in pair], dim=1), state, "fusion_model/layer5_fuse"))


def _features(x: Tensor, state: State, modality: str) -> list[Tensor]:
    """The 16 channels of each layer; every layer after the first sees those of all layers before it."""
    features = [F.leaky_relu(conv(x, state, f"fusion_model/layer1_{modality}"), 0.2)]
    for i in range(2, LAYERS + 1):
        x = torch.cat(features, dim=1)
        features.append(F.leaky_relu(conv(x, state, f"fusion_model/layer{i}_{modality}"), 0.2))
    return features


def _load(weights: dict[str, Path], device: torch.device):
    state = tensorflow_state(weights[INDEX.name], weights[DATA.name], device)
    return lambda ir, y: network(state, ir * 2 - 1, y * 2 - 1) / 2 + 0.5


CITATION = r"""@article{zhang2021sdnet,
  author  = {Zhang, Hao and Ma, Jiayi},
  title   = {{SDNet}: A Versatile Squeeze-and-Decomposition Network for Real-Time Image Fusion},
  journal = {International Journal of Computer Vision},
  volume  = {129},
  number  = {10},
  pages   = {2761--2785},
  year    = {2021},
  doi     = {10.1007/s11263-021-01501-8},
}"""
_FACTS: dict[str, Any] = {
    "kind": "learned",
    "citation": CITATION,
    "source": "Zhang & Ma, SDNet: a versatile squeeze-and-decomposition network for real-time image fusion, IJCV 129 "
    "(2021); github.com/HaoZhang1018/SDNet",
    "year": 2021,
    "venue": "IJCV",
    "licence": "MIT",
    "luma": True,
    "parameters": 67_091,
    "weights": (INDEX, DATA),
}
METHOD = Method(
    name="sdnet",
    title="SDNet",
    description="Squeeze-and-decomposition network, infrared–visible model (28,705 of its parameters fuse, the others "
    "only served training); luma, clamped.",
    load=_load,
    **_FACTS,
)
OFFICIAL = Method(
    name="sdnet_official",
    title="SDNet (official output)",
    description="As the authors' test script saves it: luma stretched to its own minimum and maximum.",
    load=saved_by(_load, stretched),
    **_FACTS,
)

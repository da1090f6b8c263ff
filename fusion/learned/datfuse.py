"""DATFuse: channel and spatial attention around transformer blocks."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from fusion.learned.layers import State, batch_norm, conv, published_state
from fusion.learned.single_token_transformer import transform
from fusion.method import Method
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "tthinking/DATFuse",
    "0cd93f15fb5552c7aef79b7be56726c863d6c5ba",
    "model_10.pth",
    name="DATFuse.pth",
    bytes=65189,
    sha256="075b636954cbd425fc29be808bcfb42232e29b203f054c2a637ed301300d5a1d",
    licence="none",
)


def network(state: State, ir: Tensor, y: Tensor) -> Tensor:
    """Fused luma in (-1, 1) of infrared and visible luma, each N×1×H×W in [0, 1]."""
    x = torch.cat([ir, y], dim=1)
    x = batch_norm(conv(x, state, "convolutional.conv", pad="replicate"), state, "convolutional.bn").relu()
    features = _extract(x, state)
    features = _extract(transform((_attend(features, state) + x).relu(), state), state)
    return torch.tanh(conv(_attend(features, state) + features, state, "convolutional_out.conv"))


def _extract(x: Tensor, state: State) -> Tensor:
    """The same convolution and normalisation twice, with a ReLU between."""
    x = batch_norm(conv(x, state, "fem.conv", pad="replicate"), state, "fem.bn").relu()
    return batch_norm(conv(x, state, "fem.conv", pad="replicate"), state, "fem.bn")


def _attend(x: Tensor, state: State) -> Tensor:
    channel = conv(x.mean((2, 3), keepdim=True), state, "cam.fc.0").relu()
    spatial = batch_norm(conv(x, state, "sam.body.0"), state, "sam.body.1").relu()
    spatial = batch_norm(conv(spatial, state, "sam.body.3"), state, "sam.body.4")
    return x * (conv(channel, state, "cam.fc.2").sigmoid() + spatial.sigmoid())


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)
    return lambda ir, y: network(state, ir, y)


CITATION = r"""@article{tang2023datfuse,
  author  = {Tang, Wei and He, Fazhi and Liu, Yu and Duan, Yansong and Si, Tongzhen},
  title   = {{DATFuse}: Infrared and Visible Image Fusion via Dual Attention Transformer},
  journal = {IEEE Transactions on Circuits and Systems for Video Technology},
  volume  = {33},
  number  = {7},
  pages   = {3159--3172},
  year    = {2023},
  doi     = {10.1109/TCSVT.2023.3234340},
}"""

METHOD = Method(
    name="datfuse",
    title="DATFuse",
    kind="learned",
    description="Dual attention transformer; luma, clamped.",
    source="Tang, He, Liu, Duan & Si, DATFuse: infrared and visible image fusion via dual attention transformer, IEEE "
    "TCSVT (2023); github.com/tthinking/DATFuse",
    citation=CITATION,
    year=2023,
    venue="IEEE TCSVT",
    licence="none",
    luma=True,
    parameters=10_760,
    weights=(WEIGHTS,),
    load=_load,
)

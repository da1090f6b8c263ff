"""YDTR: a Y-shaped network of dynamic (data-dependent) features and transformer blocks."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from fusion.learned.layers import State, batch_norm, conv, published_state
from fusion.learned.single_token_transformer import transform
from fusion.method import Method
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "tthinking/YDTR",
    "b1f01b4ba7b2f40e4fcaec620f29640960db7e98",
    "models/model_10.pth",
    name="YDTR.pth",
    bytes=893678,
    sha256="183c31a103ada74063e644b300d6708ed567dcc231a9d0f8d52e098c6c2a0d32",
    licence="none",
)


def network(state: State, ir: Tensor, y: Tensor) -> Tensor:
    """Fused luma in (-1, 1) of infrared and visible luma, each N×1×H×W in [0, 1]; one encoder for both."""
    x = _dynamic(_encode(ir, state) + _encode(y, state), state)
    return torch.tanh(conv(transform(x, state), state, "convolutional_out.conv"))


def _encode(x: Tensor, state: State) -> Tensor:
    x = batch_norm(conv(x, state, "convInput.conv", pad="replicate"), state, "convInput.bn").relu()
    return transform(_dynamic(x, state), state)


def _dynamic(x: Tensor, state: State) -> Tensor:
    """The features weighted by a map of one value per pixel and by one value per channel, both made from them."""
    spatial = conv(conv(x, state, "DDF.spatial_branch.body.0"), state, "DDF.spatial_branch.body.1")
    channel = conv(x.mean((2, 3), keepdim=True), state, "DDF.channel_branch.fc.0").relu()
    return x * (spatial + conv(channel, state, "DDF.channel_branch.fc.2"))


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)
    return lambda ir, y: network(state, ir, y)


CITATION = r"""@article{tang2023ydtr,
  author  = {Tang, Wei and He, Fazhi and Liu, Yu},
  title   = {{YDTR}: Infrared and Visible Image Fusion via {Y}-Shape Dynamic Transformer},
  journal = {IEEE Transactions on Multimedia},
  volume  = {25},
  pages   = {5413--5428},
  year    = {2023},
  doi     = {10.1109/TMM.2022.3192661},
}"""

METHOD = Method(
    name="ydtr",
    title="YDTR",
    kind="learned",
    description="Y-shaped dynamic transformer; luma, clamped.",
    source="Tang, He & Liu, YDTR: infrared and visible image fusion via Y-shape dynamic transformer, IEEE TMM (2023); "
    "github.com/tthinking/YDTR",
    citation=CITATION,
    year=2023,
    venue="IEEE TMM",
    licence="none",
    luma=True,
    parameters=217_770,
    weights=(WEIGHTS,),
    load=_load,
)

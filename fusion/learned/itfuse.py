"""ITFuse: three interactive stages of shared modules, then blocks of single tokens."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.learned.layers import State, batch_norm, conv, published_state
from fusion.learned.single_token_transformer import transform
from fusion.method import Method
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "tthinking/ITFuse",
    "26137effac7b314c4c64fb97f097e398e1dbc2fb",
    "models/model.pth",
    name="ITFuse.pth",
    bytes=400371,
    sha256="578f4d651c998134c4984ae635286557aa96aea99d9d5b9aa610021134113a69",
    licence="none",
)
TOKEN_BLOCKS = 3


def network(state: State, ir: Tensor, y: Tensor) -> Tensor:
    """Fused luma in (0, 1) of infrared and visible luma, each N×1×H×W in [0, 1]."""
    a, b = (_residual(_layer(image, state, "conv16"), state) for image in (ir, y))
    v = _layer(_layer(torch.cat([ir, y], dim=1), state, "conv2_16"), state)
    for stage in range(3):
        if stage:
            a, b = (_residual(_layer(x, state), state) for x in (a, b))
            v = _layer(_layer(v, state), state)
        v = v + _coordinates(_coordinates(v, state), state)
        a, b = _interact(v, b, a, state), _interact(v, a, b, state)
    a, b = (_layer(x, state, "equalAtt.key_embed") for x in (a, b))
    v = _weighted(v, a + b, state, "equalAtt")
    v = v + _coordinates(_coordinates(v, state), state)
    v = _layer(transform(v, state, TOKEN_BLOCKS), state)
    return conv(v, state, "convolutional_out.conv").sigmoid()


def _layer(x: Tensor, state: State, key: str = "conv16_16") -> Tensor:
    return batch_norm(conv(x, state, f"{key}.conv", pad="replicate"), state, f"{key}.bn").relu_()


def _residual(x: Tensor, state: State) -> Tensor:
    return x + _layer(_layer(x, state), state)


def _coordinates(x: Tensor, state: State) -> Tensor:
    """Coordinate attention: a factor per row and one per column, from the means over rows and over columns."""
    height, width = x.shape[-2:]
    line = torch.cat([x.mean(3, keepdim=True), x.mean(2, keepdim=True).transpose(2, 3)], dim=2)
    line = F.hardswish(batch_norm(conv(line, state, "CoordAtt.conv1"), state, "CoordAtt.bn1"))
    rows, columns = line.split([height, width], dim=2)
    down = conv(rows, state, "CoordAtt.conv_h").sigmoid()
    along = conv(columns.transpose(2, 3), state, "CoordAtt.conv_w").sigmoid()
    return x * along * down


def _interact(v: Tensor, key: Tensor, query: Tensor, state: State) -> Tensor:
    key = _layer(key, state, "TS_lv1.key_embed")
    return _weighted(v, query + key, state, "TS_lv1") + key


def _weighted(v: Tensor, both: Tensor, state: State, key: str) -> Tensor:
    """The projected values times one weight per pixel."""
    weight = batch_norm(conv(both, state, f"{key}.embed.0"), state, f"{key}.embed.1").relu_()
    weight = batch_norm(conv(weight, state, f"{key}.embed.3"), state, f"{key}.embed.4")
    return weight * batch_norm(conv(v, state, f"{key}.conv1x1.0"), state, f"{key}.conv1x1.1")


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)
    return lambda ir, y: network(state, ir, y)


CITATION = r"""@article{tang2024itfuse,
  author  = {Tang, Wei and He, Fazhi and Liu, Yu},
  title   = {{ITFuse}: An Interactive Transformer for Infrared and Visible Image Fusion},
  journal = {Pattern Recognition},
  volume  = {156},
  pages   = {110822},
  year    = {2024},
  doi     = {10.1016/j.patcog.2024.110822},
}"""

METHOD = Method(
    name="itfuse",
    title="ITFuse",
    kind="learned",
    description="Interactive transformer: shared modules over three stages; luma.",
    source="Tang, He & Liu, ITFuse: an interactive transformer for infrared and visible image fusion, Pattern "
    "Recognition 156 (2024); github.com/tthinking/ITFuse",
    citation=CITATION,
    year=2024,
    venue="Pattern Recognition",
    licence="none",
    luma=True,
    parameters=82_487,
    weights=(WEIGHTS,),
    load=_load,
)

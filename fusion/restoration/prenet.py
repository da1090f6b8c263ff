"""PReNet: rain removed in six steps by one recurrent residual network."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from fusion.learned.layers import State, conv, published_state
from fusion.restoration.restorer import Restorer
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "csdwren/PReNet",
    "6d908d1e3c7ff5c26fee624112297ad1c8603ca7",
    "logs/Rain100L/PReNet6/net_latest.pth",
    name="PReNet_Rain100L.pth",
    bytes=681694,
    sha256="cb9b743bb33cf6e5c56ba45f8ade93add46266dea9fa582e1934dc5eed942333",
    licence="none",
)
STEPS, BLOCKS, WIDTH = 6, 5, 32
GATES = ("conv_i.0", "conv_f.0", "conv_g.0", "conv_o.0")


def network(state: State, vis: Tensor) -> Tensor:
    """The image without rain streaks, N×3×H×W (not clamped), of RGB in [0, 1]."""
    gates = {
        "gates.weight": torch.cat([state[f"{key}.weight"] for key in GATES]),
        "gates.bias": torch.cat([state[f"{key}.bias"] for key in GATES]),
    }
    x, hidden = vis, vis.new_zeros(len(vis), WIDTH, *vis.shape[2:])
    cell = torch.zeros_like(hidden)
    for _ in range(STEPS):
        features = conv(torch.cat([vis, x], dim=1), state, "conv0.0").relu_()
        take, keep, new, show = conv(torch.cat([features, hidden], dim=1), gates, "gates").chunk(4, dim=1)
        cell = keep.sigmoid() * cell + take.sigmoid() * new.tanh()
        hidden = show.sigmoid() * cell.tanh()
        features = hidden
        for block in range(1, BLOCKS + 1):
            residue = conv(conv(features, state, f"res_conv{block}.0").relu_(), state, f"res_conv{block}.2").relu_()
            features = residue.add_(features).relu_()
        x = vis + conv(features, state, "conv.0")
    return x


def _load(weights: dict[str, Path], device: torch.device):
    return partial(network, published_state(weights[WEIGHTS.name], device))


CITATION = r"""@inproceedings{ren2019prenet,
  author    = {Ren, Dongwei and Zuo, Wangmeng and Hu, Qinghua and Zhu, Pengfei and Meng, Deyu},
  title     = {Progressive Image Deraining Networks: A Better and Simpler Baseline},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  pages     = {3937--3946},
  year      = {2019},
}"""

RESTORER = Restorer(
    name="prenet",
    title="PReNet",
    kind="learned",
    description="Progressive recurrent deraining in six steps, weights trained on light streaks (Rain100L).",
    source="Ren, Zuo, Hu, Zhu & Meng, Progressive image deraining networks: a better and simpler baseline, CVPR 2019; "
    "github.com/csdwren/PReNet",
    citation=CITATION,
    year=2019,
    venue="CVPR",
    licence="none",
    removes=("rain", "snow"),
    modalities=("vis",),
    parameters=168_963,
    weights=(WEIGHTS,),
    load=_load,
)

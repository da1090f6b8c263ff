"""AOD-Net: haze removed by one estimated factor per pixel and channel that holds airlight and transmission."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from fusion.learned.layers import State, conv, published_state
from fusion.restoration.restorer import Restorer
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "MayankSingal/PyTorch-Image-Dehazing",
    "dc26717cde24748e27ffc9d050564e295654b90d",
    "snapshots/dehazer.pth",
    name="AODNet_dehazer.pth",
    bytes=8613,
    sha256="79409b63bf019d6c7ca6903883a8635d5723c25406f74903751bd7459462a53b",
    licence="MIT",
)


def network(state: State, vis: Tensor) -> Tensor:
    """The image without haze, N×3×H×W from 0 (not clamped above), of RGB in [0, 1]."""
    a = conv(vis, state, "e_conv1").relu_()
    b = conv(a, state, "e_conv2").relu_()
    c = conv(torch.cat([a, b], dim=1), state, "e_conv3").relu_()
    d = conv(torch.cat([b, c], dim=1), state, "e_conv4").relu_()
    factor = conv(torch.cat([a, b, c, d], dim=1), state, "e_conv5").relu_()
    return (factor * vis - factor + 1).relu_()


def _load(weights: dict[str, Path], device: torch.device):
    return partial(network, published_state(weights[WEIGHTS.name], device))


CITATION = r"""@inproceedings{li2017aodnet,
  author    = {Li, Boyi and Peng, Xiulian and Wang, Zhangyang and Xu, Jizheng and Feng, Dan},
  title     = {{AOD-Net}: All-in-One Dehazing Network},
  booktitle = {IEEE International Conference on Computer Vision (ICCV)},
  year      = {2017},
}"""

RESTORER = Restorer(
    name="aodnet",
    title="AOD-Net",
    kind="learned",
    description="Removes haze by one factor per pixel and channel; trained for dense haze, it darkens thin fog.",
    source="Li, Peng, Wang, Xu & Feng, AOD-Net: all-in-one dehazing network, ICCV 2017; weights by a third party, "
    "github.com/MayankSingal/PyTorch-Image-Dehazing",
    citation=CITATION,
    year=2017,
    venue="ICCV",
    licence="MIT",
    removes=("fog",),
    modalities=("vis",),
    parameters=1_761,
    weights=(WEIGHTS,),
    load=_load,
)

"""Zero-DCE: a curve for every pixel, applied eight times, from a network trained without references."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from fusion.learned.layers import State, conv, published_state
from fusion.restoration.restorer import Restorer
from tsdm_bench.weights.card import github_file

LICENCE = "CC BY-NC 4.0, academic use only"
WEIGHTS = github_file(
    "Li-Chongyi/Zero-DCE",
    "e0f4adc54d0f23348c4a9b84acc08fe8778d5bfd",
    "Zero-DCE_code/snapshots/Epoch99.pth",
    name="ZeroDCE_Epoch99.pth",
    bytes=320017,
    sha256="a4395acb874f320375d9704997cef874eaaaaa26a1777ceb29a92b70f74c3612",
    licence=LICENCE,
)


def network(state: State, vis: Tensor) -> Tensor:
    """The brightened image N×3×H×W (not clamped) of RGB in [0, 1]."""

    def layer(number: int, *parts: Tensor) -> Tensor:
        return conv(torch.cat(parts, dim=1) if len(parts) > 1 else parts[0], state, f"e_conv{number}")

    first = layer(1, vis).relu_()
    second = layer(2, first).relu_()
    third = layer(3, second).relu_()
    x = layer(5, third, layer(4, third).relu_()).relu_()
    x = layer(6, second, x).relu_()
    curves = torch.tanh(layer(7, first, x))
    for curve in curves.split(3, dim=1):
        vis = vis + curve * (vis.square() - vis)
    return vis


def _load(weights: dict[str, Path], device: torch.device):
    return partial(network, published_state(weights[WEIGHTS.name], device))


CITATION = r"""@inproceedings{guo2020zerodce,
  author    = {Guo, Chunle and Li, Chongyi and Guo, Jichang and Loy, Chen Change and Hou, Junhui and Kwong, Sam and
             Cong, Runmin},
  title     = {Zero-Reference Deep Curve Estimation for Low-Light Image Enhancement},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  pages     = {1777--1786},
  year      = {2020},
}"""

RESTORER = Restorer(
    name="zero_dce",
    title="Zero-DCE",
    kind="learned",
    description="Eight steps of a quadratic curve per pixel and channel; it brightens whatever it gets.",
    source="Guo et al., Zero-reference deep curve estimation for low-light image enhancement, CVPR 2020; "
    "github.com/Li-Chongyi/Zero-DCE",
    citation=CITATION,
    year=2020,
    venue="CVPR",
    licence=LICENCE,
    removes=("low_light",),
    modalities=("vis",),
    parameters=79_416,
    weights=(WEIGHTS,),
    load=_load,
)

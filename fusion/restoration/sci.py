"""SCI: a self-calibrated illumination of 258 parameters by which a dark image is divided."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fusion.learned.layers import State, batch_norm, conv, published_state
from fusion.restoration.restorer import Restorer
from tsdm_bench.weights.card import WeightFile, github_file

LEAST_ILLUMINATION = 1e-4


def _file(training: str, sha256: str) -> WeightFile:
    return github_file(
        "vis-opt-group/SCI",
        "9d28a3f1237df248bb765e7fee16f7c4ac7dbeee",
        f"weights/{training}.pt",
        name=f"SCI_{training}.pt",
        bytes=43967,
        sha256=sha256,
        licence="MIT",
    )


EASY = _file("easy", "b17326a26a93bf187ecbab217f9d3c57467a8b56020d4d9ff600ba257bbffb36")
MEDIUM = _file("medium", "4ff1e7e66e8f18114f790e5085ca4c936f0858e329e7ad1cb65b8aa09a9c6916")
DIFFICULT = _file("difficult", "657fa1f280cae1035df0d5cbe628e91f2d0f28660df608a3fa3f7e9a71da5a13")


def illumination(state: State, vis: Tensor) -> Tensor:
    """The light that fell on an RGB image N×3×H×W in [0, 1], per pixel and channel, at least the image itself."""
    x = conv(vis, state, "enhance.in_conv.0").relu()
    x = x + batch_norm(conv(x, state, "enhance.conv.0"), state, "enhance.conv.1").relu()
    return (conv(x, state, "enhance.out_conv.0").sigmoid() + vis).clamp(LEAST_ILLUMINATION, 1)


def network(state: State, vis: Tensor) -> Tensor:
    """The image divided by its illumination: N×3×H×W in [0, 1], nowhere darker than the input."""
    return (vis / illumination(state, vis)).clamp(0, 1)


def _load(file: WeightFile, weights: dict[str, Path], device: torch.device):
    return partial(network, published_state(weights[file.name], device))


def _card(name: str, title: str, file: WeightFile, light: str) -> Restorer:
    return Restorer(
        name=name,
        title=title,
        description=f"Divides by an estimated illumination; weights trained for {light}. It only ever brightens.",
        weights=(file,),
        load=partial(_load, file),
        **_FACTS,
    )


CITATION = r"""@inproceedings{ma2022sci,
  author    = {Ma, Long and Ma, Tengyu and Liu, Risheng and Fan, Xin and Luo, Zhongxuan},
  title     = {Toward Fast, Flexible, and Robust Low-Light Image Enhancement},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  pages     = {5637--5646},
  year      = {2022},
}"""
_FACTS: dict[str, Any] = {
    "kind": "learned",
    "source": "Ma et al., Toward fast, flexible, and robust low-light image enhancement, CVPR 2022; "
    "github.com/vis-opt-group/SCI",
    "citation": CITATION,
    "year": 2022,
    "venue": "CVPR",
    "licence": "MIT",
    "parameters": 258,
    "modalities": ("vis",),
    "removes": ("low_light",),
}
CARDS = (
    _card("sci", "SCI", MEDIUM, "medium darkness, which the authors' script takes"),
    _card("sci_easy", "SCI (easy)", EASY, "little darkness"),
    _card("sci_difficult", "SCI (difficult)", DIFFICULT, "great darkness"),
)

"""IFCNN: features of each image, fused by their maximum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fusion.learned.layers import State, batch_norm, conv, published_state
from fusion.method import Method, rgb_to_ycbcr
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "uzeful/IFCNN",
    "8fe59c2b1553e52acc793986208ca479d134a8da",
    "Code/snapshots/IFCNN-MAX.pth",
    name="IFCNN-MAX.pth",
    bytes=337094,
    sha256="6022b44c88a2f0367ba9b08fcdf0d663745d9a966fca0ee1f41867797b6ff53f",
    licence="none",
)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def network(state: State, ir: Tensor, vis: Tensor) -> Tensor:
    """Fused N×3×H×W of two (normalised) images N×3×H×W."""
    x = torch.maximum(_features(ir, state), _features(vis, state))
    return conv(_block(x, state, "conv3"), state, "conv4")


def _features(x: Tensor, state: State) -> Tensor:
    return _block(conv(x, state, "conv1", pad="replicate"), state, "conv2")


def _block(x: Tensor, state: State, key: str) -> Tensor:
    return batch_norm(conv(x, state, f"{key}.conv", pad="replicate"), state, f"{key}.bn").relu()


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)
    mean, deviation = (torch.tensor(x, device=device).view(1, 3, 1, 1) for x in (IMAGENET_MEAN, IMAGENET_DEVIATION))
    return lambda ir, vis: network(state, (ir - mean) / deviation, (vis - mean) / deviation) * deviation + mean


def _load_grey(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)

    def fuse(ir: Tensor, y: Tensor) -> Tensor:
        rgb = network(state, ir.expand(-1, 3, -1, -1), y.expand(-1, 3, -1, -1))
        return rgb_to_ycbcr(rgb.clamp(0, 1))[0]

    return fuse


CITATION = r"""@article{zhang2020ifcnn,
  author  = {Zhang, Yu and Liu, Yu and Sun, Peng and Yan, Han and Zhao, Xiaolin and Zhang, Li},
  title   = {{IFCNN}: A General Image Fusion Framework Based on Convolutional Neural Network},
  journal = {Information Fusion},
  volume  = {54},
  pages   = {99--118},
  year    = {2020},
  doi     = {10.1016/j.inffus.2019.07.011},
}"""
_FACTS: dict[str, Any] = {
    "kind": "learned",
    "citation": CITATION,
    "source": "Zhang, Liu, Sun, Yan, Zhao & Zhang, IFCNN: a general image fusion framework based on convolutional "
    "neural network, Information Fusion 54 (2020); github.com/uzeful/IFCNN",
    "year": 2020,
    "venue": "Information Fusion",
    "licence": "none",
    "parameters": 83_587,
    "weights": (WEIGHTS,),
}
METHOD = Method(
    name="ifcnn",
    title="IFCNN-MAX",
    description="Features fused by their maximum; colour image and infrared normalised as ImageNet; clamped.",
    load=_load,
    **_FACTS,
)
GREY = Method(
    name="ifcnn_grey",
    title="IFCNN-MAX (grey)",
    description="As the authors' script treats infrared–visible pairs: grey images on three channels, not normalised; "
    "here on luma.",
    luma=True,
    load=_load_grey,
    **_FACTS,
)

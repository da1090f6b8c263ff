"""SNRWDNN: stripes removed from the wavelet bands in which they lie."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from fusion.learned.layers import State, published_state, stacked
from fusion.restoration.destriping import along_rows
from fusion.restoration.restorer import Restorer
from tsdm_bench.weights.card import WeightFile

WEIGHTS = WeightFile(
    name="SNRWDNN.pth",
    bytes=1206439,
    sha256="039a64bc09f7232775dbe5792b3bfe97de428376dc320b7156a7b478fa85c60b",
    licence="Apache-2.0",
    source="github.com/jtguan/Wavelet-Deep-Neural-Network-for-Stripe-Noise-Removal at 16459dc7, weights/weight.hdf5, "
    "converted to PyTorch",
)
LAYERS = tuple(f"conv{number}" for number in range(10))
HAAR = ((1.0, 1.0, 1.0, 1.0), (1.0, 1.0, -1.0, -1.0), (1.0, -1.0, 1.0, -1.0), (1.0, -1.0, -1.0, 1.0))
"""Approximation, horizontal, vertical and diagonal band of a block (a, b; c, d), times 2; its own inverse."""


def haar(x: Tensor, bands: Tensor) -> Tensor:
    """Four bands (N×4×H×W) of the four pixels of each 2×2 block, or the pixels of the bands: orthonormal, symmetric."""
    return torch.einsum("ij,njhw->nihw", bands, x)


def network(state: State, ir: Tensor, all_bands: bool = False) -> Tensor:
    """Infrared N×1×H×W in [0, 1] without stripes along its columns (not clamped).

    Such stripes lie in the approximation and the vertical band; the two others are kept, as in the authors' script for
    simulated noise, unless ``all_bands`` are to be those of the network, as in their script for real frames.
    """
    height, width = ir.shape[-2:]
    bands = ir.new_tensor(HAAR) / 2
    image = haar(F.pixel_unshuffle(F.pad(ir, (0, width % 2, 0, height % 2), mode="replicate"), 2), bands)
    cleaned = image + stacked(image, state, LAYERS)
    if not all_bands:
        cleaned = torch.stack([cleaned[:, 0], image[:, 1], cleaned[:, 2], image[:, 3]], dim=1)
    return F.pixel_shuffle(haar(cleaned, bands), 2)[..., :height, :width]


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)

    def restore(image: Tensor) -> Tensor:
        return torch.cat([_either_way(state, one) for one in image.split(1)])

    return restore


def _either_way(state: State, ir: Tensor) -> Tensor:
    return network(state, ir.mT).mT if along_rows(ir[0, 0]) else network(state, ir)


CITATION = r"""@article{guan2019snrwdnn,
  author  = {Guan, Juntao and Lai, Rui and Xiong, Ai},
  title   = {Wavelet Deep Neural Network for Stripe Noise Removal},
  journal = {IEEE Access},
  volume  = {7},
  pages   = {44544--44554},
  year    = {2019},
}"""

RESTORER = Restorer(
    name="snrwdnn",
    title="SNRWDNN",
    kind="learned",
    description="Destriping in one level of the Haar transform; the direction of the stripes is taken from the image.",
    source="Guan, Lai & Xiong, Wavelet deep neural network for stripe noise removal, IEEE Access 7 (2019); "
    "github.com/jtguan/Wavelet-Deep-Neural-Network-for-Stripe-Noise-Removal",
    citation=CITATION,
    year=2019,
    venue="IEEE Access",
    licence="Apache-2.0",
    removes=("stripe_noise",),
    modalities=("ir",),
    parameters=300_100,
    weights=(WEIGHTS,),
    load=_load,
)

"""TarDAL: the generator of a target-aware dual adversarial pair."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from fusion.citations import LIU_2022
from fusion.learned.layers import State, conv, instance_norm, published_state
from fusion.method import Method
from tsdm_bench.weights.card import github_file

WEIGHTS = github_file(
    "JinyuanLiu-CV/TarDAL",
    "1d1d1e99b96e7de0cd4e4f57aa0d321e5b5e2727",
    "weights/tardal.pt",
    name="tardal_v0.pt",
    bytes=1203451,
    sha256="e0fa61e25cffa9fb14ff17b47ea7ba237a6e8c6f37e1b9b115d63354ff0f13e1",
    licence="none at that commit; GPL-3.0 since 2023-02",
)


def network(state: State, ir: Tensor, y: Tensor) -> Tensor:
    """Fused luma in (-1, 1) of infrared and visible luma, each N×1×H×W in [0, 1].

    Batch normalisation is in training mode with a batch of one image, as the authors run it: with the stored statistics
    the DT model has dark halos.
    """
    x = instance_norm(conv(torch.cat([ir, y], dim=1), state, "encoder.0"), state, "encoder.1").relu()
    for i in range(3):
        new = instance_norm(conv(x, state, f"dense.{i}.0"), state, f"dense.{i}.1").relu()
        x = torch.cat([x, new], dim=1)
    x = conv(x, state, "fuse.0.0").relu()
    for i in (1, 2):
        x = instance_norm(conv(x, state, f"fuse.{i}.0"), state, f"fuse.{i}.1").relu()
    return torch.tanh(conv(x, state, "fuse.3.0"))


def _load(weights: dict[str, Path], device: torch.device):
    state = published_state(weights[WEIGHTS.name], device)
    return lambda ir, y: network(state, ir, y)


METHOD = Method(
    name="tardal_dt",
    title="TarDAL (DT)",
    kind="learned",
    description="Generator of target-aware adversarial training, weights of the DT mode; luma, clamped.",
    source="Liu et al., Target-aware dual adversarial learning and a multi-scenario multi-modality benchmark to fuse "
    "infrared and visible for object detection, CVPR 2022; github.com/JinyuanLiu-CV/TarDAL",
    citation=LIU_2022,
    year=2022,
    venue="CVPR",
    licence="none (GPL-3.0 since 2023-02)",
    warning="TarDAL (DT) leaves blocks of 8×8 false pixels in the top left and bottom right corner, and normalises "
    "each image by its own statistics (a batch of one), as its authors run it.",
    luma=True,
    parameters=296_577,
    weights=(WEIGHTS,),
    load=_load,
)
